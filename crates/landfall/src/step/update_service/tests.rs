#![allow(clippy::unwrap_used)]

use super::*;
use crate::{live::CapacityShare, sample::*, service_section::CREATE_ONLY};

fn input() -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(2),
        cluster: "arn:cluster".into(),
        task_definition: revision(2),
        apply_service: true,
        last_good: Some(good(1)),
        timeout_seconds: 900,
        balancer: None,
        base: None,
    }
}

fn first() -> Input {
    Input {
        last_good: None,
        ..input()
    }
}

fn having(status: &str, controller: &str) -> LiveService {
    LiveService {
        status: status.into(),
        controller: controller.into(),
        ..live(1)
    }
}

fn daemon(mut file: ServiceFile) -> ServiceFile {
    file.service
        .insert("schedulingStrategy".into(), json!("DAEMON"));
    file
}

#[test]
fn the_call_follows_from_what_ecs_has() {
    let only_images = Input {
        apply_service: false,
        ..input()
    };
    assert_eq!(plan(&input(), None), Ok(Plan::Create));
    for (status, whole, image) in [
        ("ACTIVE", Plan::UpdateAll, Plan::UpdateTaskDefinition),
        ("INACTIVE", Plan::Create, Plan::Create),
        ("DRAINING", Plan::AskAgain, Plan::AskAgain),
    ] {
        let live = having(status, "ECS");
        assert_eq!(plan(&input(), Some(&live)), Ok(whole), "{status}");
        assert_eq!(plan(&only_images, Some(&live)), Ok(image), "{status}");
    }
}

#[test]
fn a_service_that_something_else_rolls_out_is_refused_until_it_is_gone() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        let refusal = plan(&input(), Some(&having("ACTIVE", controller))).unwrap_err();
        assert!(
            refusal.0.starts_with(&format!(
                "web/hello has the deployment controller {controller}"
            )),
            "{refusal}"
        );
        assert_eq!(
            plan(&input(), Some(&having("INACTIVE", controller))),
            Ok(Plan::Create)
        );
    }
}

#[test]
fn a_service_is_created_with_the_whole_section_and_at_least_one_task() {
    let mut body = create_body(&first(), &file());
    let token = body.remove("clientToken");
    assert_eq!(token, create_body(&first(), &file()).remove("clientToken"));
    assert_eq!(
        token.as_ref().and_then(Value::as_str).map(str::len),
        Some(32)
    );
    assert_eq!(
        Value::Object(body),
        json!({
            "serviceName": "hello", "launchType": "EC2", "role": "ecs", "schedulingStrategy": "REPLICA",
            "tags": [{"key": "team", "value": "greetings"}, {"key": "landfall:service", "value": "web/hello"}, {"key": "landfall:release", "value": "2"}],
            "healthCheckGracePeriodSeconds": 5, "cluster": "arn:cluster", "taskDefinition": revision(2),
            "desiredCount": 1
        })
    );
    assert!(!create_body(&first(), &daemon(file())).contains_key("desiredCount"));
    let mut idle = file();
    idle.service.insert("desiredCount".into(), json!(0));
    assert_eq!(create_body(&first(), &idle)["desiredCount"], json!(0));
}

#[test]
fn a_service_is_updated_without_what_only_its_creation_takes() {
    assert_eq!(
        Value::Object(update_body(&input(), Some(&file()), Some(&live(1)))),
        json!({
            "healthCheckGracePeriodSeconds": 5, "cluster": "arn:cluster", "service": "hello",
            "taskDefinition": revision(2)
        })
    );
    assert_eq!(
        Value::Object(update_body(&input(), None, Some(&live(1)))),
        json!({"cluster": "arn:cluster", "service": "hello", "taskDefinition": revision(2)})
    );
}

#[test]
fn the_desired_count_is_sent_only_where_the_file_names_it_or_nothing_good_ever_ran() {
    let empty = LiveService {
        desired_count: 0,
        running_count: 0,
        ..live(1)
    };
    let empty_daemon = LiveService {
        scheduling_strategy: "DAEMON".into(),
        ..empty.clone()
    };
    let mut counted = file();
    counted.service.insert("desiredCount".into(), json!(4));
    let mut scaled = counted.clone();
    scaled.autoscaling = serde_json::from_value(json!({"min": 3, "max": 9})).unwrap();
    assert_eq!(create_body(&first(), &scaled)["desiredCount"], json!(4));
    for (story, input, file, live, expected) in [
        ("autoscaling chose a count", input(), file(), live(1), None),
        (
            "people set the count to 0",
            input(),
            file(),
            empty.clone(),
            None,
        ),
        (
            "a failed first release left 0",
            first(),
            file(),
            empty.clone(),
            Some(1),
        ),
        (
            "the file scales the service",
            input(),
            scaled.clone(),
            live(1),
            None,
        ),
        (
            "a failed first release of a scaled service left 0",
            first(),
            scaled,
            empty.clone(),
            Some(3),
        ),
        (
            "somebody else's service runs",
            first(),
            file(),
            live(1),
            None,
        ),
        (
            "a daemon has no count",
            first(),
            daemon(file()),
            empty_daemon,
            None,
        ),
        (
            "the file names it",
            input(),
            counted.clone(),
            live(1),
            Some(4),
        ),
        (
            "the file names it for an empty service",
            first(),
            counted,
            empty,
            Some(4),
        ),
    ] {
        let body = update_body(&input, Some(&file), Some(&live));
        assert_eq!(
            body.get("desiredCount").and_then(Value::as_i64),
            expected,
            "{story}"
        );
    }
}

