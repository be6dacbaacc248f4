//! The way back where ECS starts no tasks of the last good revision any more.

use landfall::record::Verdict;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, web},
};
use serde_json::json;

use crate::bad_releases::{answer, probing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_whose_revision_was_deregistered_serves_again_after_a_bad_one() {
    let stage = Stage::open().await;
    let service = web("hello");
    answer(&stage, "Hello, World!").await;
    let good = stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = probing(&stage, "Hello");
    stage.follow("services/hello.yaml", &file.text()).await;
    let first = stage.verdict(&service, 1, Verdict::Succeeded).await;
    let first = first.task_definition.unwrap();
    let by_hand = json!({"taskDefinition": first.arn});
    stage.ecs("DeregisterTaskDefinition", by_hand).await;

    answer(&stage, "Out of order").await;
    stage.push("hello", "1.1.0").await;
    let record = stage.verdict(&service, 2, Verdict::RolledBack).await;

    assert_eq!(
        record.diagnosis.unwrap().undone,
        "the service was given release 1 again"
    );
    assert!(stage.live_image(&service).await.ends_with(&good));
    let desired = stage.desired(&service).await;
    let again = desired.last_good.unwrap();
    assert_eq!(again.number, 1);
    assert_ne!(again.task_definition.arn, first.arn);
    assert_eq!(again.task_definition.content, first.content);
    let runs = text(&stage.live(&service).await["taskDefinition"]);
    assert_eq!(runs, again.task_definition.arn);

    // It is the last good one for the next release too: nothing has drifted.
    answer(&stage, "Hello, World!").await;
    let mended = stage.push("hello", "1.2.0").await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&mended));
    stage.close().await;
}
