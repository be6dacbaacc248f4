//! An image and a service file that need each other.

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, web},
};

const KEY: &str = "services/hello.yaml";

/// An image that exits where its environment has not this variable.
fn needing(variable: &'static str) -> SimulatedBehaviour {
    SimulatedBehaviour {
        needs: Some(variable),
        ..SimulatedBehaviour::default()
    }
}

fn giving(variable: &str) -> String {
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.container = format!("environment: [{{ name: {variable}, value: hi }}]");
    file.text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_was_bad_alone_is_released_with_the_file_that_gives_it_what_it_needs() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let newest = stage
        .push_behaving("hello", "1.1.0", needing("GREETING"))
        .await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    let message = stage.follow(KEY, &giving("GREETING")).await;
    assert!(!message.contains("left out"), "{message}");
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    assert_eq!(stage.settled(&service).await.quarantine, []);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_bad_with_the_new_file_too_is_left_out_of_the_old_one_as_before() {
    let stage = Stage::open().await;
    let service = web("hello");
    let old = stage.first_release(&service).await;
    let good = stage.live_image(&service).await;
    stage
        .push_behaving("hello", "1.1.0", needing("GREETING"))
        .await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    // The variable is misspelt.
    stage.follow(KEY, &giving("GREETINGS")).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    assert_eq!(stage.live_image(&service).await, good);
    let settled = stage.settled(&service).await;
    assert_eq!((settled.last_number, settled.quarantine.len()), (3, 1));

    let message = stage.follow(KEY, &old.text()).await;
    assert!(
        message.contains("hello:1.1.0 (container web) is left out"),
        "{message}"
    );
    stage.verdict(&service, 4, Verdict::Succeeded).await;
    assert_eq!(stage.live_image(&service).await, good);
    stage.close().await;
}
