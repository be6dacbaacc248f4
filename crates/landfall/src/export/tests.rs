#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{difference, service_file::ServiceFile};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A Fargate service behind a load balancer, as ECS describes it.
fn revision() -> LiveRevision {
    LiveRevision {
        fields: object(json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:7", "revision": 7,
            "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"], "placementConstraints": [], "volumes": [],
            "containerDefinitions": [
                {
                    "name": "web", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello:1.4.0", "cpu": 0,
                    "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}], "essential": true,
                    "environment": [{"name": "PORT", "value": "8080"}, {"name": "ZERO", "value": "007"}, {"name": "YES", "value": "no"}],
                    "mountPoints": [], "volumesFrom": [], "systemControls": [],
                    "logConfiguration": {"logDriver": "awslogs", "options": {
                        "awslogs-group": "/ecs/hello", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"
                    }}
                },
                {"name": "log", "image": "public.ecr.aws/log:1", "essential": false, "cpu": 0}
            ],
            "family": "hello", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
            "memory": "512", "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"
        })),
        tags: vec![json!({"key": "team", "value": "greetings"})],
    }
}

fn fields() -> Map<String, Value> {
    object(json!({
        "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/web/hello", "serviceName": "hello", "status": "ACTIVE",
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/web", "desiredCount": 2, "runningCount": 2,
        "launchType": "FARGATE", "platformVersion": "LATEST", "platformFamily": "Linux", "schedulingStrategy": "REPLICA",
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:7",
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": true, "rollback": true}, "maximumPercent": 200,
            "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0
        },
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"
        }},
        "loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/hello/1",
            "containerName": "web", "containerPort": 8080}],
        "deployments": [{"status": "PRIMARY", "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:7"}],
        "events": [], "createdAt": 1.5, "placementStrategy": [], "propagateTags": "NONE", "tags": [],
        "deploymentController": {"type": "ECS"}, "enableECSManagedTags": false, "enableExecuteCommand": false
    }))
}

fn text(adopt: bool) -> String {
    let service = ServiceId::new("web", "hello").unwrap();
    let followable = [Followable {
        container: "web".into(),
        repository: "hello".into(),
        tag: Some("1.4.0".into()),
    }];
    let live = Live {
        service: &service,
        revision: &revision(),
        fields: &fields(),
        followable: &followable,
        health_path: Some("/health"),
        ingress: None,
        scaling: None,
        discovery: None,
        unseen: None,
    };
    service_file(&live, adopt).text
}

#[test]
fn what_is_around_a_service_is_written_beside_it() {
    let service = ServiceId::new("web", "hello").unwrap();
    let ingress: Ingress = serde_json::from_value(json!({
        "listenerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/1/2", "container": "web",
        "port": 8080, "hosts": ["hello.example.com"], "paths": [], "priority": 7, "protocol": "HTTP",
        "protocolVersion": "HTTP1", "deregistrationDelaySeconds": 30, "stickinessSeconds": null, "roleArn": null,
        "healthCheck": {"path": "/health", "codes": "200", "intervalSeconds": 15, "timeoutSeconds": 5, "healthy": 2,
            "unhealthy": 2},
    }))
    .unwrap();
    let scaling = ensure_scaling::Described {
        section: serde_json::from_value(json!({
            "min": 2, "max": 10,
            "targets": [{"metric": "ECSServiceAverageCPUUtilization", "value": 60, "disableScaleIn": false}],
            "scheduled": [{"name": "morning", "schedule": "cron(0 8 ? * MON-FRI *)", "min": 4}],
        }))
        .unwrap(),
        unsaid: vec!["steps".into()],
    };
    let discovery: Discovery = serde_json::from_value(json!({
        "namespace": "internal.example", "name": "hello", "type": "A", "ttlSeconds": 10, "container": null, "port": null,
    }))
    .unwrap();
    let mut fields = fields();
    fields.insert(
        "serviceRegistries".into(),
        json!([{"registryArn": "arn:map"}]),
    );
    let mut live = Live {
        service: &service,
        revision: &revision(),
        fields: &fields,
        followable: &[],
        health_path: None,
        ingress: Some(&ingress),
        scaling: Some(&scaling),
        discovery: Some(&discovery),
        unseen: None,
    };
    let written = service_file(&live, false).text;
    let around = r#"  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/hello/1
      containerName: web
      containerPort: 8080
# decide: service.loadBalancers names a target group that somebody else keeps. Landfall keeps one of its own, and a
# listener rule for it, with this section in its place, once no other rule is for the same requests:
# ingress:
#   listenerArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/1/2
#   container: web
#   port: 8080
#   host: hello.example.com
#   healthCheck: { path: /health }
#   deregistrationDelay: 30
# decide: with this section the file says how the service is scaled; without it, that stays as it is.
# Not said here, and left alone: steps.
autoscaling:
  min: 2
  max: 10
  targets:
    - { metric: ECSServiceAverageCPUUtilization, value: 60 }
  scheduled:
    - { name: morning, schedule: "cron(0 8 ? * MON-FRI *)", min: 4 }
discovery: { namespace: internal.example, name: hello, ttl: 10 }
"#;
    assert!(written.contains(around), "{written}");
    assert!(!written.contains("desiredCount") && !written.contains("serviceRegistries"));
    let file = ServiceFile::parse(written.as_bytes()).unwrap();
    assert_eq!(file.autoscaling.as_ref(), Some(&scaling.section));
    assert_eq!(file.discovery.as_ref(), Some(&discovery));

    // A target group that Landfall keeps is the section's.
    let managed = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/NAME/1";
    let [name, _] = crate::target_group::group_names(&service);
    let mut with_managed = fields.clone();
    with_managed["loadBalancers"][0]["targetGroupArn"] = managed.replace("NAME", &name).into();
    live.fields = &with_managed;
    let written = service_file(&live, false).text;
    let file = ServiceFile::parse(written.as_bytes()).unwrap();
    assert_eq!(file.ingress.as_ref(), Some(&ingress), "{written}");
    assert!(!file.service.contains_key("loadBalancers"));
}

