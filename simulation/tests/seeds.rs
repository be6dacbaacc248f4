//! Seeded schedules with faults, and the invariants that hold in all of them.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use landfall_simulation::{
    fault::{Fault, Plan},
    journeys::{Journey, journeys},
    matrix::Matrix,
    rotation::Rotation,
    run::{Report, play},
    scenario::{Behaviour, Move, Scenario},
    story::RunError,
    sweep::Hit,
};
use serde_json::Value;

/// How many seeds are played here; `simulate` plays as many as one likes.
const SEEDS: usize = 100;
/// Seeds that were bad once, with what they play since the world of the simulation was widened.
const ONCE_BAD: [u64; 29] = [
    12, 14, 34, 39, 42, 45, 380, 768, 1332, 2401, 2672, 3030, 4025, 4284, 4616, 7852, 8899, 9717,
    10530, 12086, 14021, 14154, 15126, 20067, 20195, 20720, 50040, 50089, 117841,
];
/// Of all faults at all calls of all journeys, one in so many is tried here; `simulate --sweep` tries all.
const ONE_IN: usize = 83;
/// Of all calls of all journeys, one in so many is away for minutes here; `simulate --sweep --lasting` has all.
const AWAY_ONE_IN: usize = 29;
/// Seeds that notice it if writes overwrite each other: the first of them did when this was written. After a change of what
/// a seed plays another one does.
const NOTICE: Range<u64> = 15..75;
/// Such seeds of the crowded scenario.
const CROWDED: Range<u64> = 132..332;

/// The scenario of a seed in which writes overwrite each other.
fn overwriting(seed: u64) -> Scenario {
    Scenario {
        unconditional: true,
        ..Scenario::of(seed)
    }
}

/// One service that follows many pushes, whose events come late and twice and whose executions are aborted, while writes
/// overwrite each other.
fn crowded(seed: u64) -> Scenario {
    let mut journeys = journeys().into_iter();
    let journey = journeys.find(|journey| journey.name == "supersede");
    let mut scenario = journey.unwrap().scenario;
    for version in 3..15 {
        let push = Move::Push {
            repository: scenario.services[0].repository.clone(),
            tag: format!("1.{version}.0"),
            behaviour: Behaviour::Good,
        };
        let abort = Move::Abort {
            service: 0,
            after: Duration::from_millis(600),
        };
        scenario.moves.push((Duration::from_millis(300), push));
        scenario.moves.push((Duration::from_millis(100), abort));
    }
    scenario.delivery.twice = 0.5;
    scenario.delivery.late = 0.4;
    scenario.delivery.latest = 5;
    Scenario {
        seed,
        slow: 0.3,
        faults: Plan::Sometimes {
            rate: 0.08,
            denials: false,
        },
        unconditional: true,
        ..scenario
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
    let rotation = Rotation::current().unwrap();
    let first = rotation.first_seed(SEEDS as u64);
    let last = first + SEEDS as u64 - 1;
    rotation.announce(format_args!("seeds {first} to {last}, and {ONCE_BAD:?}"));
    let seeds: Vec<_> = ONCE_BAD.into_iter().chain(first..=last).collect();
    on_two_threads(seeds.len(), |number| {
        let report = play(Scenario::of(seeds[number])).unwrap();
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
fn it_is_noticed_when_writes_overwrite_each_other_and_said_how_to_play_that_again() {
    let bad = NOTICE
        .map(|seed| play(overwriting(seed)).unwrap())
        .find(|report| !report.violations.is_empty());
    let text = described(&bad.expect("without compare-and-swap something goes wrong"));
    println!("{text}");
    assert!(text.contains("← ECR Image Action"), "{text}");
    assert!(text.contains("--seed "), "{text}");
    assert!(text.contains(" --unconditional"), "{text}");
}

#[test]
fn an_older_image_is_noticed_when_writes_overwrite_each_other() {
    let noticed = CROWDED.into_iter().any(|seed| {
        let violations = play(crowded(seed)).unwrap().violations;
        violations
            .iter()
            .any(|violation| violation.invariant == 3 && violation.text.contains(" after "))
    });
    assert!(noticed);
}

#[test]
fn one_fault_at_one_place_of_a_journey_breaks_no_invariant() {
    let journeys = journeys();
    let hits = all(&journeys, Journey::hits);
    let rotation = Rotation::current().unwrap();
    rotation.announce(format_args!("one in {ONE_IN} of {} places", hits.len()));
    go_well(&hits, |number, hit| {
        rotation.has(number, ONE_IN) || registers_with_care(hit)
    });
}

/// The journeys, each with each of its `hits`.
fn all(
    journeys: &[Journey],
    hits: fn(&Journey) -> Result<Vec<Hit>, RunError>,
) -> Vec<(&Journey, Hit)> {
    let each = |journey| {
        hits(journey)
            .unwrap()
            .into_iter()
            .map(move |hit| (journey, hit))
    };
    journeys.iter().flat_map(each).collect()
}

/// Those of the hits that are `chosen`, by number, break no invariant.
fn go_well(hits: &[(&Journey, Hit)], chosen: impl Fn(usize, &Hit) -> bool) {
    let sample = hits.iter().enumerate();
    let sample = sample.filter(|(number, (_, hit))| chosen(*number, hit));
    let sample: Vec<_> = sample.collect();
    on_two_threads(sample.len(), |number| {
        let (_, (journey, hit)) = sample[number];
        let wrong = journey.play(hit).unwrap().wrong;
        assert!(wrong.is_empty(), "{}, {hit}: {wrong:?}", journey.name);
    });
}

#[test]
fn a_call_that_is_away_for_minutes_breaks_no_invariant() {
    let rotation = Rotation::current().unwrap();
    let journeys = journeys();
    let hits = all(&journeys, Journey::lasting_hits);
    rotation.announce(format_args!(
        "one in {AWAY_ONE_IN} of {} calls away",
        hits.len()
    ));
    go_well(&hits, |number, _| rotation.has(number, AWAY_ONE_IN));
}

#[test]
fn the_journeys_of_the_sweep_enter_every_state_of_the_state_machine() {
    let machine = include_str!("../../statemachine/release.asl.json");
    let machine: Value = serde_json::from_str(machine).unwrap();
    let states = machine["States"].as_object().unwrap().keys();
    let mut states: BTreeSet<&str> = states.map(String::as_str).collect();
    let entered: BTreeSet<_> = journeys()
        .into_iter()
        .flat_map(|journey| play(journey.scenario).unwrap().states)
        .collect();
    states.retain(|state| !entered.contains(*state));
    assert_eq!(states, BTreeSet::new());
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
