//! An ECS with simulated images to tell stories with.
#![allow(clippy::unwrap_used)]

mod pauses;
mod requests;
mod rollouts;
mod tasks;
mod traffic;

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
    let elb = Elb::new(
        Arc::clone(&world),
        ElbSettings {
            bind_listeners: false,
            ..ElbSettings::default()
        },
    );
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
    async fn target_group(&self) -> String {
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
            "Port": "80",
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
