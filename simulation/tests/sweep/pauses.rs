//! Deployments that ECS pauses at a hook of the service until somebody continues them: for days, and however that ends.

use std::time::Duration;

use landfall::{
    act::Verb,
    live::HookAction,
    pause::Pause,
    record::{Record, Verdict},
    status::FileStatus,
};
use landfall_aws::{bucket::Bucket, events::RELEASE_PAUSED, status_file::StatusFile};
use landfall_local::{
    cloud::ecs::{Healthy, SimulatedBehaviour},
    local::CONFIG_BUCKET,
};
use landfall_simulation::{
    fault::{Away, Fault},
    scenario::{Rule, Service},
    wire,
    witness::record,
};
use landfall_tests::sample::SampleFile;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A file whose deployments wait at this stage, as long and with such an end as `timeout` says.
fn file(stage: &str, timeout: &str) -> SampleFile {
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.verify = "timeout: 3m".into();
    file.deployment =
        format!("lifecycleHooks: [{{ targetType: PAUSE, lifecycleStages: [{stage}]{timeout} }}]");
    file
}

/// Runs 1.0.0 by release 1; release 2 brings the hooks, which starts no deployment.
async fn serving(stage: &Stage, file: &str) -> Service {
    let hello = service("hello", Rule::Semver);
    stage.push("hello", "1.0.0").await;
    let plain = SampleFile::new("hello", "hello", "semver:^1").text();
    for (number, text) in [(1, &*plain), (2, file)] {
        // The next upload has another second.
        stage.later().await;
        stage.driver.put_file(&hello.key, text).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, number, Verdict::Succeeded).await;
    }
    hello
}

/// Waits until Landfall says that the release is paused, at another hook than `before`.
async fn paused(stage: &Stage, hello: &Service, number: u64, before: Option<&Pause>) -> Pause {
    for _ in 0..1200 {
        sleep(Duration::from_millis(500)).await;
        let desired = stage.desired(hello).await;
        let pause = desired.pause_of(number).cloned();
        let is_new = |pause: &Pause| before.is_none_or(|before| !pause.awaits_the_same_as(before));
        if let Some(pause) = pause.filter(is_new) {
            return pause;
        }
    }
    panic!("it is never paused\n{}", stage.wire.journal.timeline());
}

/// Somebody answers a pause.
async fn answer(stage: &Stage, pause: &Pause, action: &str) {
    for hook in &pause.hooks {
        let input = json!({
            "serviceDeploymentArn": pause.deployment,
            "hookId": hook.id,
            "action": action,
        });
        let ecs = &stage.wire.cloud.ecs;
        ecs.call("ContinueServiceDeployment", input).await.unwrap();
    }
}

/// Waits for a release's record, and until nothing is under way.
async fn concluded(stage: &Stage, hello: &Service, number: u64) -> Record {
    for _ in 0..4000 {
        if let Some(record) = record(&stage.wire.cloud, &hello.id, number).await {
            stage.rest().await;
            return record;
        }
        sleep(Duration::from_secs(5)).await;
    }
    panic!("no record\n{}", stage.wire.journal.timeline());
}

/// How many requests there were of an operation.
fn count(stage: &Stage, operation: &str) -> usize {
    let requests = stage.wire.cloud.requests.requests().into_iter();
    requests
        .filter(|entry| entry.operation == operation)
        .count()
}

/// How many pauses were announced.
fn announced(stage: &Stage) -> usize {
    let events = stage.wire.cloud.events.recent_events().into_iter();
    events
        .filter(|event| event["detail-type"] == RELEASE_PAUSED)
        .count()
}

