//! Services that are to run no task: what they are given proves nothing.

use landfall::{record::Verdict, service_id::ServiceId};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, web},
};
use serde_json::json;

use crate::{
    bad_releases::{answer, good_behind_a_probe},
    dying::dying,
};

/// Sets the number of tasks by hand, and waits until they run.
async fn scale(stage: &Stage, service: &ServiceId, count: u64) {
    let count_alone = json!({"cluster": "web", "service": "hello", "desiredCount": count});
    stage.ecs("UpdateService", count_alone).await;
    stage.runs(service, count).await;
}

pub(crate) async fn sweep(stage: &Stage) {
    let event = serde_json::from_str(include_str!("../../events/sweep-due.json")).unwrap();
    stage.invoke("sweep-due", event).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_task_ran_of_proves_nothing_and_is_verified_once_tasks_run() {
    let stage = Stage::open().await;
    let service = web("hello");
    good_behind_a_probe(&stage).await;
    scale(&stage, &service, 0).await;

    // The probe would fail: nothing is there to answer it.
    answer(&stage, "Service Unavailable").await;
    let idle = stage.push("hello", "1.1.0").await;
    let record = stage.verdict(&service, 2, Verdict::Unproven).await;
    assert!(record.reason.contains("desired count is 0"), "{record:?}");
    let desired = stage.desired(&service).await;
    assert_eq!(desired.last_good.unwrap().number, 1);
    assert_eq!(desired.quarantine, []);
    assert!(stage.live_image(&service).await.ends_with(&idle));

    // No task runs yet, so a sweep changes nothing.
    sweep(&stage).await;
    assert_eq!(stage.settled(&service).await.last_number, 2);

    answer(&stage, "Hello, World!").await;
    scale(&stage, &service, 2).await;
    sweep(&stage).await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    let desired = stage.desired(&service).await;
    assert_eq!(desired.last_good.unwrap().number, 3);
    assert_eq!(desired.unproven, None);
    assert!(stage.live_image(&service).await.ends_with(&idle));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_image_that_came_while_no_task_ran_is_rolled_back_to_what_was_good_before() {
    let stage = Stage::open().await;
    let service = web("hello");
    let good = stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = "bake: 8s".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    scale(&stage, &service, 0).await;

    stage.push_behaving("hello", "1.1.0", dying()).await;
    stage.verdict(&service, 2, Verdict::Unproven).await;

    scale(&stage, &service, 2).await;
    sweep(&stage).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;

    assert!(stage.live_image(&service).await.ends_with(&good));
    let desired = stage.desired(&service).await;
    assert_eq!((desired.quarantine.len(), desired.unproven), (1, None));
    stage.close().await;
}