#[test]
fn a_service_is_steady_when_one_completed_deployment_runs_all_its_tasks() {
    let steady = live(1);
    assert!(steady.is_steady());
    let mut without_rolling_updates = live(1);
    without_rolling_updates.deployments[0].rollout_state = None;
    assert!(without_rolling_updates.is_steady());
    let mut in_progress = live(1);
    in_progress.deployments[0].rollout_state = Some("IN_PROGRESS".into());
    for (story, service) in [
        ("two deployments", rolling(1, 2, 0)),
        ("in progress", in_progress),
        (
            "a task is missing",
            LiveService {
                running_count: 2,
                ..live(1)
            },
        ),
        (
            "a task too many",
            LiveService {
                running_count: 4,
                ..live(1)
            },
        ),
        (
            "a task is starting",
            LiveService {
                pending_count: 1,
                ..live(1)
            },
        ),
        (
            "no deployment",
            LiveService {
                deployments: vec![],
                ..live(1)
            },
        ),
    ] {
        assert!(!service.is_steady(), "{story}");
    }
}

/// Every member of `UpdateServiceRequest` in botocore 1.43 but `service`, `cluster` and `taskDefinition`, which Landfall
/// fills in, and `forceNewDeployment`, which `CreateService` has not.
#[test]
fn everything_that_can_be_changed_in_place_is_sent_as_it_stands() {
    let section = json!({
        "availabilityZoneRebalancing": "ENABLED",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        "deploymentConfiguration": {"strategy": "ROLLING", "maximumPercent": 150},
        "deploymentController": {"type": "ECS"},
        "desiredCount": 2,
        "enableECSManagedTags": true,
        "enableExecuteCommand": true,
        "healthCheckGracePeriodSeconds": 5,
        "loadBalancers": [{"targetGroupArn": "arn:group", "containerName": "web", "containerPort": 80}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "placementConstraints": [{"type": "distinctInstance"}],
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        "platformVersion": "1.4.0",
        "propagateTags": "SERVICE",
        "serviceConnectConfiguration": {
            "enabled": true, "namespace": "internal",
            "services": [{"portName": "http", "clientAliases": [{"port": 80, "dnsName": "hello"}]}]
        },
        "serviceRegistries": [{"registryArn": "arn:map"}],
        "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "arn:role", "sizeInGiB": 10}}],
        "vpcLatticeConfigurations": [{"roleArn": "arn:role", "targetGroupArn": "arn:lattice", "portName": "http"}],
        "somethingOfNextYear": {"a": [1]},
    });
    let mut file = file();
    file.service = section.as_object().cloned().unwrap();
    for member in CREATE_ONLY {
        file.service.insert(member.into(), json!("x"));
    }
    let live = LiveService {
        capacity: vec![CapacityShare {
            provider: "FARGATE_SPOT".into(),
            base: 0,
            weight: 1,
        }],
        ..live(1)
    };
    let mut body = Value::Object(update_body(&input(), Some(&file), Some(&live)));
    for filled_in in ["cluster", "service", "taskDefinition"] {
        assert!(body.as_object_mut().unwrap().remove(filled_in).is_some());
    }
    assert_eq!(body, section);
}

#[test]
fn a_new_deployment_is_forced_exactly_when_the_capacity_strategy_differs() {
    let share = |provider: &str, weight| CapacityShare {
        provider: provider.into(),
        base: 0,
        weight,
    };
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 3 }, { "capacityProvider": "FARGATE", "weight": 1 }]);
    let spot = |file: &mut ServiceFile| {
        file.service.shift_remove("launchType");
        file.service
            .insert("capacityProviderStrategy".into(), strategy.clone());
    };
    let mut with = file();
    spot(&mut with);
    let mut silent = file();
    silent.service.shift_remove("launchType");
    for (file, capacity, forced, sent) in [
        (&with, vec![], true, Some(&strategy)),
        (
            &with,
            vec![share("FARGATE", 1), share("FARGATE_SPOT", 3)],
            false,
            Some(&strategy),
        ),
        (&with, vec![share("FARGATE", 1)], true, Some(&strategy)),
        (&file(), vec![], false, None),
        (&file(), vec![share("FARGATE", 1)], true, Some(&json!([]))),
        (&silent, vec![share("FARGATE", 1)], false, None),
    ] {
        let live = LiveService {
            capacity,
            ..live(1)
        };
        let body = update_body(&input(), Some(file), Some(&live));
        assert_eq!(
            body.get("forceNewDeployment"),
            forced.then_some(&json!(true)),
            "{live:?}"
        );
        assert_eq!(body.get("capacityProviderStrategy"), sent, "{live:?}");
        let push = update_body(&input(), None, Some(&live));
        assert_eq!(push.get("forceNewDeployment"), None);
    }
}
