//! Seeded schedules with faults, and the invariants that hold in all of them.
#![allow(clippy::unwrap_used)]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use landfall_simulation::{
    fault::Fault,
    matrix::Matrix,
    run::{Report, play},
    scenario::Scenario,
    sweep::{Hit, journeys},
};

/// How many seeds are played here; `simulate` plays as many as one likes.
const SEEDS: usize = 200;
/// Of all faults at all calls of all journeys, one in so many is tried here; `simulate --sweep` tries all.
const ONE_IN: usize = 83;
/// Within so many seeds it is noticed if writes overwrite each other.
const NOTICED_WITHIN: u64 = 60;

/// The scenario of a seed in which writes overwrite each other.
fn overwriting(seed: u64) -> Scenario {
    Scenario {
        unconditional: true,
        ..Scenario::of(seed)
    }
}

fn described(report: &Report) -> String {
    format!("{}\n{}", report.timeline, report.findings())
}

/// Calls `work` with every number below `end`, on two threads.
fn on_two_threads(end: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        number if number < end => work(number),
                        _ => return,
                    }
                }
            });
        }
    });
}

#[test]
fn no_schedule_and_no_fault_breaks_an_invariant() {
    on_two_threads(SEEDS, |seed| {
        let report = play(Scenario::of(seed as u64)).unwrap();
        assert!(report.violations.is_empty(), "{}", described(&report));
    });
}

#[test]
fn a_seed_plays_the_same_every_time() {
    let play = |seed| play(Scenario::of(seed)).unwrap().timeline;
    for seed in [3, 4] {
        assert_eq!(play(seed), play(seed));
    }
}

#[test]
#[ignore = "plays up to 60 seeds"]
fn a_seed_notices_writes_that_overwrite_each_other_and_says_how_to_play_it_again() {
    let bad = (0..NOTICED_WITHIN)
        .map(|seed| play(overwriting(seed)).unwrap())
        .find(|report| !report.violations.is_empty());
    let text = described(&bad.expect("without compare-and-swap something goes wrong"));
    println!("{text}");
    assert!(text.contains("← ECR Image Action"), "{text}");
    assert!(text.contains("--seed "), "{text}");
    assert!(text.contains(" --unconditional"), "{text}");
}

#[test]
#[ignore = "plays up to 60 seeds"]
fn a_seed_notices_an_older_image_once_writes_overwrite_each_other() {
    let noticed = (0..NOTICED_WITHIN).any(|seed| {
        let violations = play(overwriting(seed)).unwrap().violations;
        violations
            .iter()
            .any(|violation| violation.invariant == 3 && violation.text.contains(" after "))
    });
    assert!(noticed);
}

#[test]
fn one_fault_at_one_place_of_a_journey_breaks_no_invariant() {
    let journeys = journeys();
    let mut hits = Vec::new();
    for journey in &journeys {
        hits.extend(
            journey
                .hits()
                .unwrap()
                .into_iter()
                .map(|hit| (journey, hit)),
        );
    }
    let sample: Vec<_> = hits
        .iter()
        .enumerate()
        .filter(|(number, (_, hit))| number % ONE_IN == 0 || registers_with_care(hit))
        .collect();
    on_two_threads(sample.len(), |number| {
        let (_, (journey, hit)) = sample[number];
        let wrong = journey.play(hit).unwrap().wrong;
        assert!(wrong.is_empty(), "{}, {hit}: {wrong:?}", journey.name);
    });
}

#[test]
fn the_committed_table_of_the_sweep_has_the_calls_states_and_journeys_of_today() {
    let journeys = journeys();
    let mut matrix = Matrix::new(journeys.iter().map(|journey| journey.name));
    for journey in &journeys {
        for hit in journey.hits().unwrap() {
            matrix.add(journey.name, &hit, true);
        }
    }
    let committed = include_str!("../../docs/fault-matrix.md");
    assert_eq!(
        without_counts(committed),
        without_counts(&matrix.placed_in(committed).unwrap()),
        "write it anew: docs/fault-matrix.md says how"
    );
}

/// The table without how often each cell was played, which changes with every call that is made once more or less.
fn without_counts(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.replace(|character: char| character.is_ascii_digit(), ""))
        .collect()
}

/// A registration that takes effect although nobody hears of it, or that ECS has no time for.
fn registers_with_care(hit: &Hit) -> bool {
    let Hit::Call { made, fault, .. } = hit else {
        return false;
    };
    let faults = [
        Fault::LostAfter,
        Fault::KilledAfter,
        Fault::Aborted,
        Fault::TooManyRegistrations,
    ];
    made.name.ends_with(" RegisterTaskDefinition") && faults.contains(fault)
}
