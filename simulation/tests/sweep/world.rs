//! The world that journeys and seeds are played in: whether each journey is the one that its name tells of.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_simulation::{
    journeys::journeys,
    run::{Report, play as play_scenario},
    scenario::{Behaviour, Edition, Move, Rule},
};

use crate::stage::{Stage, play, service};

/// Each journey, how many of its releases got which verdict, and the states and calls in it that few others have.
const TOLD: [(&str, &str, &[&str]); 30] = [
    ("first release", "1 succeeded", &[]),
    ("redeploy", "2 succeeded", &[]),
    ("roll-back", "1 rolled-back, 1 succeeded", &["RollBack"]),
    (
        "roll-back by Landfall",
        "1 rolled-back, 1 succeeded",
        &["RollBack"],
    ),
    ("supersede", "2 succeeded, 1 superseded", &[]),
    ("config change, watched", "2 succeeded", &["WaitForHealth"]),
    ("migration", "2 succeeded", &["WaitForBefore"]),
    ("failed migration", "1 failed, 1 succeeded", &["RunBefore"]),
    ("bad first release", "1 failed", &["AwaitRollBack"]),
    ("all sections", "1 succeeded", &["EnsureScaling"]),
    ("sections go", "2 succeeded", &["TidyIngress"]),
    ("lost push", "2 succeeded", &[]),
    (
        "the holder of the claim dies",
        "2 succeeded",
        &["WaitForTheDead"],
    ),
    (
        "reads that lag",
        "1 rolled-back, 2 succeeded",
        &["RollBack"],
    ),
    ("no task is asked for", "2 succeeded, 2 unproven", &[]),
    ("no event may be sent", "1 succeeded", &["NotConcluded"]),
    (
        "sections of a bad release",
        "1 rolled-back, 1 succeeded",
        &["UndoIngress"],
    ),
    ("a task after it fails", "1 succeeded", &["WaitForAfter"]),
    ("blue/green", "2 succeeded", &[]),
    (
        "blue/green, wrong answer",
        "1 rolled-back, 1 succeeded",
        &["roll-back StopServiceDeployment"],
    ),
    ("linear", "2 succeeded", &[]),
    ("canary, crashes", "1 rolled-back, 1 succeeded", &[]),
    ("blue/green, then rolling", "2 succeeded", &[]),
    ("adoption", "1 rolled-back, 1 succeeded", &[]),
    ("adoption of what is not replaced", "1 rolled-back", &[]),
    (
        "its owner deploys",
        "2 succeeded",
        &["register-task-definition DescribeTaskDefinition"],
    ),
    ("capacity", "2 succeeded", &["WaitForCapacity"]),
    (
        "wrong answer",
        "1 rolled-back, 1 succeeded",
        &["verify-health GET probe"],
    ),
    ("two containers", "3 succeeded", &[]),
    (
        "placeholder",
        "2 succeeded",
        &["image-pushed GetParameters"],
    ),
];

