//! Events only say "look": what they do not tell is found out without them.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_event_tells_of_a_rollout_is_noticed_within_a_minute() {
    let stage = Stage::open().await;
    let unheard = SampleFile::new("unheard", "unheard", "semver:^1");
    let stalled = SampleFile::new("stalled", "stalled", "semver:^1");
    stage.push("unheard", "1.0.0").await;
    stage.push("stalled", "1.0.0").await;
    stage.follow("services/unheard.yaml", &unheard.text()).await;
    // Without a circuit breaker ECS tries for ever, and never says anything.
    let breaker = "enable: true, rollback: true";
    let text = stalled
        .text()
        .replace(breaker, "enable: false, rollback: false");
    stage.follow("services/stalled.yaml", &text).await;
    for name in ["unheard", "stalled"] {
        stage.verdict(&web(name), 1, Verdict::Succeeded).await;
    }

    stage.local.courier.hold("rollout-changed");
    let crashing = SimulatedBehaviour {
        exits: Some((Duration::from_millis(100), 1)),
        ..SimulatedBehaviour::default()
    };
    let new = stage.push("unheard", "1.1.0").await;
    stage.push_behaving("stalled", "1.1.0", crashing).await;
    stage.verdict(&web("unheard"), 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&web("unheard")).await.ends_with(&new));
    until("its completion, an event that nobody heard of", || async {
        (stage.local.courier.holds("rollout-changed") > 0).then_some(())
    })
    .await;
    drop(stage.local.courier.release("rollout-changed"));
    let record = stage.verdict(&web("stalled"), 2, Verdict::RolledBack).await;
    // 1.0.0 is still there; of 1.1.0 no task ever ran.
    assert!(
        record.reason.contains("tasks failed and none runs"),
        "{}",
        record.reason
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_image_is_gone_again_when_its_event_comes_changes_nothing() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let event = stage.push_event("hello", "1.1.0");
    stage.invoke("image-pushed", event).await.unwrap();
    assert_eq!(stage.settled(&service).await.last_number, 1);
    stage.close().await;
}
