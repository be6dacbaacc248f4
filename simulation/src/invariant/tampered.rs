//! Worlds that somebody has tampered with: each invariant about what is there at rest notices it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use landfall::{hold::SetBy, keys};
use landfall_local::local::STATE_BUCKET;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::broken;
use crate::{
    invocation::Invocation,
    journeys::journeys,
    scenario::Behaviour,
    stage::Stage,
    story::Run,
    violation::Violation,
    witness::{Asked, desired, record},
};

/// Plays a journey of the sweep to its end, and gives the run to `then`.
fn after(name: &str, then: impl AsyncFnOnce(Run)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut journeys = journeys().into_iter();
    let journey = journeys.find(|journey| journey.name == name).unwrap();
    runtime.block_on(async {
        let mut stage = Stage::set(journey.scenario).await.unwrap();
        stage.play().await;
        let (run, _) = stage.end().await;
        assert_eq!(broken(&run).await, [], "{name}");
        then(run).await;
    });
}

#[track_caller]
fn noticed(broken: &[Violation], invariant: u8, text: &str) {
    let is_it =
        |violation: &Violation| violation.invariant == invariant && violation.text.contains(text);
    assert!(broken.iter().any(is_it), "{text}: {broken:#?}");
}

/// Puts an object into the state bucket.
fn put(run: &Run, key: String, value: &Value) {
    let put = run.cloud.s3.put(STATE_BUCKET, &key, value.to_string());
    put.unwrap();
}

/// The service of every journey.
fn hello(change: Value) -> Value {
    let mut input = json!({ "cluster": "web", "service": "hello" });
    for (member, value) in change.as_object().unwrap() {
        input[member] = value.clone();
    }
    input
}

#[test]
fn what_is_around_a_service_at_rest_and_not_as_the_file_says_is_noticed() {
    after("all sections", async |run| {
        let ecs = &run.cloud.ecs;
        for (change, text) in [
            (
                json!({ "deploymentConfiguration": { "maximumPercent": 150 } }),
                "service.deploymentConfiguration.maximumPercent is 150",
            ),
            (json!({ "desiredCount": 11 }), "its desired count is 11"),
            (json!({ "serviceRegistries": [] }), "is registered in 0"),
            (json!({ "loadBalancers": [] }), "0 load balancers"),
        ] {
            ecs.call("UpdateService", hello(change)).await.unwrap();
            noticed(&broken(&run).await, 2, text);
        }
        let revision = json!({
            "family": "web-hello",
            "memory": "2048",
            "containerDefinitions": [{ "name": "web", "image": "hello:1", "essential": true }],
        });
        ecs.call("RegisterTaskDefinition", revision).await.unwrap();
        let change = hello(json!({ "taskDefinition": "web-hello" }));
        ecs.call("UpdateService", change).await.unwrap();
        let found = broken(&run).await;
        noticed(&found, 2, "taskDefinition.memory is \"2048\"");
        noticed(&found, 2, "healthCheck");
        noticed(&found, 2, "has another image");

        let target = json!({
            "ServiceNamespace": "ecs",
            "ResourceId": "service/web/hello",
            "ScalableDimension": "ecs:service:DesiredCount",
        });
        let scaling = &run.cloud.scaling;
        scaling
            .call("DeregisterScalableTarget", target)
            .await
            .unwrap();
        noticed(&broken(&run).await, 2, "autoscaling");

        let listener = run.stories[0].files[0].file["ingress"]["listenerArn"].clone();
        let elb = &run.cloud.elb;
        let rules = elb
            .call("DescribeRules", json!({ "ListenerArn": listener }))
            .await;
        for rule in rules.unwrap()["Rules"].as_array().unwrap() {
            // That of the listener itself stays.
            let _ = elb
                .call("DeleteRule", json!({ "RuleArn": rule["RuleArn"] }))
                .await;
        }
        noticed(&broken(&run).await, 2, "has 0 listener rules");
    });
}

