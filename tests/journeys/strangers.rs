//! Services that somebody else changes in ECS.

use landfall::{hold::SetBy, record::Verdict, service_id::ServiceId, status::FileStatus};
use landfall_aws::{config, events::SERVICE_DRIFTED, operator::Operator};
use landfall_local::local::REGION;
use landfall_tests::{
    sample::SampleFile,
    stage::{CONFIG_BUCKET, STATE_BUCKET, Stage, text, until, web},
};
use serde_json::json;

async fn resume(stage: &Stage, service: &ServiceId) {
    let config = config::local(stage.local.endpoint(), REGION).await;
    let operator = Operator::new(&config, STATE_BUCKET, Some(CONFIG_BUCKET.into()));
    operator.resume(service, None).await.unwrap();
}

/// A service that runs 1.0.0, and the ARN of its revision.
async fn settled(stage: &Stage, service: &ServiceId) -> String {
    stage.push("hello", "1.0.0").await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(service, 1, Verdict::Succeeded).await;
    text(&stage.live(service).await["taskDefinition"])
}

/// Gives the service a revision that Landfall does not know; answers its ARN.
async fn deploy_by_hand(stage: &Stage, service: &ServiceId) -> String {
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:by-hand", "memory": 64});
    let input = json!({"family": "by-hand", "containerDefinitions": [container]});
    let registered = stage.ecs("RegisterTaskDefinition", input).await;
    let revision = text(&registered["taskDefinition"]["taskDefinitionArn"]);
    give(stage, service, &revision).await;
    revision
}

async fn give(stage: &Stage, service: &ServiceId, revision: &str) {
    let input = json!({
        "cluster": service.cluster(), "service": service.service(), "taskDefinition": revision,
    });
    stage.ecs("UpdateService", input).await;
}

/// Waits until the service is on hold because it drifted, and answers why.
async fn drifted(stage: &Stage, service: &ServiceId) -> String {
    until("the service to be held", || async {
        let hold = stage.desired(service).await.hold?;
        (hold.set_by == SetBy::Drift).then_some(hold.reason)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_gives_a_service_between_releases_stays_until_it_is_resumed() {
    let stage = Stage::open().await;
    let service = web("hello");
    settled(&stage, &service).await;

    let theirs = deploy_by_hand(&stage, &service).await;
    let reason = drifted(&stage, &service).await;
    assert!(reason.contains(&theirs), "{reason}");
    let told = until("the event", || async {
        stage.told(SERVICE_DRIFTED).into_iter().next()
    })
    .await;
    assert_eq!(told["service"], "web/hello");
    until("the status", || async {
        let status = stage.status("services/hello.yaml").await?;
        matches!(status, FileStatus::Accepted { hold: Some(_), .. }).then_some(())
    })
    .await;

    let newest = stage.push("hello", "1.1.0").await;
    until("the push to be joined", || async {
        (stage.desired(&service).await.open.len() == 1).then_some(())
    })
    .await;
    assert_eq!(stage.live(&service).await["taskDefinition"], theirs);

    resume(&stage, &service).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_gives_a_service_during_a_rollout_ends_the_release_as_drifted() {
    let stage = Stage::open().await;
    let service = web("hello");
    settled(&stage, &service).await;
    let digest = stage.push("hello", "1.1.0").await;
    until("the rollout of 1.1.0", || async {
        let image = stage.live_image(&service).await;
        image.ends_with(&digest).then_some(())
    })
    .await;

    let theirs = deploy_by_hand(&stage, &service).await;
    let record = stage.verdict(&service, 2, Verdict::Drifted).await;
    let undone = record.diagnosis.unwrap().undone;
    assert!(undone.contains(&theirs), "{undone}");
    assert!(drifted(&stage, &service).await.contains(&theirs));
    assert_eq!(stage.live(&service).await["taskDefinition"], theirs);

    resume(&stage, &service).await;
    let record = stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert_eq!(record.release.cause.to_string(), "its hold was ended");
    assert!(stage.live_image(&service).await.ends_with(&digest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_back_by_hand_is_not_undone_by_the_next_push() {
    let stage = Stage::open().await;
    let service = web("hello");
    let first = settled(&stage, &service).await;
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;

    give(&stage, &service, &first).await;
    let third = stage.push("hello", "1.2.0").await;

    assert!(drifted(&stage, &service).await.contains(&first));
    until("every execution to end", || async {
        let running = stage.executions(&service, Some("RUNNING")).await;
        running.is_empty().then_some(())
    })
    .await;
    assert_eq!(stage.live(&service).await["taskDefinition"], first);
    resume(&stage, &service).await;
    until("1.2.0 to run", || async {
        let image = stage.live_image(&service).await;
        image.ends_with(&third).then_some(())
    })
    .await;
    stage.settled(&service).await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_the_file_does_not_bring_back_an_image_that_was_bad() {
    let stage = Stage::open().await;
    let service = web("hello");
    settled(&stage, &service).await;
    let good = stage.live_image(&service).await;
    let crashing = landfall_local::cloud::ecs::SimulatedBehaviour {
        exits: Some((std::time::Duration::from_millis(200), 7)),
        ..Default::default()
    };
    stage.push_behaving("hello", "1.1.0", crashing).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    // The edit starts no deployment, and this ECS has rolled back faster than clocks may differ.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let mut edited = SampleFile::new("hello", "hello", "semver:^1");
    edited.desired_count = 1;
    let message = stage.follow("services/hello.yaml", &edited.text()).await;
    assert!(
        message.contains("hello:1.1.0 (container web) is left out, because release 2 was bad"),
        "{message}"
    );
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert_eq!(stage.live_image(&service).await, good);
    assert_eq!(stage.live(&service).await["desiredCount"], 1);
    stage.close().await;
}
