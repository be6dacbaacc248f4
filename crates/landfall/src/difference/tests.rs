#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// One line for each difference.
fn describe(differences: &[Difference]) -> Vec<String> {
    let side = |value: &Option<Value>| value.as_ref().map_or("none".into(), Value::to_string);
    let lines = differences.iter().map(|one| {
        let fixed = if one.fixed { " (fixed)" } else { "" };
        format!(
            "{}: {} -> {}{fixed}",
            one.path,
            side(&one.before),
            side(&one.after)
        )
    });
    lines.collect()
}

#[test]
fn what_ecs_fills_in_and_reorders_is_no_difference() {
    let written = json!({
        "family": "hello", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE", "EC2"],
        "cpu": ".25 vCPU", "memory": "0.5 GB", "executionRoleArn": "ecsTaskExecutionRole",
        "tags": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}],
        "containerDefinitions": [
            {
                "name": "web", "image": "hello", "portMappings": [{"containerPort": 80}],
                "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
                "healthCheck": {"command": ["CMD", "true"]},
                "logConfiguration": {"logDriver": "awslogs", "options": {"mode": "non-blocking"}}
            },
            {"name": "log", "image": "log", "essential": false}
        ],
        "volumes": [{"name": "data"}]
    });
    let described = json!({
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/hello:1", "revision": 1, "status": "ACTIVE",
        "family": "hello", "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"],
        "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::1:role/ecsTaskExecutionRole",
        "placementConstraints": [], "compatibilities": ["EC2", "FARGATE"],
        "tags": [
            {"key": "a", "value": "1"}, {"key": "landfall:content", "value": "…"},
            {"key": "aws:cloudformation:stack-name", "value": "s"}, {"key": "b", "value": "2"}
        ],
        "containerDefinitions": [
            {
                "name": "log", "image": "log", "essential": false, "cpu": 0, "portMappings": [], "environment": [],
                "mountPoints": [], "volumesFrom": [], "systemControls": []
            },
            {
                "name": "web", "image": "hello", "cpu": 0, "essential": true,
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "mountPoints": [], "volumesFrom": [], "systemControls": [],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
                "logConfiguration": {
                    "logDriver": "awslogs", "options": {"mode": "non-blocking"}, "secretOptions": []
                }
            }
        ],
        "volumes": [{"name": "data", "host": {}}]
    });
    let found = task_definition(&object(described), &object(written));
    assert_eq!(describe(&found), [] as [String; 0]);
}

#[test]
fn members_that_change_come_and_go_are_matched_by_name_whatever_their_place() {
    let live = json!({"containerDefinitions": [
        {"name": "old", "image": "old"},
        {
            "name": "web", "image": "hello:1", "command": ["a", "b"], "gravity": {"mode": "low"},
            "environment": [{"name": "GONE", "value": "1"}, {"name": "KEPT", "value": "2"}, {"name": "PORT", "value": "80"}],
            "portMappings": [{"containerPort": 80, "protocol": "udp"}]
        }
    ]});
    let wanted = json!({"containerDefinitions": [
        {
            "name": "web", "image": "hello:2", "command": ["b", "a"], "gravity": {"mode": "high"},
            "environment": [{"name": "PORT", "value": "8080"}, {"name": "KEPT", "value": "2"}],
            "secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:db"}],
            "portMappings": [{"containerPort": 80}]
        }
    ], "cpu": 256});
    let web = "taskDefinition.containerDefinitions[web]";
    assert_eq!(
        describe(&task_definition(&object(live), &object(wanted))),
        [
            format!("{web}.image: \"hello:1\" -> \"hello:2\""),
            format!("{web}.command[0]: \"a\" -> \"b\""),
            format!("{web}.command[1]: \"b\" -> \"a\""),
            format!("{web}.gravity.mode: \"low\" -> \"high\""),
            format!("{web}.environment[PORT]: \"80\" -> \"8080\""),
            format!("{web}.environment[GONE]: \"1\" -> none"),
            format!(
                "{web}.secrets: none -> \
                 [{{\"name\":\"DB_PASSWORD\",\"valueFrom\":\"arn:aws:secretsmanager:eu-west-1:1:secret:db\"}}]"
            ),
            format!("{web}.portMappings[80]: none -> {{\"containerPort\":80}}"),
            format!("{web}.portMappings[80/udp]: {{\"containerPort\":80,\"protocol\":\"udp\"}} -> none"),
            "taskDefinition.containerDefinitions[old]: {\"name\":\"old\",\"image\":\"old\"} -> none".into(),
            "taskDefinition.cpu: none -> \"256\"".into(),
        ]
    );
}

