//! Events that never come.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::{cloud::ecs::SimulatedBehaviour, driver::manifest};
use landfall_simulation::{
    fault::{Fault, Plan},
    scenario::{Behaviour, Rule, Service},
    witness::desired,
};
use serde_json::Value;
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

#[test]
fn a_sweep_deploys_uploads_and_pushes_that_nobody_heard_of() {
    play(async {
        let stage = Stage::open(&["image-pushed", "config-changed", "rollout-changed"]).await;
        let hello = service("hello", Rule::Semver);
        stage.put_file(&hello, 512).await;
        stage.push("hello", "1.0.0").await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let pushed = stage.push("hello", "1.1.0").await;
        stage.push("hello", "1.0.1").await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&pushed));

        stage.later().await;
        stage.put_file(&hello, 1024).await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;

        stage.driver.delete_file(&hello.key).await.unwrap();
        stage.sweep().await;
        assert_eq!(stage.desired(&hello).await.file, None);
    });
}

/// A file is taken up by a function that dies and is not repeated, and goes unheard. Answers which calls the function made.
async fn a_file_goes_unheard(plan: Plan) -> Vec<usize> {
    let stage = Stage::open_hit(&[], plan).await;
    let hello = service("hello", Rule::Semver);
    stage.put_file(&hello, 512).await;
    stage.later().await;
    let calls = stage.wire.faults.calls();
    stage.break_function("config-changed");
    sleep(Duration::from_secs(300)).await;
    stage.lose("config-changed", true);
    stage.driver.delete_file(&hello.key).await.unwrap();
    stage.sweep().await;

    if let Some(desired) = desired(&stage.wire.cloud, &hello.id).await {
        let timeline = || format!("{plan:?}\n{}", stage.wire.journal.timeline());
        assert_eq!(desired.file, None, "{}", timeline());
    }
    let numbered = calls.iter().enumerate();
    numbered
        .filter(|(_, call)| call.name.starts_with("config-changed "))
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn a_sweep_lets_go_of_a_file_that_went_unheard_wherever_the_trigger_had_died() {
    play(async {
        let calls = a_file_goes_unheard(Plan::Never).await;
        assert!(calls.len() > 8, "{calls:?}");
        for call in calls {
            for fault in [Fault::KilledBefore, Fault::KilledAfter] {
                a_file_goes_unheard(Plan::Once { call, fault }).await;
            }
        }
    });
}

#[test]
fn a_sweep_that_finds_nothing_writes_nothing_and_reads_no_service() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.put_file(&hello, 512).await;
        stage.push("hello", "1.0.0").await;
        stage.rest().await;
        stage.sweep().await;
        stage.rest().await;
        let before = stage.wire.faults.calls().len();
        stage.sweep().await;
        let calls = stage.wire.faults.calls().split_off(before);
        let found = |kind: &str| calls.iter().any(|call| call.name.contains(kind));
        assert!(
            found("DescribeImages") && found("ListExecutions"),
            "{calls:?}"
        );
        for kind in [
            "PUT desired",
            "GET desired",
            "GET service file",
            "StartExecution",
            "PUT status",
        ] {
            assert!(!found(kind), "{kind}: {calls:?}");
        }
        stage.verdict(&hello, 1, Verdict::Succeeded).await;
        assert_eq!(stage.desired(&hello).await.last_number, 1);
    });
}

#[test]
fn what_was_rolled_back_is_not_tried_again_by_a_sweep() {
    play(async {
        let stage = Stage::open(&["image-pushed"]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let crashes = Behaviour::Crashes.simulated();
        stage.push_behaving("hello", "1.1.0", crashes).await;
        for _ in 0..3 {
            stage.sweep().await;
            stage.rest().await;
        }
        stage.verdict(&hello, 2, Verdict::RolledBack).await;
        assert_eq!(stage.desired(&hello).await.last_number, 2);
    });
}

#[test]
fn a_tag_that_is_moved_away_and_back_between_two_sweeps_is_followed_back() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Exact);
        let push = async |build| {
            let image = manifest("hello", build);
            let pushed = stage.driver.push("hello", "latest", &image).await;
            pushed.unwrap()
        };
        stage.push("hello", "unfollowed").await;
        let first = push("1").await;
        stage.put_file(&hello, 512).await;
        stage.rest().await;
        for _ in 0..2 {
            stage.sweep().await;
        }
        push("2").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;

        stage.lose("image-pushed", true);
        push("1").await;
        stage.sweep().await;
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&first));
    });
}

#[test]
fn a_rejected_file_is_announced_once() {
    play(async {
        let stage = Stage::open(&[]).await;
        stage
            .driver
            .put_file("services/broken.yaml", "images: [")
            .await
            .unwrap();
        stage.rest().await;
        stage.sweep().await;
        stage.sweep().await;
        let events = stage.wire.cloud.events.recent_events();
        let announced = events
            .iter()
            .filter(|event| event["detail-type"] == "Landfall Service File Rejected");
        assert_eq!(announced.count(), 1);
    });
}

/// A service that follows a repository of its own name.
fn alone(name: &str) -> Service {
    Service {
        repository: name.into(),
        ..service(name, Rule::Semver)
    }
}

#[test]
fn what_no_event_tells_of_a_rollout_is_noticed_within_a_minute() {
    play(async {
        let stage = Stage::open(&[]).await;
        let unheard = alone("unheard");
        // Without a circuit breaker ECS tries for ever, and never says anything.
        let stalled = Service {
            circuit_breaker: false,
            pauses: false,
            ..alone("stalled")
        };
        for service in [&unheard, &stalled] {
            stage.push(&service.repository, "1.0.0").await;
            stage.put_file(service, 512).await;
        }
        stage.rest().await;
        for service in [&unheard, &stalled] {
            stage.verdict(service, 1, Verdict::Succeeded).await;
        }

        stage.lose("rollout-changed", true);
        let events = &stage.wire.cloud.events;
        let completed = || {
            let events = events.recent_events();
            completions(&events, "service/web/unheard")
        };
        let heard = completed();
        let crashing = SimulatedBehaviour {
            exits: Some((Duration::from_millis(100), 1)),
            ..SimulatedBehaviour::default()
        };
        let new = stage.push("unheard", "1.1.0").await;
        stage.push_behaving("stalled", "1.1.0", crashing).await;
        stage.rest().await;
        let record = stage.verdict(&unheard, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&unheard).await.ends_with(&new));
        let took = record.timeline.concluded_at - record.timeline.created_at;
        assert!(
            (60.0..90.0).contains(&took.total(jiff::Unit::Second).unwrap()),
            "{took}"
        );
        assert_eq!(
            completed(),
            heard + 1,
            "its completion was an event that nobody heard of"
        );
        let record = stage.verdict(&stalled, 2, Verdict::RolledBack).await;
        // 1.0.0 is still there; of 1.1.0 no task ever ran.
        assert!(
            record.reason.contains("tasks failed and none runs"),
            "{}",
            record.reason
        );
    });
}

/// How many of these events tell that a deployment of the service, by the end of its ARN, completed.
fn completions(events: &[Value], service: &str) -> usize {
    let completed = |event: &&Value| {
        let resource = event["resources"][0].as_str().unwrap_or_default();
        event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_COMPLETED"
            && resource.ends_with(service)
    };
    events.iter().filter(completed).count()
}
