#![allow(clippy::unwrap_used)]

use serde_json::json;

use crate::service_file::ServiceFile;

const BEFORE: &str =
    "cluster: { clusterName: web }\ntaskDefinition:\n  family: hello\n  memory: 64\n";

/// What is reported about a file with these lines in its container and its service.
fn problems(container: &str, service: &str) -> Vec<String> {
    let text = format!(
        "{BEFORE}  containerDefinitions:\n    - name: web\n      image: a\n{}service:\n  serviceName: hello\n{}",
        indented(container, 6),
        indented(service, 2)
    );
    let problems = ServiceFile::check(text.as_bytes()).problems;
    problems.iter().map(ToString::to_string).collect()
}

fn indented(lines: &str, by: usize) -> String {
    let lines = lines.lines();
    lines.map(|line| format!("{:by$}{line}\n", "")).collect()
}

#[test]
fn nothing_is_reported_about_what_ecs_takes() {
    let container = "cpu: 10\ncommand: [npm, start]\nessential: true\nenvironment:\n- { name: PORT, value: 8080 }\n- { name: ON, value: true }\n\
                     dockerLabels: { team: web, size: 3 }\nulimits: [{ name: nofile, softLimit: 1024, hardLimit: 4096 }]\n\
                     memoryReservation: ${ssm:/hello/memory}\nportMappings: \"${ssm:/hello/ports}\"";
    let service = "desiredCount: 2\ndeploymentConfiguration:\n  strategy: ROLLING\n  lifecycleHooks:\n  - hookDetails: { anything: [1, goes] }\n    hookTargetArn: approve\n\
                   propagateTags: SERVICE";
    assert_eq!(problems(container, service), [""; 0]);
}

#[test]
fn every_kind_of_mistake_is_reported_with_its_place_and_what_to_do() {
    for (container, service, expected) in [
        (
            "Cpu: 10",
            "",
            "8:7: taskDefinition.containerDefinitions[0].Cpu: there is no such field\n  hint: did you mean `cpu`?",
        ),
        (
            "port_mappings: []",
            "",
            "8:7: taskDefinition.containerDefinitions[0].port_mappings: there is no such field\n  hint: did you mean `portMappings`?",
        ),
        (
            "enviroment: []",
            "",
            "8:7: taskDefinition.containerDefinitions[0].enviroment: there is no such field\n  hint: did you mean `environment`?",
        ),
        (
            "",
            "desiredCuont: 2",
            "10:3: service.desiredCuont: there is no such field\n  hint: did you mean `desiredCount`?",
        ),
        (
            "",
            "quantumLeap: 2",
            "10:3: warning: service.quantumLeap: not in the ECS API of 2026-11-20, passed through",
        ),
        (
            "",
            "launchType: fargate",
            "10:15: service.launchType: there is no value `fargate`\n  hint: did you mean `FARGATE`?",
        ),
        (
            "",
            "launchType: MOON",
            "10:15: warning: service.launchType: `MOON` is not in the ECS API of 2026-11-20, passed through\n\
             \x20 hint: the values are EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES",
        ),
        (
            "",
            "desiredCount: two",
            "10:17: service.desiredCount: expected a whole number, found text",
        ),
        (
            "",
            "desiredCount: \"2\"",
            "10:17: service.desiredCount: expected a whole number, found text\n  hint: remove the quotes",
        ),
        (
            "",
            "desiredCount: 2.5",
            "10:17: service.desiredCount: expected a whole number",
        ),
        (
            "essential: yes",
            "",
            "8:18: taskDefinition.containerDefinitions[0].essential: expected true or false, found text\n  hint: write `true`",
        ),
        (
            "command: npm start",
            "",
            "8:16: taskDefinition.containerDefinitions[0].command: expected a list, found text\n  hint: write `command: [npm, start]`",
        ),
        (
            "environment: { PORT: 80 }",
            "",
            "8:20: taskDefinition.containerDefinitions[0].environment: expected a list, found a mapping\n  hint: write items as `- { name: …, value: … }`",
        ),
        (
            "environment: [{ name: A, value: 1.10 }]",
            "",
            "8:39: taskDefinition.containerDefinitions[0].environment[0].value: ECS takes text here, and this would become `1.1`\n\
             \x20 hint: put it in quotes",
        ),
        (
            "environment: [{ name: A, value: }]",
            "",
            "8:37: warning: taskDefinition.containerDefinitions[0].environment[0].value: nothing stands here, which is as if the \
             field was left out\n  hint: write `\"\"` for text that is empty",
        ),
        (
            "hostname:\nuser: ~\nulimits:\n",
            "launchType: \"\"",
            "8:15: warning: taskDefinition.containerDefinitions[0].hostname: nothing stands here and in 3 more fields, which is as if \
             they were left out: `user`, `ulimits`, `launchType`\n  hint: write `\"\"` for text that is empty",
        ),
        (
            "environment: [{ name: A, value: True }]",
            "",
            "8:39: taskDefinition.containerDefinitions[0].environment[0].value: ECS takes text here, and this would become `true`\n  \
             hint: put it in quotes",
        ),
        (
            "ports: [\"80:80\"]\nrestart: always",
            "",
            "8:7: taskDefinition.containerDefinitions[0]: fields of a Compose file that a container of ECS does not have: `ports`, \
             `restart`\n  hint: write `portMappings: [{ containerPort: … }]` for `ports`; `restartPolicy: { enabled: true }` for `restart`",
        ),
        (
            "",
            "serviceArn: a\nrunningCount: 2",
            "10:3: warning: service: DescribeServices answers this, and nothing takes it: `serviceArn`, `runningCount`\n  hint: remove it",
        ),
        (
            "healthCheck: { command: curl -f http://localhost/ || exit 1 }",
            "",
            "8:31: taskDefinition.containerDefinitions[0].healthCheck.command: expected a list, found text\n  hint: write `command: \
             [CMD-SHELL, \"curl -f http://localhost/ || exit 1\"]`",
        ),
        (
            "command: echo $HOME",
            "",
            "8:16: taskDefinition.containerDefinitions[0].command: expected a list, found text\n  hint: write `command: [sh, \"-c\", \
             \"echo $HOME\"]`",
        ),
        (
            "",
            "capacityProviderStrategy: FARGATE",
            "10:29: service.capacityProviderStrategy: expected a list, found text",
        ),
        (
            "secrets: [{ name: A }]",
            "",
            "8:17: taskDefinition.containerDefinitions[0].secrets[0].valueFrom: this field is missing\n  hint: ECS needs text here",
        ),
        (
            "secrets: [{ name: A, ValueFrom: /a }]",
            "",
            "8:28: taskDefinition.containerDefinitions[0].secrets[0].ValueFrom: there is no such field\n  hint: did you mean `valueFrom`?",
        ),
        (
            "",
            "capacityProviderStrategy: [{ capacityProvider: a, weight: 1001 }]",
            "10:61: service.capacityProviderStrategy[0].weight: expected a whole number from 0 to 1000",
        ),
        (
            "",
            "tags: [{ key: \"\" }]",
            "10:17: service.tags[0].key: expected 1 to 128 characters, found 0",
        ),
    ] {
        let problems: Vec<_> = problems(container, service)
            .into_iter()
            .filter(|problem| !problem.contains("the agent needs a role"))
            .collect();
        assert_eq!(problems, [expected], "{container}{service}");
    }
}

