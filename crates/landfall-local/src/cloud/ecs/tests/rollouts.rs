//! How deployments go.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_service_starts_its_tasks_and_completes_its_first_deployment() {
    let mut cloud = cloud();
    cloud.service("hello:1.0.0", 2, json!({})).await;
    cloud.until_steady().await;
    let service = cloud.described().await;
    assert_eq!(
        (&service["runningCount"], &service["pendingCount"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        service["events"][0]["message"],
        "(service hello) has reached a steady state."
    );
    assert_eq!(
        names(&cloud.emitted()),
        [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED",
            "SERVICE_STEADY_STATE"
        ]
    );
    let rollout = &cloud.rollouts().await[0];
    assert_eq!(rollout["status"], "SUCCESSFUL");
    let arns = json!({ "serviceRevisionArns": [rollout["targetServiceRevision"]["arn"]] });
    let revision =
        cloud.call("DescribeServiceRevisions", arns).await["serviceRevisions"][0].clone();
    assert_eq!(
        revision["containerImages"][0]["imageDigest"],
        "sha256:1.0.0"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_never_leaves_too_few_tasks_up_nor_runs_too_many() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 4, json!({})).await;
    cloud.until_steady().await;
    let next = cloud.definition("hello:1.1.0", json!({})).await;
    let limits = json!({ "minimumHealthyPercent": 75, "maximumPercent": 125 });
    cloud
        .update(json!({ "taskDefinition": next, "deploymentConfiguration": limits }))
        .await;
    for _ in 0..300 {
        sleep(Duration::from_millis(50)).await;
        let tasks = cloud.tasks("RUNNING").await;
        assert!(
            tasks
                .iter()
                .filter(|task| task["lastStatus"] == "RUNNING")
                .count()
                >= 3,
            "too few"
        );
        assert!(tasks.len() <= 5, "too many");
    }
    cloud.until_steady().await;
    let tasks = cloud.tasks("RUNNING").await;
    assert!(tasks.len() == 4 && tasks.iter().all(|task| task["taskDefinitionArn"] == *next));
}

#[tokio::test(start_paused = true)]
async fn who_served_without_a_load_balancer_stays_up_until_its_successor_is_in_one() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 2, json!({})).await;
    cloud.until_steady().await;
    let group = cloud.target_group().await;
    let balancer =
        json!([{ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }]);
    cloud.update(json!({ "loadBalancers": balancer })).await;
    for _ in 0..300 {
        sleep(Duration::from_millis(50)).await;
        let running = cloud.tasks("RUNNING").await.into_iter();
        let up = running.filter(|task| task["lastStatus"] == "RUNNING");
        assert!(up.count() >= 2, "too few");
    }
    cloud.until_steady().await;
}

