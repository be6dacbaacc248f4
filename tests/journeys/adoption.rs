//! Foreign services, which their owners go on describing.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_tests::stage::{Stage, text, until, web};
use serde_json::{Value, json};

const FILE: &str = "cluster: { clusterName: web }\n\
                    images: { web: { repository: hello, tag: 'semver:^1' } }\n\
                    service: { serviceName: hello }\n";

/// A revision as Terraform would register it: with tags, a sidecar, and members that no SDK knows yet.
fn revision(cpu: u32) -> Value {
    json!({
        "family": "hello", "gravity": { "mode": "low" },
        "containerDefinitions": [
            { "name": "web", "image": "public.ecr.aws/nginx/nginx:1", "memory": 64, "cpu": cpu, "antennas": [1, 2] },
            { "name": "log", "image": "public.ecr.aws/log:1", "memory": 32, "essential": false },
        ],
        "tags": [{ "key": "team", "value": "greetings" }, { "key": "env", "value": "test" }],
    })
}

/// The service as Terraform made it, running with one task.
async fn make(stage: &Stage) {
    stage
        .ecs("CreateCluster", json!({ "clusterName": "web" }))
        .await;
    stage.ecs("RegisterTaskDefinition", revision(10)).await;
    let service = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": "hello:1", "desiredCount": 1,
        "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
    });
    stage.ecs("CreateService", service).await;
    until("the task of the service", || async {
        let live = stage.live(&web("hello")).await;
        (live["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
    })
    .await;
}

/// The revision that the service runs, with its tags by key, and without what is another for each revision.
async fn runs(stage: &Stage) -> (Value, Value) {
    let arn = stage.live(&web("hello")).await["taskDefinition"].clone();
    let input = json!({ "taskDefinition": arn, "include": ["TAGS"] });
    let mut answer = stage.ecs("DescribeTaskDefinition", input).await;
    let revision = answer["taskDefinition"].as_object_mut().unwrap();
    for member in ["taskDefinitionArn", "revision", "registeredAt"] {
        revision.remove(member);
    }
    for container in revision["containerDefinitions"].as_array_mut().unwrap() {
        container.as_object_mut().unwrap().remove("image");
    }
    let mut tags: Vec<_> = answer["tags"].as_array().unwrap().clone();
    tags.retain(|tag| !text(&tag["key"]).starts_with("landfall:"));
    tags.sort_by_key(|tag| text(&tag["key"]));
    (answer["taskDefinition"].clone(), tags.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_service_keeps_everything_but_its_image() {
    let stage = Stage::open().await;
    let service = web("hello");
    make(&stage).await;
    let before = runs(&stage).await;
    // A revision that was registered but is not run is no base.
    stage.ecs("RegisterTaskDefinition", revision(99)).await;

    let first = stage.push("hello", "1.0.0").await;
    stage.follow("services/hello.yaml", FILE).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&first));
    assert_eq!(runs(&stage).await, before);
    let live = stage.live(&service).await;
    assert_eq!(live["desiredCount"], 1);
    assert!(text(&live["taskDefinition"]).ends_with("hello:3"));

    // Its owner gives it more CPU, with the image that the owner knows; the next push keeps the one and not the other.
    stage.ecs("RegisterTaskDefinition", revision(20)).await;
    let update = json!({ "cluster": "web", "service": "hello", "taskDefinition": "hello:4" });
    stage.ecs("UpdateService", update).await;
    until("the owner's rollout", || async {
        let live = stage.live(&service).await;
        let deployments = live["deployments"].as_array()?;
        (deployments.len() == 1 && deployments[0]["rolloutState"] == "COMPLETED").then_some(())
    })
    .await;
    let owners = runs(&stage).await;
    let second = stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&second));
    assert_eq!(runs(&stage).await, owners);
    assert_eq!(stage.live_container(&service).await["cpu"], 20);

    // A bad image: back to the release before.
    let good = stage.live(&service).await["taskDefinition"].clone();
    let crashing = SimulatedBehaviour {
        exits: Some((Duration::ZERO, 1)),
        ..SimulatedBehaviour::default()
    };
    stage.push_behaving("hello", "1.2.0", crashing).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    assert_eq!(stage.live(&service).await["taskDefinition"], good);
    assert_eq!(runs(&stage).await, owners);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adoption_of_a_container_that_is_not_there_is_refused_and_changes_nothing() {
    let stage = Stage::open().await;
    stage.push("hello", "1.0.0").await;
    make(&stage).await;
    let seen = stage.requests();
    stage
        .follow("services/hello.yaml", &FILE.replace("web: {", "wbe: {"))
        .await;
    let record = stage.verdict(&web("hello"), 1, Verdict::Rejected).await;
    assert!(
        record.reason.contains("did you mean `web`?"),
        "{}",
        record.reason
    );
    assert_eq!(stage.changes_in_ecs(seen), [] as [&str; 0]);
    stage.close().await;
}
