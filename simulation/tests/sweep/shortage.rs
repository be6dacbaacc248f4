//! Times in which ECS cannot place or start tasks, takes them away, or waits for old ones to stop: nothing of that speaks
//! against a release.

use std::time::Duration;

use landfall::{
    evidence::Against,
    hold::SetBy,
    record::{Cause, Verdict},
};
use landfall_local::cloud::ecs::{Shortage, SimulatedBehaviour};
use landfall_simulation::scenario::{Before, Edition, Rule, Service};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

const MINUTE: Duration = Duration::from_secs(60);

/// AWS's words: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>.
fn no_capacity() -> Option<Shortage> {
    let reason = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
    Some(Shortage::Places(reason.into()))
}

/// AWS's words: <https://github.com/aws/amazon-ecs-agent/issues/4825>.
fn no_interface() -> Option<Shortage> {
    let reason = "Timeout waiting for network interface provisioning to complete.";
    Some(Shortage::Starts(reason.into()))
}

/// AWS's words: <https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/102>.
fn no_registry() -> Option<Shortage> {
    let reason = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
                  Post \"https://api.ecr.us-west-2.amazonaws.com/\": dial tcp 1.2.3.4:443: i/o timeout";
    Some(Shortage::Starts(reason.into()))
}

/// `web/hello`; ECS gives a rollout up by itself, or not.
fn hello(circuit_breaker: bool) -> Service {
    Service {
        circuit_breaker,
        ..service("hello", Rule::Semver)
    }
}

/// Its file with two tasks that has 3 minutes for a rollout, changed so.
fn file(hello: &Service, before: Option<Before>, change: impl FnOnce(&mut Value)) -> String {
    let mut file = hello.file(Edition {
        desired_count: 2,
        before,
        ..Edition::PLAIN
    });
    change(&mut file);
    file.to_string()
}

/// Runs 1.0.0 by this file.
async fn serving(hello: &Service, file: &str) -> Stage {
    let stage = Stage::open(&[]).await;
    stage.push("hello", "1.0.0").await;
    stage.driver.put_file(&hello.key, file).await.unwrap();
    stage.rest().await;
    stage.verdict(hello, 1, Verdict::Succeeded).await;
    stage
}

fn run_short(stage: &Stage, shortage: Option<Shortage>) {
    stage.wire.cloud.ecs.run_short(shortage);
}

/// How many tasks of the service run.
async fn running(stage: &Stage, hello: &Service) -> i64 {
    stage.live(hello).await["runningCount"].as_i64().unwrap()
}

/// Release 2, of this image, ended undecided because of ECS, the service runs release 1, and nothing is blamed; once ECS
/// can start tasks, the image goes through.
async fn is_tried_again(stage: &Stage, hello: &Service, digest: &str, said: &str) {
    let record = stage.verdict(hello, 2, Verdict::Undecided).await;
    assert!(record.reason.contains(said), "{}", record.reason);
    let diagnosis = record.diagnosis.unwrap();
    assert_eq!(diagnosis.against, Some(Against::Platform));
    let desired = stage.desired(hello).await;
    assert_eq!((desired.quarantine.len(), desired.open.len()), (0, 0));
    assert_eq!(desired.hold.map(|hold| hold.set_by), Some(SetBy::Undecided));
    assert!(!stage.live_image(hello).await.ends_with(digest));
    assert_eq!(
        running(stage, hello).await,
        2,
        "what served goes on serving"
    );

    run_short(stage, None);
    sleep(10 * MINUTE).await;
    stage.sweep().await;
    stage.rest().await;
    let record = stage.verdict(hello, 3, Verdict::Succeeded).await;
    assert_eq!(record.release.cause, Cause::SightRestored);
    assert!(stage.live_image(hello).await.ends_with(digest));
}

#[test]
fn a_release_for_which_ecs_has_no_capacity_waits_longer_than_its_timeout_and_succeeds() {
    for shortage in [no_capacity(), no_interface(), no_registry()] {
        play(async {
            let hello = hello(false);
            let stage = serving(&hello, &file(&hello, None, |_| ())).await;
            run_short(&stage, shortage.clone());
            let digest = stage.push("hello", "1.1.0").await;
            sleep(20 * MINUTE).await;
            assert_eq!(stage.desired(&hello).await.open.len(), 1, "{shortage:?}");
            assert_eq!(running(&stage, &hello).await, 2, "the old ones");

            run_short(&stage, None);
            stage.rest().await;
            let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let withheld = record.timeline.withheld_seconds;
            assert!((1080..=1320).contains(&withheld), "{withheld}");
            assert!(stage.live_image(&hello).await.ends_with(&digest));
        });
    }
}

#[test]
fn a_release_that_ecs_gave_up_because_it_could_not_start_its_tasks_is_tried_again() {
    for (shortage, said) in [
        (no_capacity(), "Capacity is unavailable"),
        (no_interface(), "network interface provisioning"),
        (no_registry(), "i/o timeout"),
    ] {
        play(async {
            let hello = hello(true);
            let stage = serving(&hello, &file(&hello, None, |_| ())).await;
            run_short(&stage, shortage);
            let digest = stage.push("hello", "1.1.0").await;
            stage.rest().await;
            is_tried_again(&stage, &hello, &digest, said).await;
        });
    }
}

