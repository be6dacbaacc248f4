//! Executions that die, machines that stop, events that are not what they claim.

use landfall::{record::Verdict, service_id::ServiceId};
use landfall_tests::stage::{Stage, until, web};
use serde_json::{Value, json};

/// Pushes 1.1.0 onto a service that runs 1.0.0 and answers once ECS has accepted it, which is long before the verdict.
async fn in_mid_release(stage: &Stage, service: &ServiceId) -> String {
    stage.first_release(service).await;
    let digest = stage.push("hello", "1.1.0").await;
    until("the rollout of 1.1.0", || async {
        let live = stage.live_image(service).await;
        live.ends_with(&digest).then_some(())
    })
    .await;
    digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_execution_is_stopped_is_finished_by_another() {
    let stage = Stage::open().await;
    let service = web("hello");
    let digest = in_mid_release(&stage, &service).await;
    let claim = stage.desired(&service).await.claim.unwrap();
    stage
        .states("StopExecution", json!({"executionArn": claim.execution}))
        .await;

    let record = stage.verdict(&service, 2, Verdict::Succeeded).await;

    assert_ne!(record.execution.as_ref(), Some(&claim.execution));
    assert!(stage.live_image(&service).await.ends_with(&digest));
    let statuses = stage.executions(&service, Some("ABORTED")).await;
    assert_eq!(statuses, [claim.execution]);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_stops_in_mid_release_goes_on_after_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let service = web("hello");
    let stage = Stage::open_in(folder.path()).await;
    let digest = in_mid_release(&stage, &service).await;
    let claim = stage.desired(&service).await.claim.unwrap();
    stage.close().await;

    let stage = Stage::open_in(folder.path()).await;
    let record = stage.verdict(&service, 2, Verdict::Succeeded).await;

    assert_ne!(record.execution.as_ref(), Some(&claim.execution));
    assert!(stage.live_image(&service).await.ends_with(&digest));
    stage.runs(&service, 2).await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_service_file_is_deleted_in_mid_release_still_gets_its_verdict() {
    let stage = Stage::open().await;
    let service = web("hello");
    let digest = in_mid_release(&stage, &service).await;
    stage
        .driver
        .delete_file("services/hello.yaml")
        .await
        .unwrap();
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&digest));
    until("the end of following", || async {
        stage.desired(&service).await.file.is_none().then_some(())
    })
    .await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_somebody_deletes_is_made_again_by_the_next_release() {
    let stage = Stage::open().await;
    let service = web("hello");
    in_mid_release(&stage, &service).await;
    stage
        .ecs(
            "DeleteService",
            json!({"cluster": "web", "service": "hello", "force": true}),
        )
        .await;
    let next = stage.push("hello", "1.2.0").await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    let live = stage.live(&service).await;
    assert_eq!(
        (&live["status"], &live["runningCount"]),
        (&json!("ACTIVE"), &json!(2))
    );
    assert!(stage.live_image(&service).await.ends_with(&next));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_not_what_it_claims_is_refused_and_changes_nothing() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let before = stage.desired(&service).await;
    let push = stage.push_event("hello", "1.1.0");
    let seen = stage.requests();

    let but = |change: &dyn Fn(&mut Value)| {
        let mut event = push.clone();
        change(&mut event);
        event
    };
    let large = "x".repeat(10 * 1024 * 1024);
    for (function, event, message) in [
        ("image-pushed", json!(null), "expected an object"),
        ("image-pushed", json!([push]), "expected an object"),
        (
            "image-pushed",
            but(&|event| event["version"] = "1".into()),
            "only version \"0\" is known",
        ),
        (
            "image-pushed",
            but(&|event| event["source"] = "aws.s3".into()),
            "check the rule that sent it",
        ),
        (
            "image-pushed",
            but(&|event| event["detail"] = json!({})),
            "missing field",
        ),
        (
            "image-pushed",
            but(&|event| event["detail"]["repository-name"] = "".into()),
            "repository-name is empty",
        ),
        (
            "image-pushed",
            but(&|event| event["detail"]["image-tag"] = large.as_str().into()),
            "AWS allows 128",
        ),
        ("config-changed", push.clone(), "check the rule"),
        ("rollout-changed", push.clone(), "check the rule"),
        ("execution-ended", push.clone(), "check the rule"),
        ("sweep-due", push.clone(), "the schedule's input"),
    ] {
        let (error, cause) = stage.invoke(function, event).await.unwrap_err();
        assert_eq!(error, "Refused", "{function}: {cause}");
        assert!(cause.contains(message), "{function}: {cause}");
        assert!(cause.len() < 2000, "a message of {} bytes", cause.len());
    }

    let stage_requests: Vec<_> = stage
        .local
        .cloud
        .requests
        .requests()
        .into_iter()
        .skip(seen)
        .filter(|entry| entry.app.is_some())
        .collect();
    assert_eq!(stage_requests, [], "a refusal needs no call");
    assert_eq!(stage.desired(&service).await, before);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_none_of_landfalls_business_are_no_errors() {
    let stage = Stage::open().await;
    let push = stage.push_event("hello", "1.0.0");
    for (member, value) in [
        ("action-type", "DELETE"),
        ("result", "FAILURE"),
        ("image-tag", ""),
    ] {
        let mut event = push.clone();
        event["detail"][member] = value.into();
        stage.invoke("image-pushed", event).await.unwrap();
    }
    let mut elsewhere = push.clone();
    elsewhere["account"] = "999999999999".into();
    stage.invoke("image-pushed", elsewhere).await.unwrap();
    let requests = stage.local.cloud.requests.requests();
    assert_eq!(
        requests.iter().filter(|entry| entry.app.is_some()).count(),
        0
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