#[test]
fn a_live_service_is_written_down_as_somebody_would() {
    assert_eq!(
        text(false),
        r#"# web/hello, as it was found in ECS. What is marked with `decide` is a guess.
cluster: { clusterName: web }
images:
  # decide: which tags to follow; it runs 1.4.0.
  web: { repository: hello, tag: semver:^1 }
"#
        .replace("semver:^1", "\"semver:^1\"")
            + r#"taskDefinition:
  family: hello
  networkMode: awsvpc
  requiresCompatibilities: [FARGATE]
  cpu: "256"
  memory: "512"
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  tags:
    - { key: team, value: greetings }
  containerDefinitions:
    - name: web
      portMappings:
        - { containerPort: 8080 }
      environment:
        - { name: PORT, value: "8080" }
        - { name: ZERO, value: "007" }
        - { name: "YES", value: "no" }
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: /ecs/hello
          awslogs-region: eu-west-1
          awslogs-stream-prefix: web
    - { name: log, image: public.ecr.aws/log:1, essential: false }
# decide: leave desiredCount out if something scales the service.
service:
  serviceName: hello
  desiredCount: 2
  launchType: FARGATE
  deploymentConfiguration:
    deploymentCircuitBreaker: { enable: true, rollback: true }
  networkConfiguration:
    awsvpcConfiguration:
      subnets: [subnet-1, subnet-2]
      securityGroups: [sg-1]
      assignPublicIp: ENABLED
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/hello/1
      containerName: web
      containerPort: 8080
# decide: when a rollout counts as good.
# verify:
#   http: { path: /health }   # what the target group asks for
#   bake: 2m
"#
    );
}

#[test]
fn what_is_written_is_accepted_and_differs_in_nothing_but_the_followed_image() {
    let file = ServiceFile::parse(text(false).as_bytes()).unwrap();
    let live = revision().registrable();
    let found = difference::task_definition(&live, &file.task_definition);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].path,
        "taskDefinition.containerDefinitions[web].image"
    );
    assert_eq!(difference::service(&fields(), &file.service), []);
    let adopting = ServiceFile::parse(text(true).as_bytes()).unwrap();
    assert!(!adopting.owns_task_definition());
    assert_eq!(adopting.images, file.images);
}

/// The file for a service that is described with these members besides.
fn written_with(members: Value, unseen: Option<&str>) -> String {
    let service = ServiceId::new("web", "hello").unwrap();
    let mut fields = fields();
    fields.extend(object(members));
    let live = Live {
        service: &service,
        revision: &revision(),
        fields: &fields,
        followable: &[],
        health_path: None,
        ingress: None,
        scaling: None,
        discovery: None,
        unseen,
    };
    service_file(&live, false).text
}

#[test]
fn only_a_service_that_landfall_can_release_gets_a_file() {
    let service = ServiceId::new("web", "hello").unwrap();
    for (members, expected) in [
        (json!({}), None),
        (json!({"schedulingStrategy": "DAEMON"}), None),
        (json!({"resourceManagementType": "ECS"}), None),
        (
            json!({"status": "DRAINING"}),
            Some("web/hello is being deleted"),
        ),
        (
            json!({"deploymentController": {"type": "CODE_DEPLOY"}, "deployments": []}),
            Some("web/hello has the deployment controller CODE_DEPLOY"),
        ),
        (
            json!({"deploymentController": {"type": "EXTERNAL"}, "taskSets": []}),
            Some("web/hello has the deployment controller EXTERNAL"),
        ),
        (
            json!({"serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/hello"}),
            Some("web/hello has an ARN of the old format"),
        ),
    ] {
        let mut fields = fields();
        fields.extend(object(members.clone()));
        let refused = refuse(&service, &fields).err().map(|refusal| refusal.0);
        let as_expected = match expected {
            None => refused.is_none(),
            Some(start) => refused.as_ref().is_some_and(|text| text.starts_with(start)),
        };
        assert!(as_expected, "{members}: {refused:?}");
    }
}

