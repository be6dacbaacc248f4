#![allow(missing_docs)]

use std::time::Instant;

use landfall_model::{Faults, Happening::{Push, Upload}, Protocol, Pushed, Quality::{self, FailsChecks, Good}, Scenario, told};
use stateright::{Checker, Model};

fn image(tag: &'static str, quality: Quality) -> Pushed {
    Pushed { tag, quality }
}

fn check(scenario: Scenario) {
    let begun = Instant::now();
    let checker = Protocol::new(scenario).checker().threads(2).timeout(std::time::Duration::from_secs(45)).finish_when(stateright::HasDiscoveries::AnyFailures).spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        if name.starts_with("everything") { continue; }
        println!("{name}:\n{}", told(checker.model(), &path));
    }
    println!("{} done, {} states, depth {}, {:?}", checker.is_done(), checker.unique_state_count(), checker.max_depth(), begun.elapsed());
}


fn one_more(faults: Faults, wakes_by_itself: bool) -> Scenario {
    Scenario {
        images: vec![image("1.0.0", Good), image("1.1.0", Good), image("1.2.0", FailsChecks)],
        files: vec!["semver:^1", "semver:^1"],
        settled: true,
        happenings: vec![vec![Push(1)], vec![Push(2)], vec![Upload(1)]],
        faults,
        wakes_by_itself,
        without: None,
    }
}
fn two_pushes(faults: Faults, wakes_by_itself: bool) -> Scenario {
    Scenario { happenings: vec![vec![Push(1)], vec![Push(2)]], ..one_more(faults, wakes_by_itself) }
}
const NONE: Faults = Faults { crashes: 0, lost_answers: 0, duplicates: 0, stray_wakes: 0 };

#[test] fn b_two_lost() { check(two_pushes(Faults{lost_answers:1,..NONE}, true)); }
#[test] fn c_two_lost_crash() { check(two_pushes(Faults{lost_answers:1,crashes:1,..NONE}, true)); }
#[test] fn d_two_events_only() { check(two_pushes(NONE, false)); }
#[test] fn e_two_events_only_crash() { check(two_pushes(Faults{crashes:1,..NONE}, false)); }
#[ignore] #[test] fn h_three_line_crash() { check(Scenario{happenings: vec![vec![Push(1), Push(2), Upload(1)]], ..one_more(Faults{crashes:1,..NONE}, true)}); }
#[test] fn i_scratch() { check(Scenario{settled:false, happenings: vec![vec![Push(0)],vec![Push(1)],vec![Upload(0)]], ..one_more(Faults{crashes:0,..NONE}, true)}); }
#[test] fn j_moved() { check(Scenario{images: vec![image("stable", Good), image("stable", Good), image("stable", FailsChecks)], files: vec!["stable"], happenings: vec![vec![Push(1),Push(2), Push(1)]], ..one_more(Faults{crashes:0,duplicates:0, ..NONE}, true)}); }
#[test] fn k_give_up() { check(Scenario{happenings: vec![vec![Push(2)]], ..one_more(Faults{crashes:5,..NONE}, true)}); }
#[cfg(any())]
#[test] fn f_three_crash() { check(one_more(Faults{crashes:1,..NONE}, true)); }
#[test] fn g_two_dup_wake() { check(two_pushes(Faults{duplicates:1,stray_wakes:1,..NONE}, true)); }

#[test] fn l_scratch_lost() { check(Scenario{settled:false, happenings: vec![vec![Push(0)],vec![Push(1)],vec![Upload(0)]], ..one_more(Faults{lost_answers:1,..NONE}, true)}); }
#[test] fn m_rule_change() { check(Scenario{files: vec!["semver:~1.0", "semver:^1"], happenings: vec![vec![Push(1)],vec![Push(2)],vec![Upload(1)]], ..one_more(Faults{lost_answers:0,..NONE}, true)}); }
