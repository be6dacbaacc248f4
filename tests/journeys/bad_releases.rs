//! Releases that are bad, and what becomes of the service.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_aws::events::RELEASE_CONCLUDED;
use landfall_local::{cloud::ecs::SimulatedBehaviour, local::CONFIG_BUCKET};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::{Value, json};

/// Starts, and exits with an error.
pub(crate) fn crashing() -> SimulatedBehaviour {
    SimulatedBehaviour {
        exits: Some((Duration::from_millis(100), 7)),
        ..SimulatedBehaviour::default()
    }
}

/// The answer of a service whose tasks are simulated: an object that S3 serves.
pub(crate) async fn answer(stage: &Stage, body: &str) {
    stage.driver.put_file("answer", body).await.unwrap();
}

pub(crate) fn probing(stage: &Stage, body: &str) -> String {
    format!(
        "http: {{ url: \"{}/{CONFIG_BUCKET}/answer\", body: \"{body}\", interval: 1s, successes: 1, failures: 2 }}",
        stage.local.endpoint()
    )
}

/// Brings `web/hello` its first release, which proves good: its probe wants the answer `Hello`. Answers the service file and
/// the digest of the image.
pub(crate) async fn good_behind_a_probe(stage: &Stage) -> (SampleFile, String) {
    answer(stage, "Hello, World!").await;
    let good = stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = probing(stage, "Hello");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&web("hello"), 1, Verdict::Succeeded).await;
    (file, good)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashing_image_is_rolled_back_with_its_diagnosis_and_not_tried_again() {
    let stage = Stage::open().await;
    let service = web("hello");
    let good = stage.push("hello", "1.0.0").await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    stage.push_behaving("hello", "1.1.0", crashing()).await;
    let record = stage.verdict(&service, 2, Verdict::RolledBack).await;

    assert!(record.reason.contains("rolled"), "{}", record.reason);
    let diagnosis = record.diagnosis.unwrap();
    let stopped = &diagnosis.stopped_tasks[0];
    assert_eq!(stopped.reason, "Essential container in task exited");
    assert_eq!(
        (
            &*stopped.containers[0].name,
            stopped.containers[0].exit_code
        ),
        ("web", Some(7))
    );
    assert!(
        diagnosis
            .service_events
            .iter()
            .any(|event| event.contains("(service hello)")),
        "{:?}",
        diagnosis.service_events
    );
    assert!(stage.live_image(&service).await.ends_with(&good));
    assert_eq!(stage.live(&service).await["runningCount"], 2);

    // EventBridge delivers at least once.
    let seen = stage.requests();
    let event = stage.push_event("hello", "1.1.0");
    stage.invoke("image-pushed", event).await.unwrap();
    let desired = stage.settled(&service).await;
    assert_eq!(desired.last_number, 2);
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());

    // The next image is another matter.
    let next = stage.push("hello", "1.1.1").await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&next));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_ecs_is_content_with_but_the_probe_is_not_is_rolled_back_by_landfall() {
    let stage = Stage::open().await;
    let service = web("hello");
    let (_, good) = good_behind_a_probe(&stage).await;

    answer(&stage, "Out of order").await;
    let bad = stage.push("hello", "1.1.0").await;
    let record = stage.verdict(&service, 2, Verdict::RolledBack).await;

    assert!(
        record.reason.contains("answered without the text `Hello`"),
        "{}",
        record.reason
    );
    let diagnosis = record.diagnosis.unwrap();
    let probe = diagnosis.probe.unwrap();
    assert_eq!(
        (probe.status, &*probe.body, probe.error),
        (Some(200), "Out of order", None)
    );
    assert_eq!(diagnosis.undone, "the service was given release 1 again");
    assert!(stage.live_image(&service).await.ends_with(&good));
    let deployments = stage
        .ecs(
            "ListServiceDeployments",
            json!({"cluster": "web", "service": "hello"}),
        )
        .await;
    let statuses: Vec<&Value> = deployments["serviceDeployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deployment| &deployment["status"])
        .collect();
    assert_eq!(
        statuses,
        ["SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"],
        "ECS itself saw nothing wrong with {bad}"
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_release_that_fails_leaves_nothing_running_and_says_so() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push_behaving("hello", "1.0.0", crashing()).await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;

    let record = stage.verdict(&service, 1, Verdict::Failed).await;

    let diagnosis = record.diagnosis.unwrap();
    assert_eq!(
        diagnosis.undone,
        "no release was ever good, so the service's desired count was set to 0: nothing runs until the next release"
    );
    assert_eq!(diagnosis.stopped_tasks[0].containers[0].exit_code, Some(7));
    stage.runs(&service, 0).await;
    let events = stage.announced(RELEASE_CONCLUDED);
    assert_eq!(
        (events.len(), &events[0]["verdict"]),
        (1, &json!("failed")),
        "{events:?}"
    );

    // The line that the template's alarm counts.
    let input = json!({"logGroupName": "/aws/lambda/conclude-release"});
    let logged = until("the line of the alarm", || async {
        let answer = stage
            .local
            .cloud
            .logs
            .call("FilterLogEvents", input.clone());
        let events = answer.await.ok()?["events"].as_array()?.clone();
        let lines = events
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event["message"].as_str()?).ok());
        let counted = |line: &Value| line["message"] == "concluded" && line["verdict"] == "failed";
        let counted = lines.filter(counted).count();
        (counted > 0).then_some(counted)
    })
    .await;
    assert_eq!(logged, 1);

    let mended = stage.push("hello", "1.0.1").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    let live = stage.live(&service).await;
    assert_eq!(
        (&live["desiredCount"], &live["runningCount"]),
        (&json!(2), &json!(2)),
        "the file's count"
    );
    assert!(stage.live_image(&service).await.ends_with(&mended));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_service_section_is_taken_back_as_a_whole() {
    let stage = Stage::open().await;
    let service = web("hello");
    answer(&stage, "Hello, World!").await;
    stage.push("hello", "1.0.0").await;
    let mut good = SampleFile::new("hello", "hello", "semver:^1");
    good.verify = probing(&stage, "Hello");
    good.task_definition = "taskRoleArn: arn:aws:iam::000000000000:role/hello".into();
    good.service = "enableExecuteCommand: false".into();
    stage.follow("services/hello.yaml", &good.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    let mut bad = good.clone();
    bad.desired_count = 1;
    bad.service = "enableExecuteCommand: true".into();
    bad.verify = probing(&stage, "Goodbye");
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;

    let live = stage.live(&service).await;
    assert_eq!(
        (
            &live["desiredCount"],
            &live["runningCount"],
            &live["enableExecuteCommand"]
        ),
        (&json!(2), &json!(2), &json!(false))
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_ecs_refuses_is_rejected_with_its_words_and_the_service_untouched() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let before = stage.live(&service).await["taskDefinition"].clone();

    // How large a task may be on instances is ECS's to say.
    file.task_definition = "cpu: 1000000000 vCPU".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    let record = stage.verdict(&service, 2, Verdict::Rejected).await;

    assert!(
        record.reason.contains("Invalid 'cpu' setting for task."),
        "{}",
        record.reason
    );
    let live = stage.live(&service).await;
    assert_eq!(
        (&live["taskDefinition"], &live["runningCount"]),
        (&before, &json!(2))
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_service_gets_its_own_revision_back_from_a_bad_first_release() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage
        .ecs("CreateCluster", json!({"clusterName": "web"}))
        .await;
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:by-hand", "memory": 64});
    let by_hand = stage
        .ecs(
            "RegisterTaskDefinition",
            json!({"family": "by-hand", "containerDefinitions": [container]}),
        )
        .await["taskDefinition"]["taskDefinitionArn"]
        .clone();
    let service_by_hand = json!({"cluster": "web", "serviceName": "hello", "taskDefinition": by_hand, "desiredCount": 2});
    stage.ecs("CreateService", service_by_hand).await;
    until("the service made by hand", || async {
        (stage.live(&service).await["runningCount"] == 2).then_some(())
    })
    .await;

    stage.push_behaving("hello", "1.0.0", crashing()).await;
    let file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow("services/hello.yaml", &file.text()).await;
    let record = stage.verdict(&service, 1, Verdict::RolledBack).await;

    let live = stage.live(&service).await;
    assert_eq!(
        (&live["taskDefinition"], &live["runningCount"]),
        (&by_hand, &json!(2)),
        "{:?}",
        record.diagnosis
    );
    stage.push("hello", "1.0.1").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    stage.close().await;
}
