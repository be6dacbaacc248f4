//! Executions that die.

use std::{collections::BTreeSet, time::Duration};

use landfall::{
    last_call::LAST_CALL,
    record::{Record, Verdict},
};
use landfall_simulation::{
    fault::{Fault, Plan},
    scenario::{Before, Edition, Rule, Service},
    witness::{desired, record},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

/// A Landfall that meets such faults, in which `web/hello` runs hello:1.0.0.
async fn serving(plan: Plan) -> (Stage, Service) {
    let stage = Stage::open_hit(&[], plan).await;
    let hello = service("hello", Rule::Semver);
    stage.first_release(&hello).await;
    (stage, hello)
}

/// Release 2 failed once, because every execution died; answers its record.
async fn every_execution_died(stage: &Stage, hello: &Service) -> Record {
    let record = stage.verdict(hello, 2, Verdict::Failed).await;
    let reason = &record.reason;
    assert!(reason.starts_with("every execution died"), "{reason}");
    let announced = stage.wire.witness.announced().into_iter();
    let verdicts: Vec<_> = announced
        .filter(|verdict| verdict.number == 2)
        .map(|verdict| verdict.verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Failed]);
    record
}

/// Pushes an image, which becomes the release of this number and proves good.
async fn goes_through(stage: &Stage, hello: &Service, tag: &str, number: u64) {
    let pushed = stage.push("hello", tag).await;
    stage.rest().await;
    stage.verdict(hello, number, Verdict::Succeeded).await;
    assert!(stage.live_image(hello).await.ends_with(&pushed));
}

#[test]
fn a_dead_execution_of_which_nobody_heard_is_followed_by_another() {
    play(async {
        let stage = Stage::open(&["execution-ended"]).await;
        let hello = service("hello", Rule::Semver);
        stage.push("hello", "1.0.0").await;
        stage.put_file(&hello, 512).await;
        let claim = loop {
            sleep(Duration::from_millis(20)).await;
            if let Some(claim) = stage.claim(&hello).await {
                break claim;
            }
        };
        stage.stop(&claim.execution).await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.open.len(), 1);

        stage.sweep().await;
        stage.rest().await;
        let record = stage.verdict(&hello, 1, Verdict::Succeeded).await;
        assert_ne!(record.execution, Some(claim.execution));
        stage.sweep().await;
        assert_eq!(stage.executions("RUNNING").await, 0);
    });
}

#[test]
fn a_release_that_kills_every_execution_ends_as_failed_and_blocks_no_newer_one() {
    play(async {
        let (stage, hello) = serving(Plan::Never).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        stage.push("hello", "1.1.0").await;
        // Three that deploy it, and one that rolls it back.
        for attempt in 1..=4 {
            let claim = loop {
                sleep(Duration::from_millis(20)).await;
                let claim = stage.claim(&hello).await;
                if let Some(claim) = claim.filter(|claim| claim.attempt == attempt) {
                    break claim;
                }
            };
            stage.stop(&claim.execution).await;
        }
        stage.rest().await;
        every_execution_died(&stage, &hello).await;

        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.last_number, 2);
        goes_through(&stage, &hello, "1.2.0", 3).await;
    });
}

#[test]
fn a_release_whose_every_execution_dies_at_once_fails_once_and_the_next_one_goes_through() {
    play(async {
        let (stage, hello) = serving(Plan::Never).await;

        stage.push("hello", "1.1.0").await;
        let mut killed = BTreeSet::new();
        // Three that deploy it, and the one that only rolls it back. The fifth has nothing left to do that could kill it.
        while killed.len() < 4 {
            sleep(Duration::from_millis(20)).await;
            let Some(claim) = stage.claim(&hello).await else {
                continue;
            };
            if claim.release == 2 && killed.insert(claim.execution.clone()) {
                stage.stop(&claim.execution).await;
            }
        }
        stage.rest().await;
        let record = every_execution_died(&stage, &hello).await;
        assert_eq!(stage.executions("ABORTED").await, killed.len());
        assert!(!killed.contains(&record.execution.unwrap()));

        goes_through(&stage, &hello, "1.2.0", 3).await;
    });
}

/// The commands and exit codes of the tasks that Landfall ran alone, in the order of their creation.
async fn ran_alone(stage: &Stage) -> Vec<(Value, Value)> {
    let described = |task: &Value| {
        let command = &task["overrides"]["containerOverrides"][0]["command"][0];
        (command.clone(), task["containers"][0]["exitCode"].clone())
    };
    stage.ran_alone().await.iter().map(described).collect()
}

