//! Tasks that stop while a release is verified: those that die, and those that do not.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::json;

/// Comes up, and exits with 3 after four seconds.
pub(crate) fn dying() -> SimulatedBehaviour {
    SimulatedBehaviour {
        exits: Some((Duration::from_secs(4), 3)),
        ..SimulatedBehaviour::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_tasks_die_while_it_bakes_is_rolled_back_although_ecs_replaces_them() {
    let stage = Stage::open().await;
    let service = web("hello");
    let good = stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = "bake: 12s".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    stage.push_behaving("hello", "1.1.0", dying()).await;
    let record = stage.verdict(&service, 2, Verdict::RolledBack).await;

    for part in [
        "died after the rollout",
        "verify.deaths is 0",
        "`web` exited with 3",
    ] {
        assert!(record.reason.contains(part), "{part}: {}", record.reason);
    }
    let stopped = record.diagnosis.unwrap().stopped_tasks;
    assert_eq!(stopped[0].containers[0].exit_code, Some(3));
    assert!(stage.live_image(&service).await.ends_with(&good));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_scaled_in_while_the_release_bakes_has_not_died() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = "bake: 12s".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    until("the end of the rollout", || async {
        let live = stage.live(&service).await;
        (live["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
    })
    .await;

    let fewer = json!({"cluster": "web", "service": "hello", "desiredCount": 1});
    stage.ecs("UpdateService", fewer).await;

    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let stopped = json!({"cluster": "web", "serviceName": "hello", "desiredStatus": "STOPPED"});
    let stopped = stage.ecs("ListTasks", stopped).await;
    assert_eq!(stopped["taskArns"].as_array().unwrap().len(), 1);
    stage.close().await;
}
