//! Many at once: services that follow one repository, pushes during a hold, and a new account in which AWS is not ready.

use std::{ops::Range, time::Duration};

use landfall::record::Verdict;
use landfall_local::cloud::ecs::{EcsSettings, NotYet, Quota};
use landfall_simulation::{
    fault::{Fault, Plan},
    scenario::{Rule, Service},
    witness::record,
};

use tokio::time::sleep;

use crate::stage::{Stage, play, service};

fn throttled() -> EcsSettings {
    EcsSettings {
        quotas: [("RegisterTaskDefinition", Quota::REGISTRATIONS)].into(),
        ..EcsSettings::default()
    }
}

/// One push that so many services follow, in an ECS that registers 20 task definitions at once and then one a second.
async fn herd(size: usize) {
    let stage = Stage::open_with(throttled()).await;
    stage.push("hello", "1.0.0").await;
    let services: Vec<Service> = (0..size)
        .map(|number| service(&format!("hello-{number}"), Rule::Semver))
        .collect();
    for service in &services {
        stage.put_file(service, 512).await;
    }
    stage.rest().await;
    let began = stage.wire.cloud.world.now();
    let digest = stage.push("hello", "1.1.0").await;
    stage.rest().await;
    let took = stage.wire.cloud.world.now().duration_since(began);
    let mut concluded = Vec::new();
    for service in &services {
        let released = stage.verdict(service, 2, Verdict::Succeeded).await;
        concluded.push(released.timeline.concluded_at);
        let desired = stage.desired(service).await;
        assert!(desired.quarantine.is_empty(), "{}", service.id);
        assert_eq!((desired.last_number, desired.claim), (2, None));
        assert!(stage.live_image(service).await.ends_with(&digest));
    }
    let last = concluded.iter().max().unwrap().duration_since(began);
    println!("{size} services: the last release ends after {last:#}, all is quiet after {took:#}");
    // Nobody is faster than the quota, and nobody waits for much longer than it takes.
    let registrations = i64::try_from(size.saturating_sub(20)).unwrap();
    let seconds = last.as_secs();
    assert!(
        (registrations..2 * registrations + 180).contains(&seconds),
        "{seconds}"
    );
}

#[test]
fn sixty_services_that_follow_one_push_all_succeed_though_ecs_registers_one_a_second() {
    play(herd(60));
}

#[test]
#[ignore = "minutes, in a build for development"]
fn a_thousand_services_that_follow_one_push_all_succeed_though_ecs_registers_one_a_second() {
    play(herd(1000));
}

#[test]
fn a_thousand_pushes_during_a_hold_leave_a_small_desired_state_and_a_record_each() {
    const PUSHES: u64 = 1000;
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        let operator = stage.operator();
        operator.hold(&hello.id, "incident 7").await.unwrap();
        for number in 1..=PUSHES {
            stage.push("hello", &format!("1.{number}.0")).await;
            sleep(Duration::from_secs(3)).await;
        }
        stage.rest().await;
        let desired = stage.desired(&hello).await;
        let size = serde_json::to_vec(&desired).unwrap().len();
        assert!(desired.open.len() <= 16 && desired.passed_over.len() <= 1);
        assert!(size < 20_000, "{size}");
        assert_eq!(desired.last_number, PUSHES + 1);
        let first = desired.open[0].number;
        for number in 2..first - 1 {
            stage.verdict(&hello, number, Verdict::Superseded).await;
        }

        operator.resume(&hello.id, None, None).await.unwrap();
        stage.rest().await;
        let newest = format!("1.{PUSHES}.0");
        let succeeded = stage.verdict(&hello, PUSHES + 1, Verdict::Succeeded).await;
        assert_eq!(succeeded.release.content.images["web"].tag, newest);
        for number in 2..=PUSHES {
            let superseded = stage.verdict(&hello, number, Verdict::Superseded).await;
            let (by, newest) = (number + 1, PUSHES + 1);
            let said = [by, newest]
                .map(|by| format!("release {by} took its place before it was rolled out"));
            assert!(said.contains(&superseded.reason), "{}", superseded.reason);
        }
        let next = record(&stage.wire.cloud, &hello.id, PUSHES + 2).await;
        assert_eq!(next, None);
        let announced = stage.wire.witness.announced();
        let superseded = announced
            .iter()
            .filter(|each| each.verdict == Verdict::Superseded);
        let mut told: Vec<u64> = superseded.map(|each| each.number).collect();
        told.sort_unstable();
        assert_eq!(told, Vec::from_iter(2..=PUSHES));
    });
}

/// Eighteen pushes during a hold, which are more than may be open: the last one records a release that was passed over.
/// Answers which calls were made for the last one.
async fn one_too_many(plan: Plan) -> Range<usize> {
    const LAST: u64 = 19;
    let stage = Stage::open_hit(&[], plan).await;
    let hello = service("hello", Rule::Semver);
    stage.first_release(&hello).await;
    let operator = stage.operator();
    operator.hold(&hello.id, "incident 7").await.unwrap();
    let mut before = 0;
    for number in 2..=LAST {
        before = stage.wire.faults.calls().len();
        stage.push("hello", &format!("1.{number}.0")).await;
        sleep(Duration::from_secs(10)).await;
    }
    // Lambda repeats an invocation that died.
    sleep(Duration::from_secs(200)).await;
    let calls = before..stage.wire.faults.calls().len();
    stage.verdict(&hello, 2, Verdict::Superseded).await;
    operator.resume(&hello.id, None, None).await.unwrap();
    stage.rest().await;
    for number in 2..LAST {
        stage.verdict(&hello, number, Verdict::Superseded).await;
        let announced = stage.wire.witness.announced();
        let told = announced.iter().any(|each| each.number == number);
        assert!(told, "{number}: {plan:?}");
    }
    stage.verdict(&hello, LAST, Verdict::Succeeded).await;
    calls
}

#[test]
fn a_release_that_was_passed_over_is_recorded_and_announced_wherever_the_trigger_dies() {
    play(async {
        let calls = one_too_many(Plan::Never).await;
        // List, desired state, image, record, event, desired state.
        assert_eq!(calls.len(), 6);
        for call in calls {
            for fault in [Fault::KilledBefore, Fault::KilledAfter] {
                one_too_many(Plan::Once { call, fault }).await;
            }
        }
    });
}

#[test]
fn a_first_release_waits_for_the_role_that_ecs_needs_and_a_role_that_never_comes_is_a_refusal() {
    let new = |seconds| EcsSettings {
        not_yet: vec![NotYet::linked_role(Duration::from_secs(seconds))],
        ..EcsSettings::default()
    };
    play(async move {
        let stage = Stage::open_with(new(120)).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;

        let stage = Stage::open_with(new(100_000)).await;
        let began = stage.wire.cloud.world.now();
        stage.first_release(&hello).await;
        let rejected = stage.verdict(&hello, 1, Verdict::Rejected).await;
        let role = "Unable to assume the service linked role";
        assert!(rejected.reason.contains(role), "{}", rejected.reason);
        let waited = rejected.timeline.concluded_at.duration_since(began);
        assert!((300..400).contains(&waited.as_secs()), "{waited:#}");
    });
}
