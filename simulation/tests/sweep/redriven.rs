//! Executions that somebody redrives: they go on at the step where they stopped, when another has done their work.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_simulation::scenario::{Behaviour, Rule, Service};
use serde_json::json;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

/// Stops the execution that works on release 2 once it enters a state of that name; answers its ARN.
async fn stopped_at(stage: &Stage, hello: &Service, state: &str, image: Behaviour) -> String {
    let image = image.simulated();
    stage.push_behaving("hello", "1.1.0", image).await;
    let execution = loop {
        sleep(Duration::from_millis(1)).await;
        if let Some(claim) = stage.claim(hello).await {
            break claim.execution;
        }
    };
    let entered = json!({ "executionArn": execution, "reverseOrder": true });
    loop {
        sleep(Duration::from_millis(1)).await;
        let history = stage
            .wire
            .cloud
            .executions
            .call("GetExecutionHistory", entered.clone());
        let history = history.await.unwrap();
        let mut events = history["events"].as_array().unwrap().iter();
        let newest = events.find(|event| event["stateEnteredEventDetails"].is_object());
        if newest.is_some_and(|event| event["stateEnteredEventDetails"]["name"] == state) {
            break;
        }
    }
    stage.stop(&execution).await;
    execution
}

async fn redrive(stage: &Stage, execution: &str) {
    let input = json!({ "executionArn": execution });
    let executions = &stage.wire.cloud.executions;
    executions.call("RedriveExecution", input).await.unwrap();
}

const STATES: [&str; 5] = [
    "RegisterTaskDefinition",
    "UpdateService",
    "AwaitRollout",
    "VerifyHealth",
    "ConcludeRelease",
];

#[test]
fn an_execution_that_is_redriven_when_another_has_concluded_its_release_changes_nothing() {
    for state in STATES {
        play(async {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let execution = stopped_at(&stage, &hello, state, Behaviour::Good).await;
            // Another takes over, and a newer release follows.
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let newest = stage.push("hello", "1.2.0").await;
            stage.rest().await;
            stage.verdict(&hello, 3, Verdict::Succeeded).await;

            let (before, seen) = (
                stage.desired(&hello).await,
                stage.wire.cloud.requests.requests().len(),
            );
            let announced = stage.wire.witness.announced().len();
            redrive(&stage, &execution).await;
            stage.rest().await;
            let changes = stage.changes_in_ecs(seen);
            let timeline = stage.wire.journal.timeline();
            assert_eq!(changes, [""; 0], "{state}\n{timeline}");
            assert_eq!(stage.desired(&hello).await, before, "{state}");
            assert_eq!(stage.wire.witness.announced().len(), announced, "{state}");
            assert!(stage.live_image(&hello).await.ends_with(&newest), "{state}");
        });
    }
}

#[test]
fn an_execution_that_is_redriven_when_another_has_gone_back_from_its_release_changes_nothing() {
    // The tasks crash before their health is looked at.
    let states = STATES.into_iter().filter(|state| *state != "VerifyHealth");
    for state in states {
        play(async {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let good = stage.live_image(&hello).await;
            let execution = stopped_at(&stage, &hello, state, Behaviour::Crashes).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::RolledBack).await;
            let seen = stage.wire.cloud.requests.requests().len();
            redrive(&stage, &execution).await;
            stage.rest().await;
            assert_eq!(stage.changes_in_ecs(seen), [""; 0], "{state}");
            assert_eq!(stage.live_image(&hello).await, good, "{state}");
        });
    }
}

#[test]
fn an_execution_that_is_redriven_at_once_ends_its_release_like_any_other() {
    for state in STATES {
        play(async {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let execution = stopped_at(&stage, &hello, state, Behaviour::Good).await;
            sleep(Duration::from_secs(1)).await;
            redrive(&stage, &execution).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let desired = stage.desired(&hello).await;
            assert_eq!((desired.claim, desired.open.len()), (None, 0), "{state}");
            let announced = stage.wire.witness.announced().into_iter();
            let mut verdicts: Vec<_> = announced
                .filter(|verdict| verdict.number == 2)
                .map(|verdict| verdict.verdict)
                .collect();
            verdicts.dedup();
            assert_eq!(verdicts, [Verdict::Succeeded], "{state}");
        });
    }
}
