//! Foreign changes of services in ECS.

use landfall::{hold::SetBy, record::Verdict, service_id::ServiceId, status::FileStatus};
use landfall_aws::{config, events::SERVICE_DRIFTED, operator::Operator};
use landfall_local::{
    cloud::ecs::SimulatedBehaviour,
    local::{CONFIG_BUCKET, REGION, STATE_BUCKET},
};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, until, web},
};
use serde_json::{Value, json};

async fn resume(stage: &Stage, service: &ServiceId) {
    let config = config::local(stage.local.endpoint(), REGION).await;
    let operator = Operator::new(&config, STATE_BUCKET, Some(CONFIG_BUCKET.into()));
    operator.resume(service, None, None).await.unwrap();
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
    let reason = until("the service to be held", || async {
        let hold = stage.desired(service).await.hold?;
        (hold.set_by == SetBy::Drift).then_some(hold.reason)
    })
    .await;
    let said = reason.matches("left alone until").count();
    assert_eq!(said, 1, "{reason}");
    reason
}

/// Pushes 1.1.0, which is joined and waits, while the service keeps `theirs`; answers its digest.
async fn push_in_vain(stage: &Stage, service: &ServiceId, theirs: &str) -> String {
    let digest = stage.push("hello", "1.1.0").await;
    until("the push to be joined", || async {
        (stage.desired(service).await.open.len() == 1).then_some(())
    })
    .await;
    assert_eq!(stage.live(service).await["taskDefinition"], theirs);
    digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_revision_between_releases_stays_until_it_is_resumed() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;

    let theirs = deploy_by_hand(&stage, &service).await;
    let reason = drifted(&stage, &service).await;
    assert!(reason.contains(&theirs), "{reason}");
    let event = until("the event", || async {
        stage.announced(SERVICE_DRIFTED).into_iter().next()
    })
    .await;
    assert_eq!(event["service"], "web/hello");
    until("the status", || async {
        let status = stage.status("services/hello.yaml").await?;
        matches!(status, FileStatus::Accepted { hold: Some(_), .. }).then_some(())
    })
    .await;

    let newest = push_in_vain(&stage, &service, &theirs).await;

    resume(&stage, &service).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_revision_during_a_rollout_ends_the_release_as_drifted() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
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
    stage.first_release(&service).await;
    let first = text(&stage.live(&service).await["taskDefinition"]);
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;

    give(&stage, &service, &first).await;
    let third = stage.push("hello", "1.2.0").await;

    assert!(drifted(&stage, &service).await.contains(&first));
    until("the push to be joined", || async {
        (stage.desired(&service).await.last_number >= 3).then_some(())
    })
    .await;
    stage.at_rest(&service).await;
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
    stage.first_release(&service).await;
    let good = stage.live_image(&service).await;
    let crashing = SimulatedBehaviour {
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
        message
            .contains("hello:1.1.0 (container web) is left out, because release 2 was no success"),
        "{message}"
    );
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert_eq!(stage.live_image(&service).await, good);
    assert_eq!(stage.live(&service).await["desiredCount"], 1);
    stage.close().await;
}