#[test]
fn what_may_be_a_secret_is_never_shown() {
    let container = |word: &str| {
        json!({
            "name": "web", "image": "hello", "command": ["serve", format!("--db-password={word}")],
            "environment": [
                {"name": "DB_PASSWORD", "value": word}, {"name": "STRIPE_API_KEY", "value": word},
                {"name": "DATABASE_URL", "value": format!("postgres://app:{word}@db/app")}
            ],
            "dockerLabels": {"session-token": word},
            "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": word}}
        })
    };
    let live = object(json!({"containerDefinitions": [container("hunter1")]}));
    for wanted in [
        json!({"containerDefinitions": [container("hunter2")]}),
        json!({"containerDefinitions": [{"name": "web", "image": "hello"}]}),
        json!({"containerDefinitions": [container("hunter1"), {"name": "other", "image": "o",
            "environment": [{"name": "SECRET", "value": "hunter2"}]}]}),
        json!({"containerDefinitions": []}),
    ] {
        let found = task_definition(&live, &object(wanted));
        assert!(!found.is_empty());
        let shown = serde_json::to_string(&found).unwrap();
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn of_a_service_only_named_members_count_and_what_only_a_creation_takes_is_said() {
    let live = json!({
        "serviceName": "hello", "desiredCount": 2, "launchType": "FARGATE", "enableExecuteCommand": true,
        "status": "ACTIVE", "schedulingStrategy": "REPLICA", "propagateTags": "NONE",
        "deploymentConfiguration": {"maximumPercent": 200, "strategy": "ROLLING"},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": ["s"]}},
        "deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}}],
        "tags": []
    });
    let section = json!({
        "serviceName": "hello", "desiredCount": 3, "launchType": "EC2", "enableExecuteCommand": false,
        "propagateTags": "NONE", "healthCheckGracePeriodSeconds": 0,
        "deploymentConfiguration": {"maximumPercent": 150},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "c"], "assignPublicIp": "DISABLED"}},
        "serviceConnectConfiguration": {"enabled": true}
    });
    assert_eq!(
        describe(&service(&object(live), &object(section))),
        [
            "service.desiredCount: 2 -> 3",
            "service.launchType: \"FARGATE\" -> \"EC2\" (fixed)",
            "service.enableExecuteCommand: true -> false",
            "service.deploymentConfiguration.maximumPercent: 200 -> 150",
            "service.networkConfiguration.awsvpcConfiguration.subnets[c]: none -> \"c\"",
            "service.networkConfiguration.awsvpcConfiguration.subnets[b]: \"b\" -> none",
        ]
    );
}

#[test]
fn what_no_answer_shows_is_no_difference() {
    let breaker = json!({
        "enable": true, "rollback": true, "resetOnHealthyTask": true,
        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
    });
    let live = object(json!({
        "serviceName": "hello", "deploymentConfiguration": {"deploymentCircuitBreaker": breaker},
    }));
    let section = object(json!({
        "gatewayConnectors": [{"portName": "http"}],
        "monitoring": {"metricConfigurations": []},
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "earlySuccessCriteria": {"enable": false},
        },
    }));
    assert_eq!(describe(&service(&live, &section)), [""; 0]);
    assert_eq!(
        Value::Object(writable_service(&live)),
        json!({
            "serviceName": "hello",
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        })
    );
}
