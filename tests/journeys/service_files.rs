//! Service files that are wrong, deleted, uploaded again, or doubled.

use landfall::{record::Verdict, status::FileStatus};
use landfall_aws::events::SERVICE_FILE_REJECTED;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::json;

const KEY: &str = "services/hello.yaml";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_service_file_is_reported_with_its_line_and_a_hint_and_changes_nothing() {
    let stage = Stage::open().await;
    let service = web("hello");
    let file = stage.first_release(&service).await;
    let before = stage.desired(&service).await;
    let seen = stage.requests();

    let wrong = file.text().replacen("  web: {", "  wbe: {", 1);
    stage.put_file(KEY, &wrong).await;
    let FileStatus::Rejected {
        problems, message, ..
    } = stage.rejection(KEY).await
    else {
        panic!("the file was accepted")
    };

    assert_eq!(
        (problems[0].position.line, problems[0].position.column),
        (4, 3)
    );
    assert!(
        message.starts_with("services/hello.yaml:4:3: ") && message.contains("`wbe`"),
        "{message}"
    );
    assert!(problems[0].hint.as_ref().unwrap().contains("web"));
    until("the event", || async {
        let events = stage.announced(SERVICE_FILE_REJECTED);
        (!events.is_empty()).then_some(())
    })
    .await;
    let events = stage.announced(SERVICE_FILE_REJECTED);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["key"], KEY);
    assert_eq!(events[0]["status"]["message"], *message);
    assert_eq!(stage.desired(&service).await, before);
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());

    // What was accepted before is still followed.
    let next = stage.push("hello", "1.0.1").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&next));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_service_file_leaves_its_service_running_until_it_is_uploaded_again() {
    let stage = Stage::open().await;
    let service = web("hello");
    let first = stage.push("hello", "1.0.0").await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    stage.driver.delete_file(KEY).await.unwrap();
    until("the end of following", || async {
        let gone = stage.status(KEY).await.is_none();
        (gone && stage.desired(&service).await.file.is_none()).then_some(())
    })
    .await;
    let second = stage.push("hello", "1.1.0").await;
    let event = stage.push_event("hello", "1.1.0");
    stage.invoke("image-pushed", event).await.unwrap();
    let desired = stage.settled(&service).await;
    assert_eq!(desired.last_number, 1);
    let live = stage.live(&service).await;
    assert_eq!(
        (&live["runningCount"], &live["status"]),
        (&json!(2), &json!("ACTIVE"))
    );
    assert!(stage.live_image(&service).await.ends_with(&first));

    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&second));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_file_for_the_same_service_is_refused_until_the_first_is_deleted() {
    let stage = Stage::open().await;
    let service = web("hello");
    let file = stage.first_release(&service).await;

    let mut second = file.clone();
    second.desired_count = 1;
    let other = "services/copy.yaml";
    stage.put_file(other, &second.text()).await;
    let FileStatus::Rejected { message, .. } = stage.rejection(other).await else {
        panic!("the second file was accepted")
    };
    assert!(
        message.contains("web/hello is described by services/hello.yaml already"),
        "{message}"
    );
    assert_eq!(stage.settled(&service).await.last_number, 1);

    stage.driver.delete_file(KEY).await.unwrap();
    until("the end of following", || async {
        stage.desired(&service).await.file.is_none().then_some(())
    })
    .await;
    stage.follow(other, &second.text()).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(stage.live(&service).await["desiredCount"], 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_file_of_more_than_256_kib_is_rejected_unread() {
    let stage = Stage::open().await;
    let file = SampleFile::new("hello", "hello", "semver:^1").text();
    let text = format!("{file}# {}\n", "x".repeat(300 * 1024));
    stage.put_file(KEY, &text).await;
    let FileStatus::Rejected { message, .. } = stage.rejection(KEY).await else {
        panic!("the file was accepted")
    };
    assert!(message.contains("256 KiB"), "{message}");
    assert_eq!(stage.desired(&web("hello")).await.file, None);
    stage.close().await;
}