#[test]
fn a_file_for_an_express_service_leaves_all_but_the_images_to_ecs() {
    let written = written_with(json!({"resourceManagementType": "ECS"}), None);
    assert!(written.contains("# An Express service: ECS keeps its load balancer"));
    assert!(!written.contains("\ntaskDefinition:") && !written.contains("loadBalancers"));
    let customer = written_with(json!({"resourceManagementType": "CUSTOMER"}), None);
    assert!(customer.contains("\ntaskDefinition:") && !customer.contains("resourceManagementType"));
}

#[test]
fn a_daemon_service_keeps_the_percentages_that_it_would_not_have_by_itself() {
    for (least, most, written) in [
        (0, 100, ""),
        (
            100,
            100,
            "  deploymentConfiguration: { minimumHealthyPercent: 100 }\n",
        ),
        (
            0,
            150,
            "  deploymentConfiguration: { maximumPercent: 150 }\n",
        ),
    ] {
        let configuration =
            json!({"minimumHealthyPercent": least, "maximumPercent": most, "strategy": "ROLLING"});
        let daemon =
            json!({"schedulingStrategy": "DAEMON", "deploymentConfiguration": configuration});
        let text = written_with(daemon, None);
        assert!(text.contains("  schedulingStrategy: DAEMON\n") && !text.contains("desiredCount"));
        let line = text
            .lines()
            .find(|line| line.contains("deploymentConfiguration"));
        assert_eq!(
            line.map(|line| format!("{line}\n")).unwrap_or_default(),
            written,
            "{text}"
        );
    }
}

#[test]
fn what_only_the_service_revision_shows_is_written_or_said_not_to_be_seen() {
    let revisions = [
        json!({"taskDefinition": "arn:other", "createdAt": 9.0, "gatewayConnectors": [{"portName": "other"}]}),
        json!({"taskDefinition": fields()["taskDefinition"], "createdAt": 2.5,
            "gatewayConnectors": [{"portName": "http"}],
            "monitoring": {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}}),
        json!({"taskDefinition": fields()["taskDefinition"], "createdAt": 1.0}),
    ];
    let mut seen = fields();
    assert!(difference::with_revision(&mut seen, &revisions));
    let text = written_with(seen.clone().into(), None);
    assert!(
        text.contains("  gatewayConnectors:\n    - { portName: http }\n"),
        "{text}"
    );
    assert!(text.contains("resolutionSeconds: 20"), "{text}");
    let mut older = fields();
    assert!(difference::with_revision(&mut older, &revisions[2..]));
    let text = written_with(older.clone().into(), None);
    assert!(!text.contains("gatewayConnectors") && !text.contains("monitoring"));
    let asked = object(json!({"gatewayConnectors": [{"portName": "http"}]}));
    assert_eq!(difference::service(&seen, &asked), []);
    let [added] = &difference::service(&older, &asked)[..] else {
        panic!("one difference");
    };
    assert_eq!(
        (&*added.path, &added.before),
        ("service.gatewayConnectors", &None)
    );
    let mut unseen = fields();
    assert!(!difference::with_revision(&mut unseen, &revisions[..1]));
    let text = written_with(unseen.into(), Some("it is forbidden"));
    let told = "# decide: whether the service has gatewayConnectors and monitoring could not be seen: it is forbidden\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_policy_is_guessed_from_the_tag_that_runs_and_admits_it() {
    for (tag, guessed) in [
        (Some("1.4.0"), "semver:^1"),
        (Some("v2.0.1"), "semver:^2"),
        (Some("0.3.1"), "semver:^0.3"),
        (Some("1.0.0-rc.1"), "1.0.0-rc.1"),
        (Some("main-17"), "main-17"),
        (None, "latest"),
    ] {
        assert_eq!(suggested_policy(tag), guessed);
        assert!(
            TagPolicy::parse(guessed)
                .unwrap()
                .admits(tag.unwrap_or("latest"))
        );
    }
}

