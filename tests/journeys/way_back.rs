//! The way back: what it needs, what it leaves, and where it is in danger.

use landfall::{record::Verdict, status::FileStatus};
use landfall_aws::events::WAY_BACK_ENDANGERED;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, until, web},
};
use serde_json::{Value, json};

use crate::{
    bad_releases::{answer, crashing, good_behind_a_probe, probing},
    hold::operator,
    unproven::sweep,
};

/// A revision as ECS describes it, by ARN, `family:revision`, or the family alone.
async fn described(stage: &Stage, name: &str) -> Value {
    let input = json!({"taskDefinition": name, "include": ["TAGS"]});
    stage.ecs("DescribeTaskDefinition", input).await
}

async fn status(stage: &Stage, name: &str) -> String {
    text(&described(stage, name).await["taskDefinition"]["status"])
}

/// Deletes an image, as a lifecycle rule does.
async fn expire(stage: &Stage, digest: &str) {
    let input = json!({"repositoryName": "hello", "imageIds": [{"imageDigest": digest}]});
    let ecr = &stage.local.cloud.ecr;
    ecr.call("BatchDeleteImage", input).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_whose_revision_was_deregistered_serves_again_after_a_bad_one() {
    let stage = Stage::open().await;
    let service = web("hello");
    let (_, good) = good_behind_a_probe(&stage).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_names_the_family_alone_after_a_roll_back_gets_the_good_revision() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    stage.push_behaving("hello", "1.1.0", crashing()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;
    stage.settled(&service).await;

    let newest = described(&stage, "hello").await;
    let good = stage.desired(&service).await.last_good.unwrap();
    let good = good.task_definition.arn;
    assert_eq!(newest["taskDefinition"]["taskDefinitionArn"], good);
    assert_eq!(status(&stage, "hello:2").await, "INACTIVE");

    // Another team's revision of the family is not Landfall's to deregister; the next bad one is.
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:by-hand", "memory": 64});
    let by_hand = json!({"family": "hello", "containerDefinitions": [container]});
    stage.ecs("RegisterTaskDefinition", by_hand).await;
    operator(&stage)
        .await
        .retry(&service, None, None)
        .await
        .unwrap();
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    stage.settled(&service).await;
    assert_eq!(status(&stage, "hello:3").await, "ACTIVE");
    assert_eq!(status(&stage, "hello:4").await, "INACTIVE");
    assert_eq!(stage.live(&service).await["taskDefinition"], good);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bad_release_added_to_the_section_is_gone_after_it() {
    let stage = Stage::open().await;
    let service = web("hello");
    let (mut file, _) = good_behind_a_probe(&stage).await;

    answer(&stage, "Out of order").await;
    file.service = "enableECSManagedTags: true\npropagateTags: SERVICE".into();
    file.deployment =
        "alarms: { alarmNames: [errors], enable: true, rollback: true }\nmaximumPercent: 150"
            .into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    let live = stage.live(&service).await;
    assert_eq!(live["enableECSManagedTags"], false);
    assert_eq!(live["propagateTags"], "NONE");
    let deployments = &live["deploymentConfiguration"];
    assert_eq!(deployments["alarms"]["enable"], false);
    assert_eq!(deployments["maximumPercent"], 200);
    assert_eq!(deployments["deploymentCircuitBreaker"]["enable"], true);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_to_go_back_to_that_was_deregistered_is_copied() {
    let stage = Stage::open().await;
    let service = web("hello");
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:1", "memory": 64});
    let theirs = json!({"family": "terraform", "containerDefinitions": [container]});
    let created = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": "terraform", "desiredCount": 1,
    });
    let cluster = json!({"clusterName": "web"});
    stage.ecs("CreateCluster", cluster).await;
    stage.ecs("RegisterTaskDefinition", theirs).await;
    stage.ecs("CreateService", created).await;
    let gone = json!({"taskDefinition": "terraform:1"});
    stage.ecs("DeregisterTaskDefinition", gone).await;

    answer(&stage, "Out of order").await;
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = probing(&stage, "Hello");
    stage.follow("services/hello.yaml", &file.text()).await;
    let record = stage.verdict(&service, 1, Verdict::RolledBack).await;

    let undone = record.diagnosis.unwrap().undone;
    assert!(
        undone.contains("a copy that Landfall registered of"),
        "{undone}"
    );
    let live = stage.live(&service).await;
    assert!(
        text(&live["taskDefinition"]).ends_with("/terraform:2"),
        "{live}"
    );
    assert_eq!(stage.live_image(&service).await, "public.ecr.aws/hello:1");
    let copy = described(&stage, "terraform:2").await;
    let tags: Vec<_> = copy["tags"].as_array().unwrap().iter().collect();
    assert!(
        tags.contains(&&json!({"key": "landfall:service", "value": "web/hello"})),
        "{tags:?}"
    );

    // It is no foreign revision to the next release.
    answer(&stage, "Hello, World!").await;
    let mended = stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&mended));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_the_image_of_the_last_good_release_is_gone_is_said_once_and_before_it_is_needed() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    sweep(&stage).await;
    assert_eq!(stage.desired(&service).await.danger, None);

    let good = stage.desired(&service).await.images["web"].digest.clone();
    expire(&stage, &good).await;
    for _ in 0..2 {
        sweep(&stage).await;
    }
    let event = until("the event", || async {
        stage.announced(WAY_BACK_ENDANGERED).into_iter().next()
    })
    .await;
    assert_eq!(event["service"], "web/hello");
    assert_eq!(event["danger"]["images"]["web"]["digest"], *good);
    assert_eq!(stage.announced(WAY_BACK_ENDANGERED).len(), 1);
    let danger = stage.desired(&service).await.danger.unwrap();
    assert_eq!(danger.release, 1);
    let status = stage.status("services/hello.yaml").await;
    let Some(FileStatus::Accepted { message, .. }) = status else {
        panic!("{status:?}")
    };
    assert!(message.contains("the way back is in danger"), "{message}");

    // The same image again.
    assert_eq!(stage.push("hello", "1.0.0").await, good);
    sweep(&stage).await;
    assert_eq!(stage.desired(&service).await.danger, None);

    expire(&stage, &good).await;
    sweep(&stage).await;
    assert!(stage.desired(&service).await.danger.is_some());
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(stage.settled(&service).await.danger, None);
    stage.close().await;
}