#[test]
fn tomorrows_values_are_no_misspellings_of_todays() {
    let platform = "runtimePlatform: { operatingSystemFamily: WINDOWS_SERVER_2028_CORE }";
    let text = format!(
        "{BEFORE}  {platform}\n  containerDefinitions: [{{ name: web, image: a }}]\nservice: {{ serviceName: hello }}\n"
    );
    let checked = ServiceFile::check(text.as_bytes());
    assert!(!checked.problems[0].is_error(), "{:?}", checked.problems);
    for protocol in ["sctp", "TCP"] {
        let mapping = format!("portMappings: [{{ containerPort: 80, protocol: {protocol} }}]");
        let problems = problems(&mapping, "");
        assert!(problems[0].contains("warning"), "{problems:?}");
    }
}

#[test]
fn numbers_and_booleans_become_text_where_ecs_takes_text() {
    let text = format!(
        "{BEFORE}  containerDefinitions:\n  - {{ name: web, image: a, cpu: 10, environment: [{{ name: A, value: 1 }}], dockerLabels: {{ a: true }} }}\n\
         service: {{ serviceName: hello, desiredCount: 2, future: {{ a: 1 }} }}\n"
    );
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert_eq!(
        json!([file.task_definition, file.service]),
        json!([
            {
                "family": "hello", "memory": "64",
                "containerDefinitions": [
                    {"name": "web", "image": "a", "cpu": 10, "environment": [{"name": "A", "value": "1"}], "dockerLabels": {"a": "true"}}
                ]
            },
            {"serviceName": "hello", "desiredCount": 2, "future": {"a": 1}}
        ])
    );
}

#[test]
fn sections_whose_names_begin_with_x_are_a_place_for_anchors() {
    let text = "x-defaults: &defaults { image: a, memory: 64 }\nx-logs:\n  web: &logs { logDriver: json-file }\ncluster: { clusterName: web }\n\
                taskDefinition:\n  family: hello\n  containerDefinitions:\n  - { <<: *defaults, name: web, memory: 128 }\n  \
                - <<: [*defaults, { image: b, cpu: 10 }]\n    name: log\n    logConfiguration: *logs\n\
                service: { serviceName: hello }\n";
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert_eq!(
        file.task_definition["containerDefinitions"],
        json!([
            {"image": "a", "memory": 128, "name": "web"},
            {"image": "a", "memory": 64, "cpu": 10, "name": "log", "logConfiguration": {"logDriver": "json-file"}}
        ])
    );
    let rejection = ServiceFile::parse(format!("{text}xdefaults: {{}}\n").as_bytes()).unwrap_err();
    assert!(
        rejection.to_string().contains("there is no such field"),
        "{rejection}"
    );
}

#[test]
fn a_number_behind_an_alias_keeps_the_spelling_of_its_anchor() {
    for (written, accepted) in [("2", true), ("1.10", false)] {
        let problems = problems(
            &format!("dockerLabels: {{ a: &number {written}, b: *number }}"),
            "",
        );
        assert_eq!(problems.is_empty(), accepted, "{problems:?}");
    }
}

#[test]
fn booleans_in_other_spellings_are_text_in_quotes() {
    for (written, accepted) in [
        ("\"True\"", true),
        ("'FALSE'", true),
        ("TRUE", false),
        ("true", true),
    ] {
        let problems = problems(
            &format!("environment: [{{ name: A, value: {written} }}]"),
            "",
        );
        assert_eq!(problems.is_empty(), accepted, "{written}: {problems:?}");
    }
}

#[test]
fn a_choice_of_which_nothing_is_chosen_is_not_sent() {
    let text = format!(
        "{BEFORE}  containerDefinitions:\n  - {{ name: web, image: a, portMappings: [{{ containerPort: 80, appProtocol: \"\" }}] }}\n\
         service: {{ serviceName: hello, launchType: \"\", capacityProviderStrategy: [{{ capacityProvider: a }}] }}\n"
    );
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert_eq!(file.service.get("launchType"), None);
    assert_eq!(
        file.task_definition["containerDefinitions"][0]["portMappings"],
        json!([{"containerPort": 80}])
    );
}
