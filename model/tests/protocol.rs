#![allow(missing_docs)]

use std::time::Instant;

use landfall_model::{Faults, Happening::{Push, Upload}, Protocol, Pushed, Quality::{self, FailsChecks, Good}, Scenario, told};
use stateright::{Checker, Model};

fn image(tag: &'static str, quality: Quality) -> Pushed {
    Pushed { tag, quality }
}

fn check(scenario: Scenario) {
    let begun = Instant::now();
    let checker = Protocol::new(scenario).checker().threads(2).spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        if name.starts_with("everything") { continue; }
        println!("{name}:\n{}", told(checker.model(), &path));
    }
    println!("{} states, depth {}, {:?}", checker.unique_state_count(), checker.max_depth(), begun.elapsed());
    checker.assert_properties();
}

#[test]
fn two() {
    check(Scenario {
        images: vec![image("1.0.0", Good), image("1.1.0", Good), image("1.2.0", FailsChecks)],
        files: vec!["semver:^1"],
        settled: true,
        happenings: vec![vec![Push(1)], vec![Push(2)]],
        faults: Faults::default(),
        wakes_by_itself: true,
        without: None,
    });
}

#[test]
fn three() {
    check(Scenario {
        images: vec![image("1.0.0", Good), image("1.1.0", Good), image("1.2.0", FailsChecks)],
        files: vec!["semver:^1", "semver:^1"],
        settled: true,
        happenings: vec![vec![Push(1)], vec![Push(2)], vec![Upload(1)]],
        faults: Faults::default(),
        wakes_by_itself: true,
        without: None,
    });
}
