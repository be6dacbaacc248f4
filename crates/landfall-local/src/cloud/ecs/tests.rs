#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::{Ecs, EcsSettings, Healthy, ImageLookup, LogLine, SimulatedBehaviour};
use crate::cloud::bus::Bus;
use crate::cloud::elb::{Elb, ElbSettings};
use crate::world::World;

struct Cloud {
    ecs: Ecs,
    elb: Elb,
    events: UnboundedReceiver<Value>,
    lines: Arc<Mutex<Vec<LogLine>>>,
}

/// `…:gone` does not exist, `…:process` is a folder of this machine, every other image is simulated and has its tag for
/// a digest.
fn look_up(reference: &str) -> ImageLookup {
    let version = reference.rsplit(['@', ':']).next().unwrap();
    match version {
        "gone" => ImageLookup::Missing,
        "process" => ImageLookup::Local {
            digest: "sha256:process".into(),
            directory: "/".into(),
            command: vec![
                "/bin/sh".into(),
                "-c".into(),
                "echo image command; exit 3".into(),
            ],
        },
        version => ImageLookup::Simulated {
            digest: format!("sha256:{version}"),
        },
    }
}

fn cloud() -> Cloud {
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::from_second(1_700_000_000).unwrap(),
        7,
    ));
    let (bus, events) = Bus::new(Arc::clone(&world));
    let elb = Elb::new(Arc::clone(&world), ElbSettings::default());
    let lines = Arc::<Mutex<Vec<LogLine>>>::default();
    let sink = Arc::clone(&lines);
    let logs = Arc::new(move |line| sink.lock().unwrap().push(line));
    let ecs = Ecs::new(
        world,
        bus,
        elb.clone(),
        Arc::new(look_up),
        logs,
        EcsSettings::default(),
    );
    Cloud {
        ecs,
        elb,
        events,
        lines,
    }
}