#[test]
fn a_verdict_that_does_not_fit_the_image_or_the_file_is_noticed() {
    after("redeploy", async |mut run| {
        let service = run.scenario.services[0].id.clone();
        run.pushes[1].behaviour = Behaviour::Crashes;
        noticed(&broken(&run).await, 2, "release 2 is bad and succeeded");
        run.pushes[1].behaviour = Behaviour::Good;

        let record = record(&run.cloud, &service, 2).await.unwrap();
        let key = keys::record(&service, 2);
        let mut rolled_back = json!(record);
        rolled_back["verdict"] = json!("rolled-back");
        put(&run, key.clone(), &rolled_back);
        let found = broken(&run).await;
        noticed(&found, 2, "release 2 is good and was rolled-back");
        noticed(&found, 4, "recorded as rolled-back");
        let mut of_another_file = json!(record);
        of_another_file["release"]["file"] = json!("0".repeat(64));
        put(&run, key.clone(), &of_another_file);
        noticed(&broken(&run).await, 2, "which nobody uploaded");
        put(&run, key, &json!(record));
        assert_eq!(broken(&run).await, []);

        let mut forgetful = desired(&run.cloud, &service).await.unwrap();
        forgetful.last_good = None;
        put(&run, keys::desired(&service), &json!(forgetful));
        noticed(
            &broken(&run).await,
            2,
            "does not know that release 2 was good",
        );
        run.stories[0].file.as_mut().unwrap()["taskDefinition"]["memory"] = json!("4096");
        noticed(
            &broken(&run).await,
            2,
            "should run 1.1.0 with the newest service file",
        );
    });
}

/// The witness sees how `update-service` sends the service of every journey what it has.
async fn updates(run: &Run, execution: &str) {
    let caller = Invocation {
        function: "update-service".into(),
        service: Some(run.scenario.services[0].id.clone()),
        execution: Some(execution.into()),
        release: Some(3),
        kill: Default::default(),
    };
    let asked = Asked {
        api: "ecs",
        operation: "UpdateService",
        changes: true,
    };
    let body = Bytes::from(hello(json!({})).to_string());
    let seen = run.witness.before(&run.cloud, &caller, &asked, &body).await;
    run.witness.after(seen, &Response::new(Bytes::new()));
}

#[test]
fn a_change_over_a_foreign_revision_is_noticed_and_one_that_an_operator_accepted_is_none() {
    after("redeploy", async |run| {
        let ecs = &run.cloud.ecs;
        let container = json!({ "name": "web", "image": "foreign:1", "memory": 64 });
        let revision = json!({ "family": "foreign", "containerDefinitions": [container] });
        let registered = ecs.call("RegisterTaskDefinition", revision).await.unwrap();
        let change = hello(json!({ "taskDefinition": "foreign" }));
        ecs.call("UpdateService", change).await.unwrap();
        // The function may have looked before it came.
        updates(&run, "an execution").await;
        let found = broken(&run).await;
        assert!(found.iter().all(|violation| violation.invariant != 8));

        sleep(Duration::from_secs(31)).await;
        let id = run.scenario.services[0].id.clone();
        let mut accepting = desired(&run.cloud, &id).await.unwrap();
        let before = json!(accepting);
        let arn = &registered["taskDefinition"]["taskDefinitionArn"];
        accepting.accepted = arn.as_str().map(str::to_owned);
        put(&run, keys::desired(&id), &json!(accepting));
        updates(&run, "an execution").await;
        let found = broken(&run).await;
        assert!(found.iter().all(|violation| violation.invariant != 8));

        put(&run, keys::desired(&id), &before);
        updates(&run, "an execution").await;
        noticed(&broken(&run).await, 8, "by update-service over");
    });
}

#[test]
fn a_change_during_a_hold_is_noticed() {
    after("redeploy", async |run| {
        let id = run.scenario.services[0].id.clone();
        let mut held = desired(&run.cloud, &id).await.unwrap();
        held.hold("a move".into(), SetBy::Operator, run.cloud.world.now());
        put(&run, keys::desired(&id), &json!(held));
        updates(&run, "an execution").await;
        noticed(&broken(&run).await, 7, "although it was on hold: a move");
    });
}

#[test]
fn a_good_image_that_is_left_out_is_noticed() {
    after("roll-back", async |mut run| {
        for push in &mut run.pushes {
            push.behaviour = Behaviour::Good;
        }
        let found = broken(&run).await;
        noticed(&found, 2, "release 2 is good and was rolled-back");
        noticed(&found, 2, "does not run hello:1.1.0, which is good");
    });
}

#[test]
fn a_first_release_that_crashes_for_ever_is_noticed() {
    after("bad first release", async |run| {
        let change = hello(json!({ "desiredCount": 1 }));
        run.cloud.ecs.call("UpdateService", change).await.unwrap();
        noticed(
            &broken(&run).await,
            2,
            "never had a good release, and starts tasks of",
        );
    });
}

#[test]
fn a_task_before_the_rollout_that_never_ran_is_noticed() {
    after("redeploy", async |mut run| {
        for uploaded in &mut run.stories[0].files {
            for content in uploaded.contents.values_mut() {
                content["before"] = json!([{ "name": "migrate" }]);
            }
        }
        noticed(&broken(&run).await, 6, "with 0 of its 1 tasks");
    });
}
