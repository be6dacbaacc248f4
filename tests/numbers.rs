//! What a deployment costs, counted in the embedded cloud's request log. `docs/design.md` quotes these lists.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use landfall::{record::Verdict, service_id::ServiceId};
use landfall_local::{
    cloud::request_log::Entry,
    local::{CONFIG_BUCKET, STATE_BUCKET},
};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, until, web},
};
use serde_json::json;

/// From the event to `UpdateService` accepted.
const MOST_CALLS_OF_A_REDEPLOY: usize = 12;
/// For a push to a repository that nothing follows.
const MOST_CALLS_OF_AN_UNFOLLOWED_PUSH: usize = 2;
/// Of a redeploy that succeeds.
const MOST_TRANSITIONS: u64 = 20;

/// What the functions asked since the first `seen` requests.
fn asked_since(stage: &Stage, seen: usize) -> Vec<Entry> {
    let requests = stage.local.cloud.requests.requests().into_iter();
    requests
        .skip(seen)
        .filter(|entry| entry.app.is_some())
        .collect()
}

/// Who asked what of whom. Hashes and the names of executions are shortened to `…`, so that the list reads the same on
/// every run.
fn described(entry: &Entry) -> String {
    let stem = |word: &str| match word.split_once("files/") {
        Some((before, _)) => format!("{before}files/….json"),
        None => word.to_owned(),
    };
    let mut subject: Vec<String> = entry.subject.split_whitespace().map(stem).collect();
    if entry.operation == "StartExecution" {
        subject.truncate(1);
    }
    format!(
        "{:<24} {}:{} {}",
        entry.app.as_deref().unwrap_or_default(),
        entry.service,
        entry.operation,
        subject.join(" ")
    )
    .trim_end()
    .to_owned()
}