impl Cloud {
    async fn call(&self, operation: &str, input: Value) -> Value {
        self.ecs
            .call(operation, input)
            .await
            .unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    async fn refused(&self, operation: &str, input: Value) -> String {
        self.ecs.call(operation, input).await.unwrap_err().code
    }

    /// Registers a task definition with one container of this image and answers its ARN.
    async fn definition(&self, image: &str, more: Value) -> String {
        let mut container = json!({ "name": "web", "image": image, "memory": 64, "portMappings": [{ "containerPort": 80 }] });
        container
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let input = json!({ "family": "hello", "containerDefinitions": [container] });
        let answer = self.call("RegisterTaskDefinition", input).await;
        answer["taskDefinition"]["taskDefinitionArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A cluster `web` with a service `hello` of the image, circuit breaker with rollback switched on.
    async fn service(&self, image: &str, desired: u32, more: Value) {
        self.call("CreateCluster", json!({ "clusterName": "web" }))
            .await;
        let mut input = json!({
            "cluster": "web",
            "serviceName": "hello",
            "taskDefinition": self.definition(image, json!({})).await,
            "desiredCount": desired,
            "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
        });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.call("CreateService", input).await;
    }

    async fn update(&self, change: Value) -> Value {
        let mut input = json!({ "cluster": "web", "service": "hello" });
        input
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        self.call("UpdateService", input).await
    }

    async fn described(&self) -> Value {
        let answer = self
            .call(
                "DescribeServices",
                json!({ "cluster": "web", "services": ["hello"] }),
            )
            .await;
        answer["services"][0].clone()
    }

    async fn tasks(&self, status: &str) -> Vec<Value> {
        let listed = self
            .call(
                "ListTasks",
                json!({ "cluster": "web", "desiredStatus": status }),
            )
            .await;
        if listed["taskArns"].as_array().unwrap().is_empty() {
            return vec![];
        }
        let answer = self
            .call(
                "DescribeTasks",
                json!({ "cluster": "web", "tasks": listed["taskArns"] }),
            )
            .await;
        answer["tasks"].as_array().unwrap().clone()
    }

    /// The service deployments, newest first.
    async fn rollouts(&self) -> Vec<Value> {
        let listed = self
            .call(
                "ListServiceDeployments",
                json!({ "cluster": "web", "service": "hello" }),
            )
            .await;
        let briefs = listed["serviceDeployments"].as_array().unwrap().clone();
        let arns: Vec<&Value> = briefs
            .iter()
            .map(|brief| &brief["serviceDeploymentArn"])
            .collect();
        let answer = self
            .call(
                "DescribeServiceDeployments",
                json!({ "serviceDeploymentArns": arns }),
            )
            .await;
        answer["serviceDeployments"].as_array().unwrap().clone()
    }

    async fn until_steady(&self) {
        for _ in 0..6000 {
            sleep(Duration::from_millis(100)).await;
            let service = self.described().await;
            let deployments = service["deployments"].as_array().unwrap();
            if deployments.len() == 1 && deployments[0]["rolloutState"] == "COMPLETED" {
                return;
            }
        }
        panic!("never steady: {:#}", self.described().await);
    }

    fn emitted(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// A load balancer whose listener forwards to a target group; answers the group's ARN.
    async fn target_group(&self, port: u16) -> String {
        let group = json!({ "Name": "hello", "Protocol": "HTTP", "Port": "80", "HealthCheckIntervalSeconds": "5" });
        let group = self.elb.call("CreateTargetGroup", group).await.unwrap()["TargetGroups"][0]["TargetGroupArn"].clone();
        let balancer = self
            .elb
            .call("CreateLoadBalancer", json!({ "Name": "web" }))
            .await
            .unwrap();
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Protocol": "HTTP",
            "Port": port.to_string(),
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        self.elb.call("CreateListener", listener).await.unwrap();
        group.as_str().unwrap().to_owned()
    }
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event["detail-type"] != "ECS Task State Change")
        .map(|event| event["detail"]["eventName"].as_str().unwrap())
        .collect()
}

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
async fn a_task_that_fails_its_target_groups_checks_is_replaced_after_the_grace_period() {
    let cloud = cloud();
    let group = cloud.target_group(0xBEEF).await;
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

#[tokio::test(start_paused = true)]
async fn the_same_story_told_twice_is_the_same_to_the_last_id() {
    let mut told = vec![];
    for _ in 0..2 {
        let mut cloud = cloud();
        cloud.service("hello:1.0.0", 3, json!({})).await;
        cloud.until_steady().await;
        let next = cloud.definition("hello:1.1.0", json!({})).await;
        cloud.update(json!({ "taskDefinition": next })).await;
        cloud.until_steady().await;
        told.push((cloud.emitted(), cloud.ecs.snapshot()));
        cloud.ecs.shutdown().await;
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_and_its_name_is_free_again() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
    let delete = json!({ "cluster": "web", "service": "hello" });
    assert_eq!(
        cloud.refused("DeleteService", delete.clone()).await,
        "InvalidParameterException"
    );
    assert_eq!(
        cloud
            .refused("DeleteCluster", json!({ "cluster": "web" }))
            .await,
        "ClusterContainsServicesException"
    );
    cloud.update(json!({ "desiredCount": 0 })).await;
    assert_eq!(
        cloud.call("DeleteService", delete.clone()).await["service"]["status"],
        "DRAINING"
    );
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cloud.described().await["status"], "INACTIVE");
    assert_eq!(
        cloud.refused("UpdateService", delete).await,
        "ServiceNotActiveException"
    );
    cloud.service("hello:1.0.0", 1, json!({})).await;
    cloud.until_steady().await;
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_refused_in_ecs_own_words() {
    let cloud = cloud();
    cloud.service("hello:1.0.0", 0, json!({})).await;
    let container = json!({ "name": "a", "image": "x", "memory": 8 });
    let service = |more: Value| {
        let mut input =
            json!({ "cluster": "web", "serviceName": "other", "taskDefinition": "hello" });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        input
    };
    let no_group =
        json!([{ "targetGroupArn": "arn:none", "containerName": "web", "containerPort": 80 }]);
    let no_port =
        json!([{ "targetGroupArn": "arn:none", "containerName": "web", "containerPort": 81 }]);
    for (operation, input, code) in [
        (
            "ListServices",
            json!({ "cluster": "none" }),
            "ClusterNotFoundException",
        ),
        (
            "UpdateService",
            json!({ "cluster": "web", "service": "none" }),
            "ServiceNotFoundException",
        ),
        (
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "none" }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [] }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [container, container] }),
            "ClientException",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "x" }] }),
            "ClientException",
        ),
        (
            "CreateService",
            service(json!({ "serviceName": "hello" })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "taskDefinition": "none" })),
            "ClientException",
        ),
        (
            "CreateService",
            service(json!({ "deploymentConfiguration": { "strategy": "CANARY" } })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "loadBalancers": no_group })),
            "InvalidParameterException",
        ),
        (
            "CreateService",
            service(json!({ "loadBalancers": no_port })),
            "InvalidParameterException",
        ),
        ("PutAttributes", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(
            cloud.refused(operation, input.clone()).await,
            code,
            "{operation} {input}"
        );
    }
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
