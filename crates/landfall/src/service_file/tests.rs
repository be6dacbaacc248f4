#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::processor_time;

const GOOD: &str = r#"# The greeting service.
cluster:
  clusterName: web
images:
  web: { repository: team/hello, tag: "semver:^1" }
taskDefinition:
  family: hello
  cpu: 256
  memory: "512"
  containerDefinitions:
    - name: web
      portMappings: [{ containerPort: 8080 }]
      environment: [{ name: PORT, value: 8080 }]
    - name: log
      image: public.ecr.aws/log:1
service:
  serviceName: hello
  desiredCount: 2
  loadBalancers: [{ targetGroupArn: "arn:tg", containerName: web, containerPort: 8080 }]
verify:
  http: { path: /health, body: "ok", timeout: 3s, successes: 4 }
  bake: 1m30s
  timeout: 600
"#;

/// A file with one thing in it replaced by another.
fn good_but(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the good file has no {from:?}");
    GOOD.replacen(from, to, 1)
}

fn verdict(text: impl AsRef<[u8]>) -> String {
    match ServiceFile::parse(text.as_ref()) {
        Ok(_) => "accepted".into(),
        Err(rejection) => rejection.to_string(),
    }
}

#[test]
fn a_good_file_is_read_completely() {
    let file = ServiceFile::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(file.service_id().unwrap().to_string(), "web/hello");
    assert_eq!(
        serde_json::to_value(&file).unwrap(),
        json!({
            "cluster": {"clusterName": "web"},
            "images": {"web": {"repository": "team/hello", "tag": "semver:^1"}},
            "taskDefinition": {
                "family": "hello", "cpu": "256", "memory": "512",
                "containerDefinitions": [
                    {
                        "name": "web", "portMappings": [{"containerPort": 8080}],
                        "environment": [{"name": "PORT", "value": "8080"}]
                    },
                    {"name": "log", "image": "public.ecr.aws/log:1"}
                ]
            },
            "service": {
                "serviceName": "hello", "desiredCount": 2,
                "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "web", "containerPort": 8080}]
            },
            "verify": {
                "http": {
                    "target": {"path": "/health"}, "status": 200, "body": "ok", "timeoutSeconds": 3,
                    "intervalSeconds": 5, "successes": 4, "failures": 3
                },
                "bakeSeconds": 90, "timeoutSeconds": 600
            }
        })
    );
    let (_, stored) = file.stored().unwrap();
    assert_eq!(serde_json::from_str::<ServiceFile>(&stored).unwrap(), file);
}

#[test]
fn layout_comments_key_order_and_language_do_not_change_the_content_hash() {
    let hash = |text: &str| {
        ServiceFile::parse(text.as_bytes())
            .unwrap()
            .stored()
            .unwrap()
            .0
    };
    let yaml = "cluster: {clusterName: web}\nservice: {serviceName: hello, desiredCount: 1}\n\
                taskDefinition: {family: hello, containerDefinitions: [{name: web, image: 'x:1', memory: 64}]}\n";
    let reordered = "# Moved about.\ntaskDefinition:\n  containerDefinitions:\n  - image: x:1\n    memory: 64\n    name: web\n  family: \
                     hello\nservice:\n  desiredCount: 1 # one\n  serviceName: hello\ncluster:\n  clusterName: web\n";
    let json = "{\n\t\"service\": {\"desiredCount\": 1, \"serviceName\": \"hello\"},\n\t\"cluster\": {\"clusterName\": \
                \"web\"},\n\t\"taskDefinition\": {\"family\": \"hello\", \"containerDefinitions\": [{\"name\": \"web\", \
                \"image\": \"x:1\", \"memory\": 64}]}\n}\n";
    let with_mark = format!("\u{feff}{yaml}");
    let with_defaults = format!("{yaml}verify: {{bake: 0, timeout: 15m}}\nimages: {{}}\n");
    for same in [
        reordered,
        json,
        &with_mark,
        &with_defaults,
        &yaml.replace('\n', "\r\n"),
    ] {
        assert_eq!(hash(same), hash(yaml), "{same}");
    }
    assert_ne!(
        hash(&yaml.replace("desiredCount: 1", "desiredCount: 2")),
        hash(yaml)
    );
}

