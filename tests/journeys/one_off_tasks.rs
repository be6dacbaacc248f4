//! Tasks that run once before and after a rollout.

use landfall::{
    record::{Record, Verdict},
    service_file::Phase,
};
use landfall_aws::events::{RELEASE_STARTED, STAGE_CHANGED};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, web},
};
use serde_json::{Value, json};

const KEY: &str = "services/hello.yaml";

/// A task that exits with `code` after a moment: its container is simulated.
fn task(name: &str, code: u8, more: &str) -> String {
    task_that_takes(name, "0.3", code, more)
}

fn task_that_takes(name: &str, seconds: &str, code: u8, more: &str) -> String {
    format!(
        "  - {{ name: {name}, container: web, command: [{name}], environment: [{{ name: SIMULATED_EXIT_AFTER, \
         value: \"{seconds}\" }}, {{ name: SIMULATED_EXIT_CODE, value: {code} }}]{more} }}\n"
    )
}

fn file(before: &[String], after: &[String]) -> String {
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.container =
        "logConfiguration:\n  logDriver: awslogs\n  options: { awslogs-group: /ecs/hello, \
                      awslogs-region: eu-west-1, awslogs-stream-prefix: hello }"
            .into();
    let mut text = file.text();
    for (section, tasks) in [("before", before), ("after", after)] {
        if !tasks.is_empty() {
            text.push_str(&format!("{section}:\n{}", tasks.concat()));
        }
    }
    text
}

/// The tasks that Landfall ran alone, as they are now: their commands and exit codes, in the order of their creation.
async fn ran(stage: &Stage) -> Vec<(String, Value)> {
    let mut tasks = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let input = json!({ "cluster": "web", "family": "hello", "desiredStatus": status });
        let arns = stage.ecs("ListTasks", input).await["taskArns"].clone();
        if arns.as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let input = json!({ "cluster": "web", "tasks": arns });
        let described = stage.ecs("DescribeTasks", input).await;
        tasks.extend(described["tasks"].as_array().cloned().unwrap_or_default());
    }
    tasks.retain(|task| text(&task["startedBy"]).starts_with("landfall/"));
    tasks.sort_by(|one, other| {
        let at = |task: &Value| task["createdAt"].as_f64().unwrap_or_default();
        at(one).total_cmp(&at(other))
    });
    let described = |task: &Value| {
        let command = &task["overrides"]["containerOverrides"][0]["command"][0];
        (text(command), task["containers"][0]["exitCode"].clone())
    };
    tasks.iter().map(described).collect()
}

/// The stages that were announced of a release, and the tasks that ran in them.
fn stages(stage: &Stage, release: u64) -> Vec<String> {
    let changed = stage.announced(STAGE_CHANGED).into_iter();
    let of_release = changed.filter(|detail| detail["release"]["number"] == release);
    let named = |detail: Value| {
        let task = detail["task"].as_str().unwrap_or_default();
        format!("{} {task}", text(&detail["stage"]))
            .trim_end()
            .to_owned()
    };
    of_release.map(named).collect()
}

