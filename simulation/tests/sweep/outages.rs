//! Times in which AWS does not answer: what nobody could see says nothing about a release.

use std::time::Duration;

use landfall::{
    hold::SetBy,
    record::{Cause, Record, Verdict},
};
use landfall_local::cloud::ecs::{Healthy, SimulatedBehaviour};
use landfall_simulation::{
    fault::{Away, Fault, Plan},
    journeys::journeys,
    neighbours::Neighbours,
    run::play as play_scenario,
    scenario::{Before, Edition, Rule, Scenario, Service, Strategy},
    sweep::Hit,
    witness::record,
};
use serde_json::Value;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

/// Longer than an execution has patience.
const FOR_HOURS: Duration = Duration::from_secs(3 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

/// Runs 1.0.0, and is given 1.1.0 by release 2 when something goes away. Answers the digest of 1.1.0.
async fn rolls_out(stage: &Stage, hello: &Service, away: Away, fault: Fault) -> String {
    stage.first_release(hello).await;
    stage.verdict(hello, 1, Verdict::Succeeded).await;
    let digest = stage.push("hello", "1.1.0").await;
    stage.given(hello, &digest).await;
    stage.wire.faults.go_away(away, fault, FOR_HOURS);
    digest
}

/// Waits for a release's record.
async fn concluded(stage: &Stage, hello: &Service, number: u64) -> Record {
    for _ in 0..4000 {
        if let Some(record) = record(&stage.wire.cloud, &hello.id, number).await {
            // The verdict follows the record.
            sleep(Duration::from_secs(5)).await;
            return record;
        }
        sleep(Duration::from_secs(5)).await;
    }
    panic!("no record\n{}", stage.wire.journal.timeline());
}

#[test]
fn a_good_release_goes_through_once_aws_answers_again_also_long_after_its_timeout() {
    let twenty = 20 * MINUTE;
    for (away, fault, lasts) in [
        (Away::Api("ecs"), Fault::ServerError, 90 * MINUTE / 60),
        (Away::Api("ecs"), Fault::ServerError, twenty),
        (Away::Api("ecs"), Fault::Throttled, twenty),
        (Away::Api("ecs"), Fault::LostBefore, twenty),
        (Away::Api("s3"), Fault::ServerError, twenty),
        (
            Away::Operation("DescribeServices"),
            Fault::ServerError,
            twenty,
        ),
        (Away::Operation("ListTasks"), Fault::Throttled, twenty),
    ] {
        play(async {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            let digest = rolls_out(&stage, &hello, away, fault).await;
            sleep(lasts).await;
            assert_eq!(stage.desired(&hello).await.open.len(), 1, "{away:?}");
            stage.wire.faults.come_back();
            stage.rest().await;
            let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&digest));
            let blind = Duration::from_secs(record.timeline.blind_seconds);
            assert!(blind < lasts + 2 * MINUTE, "{away:?}: {blind:?}");
            assert!(
                lasts < 5 * MINUTE || blind > lasts - 3 * MINUTE,
                "{away:?}: {blind:?}"
            );
        });
    }
}

#[test]
fn a_release_that_nobody_can_see_for_hours_is_undecided_and_goes_on_by_itself() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let digest = rolls_out(&stage, &hello, Away::Api("ecs"), Fault::ServerError).await;
        let seen = stage.wire.cloud.requests.requests().len();
        let record = concluded(&stage, &hello, 2).await;
        assert_eq!(record.verdict, Verdict::Undecided, "{}", record.reason);
        assert!(record.timeline.blind_seconds > 3000, "{record:?}");
        assert!(record.reason.contains("ecs:"), "{}", record.reason);

        // Nothing was undone, nothing is blamed on the image, and the claim is free.
        let desired = stage.desired(&hello).await;
        let hold = desired.hold.clone().unwrap();
        assert_eq!(
            (hold.set_by, &hold.reason),
            (SetBy::Undecided, &record.reason)
        );
        assert_eq!((desired.claim.clone(), desired.quarantine.len()), (None, 0));
        assert_eq!(desired.last_good.map(|good| good.number), Some(1));
        assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
        assert!(stage.live_image(&hello).await.ends_with(&digest));

        // A sweep that cannot see either, and one that comes too soon, change nothing.
        sleep(10 * MINUTE).await;
        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.hold, Some(hold));

        stage.wire.faults.come_back();
        stage.sweep().await;
        stage.rest().await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert_eq!(record.release.cause, Cause::SightRestored);
        assert!(stage.live_image(&hello).await.ends_with(&digest));
        let desired = stage.desired(&hello).await;
        assert_eq!((desired.hold, desired.undecided), (None, 0));
        // What was done is done.
        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.last_number, 3);
    });
}

#[test]
fn a_task_whose_end_nobody_saw_says_nothing_about_the_release_and_runs_again_with_the_next() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let file = hello.file(Edition {
            before: Some(Before {
                takes: 20,
                exit_code: 0,
            }),
            ..Edition::PLAIN
        });
        let text = file.to_string();
        stage.driver.put_file(&hello.key, &text).await.unwrap();
        while stage.ran_alone().await.is_empty() {
            sleep(Duration::from_secs(1)).await;
        }
        let s3 = Away::Api("s3");
        stage.wire.faults.go_away(s3, Fault::ServerError, FOR_HOURS);
        sleep(FOR_HOURS).await;
        stage.wire.faults.come_back();
        stage.sweep().await;
        let record = concluded(&stage, &hello, 2).await;
        assert_eq!(record.verdict, Verdict::Undecided, "{}", record.reason);
        assert!(
            record.reason.contains("ECS no longer knows how it ended"),
            "{}",
            record.reason
        );
        stage.rest().await;
        sleep(10 * MINUTE).await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
    });
}

