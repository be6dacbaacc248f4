//! Reads of ECS that answer as before, for a while after a change.

use std::time::Duration;

use landfall::{hold::SetBy, record::Verdict};
use landfall_simulation::{
    fault::Plan,
    scenario::{Before, Behaviour, Edition, Rule},
    witness::record,
};
use serde_json::json;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

/// From less than a look to more than a minute.
const LAGS: [u64; 4] = [1, 4, 20, 90];

async fn open(seconds: u64) -> Stage {
    Stage::open_in(&[], Plan::Never, |settings| {
        settings.ecs.read_lag = Duration::from_secs(seconds);
    })
    .await
}

#[test]
fn a_good_release_succeeds_though_ecs_shows_neither_the_new_service_nor_its_change_yet() {
    for seconds in LAGS {
        play(async {
            let stage = open(seconds).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;

            let pushed = stage.push("hello", "1.1.0").await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&pushed));
        });
    }
}

#[test]
fn a_bad_release_goes_back_though_ecs_shows_neither_it_nor_the_way_back_yet() {
    for seconds in LAGS {
        for by_ecs in [true, false] {
            play(async {
                let stage = open(seconds).await;
                let mut hello = service("hello", Rule::Semver);
                hello.circuit_breaker = by_ecs;
                let good = stage.push("hello", "1.0.0").await;
                stage.put_file(&hello, 512).await;
                stage.rest().await;
                let bad = Behaviour::Crashes.simulated();
                stage.push_behaving("hello", "1.1.0", bad).await;
                stage.rest().await;
                stage.verdict(&hello, 2, Verdict::RolledBack).await;
                assert!(stage.live_image(&hello).await.ends_with(&good));
            });
        }
    }
}

/// Somebody else gives `web/hello` a revision.
async fn foreign_deployment(stage: &Stage) {
    let ecs = &stage.wire.cloud.ecs;
    let container = json!({ "name": "web", "image": "foreign:1", "memory": 64 });
    let revision = json!({ "family": "foreign", "containerDefinitions": [container] });
    ecs.call("RegisterTaskDefinition", revision).await.unwrap();
    let change = json!({ "cluster": "web", "service": "hello", "taskDefinition": "foreign" });
    ecs.call("UpdateService", change).await.unwrap();
}

#[test]
fn a_foreign_revision_whose_place_the_release_before_took_stops_no_release_though_ecs_shows_it_yet()
{
    let mut overlooked = 0;
    // The lag ends between the look of the second release at the service and its change.
    for milliseconds in (9_100..9_300).step_by(20) {
        play(async {
            let stage = open(10).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.rest().await;

            foreign_deployment(&stage).await;
            sleep(Duration::from_millis(milliseconds)).await;
            stage.push("hello", "1.1.0").await;
            sleep(Duration::from_secs(3)).await;
            let pushed = stage.push("hello", "1.2.0").await;
            stage.rest().await;
            let second = record(&stage.wire.cloud, &hello.id, 2).await;
            if second.is_some_and(|second| second.verdict == Verdict::Superseded) {
                stage.verdict(&hello, 3, Verdict::Succeeded).await;
                assert!(stage.live_image(&hello).await.ends_with(&pushed));
                overlooked += 1;
            }
        });
    }
    assert!(overlooked > 0);
}

#[test]
fn a_foreign_revision_is_noticed_though_ecs_shows_the_one_before_yet() {
    for seconds in LAGS {
        play(async {
            let stage = open(seconds).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.rest().await;

            foreign_deployment(&stage).await;
            // Lambda repeats an invocation after one minute and after two more.
            sleep(Duration::from_secs(240)).await;
            let hold = stage.desired(&hello).await.hold;
            let drifted = hold.is_some_and(|hold| hold.set_by == SetBy::Drift);
            assert!(drifted, "{seconds} s late");
        });
    }
}

#[test]
fn a_release_that_fails_before_its_rollout_takes_back_what_the_one_before_it_began_a_moment_ago() {
    for seconds in LAGS {
        play(async {
            let stage = open(seconds).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let good = stage.live_image(&hello).await;

            let never = Behaviour::NeverHealthy.simulated();
            stage.push_behaving("hello", "1.1.0", never).await;
            stage.later().await;
            let file = hello.file(Edition {
                before: Some(Before {
                    takes: 1,
                    exit_code: 3,
                }),
                ..Edition::PLAIN
            });
            let text = file.to_string();
            stage.driver.put_file(&hello.key, &text).await.unwrap();
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Superseded).await;
            stage.verdict(&hello, 3, Verdict::RolledBack).await;
            assert_eq!(stage.live_image(&hello).await, good, "{seconds}");
        });
    }
}

/// When each task of the service that runs was started, in seconds since 1970.
async fn started(stage: &Stage) -> Vec<f64> {
    let ecs = &stage.wire.cloud.ecs;
    let listed = json!({ "cluster": "web", "serviceName": "hello" });
    let arns = ecs.call("ListTasks", listed).await.unwrap()["taskArns"].clone();
    let asked = json!({ "cluster": "web", "tasks": arns });
    let answer = ecs.call("DescribeTasks", asked).await.unwrap();
    let tasks = answer["tasks"].as_array().unwrap().iter();
    tasks
        .filter_map(|task| task["startedAt"].as_f64())
        .collect()
}

#[test]
fn a_release_of_nothing_but_more_tasks_succeeds_once_they_run() {
    for seconds in LAGS {
        play(async {
            let stage = Stage::open_in(&[], Plan::Never, |settings| {
                settings.ecs.read_lag = Duration::from_secs(seconds);
                settings.ecs.pulling = Duration::from_secs(20);
            })
            .await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;

            let file = hello.file(Edition {
                desired_count: 3,
                ..Edition::PLAIN
            });
            let text = file.to_string();
            stage.driver.put_file(&hello.key, &text).await.unwrap();
            stage.rest().await;
            let record = stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let concluded = record.timeline.concluded_at.as_duration().as_secs_f64();
            let started = started(&stage).await;
            let before = started.iter().filter(|at| **at <= concluded).count();
            assert_eq!(before, 3, "{seconds}: {started:?} {concluded}");
        });
    }
}
