#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use bytes::Bytes;
use http::{Request, Response};

use super::*;
use crate::cloud::ecr::{Lookup, local_image::LocalImage};

fn world() -> Arc<World> {
    Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::UNIX_EPOCH,
        7,
    ))
}

async fn cloud(data_dir: Option<&Path>) -> Arc<Cloud> {
    let data_dir = data_dir.map(|path| DataDir::open(path).unwrap());
    let settings = super::Settings::new("http://127.0.0.1:4599", data_dir);
    Cloud::open(world(), settings).await.unwrap()
}

async fn send(cloud: &Cloud, method: &str, path: &str, body: &str) -> Response<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    cloud.handle(request).await
}

async fn call(cloud: &Cloud, target: &str, input: Value) -> Value {
    let request = Request::post("/")
        .header("x-amz-target", target)
        .header("user-agent", "aws-sdk-rust/1 app/image-pushed")
        .body(Bytes::from(input.to_string()))
        .unwrap();
    serde_json::from_slice(cloud.handle(request).await.body()).unwrap()
}

async fn ecr(cloud: &Cloud, operation: &str, input: Value) -> Value {
    call(
        cloud,
        &format!("AmazonEC2ContainerRegistry_V20150921.{operation}"),
        input,
    )
    .await
}

/// Everything that went over the bus so far.
async fn events(cloud: &Cloud) -> Vec<Value> {
    let _delivering = cloud.deliver_events(Arc::new(|_, _| {}));
    tokio::time::sleep(Duration::from_millis(1)).await;
    cloud.events.recent_events()
}

