//! Seeded schedules with faults, and the invariants that hold in all of them.
#![allow(clippy::unwrap_used)]

use std::thread;

use landfall_simulation::{
    fault::Fault,
    run::{Report, play},
    scenario::Scenario,
    sweep::journeys,
};

/// How many seeds are played here; `simulate` plays as many as one likes.
const SEEDS: u64 = 60;
/// Of the faults at every call of every journey, one in so many is tried here; `simulate --sweep` tries all.
const ONE_IN: usize = 41;

fn told(report: &Report) -> String {
    let violations: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
    format!(
        "{}\nseed {}: {}\nreplay: cargo run --profile simulation -p landfall-simulation -- --seed {}",
        report.timeline,
        report.seed,
        violations.join("; "),
        report.seed
    )
}

#[test]
fn no_schedule_and_no_fault_breaks_an_invariant() {
    thread::scope(|scope| {
        for first in 0..2 {
            scope.spawn(move || {
                for seed in (first..SEEDS).step_by(2) {
                    let report = play(Scenario::of(seed)).unwrap();
                    assert!(report.violations.is_empty(), "{}", told(&report));
                }
            });
        }
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
fn one_fault_at_one_call_of_a_journey_breaks_no_invariant() {
    for journey in journeys() {
        let calls = journey.calls().unwrap();
        let cells = calls
            .iter()
            .enumerate()
            .flat_map(|(number, call)| Fault::ALL.map(|fault| (number, call.clone(), fault)));
        for (number, call, fault) in cells.step_by(ONE_IN) {
            let cell = journey.hit(number, &call, fault).unwrap();
            assert!(
                cell.violations.is_empty(),
                "{}, {fault:?} at call {number} ({call}): {:?}",
                journey.name,
                cell.violations
            );
        }
    }
}

#[test]
fn a_lost_answer_to_a_registration_leaves_one_revision() {
    let journey = &journeys()[0];
    let calls = journey.calls().unwrap();
    let register = "register-task-definition RegisterTaskDefinition";
    let number = calls.iter().position(|call| call == register).unwrap();
    let cell = journey.hit(number, register, Fault::LostAfter).unwrap();
    assert_eq!(cell.revisions, 1);
    assert!(cell.violations.is_empty(), "{:?}", cell.violations);
}