#[tokio::test(start_paused = true)]
async fn the_circuit_breaker_rolls_a_crashing_revision_back_while_the_old_one_keeps_running() {
    let mut cloud = cloud();
    cloud.service("hello:1.0.0", 2, json!({})).await;
    cloud.until_steady().await;
    let good = cloud.described().await["taskDefinition"].clone();
    cloud.ecs.simulate(
        "sha256:1.2.0",
        SimulatedBehaviour {
            exits: Some((Duration::from_millis(300), 1)),
            ..Default::default()
        },
    );
    cloud.emitted();
    let bad = cloud.definition("hello:1.2.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": bad })).await;
    cloud.until_steady().await;

    let service = cloud.described().await;
    assert_eq!(
        (&service["taskDefinition"], &service["runningCount"]),
        (&good, &json!(2))
    );
    let rollout = &cloud.rollouts().await[0];
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL");
    // Two tasks crash at a time, so the third failure comes with the fourth.
    assert_eq!(
        rollout["deploymentCircuitBreaker"],
        json!({ "status": "TRIGGERED", "failureCount": 4, "threshold": 3 })
    );
    assert_eq!(
        rollout["rollback"]["serviceRevisionArn"],
        cloud.rollouts().await[1]["targetServiceRevision"]["arn"]
    );
    let stopped = cloud.tasks("STOPPED").await;
    let crashed = stopped
        .iter()
        .find(|task| task["taskDefinitionArn"] == *bad)
        .unwrap();
    assert_eq!(crashed["stopCode"], "EssentialContainerExited");
    assert_eq!(crashed["containers"][0]["exitCode"], 1);
    assert_eq!(
        names(&cloud.emitted()),
        [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_TASK_START_IMPAIRED",
            "SERVICE_DEPLOYMENT_FAILED",
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED",
            "SERVICE_STEADY_STATE",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_has_nothing_to_go_back_to_and_keeps_nothing_running() {
    let cloud = cloud();
    cloud.service("hello:gone", 1, json!({})).await;
    sleep(Duration::from_secs(30)).await;
    let service = cloud.described().await;
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(
        (&service["runningCount"], &service["pendingCount"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(cloud.rollouts().await[0]["status"], "ROLLBACK_FAILED");
    let stopped = &cloud.tasks("STOPPED").await[0];
    assert_eq!(stopped["stopCode"], "TaskFailedToStart");
    assert!(
        stopped["stoppedReason"]
            .as_str()
            .unwrap()
            .starts_with("CannotPullContainerError: ")
    );
}

#[tokio::test(start_paused = true)]
async fn a_newer_update_stops_the_rollout_in_flight_and_wins() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 2, json!({})).await;
    cloud.until_steady().await;
    let slow = SimulatedBehaviour {
        healthy: Healthy::Never,
        ..Default::default()
    };
    cloud.ecs.simulate("sha256:1.1.0", slow);
    let check = json!({ "healthCheck": { "command": ["CMD", "true"] } });
    let second = cloud.definition("hello:1.1.0", check.clone()).await;
    cloud.update(json!({ "taskDefinition": second })).await;
    sleep(Duration::from_secs(2)).await;
    let third = cloud.definition("hello:1.2.0", check).await;
    cloud.update(json!({ "taskDefinition": third })).await;
    cloud.until_steady().await;
    let statuses: Vec<Value> = cloud
        .rollouts()
        .await
        .iter()
        .map(|rollout| rollout["status"].clone())
        .collect();
    assert_eq!(statuses, ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
    assert_eq!(cloud.described().await["taskDefinition"], *third);
}

#[tokio::test(start_paused = true)]
async fn a_stop_request_rolls_a_stalled_deployment_back() {
    let cloud = cloud();
    cloud
        .service("hello:1.0.0", 1, json!({ "deploymentConfiguration": {} }))
        .await;
    cloud.until_steady().await;
    let next = cloud.definition("hello:gone", json!({})).await;
    cloud.update(json!({ "taskDefinition": next })).await;
    sleep(Duration::from_secs(60)).await;
    let stalled = cloud.rollouts().await[0].clone();
    assert_eq!(stalled["status"], "IN_PROGRESS");
    let input = json!({ "serviceDeploymentArn": stalled["serviceDeploymentArn"] });
    cloud.call("StopServiceDeployment", input.clone()).await;
    cloud.until_steady().await;
    assert_eq!(cloud.rollouts().await[0]["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        cloud.refused("StopServiceDeployment", input).await,
        "ConflictException"
    );
}

#[tokio::test(start_paused = true)]
async fn only_what_a_revision_is_made_of_starts_a_deployment() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
    for (change, deploys) in [
        (json!({ "desiredCount": 3 }), false),
        (
            json!({ "deploymentConfiguration": { "maximumPercent": 150 } }),
            false,
        ),
        (json!({ "propagateTags": "SERVICE" }), false),
        (json!({ "taskDefinition": "hello" }), false),
        (
            json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } }),
            true,
        ),
        (json!({ "forceNewDeployment": true }), true),
    ] {
        let before = cloud.rollouts().await.len();
        cloud.update(change.clone()).await;
        cloud.until_steady().await;
        assert_eq!(cloud.rollouts().await.len() > before, deploys, "{change}");
    }
    let service = cloud.described().await;
    assert_eq!(service["runningCount"], 3);
    let configuration = &service["deploymentConfiguration"];
    assert_eq!(
        (
            &configuration["maximumPercent"],
            &configuration["minimumHealthyPercent"]
        ),
        (&json!(150), &json!(100))
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_story_played_twice_is_the_same_to_the_last_id() {
    let mut runs = vec![];
    for _ in 0..2 {
        let mut cloud = cloud();
        cloud.service("hello:1.0.0", 3, json!({})).await;
        cloud.until_steady().await;
        let next = cloud.definition("hello:1.1.0", json!({})).await;
        cloud.update(json!({ "taskDefinition": next })).await;
        cloud.until_steady().await;
        runs.push((cloud.emitted(), cloud.ecs.snapshot()));
        cloud.ecs.shutdown().await;
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn percentages_that_forbid_every_step_are_said_once_and_the_old_tasks_stay() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
    let next = cloud.definition("hello:1.1.0", json!({})).await;
    let limits = json!({ "minimumHealthyPercent": 100, "maximumPercent": 100 });
    cloud
        .update(json!({ "taskDefinition": next, "deploymentConfiguration": limits }))
        .await;
    sleep(Duration::from_secs(60)).await;
    let service = cloud.described().await;
    let complaint = "because of the service deployment configuration";
    let said = service["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event.to_string().contains(complaint));
    assert_eq!((said.count(), &service["runningCount"]), (1, &json!(1)));
    cloud
        .update(json!({ "deploymentConfiguration": { "maximumPercent": 200 } }))
        .await;
    cloud.until_steady().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_five_deployments_are_carried_out_at_once() {
    let cloud = cloud();
    let slow = SimulatedBehaviour {
        stopping: Duration::from_secs(100),
        ..SimulatedBehaviour::default()
    };
    let mut definitions = vec![];
    for version in 0..6 {
        let image = format!("hello:1.{version}.0");
        let digest = format!("sha256:1.{version}.0");
        cloud.ecs.simulate(&digest, slow.clone());
        definitions.push(
            cloud
                .definition(&image, json!({ "stopTimeout": 110 }))
                .await,
        );
    }
    cloud
        .service(
            "hello:1.0.0",
            1,
            json!({ "taskDefinition": definitions[0] }),
        )
        .await;
    cloud.until_steady().await;
    for definition in &definitions[1..5] {
        cloud.update(json!({ "taskDefinition": definition })).await;
        sleep(Duration::from_secs(10)).await;
    }
    let sixth = json!({ "cluster": "web", "service": "hello", "taskDefinition": definitions[5] });
    let code = cloud.refused("UpdateService", sixth.clone()).await;
    assert_eq!(code, "InvalidParameterException");
    // What begins no deployment is taken.
    cloud.update(json!({ "desiredCount": 1 })).await;
    sleep(Duration::from_secs(80)).await;
    cloud.call("UpdateService", sixth).await;
}
