//! How tasks live and die.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_its_target_groups_checks_is_replaced_after_the_grace_period() {
    let cloud = cloud();
    let group = cloud.target_group().await;
    let behind = json!({
        "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }],
        "healthCheckGracePeriodSeconds": 20,
    });
    cloud.ecs.simulate(
        "sha256:1.0.0",
        SimulatedBehaviour {
            healthy: Healthy::Never,
            ..Default::default()
        },
    );
    cloud.service("hello:1.0.0", 1, behind).await;
    sleep(Duration::from_secs(19)).await;
    assert_eq!(cloud.tasks("STOPPED").await.len(), 0);
    sleep(Duration::from_secs(10)).await;
    let stopped = &cloud.tasks("STOPPED").await[0];
    assert_eq!(
        stopped["stoppedReason"],
        format!("Task failed ELB health checks in (target-group {group})")
    );
    let events = cloud.described().await["events"].to_string();
    assert!(events.contains("is unhealthy in (target-group"), "{events}");

    // The next start is a good one: registered, found healthy, and deployed.
    cloud
        .ecs
        .simulate("sha256:1.0.0", SimulatedBehaviour::default());
    cloud.until_steady().await;
    let health = cloud
        .elb
        .call("DescribeTargetHealth", json!({ "TargetGroupArn": group }))
        .await
        .unwrap();
    let states: Vec<&Value> = health["TargetHealthDescriptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["TargetHealth"]["State"])
        .collect();
    assert_eq!(states, ["healthy"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ignores_sigterm_is_killed_at_the_end_of_its_stop_timeout() {
    let cloud = cloud();
    cloud.call("CreateCluster", json!({})).await;
    let stubborn = SimulatedBehaviour {
        stopping: Duration::from_secs(600),
        ..Default::default()
    };
    cloud.ecs.simulate("sha256:1.0.0", stubborn);
    let definition = cloud
        .definition("hello:1.0.0", json!({ "stopTimeout": 5 }))
        .await;
    let run = cloud
        .call("RunTask", json!({ "taskDefinition": definition }))
        .await;
    let task = run["tasks"][0]["taskArn"].clone();
    sleep(Duration::from_secs(2)).await;
    cloud
        .call("StopTask", json!({ "task": task, "reason": "enough" }))
        .await;
    let described = async || {
        cloud
            .call("DescribeTasks", json!({ "tasks": [task] }))
            .await["tasks"][0]
            .clone()
    };
    sleep(Duration::from_secs(4)).await;
    assert_eq!(described().await["lastStatus"], "STOPPING");
    sleep(Duration::from_secs(2)).await;
    let stopped = described().await;
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    assert_eq!(
        (&stopped["stopCode"], &stopped["stoppedReason"]),
        (&json!("UserInitiated"), &json!("enough"))
    );
    sleep(Duration::from_secs(3600)).await;
    let answer = cloud
        .call("DescribeTasks", json!({ "tasks": [task] }))
        .await;
    assert_eq!(
        answer["failures"],
        json!([{ "arn": task, "reason": "MISSING" }])
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_lost_tasks_are_stopped_and_replaced() {
    let before = cloud();
    before.service("hello:1.0.0", 2, json!({})).await;
    before.until_steady().await;
    let snapshot = before.ecs.snapshot();
    before.ecs.shutdown().await;
    let after = cloud();
    after
        .ecs
        .restore(serde_json::from_str(&snapshot.to_string()).unwrap())
        .unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(after.described().await["runningCount"], 2);
    let reasons: Vec<Value> = after
        .tasks("STOPPED")
        .await
        .iter()
        .map(|task| task["stoppedReason"].clone())
        .collect();
    assert_eq!(
        reasons,
        ["embedded cloud restarted", "embedded cloud restarted"]
    );
    assert_eq!(after.rollouts().await.len(), 1);
}

#[tokio::test]
async fn a_process_gets_its_port_and_environment_and_its_lines_reach_the_log() {
    let cloud = cloud();
    cloud.call("CreateCluster", json!({})).await;
    let script = "echo \"$GREETING on $PORT $PORT_80 ${USER:-nobody}\"; trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done";
    let logs = json!({ "awslogs-group": "/ecs/hello", "awslogs-stream-prefix": "ecs" });
    let more = json!({
        "entryPoint": ["/bin/sh", "-c"],
        "command": [script],
        "environment": [{ "name": "GREETING", "value": "hello" }],
        "logConfiguration": { "logDriver": "awslogs", "options": logs },
        "healthCheck": { "command": ["CMD-SHELL", "test -n \"$PORT\""], "interval": 5 },
    });
    let definition = cloud.definition("hello:process", more).await;
    let run = cloud
        .call("RunTask", json!({ "taskDefinition": definition }))
        .await;
    let task = run["tasks"][0]["taskArn"].as_str().unwrap().to_owned();
    let described = async || {
        cloud
            .call("DescribeTasks", json!({ "tasks": [task] }))
            .await["tasks"][0]
            .clone()
    };
    while described().await["healthStatus"] != "HEALTHY" {
        sleep(Duration::from_millis(50)).await;
    }
    let port = described().await["containers"][0]["networkBindings"][0]["hostPort"].clone();
    cloud.call("StopTask", json!({ "task": task })).await;
    while described().await["lastStatus"] != "STOPPED" {
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(described().await["containers"][0]["exitCode"], 7);
    let lines = cloud.lines.lock().unwrap().clone();
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages[0], format!("hello on {port} {port} nobody"));
    assert_eq!(messages.last(), Some(&"bye"));
    assert_eq!(
        lines[0].stream,
        format!("ecs/web/{}", task.rsplit('/').next().unwrap())
    );
}

#[tokio::test]
async fn shutting_down_leaves_no_process_behind() {
    let cloud = cloud();
    cloud.call("CreateCluster", json!({})).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pids");
    // A child of the container's own: killing only the first process would miss it.
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    let definition = cloud
        .definition(
            "hello:process",
            json!({ "entryPoint": ["/bin/sh", "-c", script] }),
        )
        .await;
    cloud
        .call("RunTask", json!({ "taskDefinition": definition }))
        .await;
    let child = loop {
        match std::fs::read_to_string(&file)
            .unwrap_or_default()
            .trim()
            .parse::<i32>()
        {
            Ok(child) => break child,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    };
    cloud.ecs.shutdown().await;
    let state = |pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    for _ in 0..100 {
        let state = state(child);
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the process {child} is still there");
}