/// What the status beside the service file says.
async fn message(stage: &Stage, hello: &Service) -> String {
    let sdk = wire::sdk(stage.wire.clone());
    let files = Bucket::new(&sdk, CONFIG_BUCKET.into());
    match StatusFile::of(&files, &hello.key).read().await.unwrap() {
        Some(FileStatus::Accepted { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

async fn tasks_of(stage: &Stage, revision: &Value) -> Vec<Value> {
    let ecs = &stage.wire.cloud.ecs;
    let listed = json!({ "cluster": "web", "serviceName": "hello" });
    let listed = ecs.call("ListTasks", listed).await.unwrap();
    let described = json!({ "cluster": "web", "tasks": listed["taskArns"] });
    let described = ecs.call("DescribeTasks", described).await.unwrap();
    let tasks = described["tasks"].as_array().unwrap().iter();
    tasks
        .filter(|task| task["taskDefinitionArn"] == *revision)
        .map(|task| task["taskArn"].clone())
        .collect()
}

#[test]
fn a_release_that_waits_for_days_succeeds_once_somebody_continues_it() {
    play(async {
        let stage = Stage::open(&[]).await;
        let week = ", timeoutConfiguration: { timeoutInMinutes: 10080 }";
        let hello = serving(&stage, &file("PRE_SCALE_UP", week).text()).await;
        let before = announced(&stage);
        let digest = stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        assert_eq!(pause.stage.as_deref(), Some("PRE_SCALE_UP"));
        let hook = &pause.hooks[0];
        assert_eq!(hook.then, Some(HookAction::Rollback));
        let waits = hook.until.unwrap().duration_since(pause.since);
        assert!((waits.as_secs() - 7 * 86_400).abs() < 60, "{waits:?}");
        sleep(MINUTE).await;
        let status = message(&stage, &hello).await;
        let command = format!("--hook-id {} --action CONTINUE", hook.id);
        assert!(
            status.contains("paused the deployment at PRE_SCALE_UP"),
            "{status}"
        );
        assert!(status.ends_with(&command), "{status}");

        let looks = count(&stage, "ListServiceDeployments");
        sleep(3 * DAY).await;
        let looks = count(&stage, "ListServiceDeployments") - looks;
        assert!((50..1000).contains(&looks), "{looks} looks in three days");
        assert_eq!(announced(&stage) - before, 1, "a pause is announced once");
        assert_eq!(stage.executions("RUNNING").await, 1);

        answer(&stage, &pause, "CONTINUE").await;
        // The event wakes the execution, which would have slept for most of an hour.
        sleep(5 * MINUTE).await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        let paused = i64::try_from(record.timeline.paused_seconds).unwrap();
        assert!((paused - 3 * 86_400).abs() < 120, "{paused}");
        assert_eq!(record.timeline.blind_seconds, 0);
        assert!(stage.live_image(&hello).await.ends_with(&digest));
        assert_eq!(stage.desired(&hello).await.paused, None);
        let status = message(&stage, &hello).await;
        assert!(!status.contains("paused"), "{status}");
    });
}

#[test]
fn a_hook_that_times_out_after_fourteen_days_lets_the_release_go_on_also_if_no_event_comes() {
    play(async {
        let stage = Stage::open(&["rollout-changed"]).await;
        let longest = ", timeoutConfiguration: { timeoutInMinutes: 20160, action: CONTINUE }";
        let hello = serving(&stage, &file("POST_SCALE_UP", longest).text()).await;
        let digest = stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        assert_eq!(pause.hooks[0].then, Some(HookAction::Continue));
        let execution = stage.claim(&hello).await.unwrap().execution;
        sleep(14 * DAY + 10 * MINUTE).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert_eq!(
            record.execution.as_ref(),
            Some(&execution),
            "it slept all the time"
        );
        assert!(
            record.timeline.paused_seconds >= 14 * 86_400 - 120,
            "{record:?}"
        );
        assert!(stage.live_image(&hello).await.ends_with(&digest));

        let mut events = 0;
        let mut input = json!({ "executionArn": execution, "maxResults": 1000 });
        loop {
            let executions = &stage.wire.cloud.executions;
            let page = executions
                .call("GetExecutionHistory", input.clone())
                .await
                .unwrap();
            events += page["events"].as_array().unwrap().len();
            match &page["nextToken"] {
                Value::Null => break,
                token => input["nextToken"] = token.clone(),
            }
        }
        assert!(events < 12_500, "{events} of at most 25,000");
    });
}

#[test]
fn an_execution_that_step_functions_ends_after_thirty_days_is_followed_by_another() {
    play(async {
        let stage = Stage::open(&[]).await;
        let longest = ", timeoutConfiguration: { timeoutInMinutes: 20160, action: CONTINUE }";
        let stages = "PRE_SCALE_UP, POST_SCALE_UP, POST_TEST_TRAFFIC_SHIFT";
        let mut file = file(stages, longest);
        file.deployment += "\nstrategy: BLUE_GREEN\nbakeTimeInMinutes: 0";
        let hello = serving(&stage, &file.text()).await;
        let digest = stage.push("hello", "1.1.0").await;
        paused(&stage, &hello, 3, None).await;
        let first = stage.claim(&hello).await.unwrap().execution;
        sleep(31 * DAY).await;
        assert_eq!(stage.executions("TIMED_OUT").await, 1);
        let pause = stage.desired(&hello).await.pause_of(3).cloned();
        let pause = pause.expect("the third hook waits");
        assert_eq!(pause.stage.as_deref(), Some("POST_TEST_TRAFFIC_SHIFT"));
        sleep(12 * DAY).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert_ne!(record.execution, Some(first));
        assert!(stage.live_image(&hello).await.ends_with(&digest));
    });
}

#[test]
fn a_release_that_nobody_continues_is_rolled_back_by_ecs_and_not_released_again() {
    play(async {
        let stage = Stage::open(&[]).await;
        // A day, and then ROLLBACK: as hooks do that say nothing.
        let text = file("POST_SCALE_UP", "").text();
        let hello = serving(&stage, &text).await;
        let good = stage.live_image(&hello).await;
        stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        sleep(DAY).await;
        let record = concluded(&stage, &hello, 3).await;
        assert_eq!(record.verdict, Verdict::RolledBack, "{}", record.reason);
        let hook = &pause.hooks[0].id;
        let reason = format!(
            "nobody continued the deployment in time, and ECS rolled it back: its pause hook {hook} timed out"
        );
        assert!(record.reason.starts_with(&reason), "{}", record.reason);
        assert!(record.timeline.paused_seconds > 86_400 - 120, "{record:?}");
        assert_eq!(stage.live_image(&hello).await, good);
        let desired = stage.desired(&hello).await;
        assert_eq!((desired.paused, desired.hold), (None, None));

        // Neither the same file nor a sweep releases it again; a newer push does.
        stage.later().await;
        stage.driver.put_file(&hello.key, &text).await.unwrap();
        stage.sweep().await;
        stage.rest().await;
        let desired = stage.desired(&hello).await;
        assert_eq!((desired.last_number, desired.left_out().len()), (3, 1));
        let digest = stage.push("hello", "1.2.0").await;
        let pause = paused(&stage, &hello, 4, None).await;
        answer(&stage, &pause, "CONTINUE").await;
        stage.rest().await;
        stage.verdict(&hello, 4, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&digest));
    });
}

#[test]
fn an_operator_lets_a_paused_release_go_on_or_back_and_the_record_says_who_it_was_and_why() {
    for (answer, verb, verdict) in [
        (HookAction::Continue, Verb::Continue, Verdict::Succeeded),
        (HookAction::Rollback, Verb::Abort, Verdict::RolledBack),
    ] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = serving(&stage, &file("PRE_SCALE_UP", "").text()).await;
            let operator = stage.operator();
            let refused = operator.answer_pause(&hello.id, &answer, None).await;
            let refused = refused.unwrap_err().to_string();
            assert_eq!(refused, "no release of web/hello is paused");
            stage.push("hello", "1.1.0").await;
            paused(&stage, &hello, 3, None).await;
            let why = Some("the graphs");
            let answered = operator.answer_pause(&hello.id, &answer, why).await;
            assert_eq!(answered.unwrap().release, 3);
            // Nobody answers twice.
            sleep(Duration::from_secs(1)).await;
            let again = operator.answer_pause(&hello.id, &answer, why).await;
            assert!(again.is_err(), "{again:?}");
            let record = concluded(&stage, &hello, 3).await;
            assert_eq!(record.verdict, verdict, "{}", record.reason);
            let [act] = &record.release.acts[..] else {
                panic!("{:?}", record.release.acts)
            };
            assert_eq!((act.verb, act.reason.as_deref()), (verb, why));
            assert_eq!(act.by, "arn:aws:iam::000000000000:root");
        });
    }
}

