//! A bad release is tried again because an operator says so, and for no other reason.

use landfall::record::Verdict;
use landfall_tests::stage::{Stage, web};

use crate::{
    bad_releases::{answer, good_behind_a_probe},
    hold::operator,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_uploaded_again_does_nothing_and_a_retry_tries_the_bad_image_again() {
    let stage = Stage::open().await;
    let service = web("hello");
    let (file, _) = good_behind_a_probe(&stage).await;

    answer(&stage, "The database is away").await;
    let unlucky = stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    // What `aws s3 sync` does from a fresh checkout.
    let seen = stage.requests();
    let message = stage.follow("services/hello.yaml", &file.text()).await;
    assert!(message.contains("landfall retry web/hello"), "{message}");
    let desired = stage.settled(&service).await;
    assert_eq!((desired.last_number, desired.quarantine.len()), (2, 1));
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());

    answer(&stage, "Hello, World!").await;
    let operator = operator(&stage).await;
    operator.retry(&service, None, None).await.unwrap();
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&unlucky));
    let desired = stage.desired(&service).await;
    assert_eq!(desired.quarantine, []);

    // It succeeded: there is nothing to try again.
    let desired = operator.retry(&service, None, None).await.unwrap();
    assert_eq!(desired.last_number, 3);
    stage.close().await;
}
