//! Which image of a repository a service file gets.

use landfall::record::Verdict;
use landfall_local::{cloud::ecr::digest, driver::manifest};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, web},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tag_policy_finds_its_image_among_those_that_were_pushed_before() {
    let stage = Stage::open().await;
    for tag in [
        "1.9.0",
        "1.10.0",
        "v1.11.0-rc.1",
        "2.0.0",
        "main-7",
        "main-8",
        "release_3",
        "stable",
        "main",
        "nightly",
    ] {
        stage.push("hello", tag).await;
    }
    let wanted = [
        ("range", "semver:^1.2", "1.10.0"),
        ("candidate", "semver:>=1.11.0-rc.0, <2", "v1.11.0-rc.1"),
        ("pattern", "glob:main-*", "main-8"),
        ("expression", "regex:(release|hotfix)_[0-9]+", "release_3"),
        ("exact", "stable", "stable"),
    ];
    for (name, policy, _) in wanted {
        let file = SampleFile::new(name, "hello", policy);
        stage
            .follow(&format!("services/{name}.yaml"), &file.text())
            .await;
    }
    for (name, policy, tag) in wanted {
        stage.verdict(&web(name), 1, Verdict::Succeeded).await;
        let image = stage.live_image(&web(name)).await;
        assert!(
            image.ends_with(&digest(&manifest("hello", tag))),
            "{policy} is not at {tag}"
        );
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_follow_rule_looks_through_the_whole_repository() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:~1.0");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    // DescribeImages answers at most 100 images at once, unless asked for more.
    for minor in (1..=230).rev() {
        let tag = format!("1.{minor}.0");
        let image = manifest("hello", &tag);
        stage.driver.push("hello", &tag, &image).await.unwrap();
    }
    // So that the two that count are on different pages, neither of them the last one pushed.
    for tag in ["1.231.0", "1.0.1-rc.1"] {
        stage.push("hello", tag).await;
    }
    assert_eq!(stage.settled(&service).await.last_number, 1);

    file.tag = "semver:^1".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(
        stage
            .live_image(&service)
            .await
            .ends_with(&digest(&manifest("hello", "1.231.0")))
    );

    file.tag = "1.7.0".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(
        stage
            .live_image(&service)
            .await
            .ends_with(&digest(&manifest("hello", "1.7.0")))
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_tag_that_moves_is_followed() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "build-1").await;
    stage.push("hello", "build-2").await;
    let file = SampleFile::new("hello", "hello", "stable");
    stage.follow("services/hello.yaml", &file.text()).await;
    for (number, build) in [(1, "build-2"), (2, "build-1")] {
        let image = manifest("hello", build);
        let pushed = stage.driver.push("hello", "stable", &image).await;
        pushed.unwrap();
        stage.verdict(&service, number, Verdict::Succeeded).await;
        assert!(stage.live_image(&service).await.ends_with(&digest(&image)));
    }
    stage.close().await;
}