/// A service that runs release 1 and has nothing to do.
async fn serving(stage: &Stage, file: &SampleFile) -> ServiceId {
    let service = web(&file.name);
    stage.push(&file.repository, "1.0.0").await;
    stage
        .follow(&format!("services/{}.yaml", file.name), &file.text())
        .await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redeploy_by_push_makes_these_calls_until_update_service_is_accepted() {
    let stage = Stage::open().await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    let service = serving(&stage, &file).await;
    let seen = stage.requests();

    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;

    let all = asked_since(&stage, seen);
    let accepted = all
        .iter()
        .position(|entry| entry.operation == "UpdateService")
        .unwrap();
    let calls = &all[..=accepted];
    let list: Vec<String> = calls.iter().map(described).collect();
    let list = list.join("\n");
    assert!(calls.len() <= MOST_CALLS_OF_A_REDEPLOY, "{list}");
    assert_eq!(list, include_str!("numbers/redeploy.txt").trim_end());
    let distinct: BTreeSet<_> = calls.iter().map(described).collect();
    assert_eq!(
        distinct.len(),
        calls.len(),
        "a function asked twice:\n{list}"
    );
    assert!(
        calls.iter().all(|entry| entry.status < 400),
        "a call was in vain:\n{list}"
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_nothing_follows_is_dismissed_in_two_calls_at_most() {
    let stage = Stage::open().await;
    let seen = stage.requests();
    let event = stage.push_event("unknown", "1.0.0");
    stage.invoke("image-pushed", event).await.unwrap();
    let calls = asked_since(&stage, seen);
    assert!(
        calls.len() <= MOST_CALLS_OF_AN_UNFOLLOWED_PUSH,
        "{calls:#?}"
    );
    stage.close().await;
}

/// Puts `count` services that follow other repositories, as Landfall keeps them: service file, desired state, follower.
async fn seed(stage: &Stage, like: &ServiceId, from: usize, count: usize) {
    let desired = serde_json::to_string(&stage.desired(like).await).unwrap();
    let s3 = &stage.local.cloud.s3;
    for number in from..count {
        let name = format!("seeded-{number}");
        let service = web(&name);
        let seeded = desired.replace("hello", &name);
        s3.put(STATE_BUCKET, &landfall::keys::desired(&service), seeded)
            .unwrap();
        s3.put(STATE_BUCKET, &landfall::keys::follower(&name, &service), "")
            .unwrap();
        let file = SampleFile::new(&name, &name, "semver:^1").text();
        s3.put(CONFIG_BUCKET, &format!("services/{name}.yaml"), file)
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_costs_the_same_whether_1_or_100_or_10000_service_files_are_there() {
    let stage = Stage::open().await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    let service = serving(&stage, &file).await;
    stage.local.courier.hold("config-changed");
    let mut seeded = 0;
    let mut lists = Vec::new();
    for (number, count) in [(2, 0), (3, 99), (4, 9_999)] {
        seed(&stage, &service, seeded, count).await;
        seeded = count;
        let seen = stage.requests();
        stage.push("hello", &format!("1.{number}.0")).await;
        stage.verdict(&service, number, Verdict::Succeeded).await;
        let trigger = asked_since(&stage, seen)
            .into_iter()
            .filter(|entry| entry.app.as_deref() == Some("image-pushed"));
        lists.push(trigger.map(|entry| described(&entry)).collect::<Vec<_>>());
    }
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0], lists[2]);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_costs_the_same_again_for_each_service_that_follows() {
    let stage = Stage::open().await;
    let mut costs = Vec::new();
    let names = ["one", "two", "three"];
    for name in names {
        serving(&stage, &SampleFile::new(name, "hello", "semver:^1")).await;
    }
    for (followers, repository) in [(0, "nobody"), (1, "alone"), (3, "hello")] {
        if repository == "alone" {
            serving(&stage, &SampleFile::new("alone", "alone", "semver:^1")).await;
        }
        let seen = stage.requests();
        stage.push(repository, "1.1.0").await;
        if repository == "nobody" {
            until("the look at nobody", || async {
                let looked = !asked_since(&stage, seen).is_empty();
                (looked && stage.local.cloud.functions.at_work() == 0).then_some(())
            })
            .await;
        }
        let services: &[&str] = match followers {
            0 => &[],
            1 => &["alone"],
            _ => &names,
        };
        for name in services {
            stage.verdict(&web(name), 2, Verdict::Succeeded).await;
        }
        let calls = asked_since(&stage, seen);
        let of_trigger = calls
            .iter()
            .filter(|entry| entry.app.as_deref() == Some("image-pushed"));
        costs.push(of_trigger.count());
    }
    let each = costs[1] - costs[0];
    assert_eq!(costs[2], costs[0] + 3 * each, "{costs:?}");
    assert_eq!((costs[0], each), (1, 4));
    stage.close().await;
}

/// The `verify` section of the tutorial's service file, asking an object in S3 instead of a load balancer.
async fn verify_section_of_the_example(stage: &Stage) -> String {
    let example = include_str!("../examples/flask-hello/hello.yaml");
    let (_, section) = example.split_once("\nverify:\n").unwrap();
    let put = stage.driver.put_file("answer", "Hello, World!").await;
    put.unwrap();
    let url = format!("url: \"{}/{CONFIG_BUCKET}/answer\"", stage.local.endpoint());
    assert!(section.contains("path: /,"), "{section}");
    let lines = section.lines().map(str::trim);
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("path: /,", &format!("{url},"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successful_redeploy_takes_at_most_20_state_transitions() {
    let stage = Stage::open().await;
    let plain = SampleFile::new("plain", "hello", "semver:^1");
    let mut verified = SampleFile::new("verified", "hello", "semver:^1");
    verified.verify = verify_section_of_the_example(&stage).await;
    let mut probed = SampleFile::new("probed", "hello", "semver:^1");
    probed.verify = verified.verify.lines().next().unwrap().into();
    probed.verify = probed.verify.replace(", interval: 1s, successes: 1", "");
    for file in [&plain, &probed, &verified] {
        serving(&stage, file).await;
    }
    stage.push("hello", "1.1.0").await;
    for name in ["plain", "probed", "verified"] {
        let record = stage.verdict(&web(name), 2, Verdict::Succeeded).await;
        let transitions = stage
            .local
            .cloud
            .executions
            .transitions(record.execution.as_deref().unwrap());
        let input = json!({"executionArn": record.execution, "maxResults": 1000});
        let history = stage.states("GetExecutionHistory", input).await;
        let events = history["events"].as_array().unwrap();
        let states: Vec<String> = events
            .iter()
            .map(|event| text(&event["stateEnteredEventDetails"]["name"]))
            .filter(|name| !name.is_empty())
            .collect();
        let list = states.join("\n");
        assert!(transitions.unwrap() <= MOST_TRANSITIONS, "{name}:\n{list}");
    }
    stage.close().await;
}