#[test]
fn what_looks_like_a_secret_is_marked_in_its_line_and_is_not_repeated() {
    let service = ServiceId::new("web", "hello").unwrap();
    let long = "x".repeat(60);
    let revision = LiveRevision {
        fields: object(json!({
            "family": "hello",
            "containerDefinitions": [
                {
                    "command": ["run", "--password", "hunter2"], "name": "web",
                    "environment": [
                        {"name": "PORT", "value": "8080"}, {"name": "API_TOKEN", "value": "hunter2"},
                        {"name": "OTHER", "value": format!("postgres://app:hunter2@{long}/app")},
                        {"name": "TOKEN_URL", "value": "https://login.example.com"},
                    ],
                    "secrets": [{"name": "DB_PASSWORD", "valueFrom": "db-password"}],
                    "logConfiguration": {"logDriver": "splunk", "options": {
                        "splunk-url": "https://splunk.example.com", "splunk-token": "hunter2", "tag": "web",
                    }},
                    "dockerLabels": {"a/b.secret": "hunter2"},
                },
                {"name": "job", "command": ["sh", "-c", &format!("DB_PASSWORD=hunter2 ./job {long}")]},
            ],
            "volumes": [{"name": "files", "dockerVolumeConfiguration": {"driverOpts": {
                "type": "cifs", "o": "addr=10.0.0.1,username=app,password=hunter2",
            }}}],
        })),
        tags: vec![],
    };
    let live = Live {
        service: &service,
        revision: &revision,
        fields: &fields(),
        followable: &[],
        health_path: None,
        ingress: None,
        scaling: None,
        discovery: None,
        unseen: None,
    };
    let written = service_file(&live, false);
    let lines: Vec<_> = written.text.lines().collect();
    let mut marked = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(2) {
        if let Some(mark) = line.trim_start().strip_prefix("# secret? ") {
            assert!(!mark.contains("hunter2"), "{mark}");
            marked.push((
                mark.split(". ").next().unwrap(),
                lines[index + 1].trim_start(),
            ));
        }
    }
    let url = format!("postgres://app:hunter2@{long}/app");
    assert!(
        written.text.contains(&format!("          value: {url}\n")),
        "{}",
        written.text
    );
    assert_eq!(
        marked,
        [
            (
                "by the name password",
                "driverOpts: { type: cifs, o: \"addr=10.0.0.1,username=app,password=hunter2\" }"
            ),
            (
                "by the name password",
                "- command: [run, \"--password\", hunter2]"
            ),
            (
                "by the name API_TOKEN",
                "- { name: API_TOKEN, value: hunter2 }"
            ),
            ("by its form: a URL with a password", "- name: OTHER"),
            (
                "by the name splunk-token",
                "options: { splunk-url: https://splunk.example.com, splunk-token: hunter2, tag: web }"
            ),
            (
                "by the name a/b.secret",
                "dockerLabels: { a/b.secret: hunter2 }"
            ),
            ("by the name DB_PASSWORD", "command:"),
        ],
        "{}",
        written.text
    );
    assert_eq!(written.secrets, marked.len());
    assert!(
        written
            .text
            .starts_with("# web/hello, as it was found in ECS.")
    );
    assert!(
        written
            .text
            .contains("\n# What is marked with `secret?` has to leave this file")
    );
    let advice = "under `secrets`: { name: API_TOKEN, valueFrom: <ARN> }\n";
    assert!(written.text.contains(advice), "{}", written.text);
    // The short form has no values.
    assert_eq!(service_file(&live, true).secrets, 0);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(~|yes|No|0x1f|1e3|1_000|\\.5|12:30|2024-01-01|- a|a: b|#x|&a|\\*a|!t|%|@|`|\"|'|\\[|\\{|=|<<|\\t|\\n)"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z0-9 _~-]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The pointer of a value and of everything in it.
fn pointers(at: &str, value: &Value) -> Vec<String> {
    let inner: Vec<_> = match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .flat_map(|(name, value)| {
                    pointers(&format!("{at}/{}", marks::escaped(name)), value)
                })
                .collect()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(index, item)| pointers(&format!("{at}/{index}"), item))
                .collect()
        }
        _ => vec![],
    };
    [vec![at.to_owned()], inner].concat()
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_it_was_and_each_mark_is_there(value in any_json(), every in 1_usize..4) {
        let marked = pointers("", &value).into_iter().step_by(every);
        let marks: marks::Marks = marked.map(|at| (at.clone(), format!("mark: {at:?}"))).collect();
        let text = yaml::marked("any", &value, &marks);
        let read = crate::service_file::document::Node::parse(text.as_bytes()).unwrap().to_json();
        prop_assert_eq!(&read["any"], &value, "{}", text);
        let mut written: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("# "))
            .filter(|line| line.starts_with("mark: "))
            .collect();
        written.sort_unstable();
        let mut expected: Vec<_> = marks.values().map(String::as_str).collect();
        expected.sort_unstable();
        prop_assert_eq!(written, expected, "{}", text);
    }
}