#[test]
fn every_journey_goes_as_its_name_tells() {
    let told = BTreeMap::from(TOLD.map(|(name, verdicts, rare)| (name, (verdicts, rare))));
    let mut wrong = String::new();
    for journey in journeys() {
        let report = play_scenario(journey.scenario).unwrap();
        let verdicts = verdicts(&report);
        // One with pages of one item goes as any other.
        let (expected, rare) = told
            .get(journey.name)
            .copied()
            .unwrap_or(("2 succeeded", &[]));
        let met = |wanted: &&&str| {
            let mut calls = report.calls.iter();
            report.states.iter().any(|entered| entered == **wanted)
                || calls.any(|made| made.name == **wanted)
        };
        let missed: Vec<_> = rare.iter().filter(|wanted| !met(wanted)).collect();
        if verdicts != expected || !missed.is_empty() || !report.violations.is_empty() {
            let _ = writeln!(
                wrong,
                "{}: {verdicts} for {expected}, without {missed:?}\n{}",
                journey.name,
                report.findings()
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_service_of_more_tasks_than_ecs_describes_at_once_is_verified_and_goes_back() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.push("hello", "1.0.0").await;
        let file = hello.file(Edition {
            desired_count: 120,
            ..Edition::PLAIN
        });
        let file = file.to_string();
        stage.driver.put_file(&hello.key, &file).await.unwrap();
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;
        assert_eq!(stage.live(&hello).await["runningCount"], 120);

        let crashing = SimulatedBehaviour {
            exits: Some((Duration::from_secs(1), 3)),
            ..SimulatedBehaviour::default()
        };
        stage.push_behaving("hello", "1.1.0", crashing).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        assert!(record.diagnosis.is_some(), "{record:?}");
        assert_eq!(stage.live(&hello).await["runningCount"], 120);
    });
}

/// A journey's scenario with other moves after its first release, which takes so many of its own.
fn after(name: &str, first: usize, then: &[(u64, Move)]) -> Report {
    let mut journeys = journeys().into_iter();
    let journey = journeys.find(|journey| journey.name == name).unwrap();
    let mut scenario = journey.scenario;
    scenario.moves.truncate(first);
    let then = then.iter().cloned();
    let then = then.map(|(seconds, next)| (Duration::from_secs(seconds), next));
    scenario.moves.extend(then);
    let report = play_scenario(scenario).unwrap();
    assert!(
        report.violations.is_empty(),
        "{}\n{}",
        report.timeline,
        report.findings()
    );
    report
}

/// How many releases of a run got which verdict.
fn verdicts(report: &Report) -> String {
    let verdicts = report.verdicts.iter();
    let verdicts: Vec<_> = verdicts
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    verdicts.join(", ")
}

fn push(repository: &str, tag: &str, behaviour: Behaviour) -> Move {
    Move::Push {
        repository: repository.into(),
        tag: tag.into(),
        behaviour,
    }
}

#[test]
fn a_bad_image_of_one_container_does_not_keep_the_other_one_back() {
    for bad in ["sidecar", "hello"] {
        let good = if bad == "hello" { "sidecar" } else { "hello" };
        let report = after(
            "two containers",
            3,
            &[
                (60, push(bad, "1.1.0", Behaviour::Crashes)),
                (60, push(good, "1.1.0", Behaviour::Good)),
                (60, push(bad, "1.2.0", Behaviour::Good)),
            ],
        );
        assert_eq!(verdicts(&report), "1 rolled-back, 3 succeeded");
    }
}

#[test]
fn a_bad_image_that_came_with_a_good_one_does_not_keep_every_later_image_of_the_other_container_back()
 {
    for (bad, rolled_back) in [("sidecar", 2), ("hello", 1)] {
        let good = if bad == "hello" { "sidecar" } else { "hello" };
        let report = after(
            "two containers",
            3,
            &[
                (60, push(bad, "1.1.0", Behaviour::Crashes)),
                (0, push(good, "1.1.0", Behaviour::Good)),
                // By now it is known whose fault it was.
                (240, push(good, "1.2.0", Behaviour::Good)),
                (90, push(good, "1.3.0", Behaviour::Good)),
            ],
        );
        assert_eq!(
            verdicts(&report),
            format!("{rolled_back} rolled-back, 4 succeeded, 1 superseded"),
            "{bad}"
        );
    }
}

#[test]
fn a_bad_image_that_came_with_a_good_one_is_found_out_between_the_pushes_of_the_other_container() {
    for bad in ["sidecar", "hello"] {
        let good = if bad == "hello" { "sidecar" } else { "hello" };
        for seconds in [10, 25, 40] {
            let mut then = vec![(60, push(bad, "1.1.0", Behaviour::Crashes))];
            let later = (1..8).map(|minor| {
                let seconds = if minor == 1 { 0 } else { seconds };
                (
                    seconds,
                    push(good, &format!("1.{minor}.0"), Behaviour::Good),
                )
            });
            then.extend(later);
            let report = after("two containers", 3, &then);
            let count = report
                .verdicts
                .get("rolled-back")
                .copied()
                .unwrap_or_default();
            assert!(
                (1..=2).contains(&count),
                "{bad}, {seconds}: {}",
                verdicts(&report)
            );
        }
    }
}

#[test]
fn an_absent_parameter_keeps_a_push_back_until_the_next_one_after_it_is_there_again() {
    let set = |memory| Move::SetParameter { service: 0, memory };
    let report = after(
        "placeholder",
        3,
        &[
            (60, set(None)),
            (1, push("hello", "1.1.0", Behaviour::Good)),
            (60, set(Some(1024))),
            (1, push("hello", "1.2.0", Behaviour::Good)),
        ],
    );
    assert_eq!(verdicts(&report), "2 succeeded");
}

#[test]
fn what_its_owner_gives_a_service_while_a_release_is_on_its_way_stays_until_somebody_resumes_it() {
    let report = after(
        "adoption",
        2,
        &[
            (60, push("hello", "1.1.0", Behaviour::Good)),
            (2, Move::OwnerDeploys { service: 0 }),
            (60, Move::Resume { service: 0 }),
        ],
    );
    assert_eq!(verdicts(&report), "1 drifted, 2 succeeded");
}

#[test]
fn an_answer_is_good_or_wrong_by_what_the_probe_asks_for() {
    let wrong = push("hello", "1.1.0", Behaviour::WrongAnswer);
    let report = after("wrong answer", 2, &[(60, wrong.clone())]);
    assert_eq!(verdicts(&report), "1 rolled-back, 1 succeeded");
    let report = after("all sections", 2, &[(60, wrong)]);
    assert_eq!(verdicts(&report), "2 succeeded");
}
