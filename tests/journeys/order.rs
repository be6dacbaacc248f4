//! Pushes that come together, in the wrong order, or twice.

use std::{collections::BTreeMap, time::Duration};

use landfall::{record::Verdict, service_id::ServiceId};
use landfall_aws::events::RELEASE_CONCLUDED;
use landfall_local::cloud::ecs::{Healthy, SimulatedBehaviour};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, until, web},
};
use serde_json::{Value, json};

const TRIGGER: &str = "image-pushed";

/// The spans of time in which executions had the right to change the service, by their histories: from the claim to
/// the conclusion, in seconds.
async fn reigns(stage: &Stage, service: &ServiceId) -> Vec<(f64, f64, String)> {
    let mut reigns = Vec::new();
    for execution in stage.executions(service, None).await {
        let history = stage
            .states(
                "GetExecutionHistory",
                json!({"executionArn": execution, "maxResults": 1000}),
            )
            .await;
        let mut since = None;
        for event in history["events"].as_array().unwrap() {
            let at = event["timestamp"].as_f64().unwrap();
            let entered = text(&event["stateEnteredEventDetails"]["name"]);
            let exited = text(&event["stateExitedEventDetails"]["name"]);
            if entered == "EnsureCluster" {
                since = Some(at);
            }
            if exited == "ConcludeRelease"
                && let Some(since) = since.take()
            {
                reigns.push((since, at, execution.clone()));
            }
        }
        assert!(since.is_none(), "{execution} did not conclude");
    }
    reigns.sort_by(|one, other| one.0.total_cmp(&other.0));
    reigns
}

async fn assert_that_one_at_a_time_changed(stage: &Stage, service: &ServiceId) {
    let reigns = reigns(stage, service).await;
    for pair in reigns.windows(2) {
        assert!(
            pair[0].1 <= pair[1].0,
            "two executions held the claim at once: {pair:#?}"
        );
    }
}

/// One record and one event for each release, and the same verdict in both.
async fn assert_one_verdict_each(stage: &Stage, service: &ServiceId) -> BTreeMap<u64, Verdict> {
    let numbers = stage.state.record_numbers(service).await.unwrap();
    let last = stage.desired(service).await.last_number;
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    let mut verdicts = BTreeMap::new();
    for number in numbers {
        verdicts.insert(number, stage.record(service, number).await.verdict);
    }
    let mut announced: Vec<(u64, Value)> = stage
        .announced(RELEASE_CONCLUDED)
        .iter()
        .filter(|detail| detail["service"] == service.to_string())
        .map(|detail| {
            (
                detail["release"]["number"].as_u64().unwrap(),
                detail["verdict"].clone(),
            )
        })
        .collect();
    announced.sort_by_key(|(number, _)| *number);
    let expected: Vec<_> = verdicts
        .iter()
        .map(|(number, verdict)| (*number, json!(verdict)))
        .collect();
    assert_eq!(announced, expected);
    verdicts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_pushes_announced_in_the_wrong_order_and_one_of_them_twice_the_newest_runs() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "build-1").await;
    let file = SampleFile::new("hello", "hello", "glob:build-*");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    let courier = &stage.local.courier;
    courier.hold(TRIGGER);
    stage.push("hello", "build-2").await;
    let newest = stage.push("hello", "build-3").await;
    until("both events", || async {
        (courier.holds(TRIGGER) == 2).then_some(())
    })
    .await;
    let pile = courier.release(TRIGGER);
    courier.carry(TRIGGER, pile[1].clone());
    until("release 2", || async {
        (stage.desired(&service).await.last_number == 2).then_some(())
    })
    .await;
    for event in &pile {
        courier.carry(TRIGGER, event.clone());
    }
    stage.verdict(&service, 2, Verdict::Succeeded).await;

    assert!(stage.live_image(&service).await.ends_with(&newest));
    // Announced once more, long after: build-2 is older, build-3 runs already.
    let seen = stage.requests();
    for event in pile {
        stage.invoke(TRIGGER, event).await.unwrap();
    }
    stage.settled(&service).await;
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
    let verdicts = assert_one_verdict_each(&stage, &service).await;
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    assert_that_one_at_a_time_changed(&stage, &service).await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_push_supersedes_the_rollout_in_flight_without_waiting_for_it() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.container =
        "healthCheck: { command: [CMD, check], interval: 5, retries: 3, startPeriod: 300 }".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    let slow = SimulatedBehaviour {
        healthy: Healthy::After(Duration::from_secs(600)),
        ..SimulatedBehaviour::default()
    };
    let slow = stage.push_behaving("hello", "1.1.0", slow).await;
    until("the rollout of 1.1.0", || async {
        let live = stage.live_image(&service).await;
        live.ends_with(&slow).then_some(())
    })
    .await;
    let newest = stage.push("hello", "1.2.0").await;
    let superseded = stage.record(&service, 2).await;
    assert_eq!(
        (superseded.verdict, &*superseded.reason),
        (Verdict::Superseded, "a newer release took its place")
    );
    stage.verdict(&service, 3, Verdict::Succeeded).await;

    assert!(stage.live_image(&service).await.ends_with(&newest));
    assert_one_verdict_each(&stage, &service).await;
    assert_that_one_at_a_time_changed(&stage, &service).await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_pushes_in_a_burst_end_with_the_highest_version_and_a_verdict_for_every_release() {
    let stage = Stage::open().await;
    let service = web("hello");
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    let mut newest = String::new();
    for minor in [3, 1, 7, 2, 9, 4, 8, 5, 6, 0] {
        let digest = stage.push("hello", &format!("1.{minor}.0")).await;
        if minor == 9 {
            newest = digest;
        }
    }
    until("release of 1.9.0", || async {
        let desired = stage.desired(&service).await;
        let runs = desired.last_good?.content.images["web"].tag == "1.9.0";
        runs.then_some(())
    })
    .await;
    stage.settled(&service).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    let verdicts = assert_one_verdict_each(&stage, &service).await;
    let succeeded: Vec<_> = verdicts
        .values()
        .filter(|verdict| **verdict != Verdict::Superseded)
        .collect();
    assert!(
        succeeded
            .iter()
            .all(|verdict| **verdict == Verdict::Succeeded),
        "{verdicts:?}"
    );
    assert_that_one_at_a_time_changed(&stage, &service).await;
    stage.close().await;
}