#[test]
fn a_newer_release_waits_for_the_migration_that_runs_and_an_execution_that_died_runs_none_again() {
    play(async {
        let (stage, hello) = serving(Plan::Never).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        stage.later().await;
        let migrating = hello.file(Edition {
            before: Some(Before {
                takes: 60,
                exit_code: 0,
            }),
            ..Edition::PLAIN
        });
        stage
            .driver
            .put_file(&hello.key, &migrating.to_string())
            .await
            .unwrap();
        while ran_alone(&stage).await.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        let claim = stage.claim(&hello).await.unwrap();
        stage.stop(&claim.execution).await;
        stage.push("hello", "1.1.0").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Superseded).await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        let migrated = (json!("migrate"), json!(0));
        assert_eq!(
            ran_alone(&stage).await,
            [migrated.clone(), migrated],
            "one for each release, none of them interrupted"
        );
    });
}

#[test]
fn eight_dead_executions_in_a_row_strand_no_service() {
    play(async {
        let (stage, hello) = serving(Plan::Never).await;

        stage.break_function("conclude-release");
        stage.push("hello", "1.1.0").await;
        stage.rest().await;
        // The first, and eight that followed it at once.
        assert_eq!(stage.executions("FAILED").await, 9);

        for sweeps in 1..=3 {
            stage.sweep().await;
            stage.rest().await;
            let dead = stage.executions("FAILED").await;
            assert_eq!(
                dead,
                9 + sweeps,
                "each sweep starts one, which is not followed at once"
            );
        }
        // A newer push goes on meanwhile, for as long as it is not given up too.
        let newer = stage.push("hello", "1.2.0").await;
        stage.given(&hello, &newer).await;
        stage.rest().await;

        stage.mend("conclude-release");
        stage.sweep().await;
        stage.rest().await;
        let desired = stage.desired(&hello).await;
        assert_eq!((desired.open, desired.claim), (vec![], None));
        stage.verdict(&hello, 2, Verdict::Superseded).await;
        goes_through(&stage, &hello, "1.3.0", 4).await;
    });
}

#[test]
fn the_claim_of_a_dead_execution_is_left_until_its_last_call_has_arrived() {
    play(async {
        let (stage, hello) = serving(Plan::Never).await;
        let older = stage.push("hello", "1.1.0").await;
        stage.given(&hello, &older).await;
        let dead = stage.claim(&hello).await.unwrap();
        stage.stop(&dead.execution).await;
        let newer = stage.push("hello", "1.2.0").await;

        sleep(Duration::try_from(LAST_CALL).unwrap() - Duration::from_secs(2)).await;
        assert_eq!(stage.claim(&hello).await, Some(dead));
        let late = json!({ "cluster": "web", "service": "hello", "taskDefinition": "web-hello:2" });
        let ecs = &stage.wire.cloud.ecs;
        ecs.call("UpdateService", late).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Superseded).await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&newer));
    });
}

/// A first release, and a push whose service file goes a second later, while triggers die. Answers which
/// calls triggers made before the file went.
async fn a_file_goes_after_a_push(plan: Plan, put_instead: Option<&str>) -> Vec<usize> {
    let (stage, hello) = serving(plan).await;
    stage.push("hello", "1.1.0").await;
    stage.later().await;
    let calls = stage.wire.faults.calls();
    match put_instead {
        Some(text) => stage.driver.put_file(&hello.key, text).await.unwrap(),
        None => stage.driver.delete_file(&hello.key).await.unwrap(),
    }
    // Lambda repeats what died after one minute, and after two more.
    sleep(Duration::from_secs(300)).await;
    stage.rest().await;

    if let Some(desired) = desired(&stage.wire.cloud, &hello.id).await {
        let timeline = || format!("{plan:?}\n{}", stage.wire.journal.timeline());
        let follows = desired.file.is_some();
        assert!(put_instead.is_some() || !follows, "{}", timeline());
        assert!(desired.open.is_empty(), "{}", timeline());
        for number in 1..=desired.last_number {
            let record = record(&stage.wire.cloud, &hello.id, number).await;
            assert!(record.is_some(), "{number}: {}", timeline());
        }
    }
    let triggers = ["config-changed ", "image-pushed "];
    let by_trigger = |name: &str| triggers.iter().any(|trigger| name.starts_with(trigger));
    let numbered = calls.iter().enumerate();
    numbered
        .filter(|(_, call)| by_trigger(&call.name))
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn wherever_a_trigger_dies_a_deleted_or_broken_file_leaves_no_release_open() {
    play(async {
        for put_instead in [None, Some("images: [")] {
            let calls = a_file_goes_after_a_push(Plan::Never, put_instead).await;
            assert!(calls.len() > 15, "{calls:?}");
            for call in calls {
                for fault in [Fault::KilledBefore, Fault::KilledAfter] {
                    a_file_goes_after_a_push(Plan::Once { call, fault }, put_instead).await;
                }
            }
        }
    });
}
