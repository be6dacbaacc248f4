//! Answers that pass by themselves, and what ECS cannot take yet: a release waits, and nothing is said against it.

use std::time::Duration;

use landfall::record::Verdict;
use landfall_local::cloud::ecs::{EcsSettings, NotYet, SimulatedBehaviour};
use landfall_simulation::{
    fault::Plan,
    scenario::{Before, Behaviour, Edition, Rule, Service},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    stage::{Stage, play, service},
    traffic::Balancer,
};

async fn refusing(answer: NotYet) -> Stage {
    Stage::open_with(EcsSettings {
        not_yet: vec![answer],
        ..EcsSettings::default()
    })
    .await
}

/// A file with a migration that takes so many seconds.
fn migrating(service: &Service, seconds: u32) -> Value {
    service.file(Edition {
        before: Some(Before {
            takes: 10 * seconds,
            exit_code: 0,
        }),
        ..Edition::PLAIN
    })
}

async fn put(stage: &Stage, service: &Service, file: &Value) {
    let text = file.to_string();
    stage.driver.put_file(&service.key, &text).await.unwrap();
}

/// A service whose containers take their time to stop.
async fn slowly_stopping(stage: &Stage, circuit_breaker: bool, stopping: u64) -> Service {
    let mut hello = service("hello", Rule::Semver);
    hello.circuit_breaker = circuit_breaker;
    push_slow(stage, "1.0.0", stopping).await;
    let mut file = hello.file(Edition::PLAIN);
    file["taskDefinition"]["containerDefinitions"][0]["stopTimeout"] = json!(stopping + 60);
    file["verify"]["timeout"] = json!("5h");
    put(stage, &hello, &file).await;
    stage.rest().await;
    stage.verdict(&hello, 1, Verdict::Succeeded).await;
    hello
}

async fn push_slow(stage: &Stage, tag: &str, stopping: u64) -> String {
    let slow = SimulatedBehaviour {
        stopping: Duration::from_secs(stopping),
        ..SimulatedBehaviour::default()
    };
    stage.push_behaving("hello", tag, slow).await
}

/// So many pushes, each as soon as the one before it serves: the old tasks of all of them still stop.
async fn pushes(stage: &Stage, hello: &Service, count: u64, stopping: u64) -> String {
    let mut newest = String::new();
    for number in 1..=count {
        newest = push_slow(stage, &format!("1.{number}.0"), stopping).await;
        if number < 5 {
            stage.given(hello, &newest).await;
        }
        sleep(Duration::from_secs(5)).await;
    }
    newest
}

#[test]
fn a_release_waits_while_ecs_carries_out_as_many_deployments_as_it_takes() {
    const STOPPING: u64 = 240;
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = slowly_stopping(&stage, true, STOPPING).await;
        let newest = pushes(&stage, &hello, 6, STOPPING).await;
        stage.rest().await;
        for number in 2..=6 {
            stage.verdict(&hello, number, Verdict::Superseded).await;
        }
        stage.verdict(&hello, 7, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&newest));
        assert!(stage.desired(&hello).await.quarantine.is_empty());
    });
}

#[test]
fn the_way_back_waits_for_a_deployment_that_ecs_takes() {
    const STOPPING: u64 = 240;
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = slowly_stopping(&stage, false, STOPPING).await;
        let good = stage.live_image(&hello).await;
        pushes(&stage, &hello, 3, STOPPING).await;
        let bad = Behaviour::Crashes.simulated();
        stage.push_behaving("hello", "1.4.0", bad).await;
        stage.rest().await;
        stage.verdict(&hello, 5, Verdict::RolledBack).await;
        assert_eq!(stage.live_image(&hello).await, good);
    });
}

#[test]
fn a_release_that_ecs_does_not_take_for_hours_is_undecided_and_comes_when_ecs_takes_it() {
    const STOPPING: u64 = 2 * 3600;
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = slowly_stopping(&stage, true, STOPPING).await;
        let newest = pushes(&stage, &hello, 5, STOPPING).await;
        stage.rest().await;
        let undecided = stage.verdict(&hello, 6, Verdict::Undecided).await;
        let busy = "carries out 5 deployments";
        assert!(undecided.reason.contains(busy), "{}", undecided.reason);
        assert!(stage.desired(&hello).await.quarantine.is_empty());

        sleep(Duration::from_secs(STOPPING)).await;
        stage.sweep().await;
        stage.rest().await;
        let desired = stage.desired(&hello).await;
        stage
            .verdict(&hello, desired.last_number, Verdict::Succeeded)
            .await;
        assert!(stage.live_image(&hello).await.ends_with(&newest));
        assert_eq!(desired.hold, None);
    });
}

#[test]
fn a_migration_and_a_service_wait_while_ec2_throttles_what_ecs_asks_it() {
    for operations in [&["RunTask"][..], &["CreateService"], &["UpdateService"]] {
        play(async move {
            // Longer than an answer that is only "not yet" would be waited for.
            let stage = refusing(NotYet::subnets(operations, Duration::from_secs(900))).await;
            let hello = service("hello", Rule::Semver);
            stage.push("hello", "1.0.0").await;
            put(&stage, &hello, &migrating(&hello, 6)).await;
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
            stage.push("hello", "1.1.0").await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert_eq!(stage.ran_alone().await.len(), 2, "one for each release");
        });
    }
}