/// A service that Landfall is making, and watches for a while.
async fn in_first_release(stage: &Stage, service: &ServiceId) {
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = "bake: 8s".into();
    stage.follow("services/hello.yaml", &file.text()).await;
    until("the service", || async {
        let live = stage.live(service).await;
        (live["status"] == "ACTIVE").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_revision_of_a_service_that_never_was_good_stays_until_it_is_resumed() {
    let stage = Stage::open().await;
    let service = web("hello");
    in_first_release(&stage, &service).await;

    let theirs = deploy_by_hand(&stage, &service).await;
    let record = stage.verdict(&service, 1, Verdict::Drifted).await;
    assert!(
        record.reason.contains(&theirs) && record.reason.contains("landfall resume web/hello"),
        "{}",
        record.reason
    );
    assert!(drifted(&stage, &service).await.contains(&theirs));
    let newest = push_in_vain(&stage, &service, &theirs).await;

    resume(&stage, &service).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_taken_over_twice_can_be_resumed_before_anything_was_good() {
    let stage = Stage::open().await;
    let service = web("hello");
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:1", "memory": 64});
    let first = json!({"family": "terraform", "containerDefinitions": [container]});
    let created = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": "terraform", "desiredCount": 1,
    });
    stage
        .ecs("CreateCluster", json!({"clusterName": "web"}))
        .await;
    stage.ecs("RegisterTaskDefinition", first).await;
    stage.ecs("CreateService", created).await;
    in_first_release(&stage, &service).await;
    until("the takeover", || async {
        let live = text(&stage.live(&service).await["taskDefinition"]);
        live.contains("/hello:").then_some(())
    })
    .await;

    let theirs = deploy_by_hand(&stage, &service).await;
    stage.verdict(&service, 1, Verdict::Drifted).await;
    assert!(drifted(&stage, &service).await.contains(&theirs));
    let newest = push_in_vain(&stage, &service, &theirs).await;
    resume(&stage, &service).await;
    until("1.1.0 to be good", || async {
        let desired = stage.settled(&service).await;
        desired.last_good.map(|_| ())
    })
    .await;
    assert!(stage.live_image(&service).await.ends_with(&newest));
    stage.close().await;
}

/// Waits for a task that Landfall runs alone.
async fn until_a_task_runs_alone(stage: &Stage, family: &str) {
    until("the task", || async {
        let input = json!({"cluster": "web", "family": family, "desiredStatus": "RUNNING"});
        let tasks = stage.ecs("ListTasks", input).await["taskArns"].clone();
        if tasks == json!([]) {
            return None;
        }
        let input = json!({"cluster": "web", "tasks": tasks});
        let tasks = stage.ecs("DescribeTasks", input).await;
        let mut tasks = tasks["tasks"].as_array()?.iter();
        let ours = |task: &Value| text(&task["startedBy"]).starts_with("landfall/");
        tasks.any(ours).then_some(())
    })
    .await;
}

fn with_task(section: &str, file: &str) -> String {
    format!(
        "{file}{section}:\n  - {{ name: check, container: web, command: [check], environment: [{{ name: \
         SIMULATED_EXIT_AFTER, value: \"4\" }}, {{ name: SIMULATED_EXIT_CODE, value: 0 }}] }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_revision_after_the_last_check_is_no_success() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let file = SampleFile::new("hello", "hello", "semver:^1").text();
    stage
        .follow("services/hello.yaml", &with_task("after", &file))
        .await;
    until_a_task_runs_alone(&stage, "hello").await;

    let theirs = deploy_by_hand(&stage, &service).await;
    let record = stage.verdict(&service, 2, Verdict::Drifted).await;
    assert!(
        record
            .reason
            .starts_with("rolled out and verified, but before that was concluded")
            && record.reason.contains(&theirs),
        "{}",
        record.reason
    );
    let held = drifted(&stage, &service).await;
    assert!(held.contains(&theirs), "{held}");
    assert_eq!(stage.live(&service).await["taskDefinition"], theirs);
    assert_eq!(stage.desired(&service).await.last_good.unwrap().number, 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_owner_gives_an_adopted_service_in_mid_release_is_not_lost() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let adopting = "cluster: { clusterName: web }\nservice: { serviceName: hello }\n\
                    images: { web: { repository: hello, tag: 'semver:^1' } }\n";
    stage.follow("services/hello.yaml", adopting).await;
    stage.settled(&service).await;
    stage
        .follow("services/hello.yaml", &with_task("before", adopting))
        .await;
    stage.settled(&service).await;
    let newest = stage.push("hello", "1.1.0").await;
    until("release of 1.1.0 to be claimed", || async {
        let desired = stage.desired(&service).await;
        desired
            .claim
            .is_some_and(|claim| claim.release == desired.last_number)
            .then_some(())
    })
    .await;
    until_a_task_runs_alone(&stage, "hello").await;
    let number = stage.desired(&service).await.last_number;

    // The images were filled in already, into what the service ran before.
    let theirs = deploy_by_hand(&stage, &service).await;
    let record = stage.verdict(&service, number, Verdict::Drifted).await;
    assert!(record.reason.contains(&theirs), "{}", record.reason);
    assert_eq!(stage.live(&service).await["taskDefinition"], theirs);

    resume(&stage, &service).await;
    stage
        .verdict(&service, number + 1, Verdict::Succeeded)
        .await;
    let live = stage.live(&service).await;
    assert!(
        text(&live["taskDefinition"]).contains("/by-hand:"),
        "{live}"
    );
    assert!(stage.live_image(&service).await.ends_with(&newest));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_codedeploy_rolls_out_is_refused_with_nothing_touched() {
    let stage = Stage::open().await;
    let service = web("hello");
    let container = json!({"name": "web", "image": "public.ecr.aws/hello:1", "memory": 64});
    let first = json!({"family": "theirs", "containerDefinitions": [container]});
    stage
        .ecs("CreateCluster", json!({"clusterName": "web"}))
        .await;
    stage.ecs("RegisterTaskDefinition", first).await;
    let created = json!({
        "cluster": "web", "serviceName": "hello", "taskDefinition": "theirs", "desiredCount": 1,
        "deploymentController": {"type": "CODE_DEPLOY"},
    });
    stage.ecs("CreateService", created).await;
    stage.push("hello", "1.0.0").await;
    let seen = stage.requests();

    let owning = SampleFile::new("hello", "hello", "semver:^1").text();
    let adopting = "cluster: { clusterName: web }\nservice: { serviceName: hello }\n\
                    images: { web: { repository: hello, tag: 'semver:^1' } }\n";
    for (number, file) in [(1, &*owning), (2, adopting)] {
        stage.follow("services/hello.yaml", file).await;
        let record = stage.verdict(&service, number, Verdict::Rejected).await;
        for text in [
            "the deployment controller CODE_DEPLOY",
            "move it to the controller ECS",
        ] {
            assert!(record.reason.contains(text), "{}", record.reason);
        }
    }
    assert_eq!(stage.changes_in_ecs(seen), [] as [&str; 0]);
    stage.close().await;
}
