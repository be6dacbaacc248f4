//! Releases that succeed.

use landfall::{record::Verdict, status::FileStatus};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_file_waits_for_the_first_push_and_then_becomes_a_service() {
    let stage = Stage::open().await;
    let service = web("hello");
    let file = SampleFile::new("hello", "team/hello", "semver:^1");
    let message = stage.follow("services/hello.yaml", &file.text()).await;
    assert_eq!(
        message,
        "waiting for the first push of team/hello:semver:^1 (container web)"
    );
    assert!(stage.live(&service).await.is_null(), "nothing runs yet");
    assert_eq!(stage.desired(&service).await.last_number, 0);

    stage.push("team/hello", "0.9.0").await;
    let digest = stage.push("team/hello", "1.0.0").await;
    let record = stage.verdict(&service, 1, Verdict::Succeeded).await;
    assert_eq!(record.reason, "rolled out and verified");
    assert_eq!(
        record.release.cause.to_string(),
        "team/hello:1.0.0 was pushed"
    );

    let live = stage.live(&service).await;
    assert_eq!(
        (&live["runningCount"], &live["status"]),
        (&json!(2), &json!("ACTIVE"))
    );
    assert_eq!(
        stage.live_image(&service).await,
        format!("000000000000.dkr.ecr.eu-west-1.amazonaws.com/team/hello@{digest}")
    );
    let Some(FileStatus::Accepted {
        message,
        waiting_for,
        release,
        ..
    }) = stage.status("services/hello.yaml").await
    else {
        panic!("the status is gone")
    };
    assert_eq!(message, "release 1 says what web/hello should run");
    assert_eq!((waiting_for.len(), release), (0, Some(1)));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_pinned_by_its_digest_and_keeps_the_count_that_somebody_scaled_to() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "main-1").await;
    let file = SampleFile::new("hello", "hello", "glob:main-*");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    stage
        .ecs(
            "UpdateService",
            json!({"cluster": "web", "service": "hello", "desiredCount": 3}),
        )
        .await;
    until("three tasks", || async {
        (stage.live(&service).await["runningCount"] == 3).then_some(())
    })
    .await;

    let digest = stage.push("hello", "main-2").await;
    let record = stage.verdict(&service, 2, Verdict::Succeeded).await;

    let live = stage.live(&service).await;
    assert_eq!(
        (&live["desiredCount"], &live["runningCount"]),
        (&json!(3), &json!(3))
    );
    assert!(stage.live_image(&service).await.ends_with(&digest));
    assert_eq!(
        live["taskDefinition"],
        record.task_definition.unwrap().arn.as_str()
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_service_file_is_released_without_any_push() {
    let stage = Stage::open().await;
    let service = web("hello");
    let digest = stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let revision = stage.live(&service).await["taskDefinition"].clone();

    file.desired_count = 1;
    stage.follow("services/hello.yaml", &file.text()).await;
    let scaled = stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(
        scaled.release.cause.to_string(),
        "services/hello.yaml changed"
    );
    stage.runs(&service, 1).await;
    assert_eq!(
        stage.live(&service).await["taskDefinition"],
        revision,
        "nothing of the revision changed"
    );

    file.container = "environment: [{ name: GREETING, value: Hello }]".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    let container = stage.live_container(&service).await;
    assert_eq!(
        container["environment"],
        json!([{"name": "GREETING", "value": "Hello"}])
    );
    assert!(container["image"].as_str().unwrap().ends_with(&digest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_push_reaches_every_service_that_follows_the_repository_and_no_other() {
    let stage = Stage::open().await;
    for name in ["blue", "green"] {
        let file = SampleFile::new(name, "hello", "semver:^1");
        stage
            .follow(&format!("services/{name}.yaml"), &file.text())
            .await;
    }
    let other = SampleFile::new("other", "hello", "semver:^2");
    stage.follow("services/other.yaml", &other.text()).await;

    let digest = stage.push("hello", "1.0.0").await;

    for name in ["blue", "green"] {
        stage.verdict(&web(name), 1, Verdict::Succeeded).await;
        assert!(stage.live_image(&web(name)).await.ends_with(&digest));
    }
    assert_eq!(stage.desired(&web("other")).await.last_number, 0);
    assert!(stage.live(&web("other")).await.is_null());
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_two_followed_containers_waits_for_both_and_then_moves_one_at_a_time() {
    let stage = Stage::open().await;
    let service = web("pair");
    let text = "cluster: { clusterName: web }\n\
                images:\n  web: { repository: front, tag: 'semver:^1' }\n  cache: { repository: back, tag: stable }\n\
                taskDefinition:\n  family: pair\n  containerDefinitions:\n    - { name: web, memory: 64 }\n    \
                - { name: cache, memory: 64 }\n    - { name: fixed, memory: 64, image: public.ecr.aws/fixed:1 }\n\
                service: { serviceName: pair, desiredCount: 1 }\n";
    let front = stage.push("front", "1.0.0").await;
    let message = stage.follow("services/pair.yaml", text).await;
    assert_eq!(
        message,
        "waiting for the first push of back:stable (container cache)"
    );
    let back = stage.push("back", "stable").await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let images = |digests: [&str; 2]| {
        let registry = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";
        let [front, back] = digests;
        [
            format!("{registry}/front@{front}"),
            format!("{registry}/back@{back}"),
            "public.ecr.aws/fixed:1".to_owned(),
        ]
    };
    assert_eq!(stage.live_images(&service).await, images([&front, &back]));

    let next = stage.push("front", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(stage.live_images(&service).await, images([&next, &back]));
    stage.close().await;
}