#[tokio::test(start_paused = true)]
async fn every_change_of_an_object_is_announced_with_its_version() {
    let cloud = cloud(None).await;
    cloud.s3.ensure_bucket("config");
    let put = send(&cloud, "PUT", "/config/services/a%20b.yaml", "Hello").await;
    let version = put.headers()["x-amz-version-id"]
        .to_str()
        .unwrap()
        .to_owned();
    send(&cloud, "DELETE", "/config/services/a%20b.yaml", "").await;
    send(
        &cloud,
        "DELETE",
        &format!("/config/services/a%20b.yaml?versionId={version}"),
        "",
    )
    .await;
    send(
        &cloud,
        "DELETE",
        "/config/services/a%20b.yaml?versionId=absent",
        "",
    )
    .await;

    let events = events(&cloud).await;
    let announced: Vec<_> = events
        .iter()
        .map(|event| {
            let detail = &event["detail"];
            (
                event["detail-type"].as_str().unwrap(),
                detail["reason"].as_str().unwrap(),
                &detail["deletion-type"],
            )
        })
        .collect();
    assert_eq!(
        announced,
        [
            ("Object Created", "PutObject", &Value::Null),
            (
                "Object Deleted",
                "DeleteObject",
                &json!("Delete Marker Created")
            ),
            (
                "Object Deleted",
                "DeleteObject",
                &json!("Permanently Deleted")
            ),
        ]
    );
    let created = &events[0];
    assert_eq!(created["source"], "aws.s3");
    assert_eq!(created["resources"], json!(["arn:aws:s3:::config"]));
    assert_eq!(created["detail"]["bucket"]["name"], "config");
    let object = &created["detail"]["object"];
    assert_eq!(object["key"], "services/a b.yaml");
    assert_eq!(object["size"], 5);
    assert_eq!(object["etag"], "8b1a9953c4611296a827abf8c47804d7");
    assert_eq!(object["version-id"], version.as_str());
    let sequencers: Vec<_> = events
        .iter()
        .map(|event| event["detail"]["object"]["sequencer"].as_str())
        .collect();
    assert!(
        sequencers.is_sorted() && sequencers[0].is_some(),
        "{sequencers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_push_is_announced_once() {
    let cloud = cloud(None).await;
    ecr(
        &cloud,
        "CreateRepository",
        json!({ "repositoryName": "hello" }),
    )
    .await;
    for tag in [json!("1.0.0"), json!("latest"), Value::Null] {
        let manifest = if tag.is_null() { "{\"child\":1}" } else { "{}" };
        let mut input = json!({ "repositoryName": "hello", "imageManifest": manifest });
        if !tag.is_null() {
            input["imageTag"] = tag;
        }
        ecr(&cloud, "PutImage", input).await;
    }
    let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    ecr(
        &cloud,
        "PutImage",
        json!({ "repositoryName": "absent", "imageManifest": "{}" }),
    )
    .await;

    let events = events(&cloud).await;
    let announced: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["detail"]["action-type"].as_str(),
                event["detail"]["image-tag"].as_str(),
            )
        })
        .collect();
    let expected = [("PUSH", "1.0.0"), ("PUSH", "latest"), ("PUSH", "")];
    assert_eq!(
        announced,
        expected.map(|(action, tag)| (Some(action), Some(tag)))
    );
    assert_eq!(events[0]["resources"], json!([]));
    assert_eq!(
        events[0]["detail"],
        json!({
            "result": "SUCCESS",
            "repository-name": "hello",
            "image-digest": digest,
            "action-type": "PUSH",
            "image-tag": "1.0.0",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_local_image_stays_what_was_pushed() {
    let (data, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cloud = cloud(Some(data.path())).await;
    ecr(
        &cloud,
        "CreateRepository",
        json!({ "repositoryName": "hello" }),
    )
    .await;
    let push = async |greeting: &str, tag: &str| {
        fs::write(source.path().join("greeting"), greeting).unwrap();
        let image = LocalImage {
            directory: source.path().into(),
            command: vec!["./run".into()],
        };
        let input = json!({ "repositoryName": "hello", "imageTag": tag, "imageManifest": image.manifest().unwrap() });
        ecr(&cloud, "PutImage", input).await["image"]["imageId"]["imageDigest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = push("Hello", "1.0.0").await;
    let second = push("Goodbye", "1.1.0").await;
    assert_ne!(first, second);
    fs::remove_file(source.path().join("greeting")).unwrap();

    let greeting = |reference: &str| match cloud.ecr.lookup(reference) {
        Lookup::Found {
            digest,
            local: Some(local),
        } => (
            digest,
            fs::read_to_string(local.directory.join("greeting")).unwrap(),
        ),
        other => panic!("{reference}: {other:?}"),
    };
    let registry = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";
    assert_eq!(greeting("hello:1.0.0"), (first.clone(), "Hello".to_owned()));
    assert_eq!(
        greeting(&format!("{registry}/hello:1.1.0")),
        (second.clone(), "Goodbye".to_owned())
    );
    assert_eq!(
        greeting(&format!("{registry}/hello:1.1.0@{first}")),
        (first, "Hello".to_owned())
    );
    assert_eq!(
        cloud.ecr.lookup(&format!("{registry}/hello:2")),
        Lookup::Missing
    );
    assert_eq!(
        cloud.ecr.lookup(&format!("{registry}/other:1")),
        Lookup::Missing
    );
    assert_eq!(cloud.ecr.lookup("nginx:latest"), Lookup::Elsewhere);
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_everything_as_it_was() {
    let data = tempfile::tempdir().unwrap();
    let before = cloud(Some(data.path())).await;
    let saving = before.keep_saved();
    before.s3.ensure_bucket("config");
    let put = send(&before, "PUT", "/config/a", "one").await;
    let first = put.headers()["x-amz-version-id"].to_str().unwrap();
    send(&before, "PUT", "/config/a", "two").await;
    ecr(
        &before,
        "CreateRepository",
        json!({ "repositoryName": "hello" }),
    )
    .await;
    let rule = json!({ "Name": "pushes", "EventPattern": "{\"source\":[\"aws.ecr\"]}" });
    call(&before, "AWSEvents.PutRule", rule).await;
    before
        .logs
        .append("/aws/lambda/image-pushed", "1", "a line");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    saving.abort();
    let _ = saving.await;
    let orphan = data.path().join("objects/orphan");
    fs::write(&orphan, "").unwrap();
    drop(before);

    let after = cloud(Some(data.path())).await;
    assert_eq!(send(&after, "GET", "/config/a", "").await.body(), "two");
    let older = format!("/config/a?versionId={first}");
    assert_eq!(send(&after, "GET", &older, "").await.body(), "one");
    let repositories = ecr(&after, "DescribeRepositories", json!({})).await;
    assert_eq!(repositories["repositories"][0]["repositoryName"], "hello");
    let target = json!({ "Id": "a", "Arn": after.functions.arn("image-pushed") });
    let targets = json!({ "Rule": "pushes", "Targets": [target] });
    let added = call(&after, "AWSEvents.PutTargets", targets).await;
    assert_eq!(added["FailedEntryCount"], 0);
    let found = json!({ "logGroupName": "/aws/lambda/image-pushed" });
    assert_eq!(
        call(&after, "Logs_20140328.FilterLogEvents", found).await["events"][0]["message"],
        "a line"
    );
    assert!(!orphan.exists());
}

#[tokio::test(start_paused = true)]
async fn the_request_log_says_who_asked_for_what() {
    let cloud = cloud(None).await;
    cloud.s3.ensure_bucket("config");
    send(&cloud, "PUT", "/config/services/a", "x").await;
    ecr(
        &cloud,
        "DescribeImages",
        json!({ "repositoryName": "hello" }),
    )
    .await;
    call(&cloud, "Nothing_2026.DoIt", json!({})).await;
    let announced: Vec<_> = cloud
        .requests
        .requests()
        .into_iter()
        .map(|entry| {
            format!(
                "{:?} {} {} {} {}",
                entry.app, entry.service, entry.operation, entry.subject, entry.status
            )
        })
        .collect();
    assert_eq!(
        announced,
        [
            "None s3 PutObject config/services/a 200",
            "Some(\"image-pushed\") ecr DescribeImages hello 400",
            "Some(\"image-pushed\") unknown DoIt  400",
        ]
    );
    cloud.requests.clear();
    assert!(cloud.requests.requests().is_empty());
}