#[test]
fn a_release_that_somebody_declines_is_rolled_back_and_the_record_says_so() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = serving(&stage, &file("PRE_SCALE_UP", "").text()).await;
        let good = stage.live_image(&hello).await;
        stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        sleep(5 * MINUTE).await;
        answer(&stage, &pause, "ROLLBACK").await;
        let record = concluded(&stage, &hello, 3).await;
        assert_eq!(record.verdict, Verdict::RolledBack, "{}", record.reason);
        let reason = "somebody had ECS roll the deployment back, at its pause hook ";
        assert!(record.reason.starts_with(reason), "{}", record.reason);
        assert_eq!(stage.live_image(&hello).await, good);
        assert_eq!(stage.desired(&hello).await.last_number, 3);
    });
}

#[test]
fn a_newer_push_takes_the_place_of_a_paused_release_and_waits_at_its_own_hook() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = serving(&stage, &file("PRE_SCALE_UP", "").text()).await;
        stage.push("hello", "1.1.0").await;
        let first = paused(&stage, &hello, 3, None).await;
        sleep(60 * MINUTE).await;
        let digest = stage.push("hello", "1.2.0").await;
        let second = paused(&stage, &hello, 4, Some(&first)).await;
        assert_ne!(second.deployment, first.deployment);
        let record = stage.verdict(&hello, 3, Verdict::Superseded).await;
        assert!(record.timeline.paused_seconds > 3500, "{record:?}");
        answer(&stage, &second, "CONTINUE").await;
        stage.rest().await;
        let record = stage.verdict(&hello, 4, Verdict::Succeeded).await;
        assert!(record.timeline.paused_seconds < 120, "{record:?}");
        assert!(stage.live_image(&hello).await.ends_with(&digest));
        assert_eq!(stage.desired(&hello).await.paused, None);
    });
}