#[test]
fn text_that_is_no_document_is_reported_with_its_place() {
    for (text, expected) in [
        (
            &b"cluster: [1, 2\nb: 3\n"[..],
            "2:2: illegal placement of ':' indicator\n\
             \x20 hint: a bracket or brace before this may not be closed",
        ),
        (
            b"cluster: web: x\n",
            "1:13: mapping values are not allowed in this context\n\
             \x20 hint: quote text that has a colon in it; else this line or the one before lacks its colon and a space, or \
             is indented wrongly",
        ),
        (
            b"cluster:\n\tclusterName: web\n",
            "2:2: tabs disallowed within this context (block indentation)\n\
             \x20 hint: indent with spaces",
        ),
        (
            b"cluster:\n  clusterName: web\nservice: {}\ncluster: {}\n",
            "4:1: the key `cluster` is here twice\n  hint: remove one of the two",
        ),
        (b"1: a\n\"1\": b\n", "1:1: the key `1` is here twice"),
        (
            b"cluster: {}\n---\ncluster: {}\n",
            "3:1: a second document begins here\n\
             \x20 hint: a service file describes one service: put the other document into a file of its own",
        ),
        (
            b"cluster:\n  clusterName: caf\xe9\n",
            "2:19: the file is not UTF-8 text\n  hint: save it with the encoding UTF-8",
        ),
        (
            b"cluster: *web\n",
            "1:10: alias references unknown anchor\n\
             \x20 hint: quote text that begins with `*`, or give the anchor a place before this",
        ),
        (
            b"? [a]\n: b\n",
            "1:3: a key has to be text\n  hint: put it in quotes",
        ),
        (
            b"~: b\n",
            "1:1: a key has to be text\n  hint: put it in quotes",
        ),
        (
            b"cluster: !!binary aGk=\nservice: !secret x\n",
            "2:18: unsupported tag `!secret`\n\
             \x20 hint: write the value itself: YAML tags and CloudFormation's short functions mean nothing here",
        ),
        (
            b"",
            "1:1: expected a mapping, found nothing\n\
             \x20 hint: a service file has the sections cluster, capacity, images, taskDefinition, before, service, ingress, autoscaling, discovery, logs, verify, after",
        ),
        (
            b"# only a comment\n",
            "2:1: expected a mapping, found nothing\n\
             \x20 hint: a service file has the sections cluster, capacity, images, taskDefinition, before, service, ingress, autoscaling, discovery, logs, verify, after",
        ),
        (
            b"- cluster\n- service\n",
            "1:1: expected a mapping, found a list\n\
             \x20 hint: a service file has the sections cluster, capacity, images, taskDefinition, before, service, ingress, autoscaling, discovery, logs, verify, after",
        ),
        (
            b"hello",
            "1:1: expected a mapping, found text\n\
             \x20 hint: a service file has the sections cluster, capacity, images, taskDefinition, before, service, ingress, autoscaling, discovery, logs, verify, after",
        ),
    ] {
        assert_eq!(verdict(text), expected, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_file_that_is_too_large_or_nested_too_deeply_is_refused() {
    let large = format!("{GOOD}{}", "#".repeat(MAX_BYTES - GOOD.len()));
    assert_eq!(verdict(&large), "accepted");
    assert_eq!(
        verdict(format!("{large}#")),
        "1:1: the file has 262145 bytes; at most 262144 (256 KiB) are read\n\
             \x20 hint: move generated parts out; a service file is written by people"
    );
    let deep = |levels: usize| format!("cluster: {}1{}", "{a: ".repeat(levels), "}".repeat(levels));
    assert_eq!(
        verdict(deep(33)),
        "1:134: the file is nested too deeply or has too many parts\n\
             \x20 hint: a service file nests at most 32 levels"
    );
    assert!(
        verdict(deep(30)).contains("taskDefinition: this section is missing"),
        "{}",
        verdict(deep(30))
    );
    assert!(verdict("[".repeat(200_000)).starts_with("1:"));
}

#[test]
fn every_section_is_checked_and_every_problem_has_its_place() {
    for (text, expected) in [
        (
            good_but("images:", "image:"),
            "4:1: image: there is no such field\n\
             \x20 hint: did you mean `images`?\n11:13: taskDefinition.containerDefinitions[0]: the container `web` has no image\n\
             \x20 hint: add `images.web` with a follow rule, or a fixed `image` here",
        ),
        (
            good_but("bake:", "bakes:"),
            "22:3: verify.bakes: there is no such field\n  hint: did you mean `bake`?",
        ),
        (
            good_but("repository:", "name:"),
            "5:8: images.web.repository: this field is missing\n\
             \x20 hint: name the ECR repository, e.g. `repository: hello`\n5:10: images.web.name: there is no such field\n\
             \x20 hint: the fields here are repository, tag, order, extract, with",
        ),
        (
            "verify: {}\n".into(),
            "1:1: cluster: this section is missing\n\
             \x20 hint: add `cluster:` with `clusterName: <name>`\n1:1: taskDefinition: this section is missing\n\
             \x20 hint: add `taskDefinition:` with `family` and `containerDefinitions`, as RegisterTaskDefinition takes them; or \
             `images:` with the images to follow in what the service runs already\n1:1: service: this section is missing\n\
             \x20 hint: add `service:` with `serviceName: <name>`",
        ),
        (
            good_but("clusterName: web", "capacityProviders: []"),
            "3:3: cluster.clusterName: this field is missing\n\
             \x20 hint: name the cluster, e.g. `clusterName: web`",
        ),
        (
            good_but("  family: hello\n", ""),
            "7:3: taskDefinition.family: this field is missing\n\
             \x20 hint: name the task definition's family, e.g. `family: hello`",
        ),
        (
            good_but("serviceName: hello", "serviceName: hello world"),
            "17:16: service.serviceName: `hello world` is no service name: ECS takes 1 to 255 letters, digits, hyphens and underscores",
        ),
        (
            good_but("serviceName: hello", "serviceName: 7"),
            "17:16: service.serviceName: expected text, found a number\n  hint: put it in quotes",
        ),
        (
            good_but("  web: { rep", "  wbe: { rep"),
            "5:3: images.wbe: there is no container `wbe` in taskDefinition.containerDefinitions\n\
             \x20 hint: did you mean `web`?",
        ),
        (
            good_but("- name: web\n", "- name: web\n      image: x:1\n"),
            "12:14: taskDefinition.containerDefinitions[0].image: the container follows images.web, so its image is filled in\n\
             \x20 hint: remove either this `image` or the follow rule",
        ),
        (
            good_but("      image: public.ecr.aws/log:1\n", ""),
            "14:13: taskDefinition.containerDefinitions[1]: the container `log` has no image\n\
             \x20 hint: add `images.log` with a follow rule, or a fixed `image` here",
        ),
        (
            good_but("- name: log", "- name: web"),
            "14:13: taskDefinition.containerDefinitions[1].name: there are two containers named `web`",
        ),
        (
            good_but("- name: log", "- title: log"),
            "14:7: taskDefinition.containerDefinitions[1].name: this field is missing\n\
             \x20 hint: every container has a name",
        ),
        (
            good_but("serviceName: hello", "serviceName: hello\n  cluster: other"),
            "18:12: service.cluster: the service is to be in the cluster `other`, but cluster.clusterName is `web`\n\
             \x20 hint: a service file describes one service in one cluster: remove `service.cluster`",
        ),
        (
            good_but(
                "serviceName: hello",
                "serviceName: hello\n  taskDefinition: hello:1",
            ),
            "18:19: service.taskDefinition: Landfall fills this in\n\
             \x20 hint: remove it: the service runs the revision registered from the section taskDefinition",
        ),
        (
            good_but(
                "desiredCount: 2",
                "deploymentController: { type: CODE_DEPLOY }",
            ),
            "18:33: service.deploymentController.type: a service with the deployment controller CODE_DEPLOY is rolled out by something else\n\
             \x20 hint: use the controller ECS, or leave this service to what controls it",
        ),
        (
            good_but(
                "team/hello",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello",
            ),
            "5:22: images.web.repository: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello` is no name of an ECR repository\n\
             \x20 hint: write the repository's name alone: images are followed in this account's registry and Region, by `tag`",
        ),
        (
            good_but("team/hello", "Team/Hello"),
            "5:22: images.web.repository: `Team/Hello` is no name of an ECR repository\n\
             \x20 hint: ECR takes 2 to 256 characters: lower-case letters and digits, with single `.`, `_`, `-` or `/` between them",
        ),
        (
            good_but("team/hello", "team//hello"),
            "5:22: images.web.repository: `team//hello` is no name of an ECR repository\n\
             \x20 hint: ECR takes 2 to 256 characters: lower-case letters and digits, with single `.`, `_`, `-` or `/` between them",
        ),
        (
            good_but("team/hello", "\"hello:1.0\""),
            "5:22: images.web.repository: `hello:1.0` is no name of an ECR repository\n\
             \x20 hint: write the repository's name alone: images are followed in this account's registry and Region, by `tag`",
        ),
        (
            good_but("\"semver:^1\"", "\"newest:1\""),
            "5:39: images.web.tag: `newest:` is no tag policy; write `semver:<range>`, `glob:<pattern>`, `regex:<pattern>` or one exact tag",
        ),
        (
            good_but("\"semver:^1\"", "1.0"),
            "5:39: images.web.tag: expected text, found a number\n  hint: put it in quotes",
        ),
        (
            good_but("\"semver:^1\"", "\"semver:one\""),
            "5:39: images.web.tag: `one` is no version range (unexpected character 'o' while parsing major version number); write one like `^1.2` or `>=1.4, <2`",
        ),
        (
            good_but("1m30s", "soon"),
            "22:9: verify.bake: expected a length of time in whole seconds from 0s to 6h\n\
             \x20 hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("1m30s", "1500ms"),
            "22:9: verify.bake: expected a length of time in whole seconds from 0s to 6h\n\
             \x20 hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("1m30s", "-5s"),
            "22:9: verify.bake: expected a length of time in whole seconds from 0s to 6h\n\
             \x20 hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("1m30s", "25h"),
            "22:9: verify.bake: expected a length of time in whole seconds from 0s to 6h\n\
             \x20 hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("timeout: 600", "timeout: 1s"),
            "23:12: verify.timeout: expected a length of time in whole seconds from 10s to 6h\n\
             \x20 hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("timeout: 3s", "timeout: 1m"),
            "21:47: verify.http.timeout: expected a length of time in whole seconds from 1s to 30s\n  hint: write it like `30s`, `2m` or `1h30m`",
        ),
        (
            good_but("path: /health", "path: health"),
            "21:17: verify.http.path: `health` is no path\n  hint: start it with a slash",
        ),
        (
            good_but("path: /health", "path: /health, url: \"http://x\""),
            "21:31: verify.http.url: both `url` and `path` are given\n\
             \x20 hint: keep one: `url` goes where it says, `path` to the service's load balancer",
        ),
        (
            good_but("path: /health", "url: \"ftp://x\""),
            "21:16: verify.http.url: `ftp://x` is no web address\n\
             \x20 hint: start it with http:// or https://",
        ),
        (
            good_but("path: /health", "status: 20"),
            "21:19: verify.http.status: expected statuses from 100 to 599: one, a range, or a list of these\n\
            \x20 hint: write them like `204`, `200-299` or `[200, 301-303]`",
        ),
        (
            good_but("successes: 4", "successes: 0"),
            "21:62: verify.http.successes: expected a whole number from 1 to 100",
        ),
        (
            good_but("body: \"ok\"", "body: 1"),
            "21:32: verify.http.body: expected text, found a number\n  hint: put it in quotes",
        ),
        (
            good_but("  loadBalancers", "  loads"),
            "21:9: verify.http: a path is asked of the service's load balancer, but there is neither `ingress` nor service.loadBalancers\n\
             \x20 hint: give `verify.http.url` instead, or one of the two",
        ),
        (
            good_but("value: 8080", "value: 012345678901"),
            "13:42: taskDefinition.containerDefinitions[0].environment[0].value: ECS takes text here, and this would become `12345678901.0`\n\
             \x20 hint: put it in quotes",
        ),
        (
            good_but("value: 8080", "value: 1.10"),
            "13:42: taskDefinition.containerDefinitions[0].environment[0].value: ECS takes text here, and this would become `1.1`\n\
             \x20 hint: put it in quotes",
        ),
        (
            good_but("cpu: 256", "cpu: 0x100"),
            "8:8: taskDefinition.cpu: ECS takes text here, and this would become `256`\n\
             \x20 hint: put it in quotes",
        ),
        (
            GOOD.replace("cluster:\n  clusterName: web", "cluster: web"),
            "2:10: cluster: expected a mapping, found text",
        ),
        (
            format!("{}\nverify: 1m\n", &GOOD[..GOOD.find("verify").unwrap()]),
            "21:9: verify: expected a mapping, found text",
        ),
        (
            GOOD.replacen(
                "containerDefinitions:\n",
                "containerDefinitions: []\n  x:\n",
                1,
            ),
            "10:25: taskDefinition.containerDefinitions: expected a list of containers\n\
             \x20 hint: list at least one container, each with a `name`",
        ),
        (
            GOOD.replacen("containerDefinitions:\n", "containers:\n", 1),
            "7:3: taskDefinition.containerDefinitions: this field is missing\n\
             \x20 hint: list at least one container, each with a `name`",
        ),
        (
            good_but("- name: log", "- just text\n    - name: log"),
            "14:7: taskDefinition.containerDefinitions[1]: expected a mapping, found text",
        ),
    ] {
        assert_eq!(verdict(&text), expected, "{text}");
    }
}

#[test]
fn a_service_may_name_its_own_cluster_and_need_not() {
    for cluster in ["web", "arn:aws:ecs:eu-west-1:123456789012:cluster/web"] {
        let text = good_but(
            "serviceName: hello",
            &format!("serviceName: hello\n  cluster: \"{cluster}\""),
        );
        let file = ServiceFile::parse(text.as_bytes()).unwrap();
        assert_eq!(file, ServiceFile::parse(GOOD.as_bytes()).unwrap());
    }
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "cluster: {clusterName: web}\nservice: {serviceName: hello}\ntaskDefinition:\n  family: hello\n  \
                containerDefinitions:\n  - &base {name: a, image: x, cpu: 10, memory: 64}\n  - {<<: *base, name: b}\n";
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert_eq!(
        file.task_definition["containerDefinitions"],
        json!([
            {"name": "a", "image": "x", "cpu": 10, "memory": 64},
            {"name": "b", "image": "x", "cpu": 10, "memory": 64}
        ])
    );
}

/// A file whose lists are as long as its size allows, each item wrong.
fn wrong_all_over(prefix: &str, item: impl Fn(usize) -> String, suffix: &str) -> String {
    let mut text = prefix.to_owned();
    let items = (0..).map(item);
    for item in items {
        if text.len() + item.len() + suffix.len() > MAX_BYTES {
            break;
        }
        text.push_str(&item);
    }
    text + suffix
}

#[test]
fn a_hostile_file_is_refused_quickly_and_in_few_words() {
    let a = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let bomb = ('b'..='i').fold(a, |text, name| {
        let before = char::from_u32(u32::from(name) - 1).unwrap();
        format!(
            "{text}{name}: &{name} [{}]\n",
            vec![format!("*{before}"); 9].join(",")
        )
    });
    let containers = wrong_all_over(
        "taskDefinition: {containerDefinitions: [",
        |_| "{name: a},".into(),
        "]}\nimages: {}\n",
    );
    let rules = wrong_all_over(
        "taskDefinition: {containerDefinitions: [{name: a}]}\nimages: {",
        |index| format!("b{index}: 1,"),
        "}\n",
    );
    let numbers = wrong_all_over(
        "{\"taskDefinition\": {\"containerDefinitions\": [{\"environment\": [",
        |_| "{\"value\": 1.0},".into(),
        "{\"value\": 1}]}]}}",
    );
    let long_key = format!("{}: 1\n", "k".repeat(1000));
    let long_value = format!(
        "images: {{web: {{repository: {}, tag: x}}}}",
        "R".repeat(200_000)
    );
    for text in [bomb, containers, rules, numbers, long_key, long_value] {
        let (read, took) = processor_time::of(|| ServiceFile::parse(text.as_bytes()));
        let rejection = read.unwrap_err();
        let start: String = text.chars().take(60).collect();
        // A build for tests is slow; what this guards against takes minutes.
        assert!(took < Duration::from_secs(15), "{start}: {took:?}");
        let length = rejection.to_string().len();
        assert!(length < 64 * 1024, "{start}: {length} bytes of message");
    }
}

#[test]
fn what_containers_run_with_is_all_that_reaches_them_and_nothing_around_them() {
    let containers = |change: (&str, &str)| {
        let text = crate::sample::FILE.replace(change.0, change.1);
        ServiceFile::parse(text.as_bytes()).unwrap().containers()
    };
    let before = containers(("", ""));
    for same in [
        ("key: team, value: greetings", "key: team, value: others"),
        ("family: hello", "family: greetings"),
        ("Seconds: 5", "Seconds: 50\nverify: { bake: 1m }"),
        ("semver:^1", "semver:^2"),
    ] {
        assert_eq!(containers(same), before, "{same:?}");
    }
    let task = "Seconds: 5\nbefore: [{ name: migrate, container: web, command: [migrate] }]";
    for other in [
        ("value: hi", "value: hello"),
        ("log:1", "log:2"),
        ("memory: \"512\"", "memory: \"1024\""),
        ("Seconds: 5", task),
    ] {
        assert_ne!(containers(other), before, "{other:?}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(rejection) = ServiceFile::parse(&bytes) {
            prop_assert!(!rejection.problems.is_empty());
        }
    }

    #[test]
    fn reading_never_panics_on_a_damaged_file_and_tells_places_inside_it(
        cuts in proptest::collection::vec((0..GOOD.len(), 0..12_usize, "[ -~\\n\\tü]{0,4}"), 1..6)
    ) {
        let mut text = GOOD.to_owned();
        for (start, length, replacement) in cuts {
            let start = text.floor_char_boundary(start.min(text.len()));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &replacement);
        }
        if let Err(rejection) = ServiceFile::parse(text.as_bytes()) {
            let lines = text.lines().count() as u64;
            for problem in rejection.problems {
                prop_assert!((1..=lines + 1).contains(&problem.position.line), "{problem}\n{text}");
            }
        }
    }
}

#[test]
fn a_file_without_task_definition_adopts_what_the_service_runs_and_so_has_to_follow_something() {
    let text = "cluster: { clusterName: web }\nimages: { web: { repository: hello, tag: \"semver:^1\" } }\n\
                service: { serviceName: hello }\nverify: { http: { path: / } }\n";
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert!(!file.owns_task_definition());
    let (_, stored) = file.stored().unwrap();
    assert!(!stored.contains("taskDefinition"), "{stored}");
    assert_eq!(serde_json::from_str::<ServiceFile>(&stored).unwrap(), file);
    let nothing = text.replace("{ web: { repository: hello, tag: \"semver:^1\" } }", "{}");
    let message = ServiceFile::parse(nothing.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(message.contains("images: nothing is followed"), "{message}");
}
