//! The world that journeys and seeds are played in: whether each journey is the one that its name tells of.

use std::{collections::BTreeMap, fmt::Write as _};

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_simulation::{
    run::play as play_scenario,
    scenario::{Edition, Rule},
    sweep::journeys,
};

use crate::stage::{Stage, play, service};

/// Each journey, how many of its releases got which verdict, and what it enters that few others do.
const TOLD: [(&str, &str, &[&str]); 28] = [
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
        &["RollBack"],
    ),
    ("linear", "2 succeeded", &[]),
    ("canary, crashes", "1 rolled-back, 1 succeeded", &[]),
    ("blue/green, then rolling", "2 succeeded", &[]),
    ("adoption", "1 rolled-back, 1 succeeded", &[]),
    ("adoption of what is not replaced", "1 rolled-back", &[]),
    ("its owner deploys", "2 succeeded", &[]),
    ("capacity", "2 succeeded", &["WaitForCapacity"]),
    ("wrong answer", "1 rolled-back, 1 succeeded", &["RollBack"]),
    ("two containers", "3 succeeded", &[]),
    ("placeholder", "2 succeeded", &[]),
];

#[test]
fn every_journey_goes_as_its_name_tells() {
    let told = BTreeMap::from(TOLD.map(|(name, verdicts, states)| (name, (verdicts, states))));
    let mut wrong = String::new();
    for journey in journeys() {
        let report = play_scenario(journey.scenario).unwrap();
        let verdicts = report.verdicts.iter();
        let verdicts: Vec<_> = verdicts
            .map(|(verdict, count)| format!("{count} {verdict}"))
            .collect();
        let verdicts = verdicts.join(", ");
        // One with pages of one item goes as any other.
        let (expected, states) = told
            .get(journey.name)
            .copied()
            .unwrap_or(("2 succeeded", &[]));
        let entered = |state: &&&str| report.states.iter().any(|entered| entered == *state);
        let missed: Vec<_> = states.iter().filter(|state| !entered(state)).collect();
        if verdicts != expected || !missed.is_empty() || !report.violations.is_empty() {
            let _ = writeln!(
                wrong,
                "{}: {verdicts} for {expected}, not in {missed:?}\n{}",
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
            exits: Some((std::time::Duration::from_secs(1), 3)),
            ..SimulatedBehaviour::default()
        };
        stage.push_behaving("hello", "1.1.0", crashing).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        assert!(record.diagnosis.is_some(), "{record:?}");
        assert_eq!(stage.live(&hello).await["runningCount"], 120);
    });
}