fn succeeded(record: &Record) -> &str {
    assert_eq!(record.verdict, Verdict::Succeeded, "{}", record.reason);
    &record.reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_run_one_after_the_other_before_the_service_is_given_the_revision() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let before = [task("migrate", 0, ""), task("seed", 0, "")];
    stage.follow(KEY, &file(&before, &[])).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;

    let seen = stage.requests();
    let next = stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(
        stage.changes_in_ecs(seen),
        [
            "RegisterTaskDefinition",
            "RunTask",
            "RunTask",
            "UpdateService"
        ]
    );
    assert!(stage.live_image(&service).await.ends_with(&next));
    let expected = ["migrate", "seed", "migrate", "seed"].map(|name| (name.to_owned(), json!(0)));
    assert_eq!(ran(&stage).await, expected);
    assert_eq!(
        stages(&stage, 2),
        [
            "task-before migrate",
            "task-before seed",
            "rolling-out",
            "verifying"
        ]
    );
    let begun = stage.announced(RELEASE_STARTED);
    let begun: Vec<_> = begun.iter().map(|detail| &detail["message"]).collect();
    assert_eq!(
        begun[1],
        "release 2 of web/hello runs a task before its rollout (hello:1.1.0 was pushed): migrate"
    );
    assert_eq!(begun.len(), 2, "{begun:?}");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_fails_leaves_the_service_untouched_and_is_reported_with_its_log() {
    let stage = Stage::open().await;
    let service = web("hello");
    let good = stage.push("hello", "1.0.0").await;
    stage.follow(KEY, &file(&[], &[])).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let live = stage.live(&service).await;

    let seen = stage.requests();
    let before = [task("migrate", 3, ""), task("never", 0, "")];
    stage.follow(KEY, &file(&before, &[])).await;
    let record = stage.verdict(&service, 2, Verdict::Failed).await;
    let diagnosis = record.diagnosis.unwrap();
    let report = diagnosis.task.unwrap();
    assert_eq!(
        (&*report.name, report.phase, report.exit_code),
        ("migrate", Phase::Before, Some(3))
    );
    let log = report.log.unwrap();
    let id = report.task.unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        (log.group, log.stream),
        ("/ecs/hello".into(), format!("hello/web/{id}"))
    );
    assert!(
        record.reason.starts_with("the task `migrate` before the rollout failed: container web exited with 3; its log is hello/web/"),
        "{}",
        record.reason
    );
    assert_eq!(diagnosis.undone, "the service was not changed");
    assert_eq!(stage.changes_in_ecs(seen), ["RunTask"]);
    let deployments = |service: &Value| service["deployments"].clone();
    assert_eq!(deployments(&stage.live(&service).await), deployments(&live));
    assert!(stage.live_image(&service).await.ends_with(&good));

    // The mended file is another release.
    stage
        .follow(KEY, &file(&[task("migrate", 0, "")], &[]))
        .await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_after_the_rollout_is_ignored_or_makes_the_release_a_bad_one_as_the_file_says() {
    let stage = Stage::open().await;
    let service = web("hello");
    let good = stage.push("hello", "1.0.0").await;
    let after = [
        task("warm", 1, ""),
        task("smoke", 0, ", onFailure: roll-back"),
    ];
    stage.follow(KEY, &file(&[], &after)).await;
    let record = stage.verdict(&service, 1, Verdict::Succeeded).await;
    let reason = succeeded(&record);
    assert!(
        reason.starts_with("rolled out and verified; the task `warm` after the rollout failed: container web exited with 1")
            && reason.ends_with("; ignored; smoke succeeded"),
        "{reason}"
    );

    let after = [task("smoke", 4, ", onFailure: roll-back")];
    stage.follow(KEY, &file(&[], &after)).await;
    stage.push("hello", "1.1.0").await;
    let record = stage.verdict(&service, 3, Verdict::RolledBack).await;
    let report = record.diagnosis.unwrap().task.unwrap();
    assert_eq!((report.phase, report.exit_code), (Phase::After, Some(4)));
    assert!(stage.live_image(&service).await.ends_with(&good));
    assert_eq!(
        stages(&stage, 3),
        [
            "rolling-out",
            "verifying",
            "task-after smoke",
            "rolling-back"
        ]
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_takes_too_long_is_stopped_and_fails() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let before = [task_that_takes("migrate", "600", 0, ", timeout: 10s")];
    stage.follow(KEY, &file(&before, &[])).await;
    let record = stage.verdict(&service, 1, Verdict::Failed).await;
    assert!(
        record.reason.contains("it did not end within 10 seconds"),
        "{}",
        record.reason
    );
    let diagnosis = record.diagnosis.unwrap();
    assert_eq!(diagnosis.undone, "there is no service to change");
    stage.close().await;
}