#[test]
fn a_newer_push_waits_until_aws_answers_again_and_an_operator_need_not_wait() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        rolls_out(&stage, &hello, Away::Api("ecs"), Fault::Throttled).await;
        let newer = stage.push("hello", "1.2.0").await;
        let record = concluded(&stage, &hello, 2).await;
        assert_eq!(record.verdict, Verdict::Undecided);
        stage.wire.faults.come_back();
        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.open.len(), 1, "too soon");

        let operator = stage.operator();
        let resumed = operator.resume(&hello.id, None, Some(&stage.state_machine));
        resumed.await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&newer));
        sleep(10 * MINUTE).await;
        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.last_number, 3);
    });
}

#[test]
fn a_hold_that_an_operator_set_stays_the_operators() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        rolls_out(&stage, &hello, Away::Api("ecs"), Fault::ServerError).await;
        let operator = stage.operator();
        operator.hold(&hello.id, "maintenance").await.unwrap();
        let record = concluded(&stage, &hello, 2).await;
        assert_eq!(record.verdict, Verdict::Undecided);
        stage.wire.faults.come_back();
        sleep(10 * MINUTE).await;
        stage.sweep().await;
        stage.rest().await;
        let hold = stage.desired(&hello).await.hold.unwrap();
        assert_eq!(hold.set_by, SetBy::Operator);

        let resumed = operator.resume(&hello.id, None, Some(&stage.state_machine));
        resumed.await.unwrap();
        stage.rest().await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert_eq!(record.release.cause, Cause::Resumed);
    });
}

#[test]
fn whatever_goes_wrong_without_evidence_is_tried_again_after_a_pause_that_grows() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        stage.break_function("register-task-definition");
        let digest = stage.push("hello", "1.1.0").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Undecided).await;
        for (minutes, last_number) in [(4, 2), (2, 3), (6, 3), (5, 4)] {
            sleep(minutes * MINUTE).await;
            stage.sweep().await;
            stage.rest().await;
            let desired = stage.desired(&hello).await;
            assert_eq!(desired.last_number, last_number);
            stage.verdict(&hello, last_number, Verdict::Undecided).await;
        }
        stage.mend("register-task-definition");
        sleep(21 * MINUTE).await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 5, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&digest));
    });
}

#[test]
fn a_bad_release_whose_way_back_nobody_answers_has_failed() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = Service {
            circuit_breaker: false,
            ..service("hello", Rule::Semver)
        };
        stage.first_release(&hello).await;
        let crashes = SimulatedBehaviour {
            exits: Some((Duration::from_millis(300), 1)),
            healthy: Healthy::Never,
            ..SimulatedBehaviour::default()
        };
        let digest = stage.push_behaving("hello", "1.1.0", crashes).await;
        stage.given(&hello, &digest).await;
        let changes = Away::Operation("UpdateService");
        stage
            .wire
            .faults
            .go_away(changes, Fault::ServerError, FOR_HOURS);
        let record = concluded(&stage, &hello, 2).await;
        assert_eq!(record.verdict, Verdict::Failed);
        let reason = &record.reason;
        assert!(reason.contains("; and the roll-back failed: "), "{reason}");
        let desired = stage.desired(&hello).await;
        assert_eq!((desired.hold.clone(), desired.left_out().len()), (None, 1));
    });
}

#[test]
fn the_way_back_is_gone_also_while_ecs_lists_no_deployment_to_end() {
    play(async {
        let stage = Stage::open(&[]).await;
        let neighbours = Neighbours::settle(&stage.wire.cloud).await.unwrap();
        let hello = service("hello", Rule::Semver);
        let two_groups = Edition {
            sections: true,
            strategy: Strategy::Linear,
            ..Edition::PLAIN
        };
        let put = async |file: Value| {
            let put = stage.driver.put_file(&hello.key, &file.to_string()).await;
            put.unwrap();
        };
        let good = stage.push("hello", "1.0.0").await;
        put(neighbours.file(&hello, two_groups)).await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let never = SimulatedBehaviour {
            healthy: Healthy::Never,
            ..SimulatedBehaviour::default()
        };
        let digest = stage.push_behaving("hello", "1.1.0", never).await;
        stage.given(&hello, &digest).await;
        let failing = Edition {
            before: Some(Before {
                takes: 60,
                exit_code: 3,
            }),
            ..two_groups
        };
        put(neighbours.file(&hello, failing)).await;
        let passed_over = concluded(&stage, &hello, 2).await;
        assert_eq!(passed_over.verdict, Verdict::Superseded);
        let list = Away::Operation("ListServiceDeployments");
        stage
            .wire
            .faults
            .go_away(list, Fault::ServerError, FOR_HOURS);
        stage.given(&hello, &good).await;
    });
}

#[test]
fn a_record_that_s3_has_no_time_for_is_written_by_the_same_execution_a_moment_later() {
    let mut journeys = journeys().into_iter();
    let journey = journeys.find(|journey| journey.name == "redeploy").unwrap();
    let hits = journey.hits().unwrap().into_iter();
    let calls = hits.filter_map(|hit| match hit {
        Hit::Call {
            number,
            made,
            fault: Fault::Conflict,
        } => (made.name == "conclude-release PUT record").then_some(number),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls.len(), 2, "a record for each release");
    for call in calls {
        let fault = Fault::Conflict;
        let report = play_scenario(Scenario {
            faults: Plan::Once { call, fault },
            ..journey.scenario.clone()
        });
        let report = report.unwrap();
        assert_eq!(report.faults, 1);
        assert!(
            !report.states.contains(&"NotConcluded".to_owned()),
            "{}",
            report.timeline
        );
    }
}