#[test]
fn an_outage_in_a_pause_changes_nothing() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = serving(&stage, &file("PRE_SCALE_UP", "").text()).await;
        stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        sleep(180 * MINUTE).await;
        let faults = &stage.wire.faults;
        faults.go_away(Away::Api("ecs"), Fault::ServerError, 30 * MINUTE);
        sleep(35 * MINUTE).await;
        let known = stage.desired(&hello).await;
        assert_eq!(known.pause_of(3), Some(&pause));
        answer(&stage, &pause, "CONTINUE").await;
        stage.rest().await;
        let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
        let timeline = &record.timeline;
        let uncounted = timeline.paused_seconds + timeline.blind_seconds;
        assert!(
            (215 * 60 - 240..215 * 60 + 240).contains(&uncounted),
            "{timeline:?}"
        );
    });
}

#[test]
fn executions_that_are_stopped_in_a_pause_follow_each_other_and_nothing_is_rolled_back() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = serving(&stage, &file("PRE_SCALE_UP", "").text()).await;
        let digest = stage.push("hello", "1.1.0").await;
        let pause = paused(&stage, &hello, 3, None).await;
        let seen = stage.driver.requests();
        for attempt in 1..=6 {
            let claim = stage.claim(&hello).await.unwrap();
            assert_eq!(claim.attempt, attempt);
            sleep(60 * MINUTE).await;
            stage.stop(&claim.execution).await;
            sleep(5 * MINUTE).await;
        }
        let known = stage.desired(&hello).await;
        assert_eq!(known.pause_of(3), Some(&pause), "it waits at the same hook");
        let changes = stage.changes_in_ecs(seen);
        assert!(
            !changes.iter().any(|call| call == "RegisterTaskDefinition"),
            "{changes:?}"
        );
        answer(&stage, &pause, "CONTINUE").await;
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&digest));
    });
}

#[test]
fn a_release_whose_tasks_die_while_it_is_paused_is_taken_back_without_another_pause() {
    play(async {
        let stage = Stage::open(&[]).await;
        let mut file = file("POST_TEST_TRAFFIC_SHIFT", "");
        file.deployment += "\nstrategy: BLUE_GREEN\nbakeTimeInMinutes: 0";
        let text = file.text();
        let text = text.replace(
            "enable: true, rollback: true",
            "enable: false, rollback: false",
        );
        let hello = serving(&stage, &text).await;
        let good = stage.live_image(&hello).await;
        let digest = stage.push("hello", "1.1.0").await;
        paused(&stage, &hello, 3, None).await;
        // The tasks came up, and do so no more.
        let crashes = SimulatedBehaviour {
            exits: Some((Duration::from_millis(300), 1)),
            healthy: Healthy::Never,
            ..SimulatedBehaviour::default()
        };
        stage.wire.cloud.ecs.simulate(&digest, crashes);
        let revision = stage.live(&hello).await["taskDefinition"].clone();
        let seen = stage.driver.requests();
        for task in tasks_of(&stage, &revision).await {
            let input = json!({ "cluster": "web", "task": task });
            stage.wire.cloud.ecs.call("StopTask", input).await.unwrap();
        }
        let record = concluded(&stage, &hello, 3).await;
        assert_eq!(record.verdict, Verdict::RolledBack, "{}", record.reason);
        let reason = "tasks failed and none runs";
        assert!(record.reason.contains(reason), "{}", record.reason);
        let changes = stage.changes_in_ecs(seen);
        let last = &changes[changes.len() - 2..];
        assert_eq!(last, ["StopServiceDeployment", "DeregisterTaskDefinition"]);
        assert_eq!(stage.live_image(&hello).await, good);
    });
}

#[test]
fn the_way_back_from_a_release_that_was_rolled_out_waits_for_nobody() {
    play(async {
        let stage = Stage::open(&[]).await;
        let mut file = file("PRE_SCALE_UP", "");
        file.verify += "\nbake: 2m";
        let hello = serving(&stage, &file.text()).await;
        let good = stage.live_image(&hello).await;
        let dies = SimulatedBehaviour {
            exits: Some((Duration::from_secs(40), 1)),
            ..SimulatedBehaviour::default()
        };
        stage.push_behaving("hello", "1.1.0", dies).await;
        let pause = paused(&stage, &hello, 3, None).await;
        let seen = stage.driver.requests();
        answer(&stage, &pause, "CONTINUE").await;
        let record = concluded(&stage, &hello, 3).await;
        assert_eq!(record.verdict, Verdict::RolledBack, "{}", record.reason);
        let changes = stage.changes_in_ecs(seen);
        let back = ["UpdateService", "ContinueServiceDeployment"];
        assert_eq!(changes, [&back[..], &["DeregisterTaskDefinition"]].concat());
        assert_eq!(stage.live_image(&hello).await, good);
        assert_eq!(stage.desired(&hello).await.paused, None);
    });
}
