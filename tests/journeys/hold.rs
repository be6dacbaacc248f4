//! Services that an operator holds.

use landfall::{record::Verdict, status::FileStatus};
use landfall_aws::{config, operator::Operator};
use landfall_local::local::{CONFIG_BUCKET, REGION, STATE_BUCKET};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};

/// An operator of the stage's Landfall.
pub(crate) async fn operator(stage: &Stage) -> Operator {
    let config = config::local(stage.local.endpoint(), REGION).await;
    Operator::new(&config, STATE_BUCKET, Some(CONFIG_BUCKET.into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_during_a_hold_change_nothing_and_the_newest_is_deployed_afterwards() {
    let stage = Stage::open().await;
    let service = web("hello");
    let operator = operator(&stage).await;
    let first = stage.push("hello", "1.0.0").await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    operator.hold(&service, "a migration").await.unwrap();
    let status = stage.status("services/hello.yaml").await;
    let Some(FileStatus::Accepted { hold, message, .. }) = status else {
        panic!("{status:?}");
    };
    assert_eq!(hold.unwrap().reason, "a migration");
    assert!(message.ends_with("; on hold: a migration"), "{message}");

    let seen = stage.requests();
    let mut newest = String::new();
    for (open, tag) in [(1, "1.1.0"), (2, "1.2.0")] {
        newest = stage.push("hello", tag).await;
        until("the push to be joined", || async {
            (stage.desired(&service).await.open.len() == open).then_some(())
        })
        .await;
    }
    let input = serde_json::json!({
        "stateMachineArn": stage.local.state_machine,
        "input": format!("{{\"service\":\"{service}\"}}"),
    });
    stage.states("StartExecution", input).await;
    stage.at_rest(&service).await;
    assert_eq!(stage.changes_in_ecs(seen), [] as [&str; 0]);
    assert!(stage.live_image(&service).await.ends_with(&first));

    operator.resume(&service, None, None).await.unwrap();
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    let passed_over = stage.record(&service, 2).await;
    assert_eq!(passed_over.verdict, Verdict::Superseded);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_on_its_way_is_brought_to_its_end_and_nothing_newer_after_it() {
    let stage = Stage::open().await;
    let service = web("hello");
    let operator = operator(&stage).await;
    stage.first_release(&service).await;
    let second = stage.push("hello", "1.1.0").await;
    until("the rollout of 1.1.0", || async {
        let image = stage.live_image(&service).await;
        image.ends_with(&second).then_some(())
    })
    .await;

    operator.hold(&service, "a migration").await.unwrap();
    stage.push("hello", "1.2.0").await;

    let record = stage.record(&service, 2).await;
    assert_eq!(record.verdict, Verdict::Succeeded, "{}", record.reason);
    until("1.2.0 alone to be open", || async {
        let desired = stage.desired(&service).await;
        let open: Vec<_> = desired.open.iter().map(|release| release.number).collect();
        (open == [3]).then_some(())
    })
    .await;
    stage.at_rest(&service).await;
    assert!(stage.live_image(&service).await.ends_with(&second));
    operator.resume(&service, None, None).await.unwrap();
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    stage.close().await;
}