#[test]
fn a_release_that_ecs_cannot_start_for_hours_gives_the_service_back_and_is_tried_again() {
    play(async {
        let hello = hello(false);
        let stage = serving(&hello, &file(&hello, None, |_| ())).await;
        run_short(&stage, no_capacity());
        let digest = stage.push("hello", "1.1.0").await;
        sleep(60 * MINUTE).await;
        assert_eq!(stage.desired(&hello).await.open.len(), 1);
        sleep(10 * MINUTE).await;
        stage.rest().await;
        is_tried_again(&stage, &hello, &digest, "Capacity is unavailable").await;
    });
}

#[test]
fn tasks_that_die_are_the_releases_fault_also_while_ecs_is_short_of_capacity() {
    play(async {
        let hello = hello(true);
        let stage = serving(&hello, &file(&hello, None, |_| ())).await;
        let crashes = SimulatedBehaviour {
            exits: Some((Duration::from_secs(1), 3)),
            ..SimulatedBehaviour::default()
        };
        let digest = stage.push_behaving("hello", "1.1.0", crashes).await;
        stage.given(&hello, &digest).await;
        // Its first tasks have started, and exit; the others find no place.
        sleep(Duration::from_secs(1)).await;
        run_short(&stage, no_capacity());
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        assert_eq!(record.diagnosis.unwrap().against, Some(Against::Release));
        assert_eq!(stage.desired(&hello).await.left_out().len(), 1);
    });
}

#[test]
fn old_tasks_that_take_hours_to_stop_do_not_undo_what_took_their_place() {
    play(async {
        let hello = hello(false);
        let file = file(&hello, None, |file| {
            file["taskDefinition"]["containerDefinitions"][0]["stopTimeout"] = json!(36_000);
        });
        let stage = Stage::open(&[]).await;
        let slow = SimulatedBehaviour {
            stopping: 180 * MINUTE,
            ..SimulatedBehaviour::default()
        };
        stage.push_behaving("hello", "1.0.0", slow).await;
        stage.driver.put_file(&hello.key, &file).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let digest = stage.push("hello", "1.1.0").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&digest));
        let live = stage.live(&hello).await;
        assert_eq!(
            live["deployments"].as_array().unwrap().len(),
            2,
            "old tasks still stop"
        );
    });
}

#[test]
fn a_migration_that_is_not_started_or_loses_its_spot_capacity_is_asked_for_again() {
    let migrating = |hello: &Service| {
        let before = Before {
            takes: 600,
            exit_code: 0,
        };
        file(hello, Some(before), |_| ())
    };
    for spot in [false, true] {
        play(async {
            let hello = hello(true);
            let stage = serving(&hello, &file(&hello, None, |_| ())).await;
            if !spot {
                run_short(&stage, no_interface());
            }
            stage.later().await;
            stage
                .driver
                .put_file(&hello.key, &migrating(&hello))
                .await
                .unwrap();
            if spot {
                sleep(Duration::from_secs(20)).await;
                stage.wire.cloud.ecs.interrupt_spot("landfall/");
            } else {
                sleep(5 * MINUTE).await;
                run_short(&stage, None);
            }
            stage.rest().await;
            let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let waited = record
                .timeline
                .concluded_at
                .duration_since(record.timeline.created_at);
            assert!(
                waited.as_secs() > 60,
                "{waited:?}: it ran again from its beginning"
            );
        });
    }
}

#[test]
fn a_migration_that_is_never_started_leaves_the_release_undecided() {
    play(async {
        let hello = hello(true);
        let before = Before {
            takes: 10,
            exit_code: 0,
        };
        let stage = serving(&hello, &file(&hello, Some(before), |_| ())).await;
        run_short(&stage, no_interface());
        let digest = stage.push("hello", "1.1.0").await;
        stage.rest().await;
        is_tried_again(&stage, &hello, &digest, "network interface provisioning").await;
    });
}

#[test]
fn scaling_out_while_a_release_bakes_does_not_end_it() {
    play(async {
        let hello = hello(true);
        let file = file(&hello, None, |file| file["verify"]["bake"] = json!("10m"));
        let stage = serving(&hello, &file).await;
        let digest = stage.push("hello", "1.1.0").await;
        stage.given(&hello, &digest).await;
        sleep(5 * MINUTE).await;
        run_short(&stage, no_capacity());
        let more = json!({ "cluster": "web", "service": "hello", "desiredCount": 4 });
        stage
            .wire
            .cloud
            .ecs
            .call("UpdateService", more)
            .await
            .unwrap();
        sleep(4 * MINUTE).await;
        assert_eq!(running(&stage, &hello).await, 2);
        run_short(&stage, None);
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
        let took = record
            .timeline
            .concluded_at
            .duration_since(record.timeline.created_at);
        assert!(
            took.as_mins() < 13,
            "{took:?}: the bake time did not begin again"
        );
    });
}