#[test]
fn a_migration_waits_for_an_instance_and_then_for_reads_that_show_it() {
    for (no_instance, task_lag) in [(240, 0), (290, 90), (900, 90)] {
        play(async move {
            let stage = Stage::open_in(&[], Plan::Never, |settings| {
                let no_instance = Duration::from_secs(no_instance);
                settings.ecs.not_yet = vec![NotYet::no_instance(no_instance)];
                settings.ecs.task_lag = Duration::from_secs(task_lag);
            })
            .await;
            let hello = service("hello", Rule::Semver);
            stage.push("hello", "1.0.0").await;
            put(&stage, &hello, &migrating(&hello, 6)).await;
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
            assert_eq!(stage.ran_alone().await.len(), 1);
        });
    }
}

#[test]
fn a_migration_that_never_finds_an_instance_is_undecided_when_its_time_is_over() {
    play(async {
        let stage = refusing(NotYet::no_instance(Duration::from_secs(100_000))).await;
        let hello = service("hello", Rule::Semver);
        stage.push("hello", "1.0.0").await;
        let mut file = migrating(&hello, 6);
        file["before"][0]["timeout"] = json!("10m");
        put(&stage, &hello, &file).await;
        let began = stage.wire.cloud.world.now();
        stage.rest().await;
        let undecided = stage.verdict(&hello, 1, Verdict::Undecided).await;
        let why = "No Container Instances were found in your cluster";
        assert!(undecided.reason.contains(why), "{}", undecided.reason);
        let waited = undecided.timeline.concluded_at.duration_since(began);
        assert!((600..700).contains(&waited.as_secs()), "{waited:#}");
    });
}

#[test]
fn a_first_release_waits_until_a_new_role_may_be_passed_and_one_that_never_may_is_a_refusal() {
    play(async {
        let stage = refusing(NotYet::passed_role(Duration::from_secs(60))).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let stage = refusing(NotYet::passed_role(Duration::from_secs(100_000))).await;
        let began = stage.wire.cloud.world.now();
        stage.first_release(&hello).await;
        let rejected = stage.verdict(&hello, 1, Verdict::Rejected).await;
        assert!(
            rejected.reason.contains("iam:PassRole"),
            "{}",
            rejected.reason
        );
        let waited = rejected.timeline.concluded_at.duration_since(began);
        assert!((300..400).contains(&waited.as_secs()), "{waited:#}");
    });
}

#[test]
fn a_release_waits_until_its_new_target_group_is_found() {
    for seconds in [4, 60] {
        play(async move {
            let stage = Stage::open_in(&[], Plan::Never, |settings| {
                settings.elb.new_groups = Duration::from_secs(seconds);
            })
            .await;
            let hello = service("hello", Rule::Semver);
            let balancer = Balancer::new(&stage).await;
            stage.push("hello", "1.0.0").await;
            let file = balancer.file("").text();
            stage.driver.put_file(&hello.key, &file).await.unwrap();
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
        });
    }
}

#[test]
fn a_file_whose_service_was_deleted_a_moment_ago_makes_it_anew() {
    for seconds in [4, 60] {
        play(async move {
            let stage = Stage::open_in(&[], Plan::Never, |settings| {
                settings.ecs.read_lag = Duration::from_secs(seconds);
            })
            .await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
            sleep(Duration::from_secs(seconds)).await;
            let deleted = json!({ "cluster": "web", "service": "hello", "force": true });
            let ecs = &stage.wire.cloud.ecs;
            ecs.call("DeleteService", deleted).await.unwrap();
            stage.put_file(&hello, 1024).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            assert_eq!(stage.live(&hello).await["status"], "ACTIVE");
        });
    }
}

#[test]
fn a_migration_that_reads_do_not_show_yet_is_waited_for() {
    play(async {
        let stage = Stage::open_in(&[], Plan::Never, |settings| {
            settings.ecs.task_lag = Duration::from_secs(90);
        })
        .await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        stage.later().await;
        let asked = |stage: &Stage| {
            let requests = stage.wire.cloud.requests.requests();
            requests
                .iter()
                .filter(|each| each.operation == "RunTask")
                .count()
        };
        put(&stage, &hello, &migrating(&hello, 150)).await;
        while asked(&stage) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        // The execution dies, and another takes its claim over long before reads show the task.
        let claim = stage.claim(&hello).await.unwrap();
        stage.stop(&claim.execution).await;
        stage.push("hello", "1.1.0").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Superseded).await;
        stage.verdict(&hello, 3, Verdict::Succeeded).await;
        let migrations = stage.ran_alone().await;
        let [first, second] = &migrations[..] else {
            panic!("{migrations:#?}")
        };
        let at = |moment: &Value| moment.as_f64().unwrap();
        assert!(
            at(&first["stoppedAt"]) < at(&second["createdAt"]),
            "{first:#} {second:#}"
        );
        assert_eq!(first["containers"][0]["exitCode"], 0);
    });
}
