//! The protocol, checked exhaustively. Every test says how many states it visited: `cargo test -p landfall-model --
//! --nocapture`. The large ones: `cargo test -p landfall-model -- --nocapture --ignored --test-threads 1`.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::Instant,
};

use landfall::protocol::Guard::{
    AskWhetherTheHolderLives, CompareAndSwapTheVerdict, LookAgainAfterATagMoved,
    LookAgainAfterTheFirstFollow, LookForTheRecordOfTheHeldClaim, LookThroughOnceMore,
    RecordBeforeTheVerdict, WaitForTheLastCallOfTheDead,
};
use landfall_model::{
    Action, CHECKS, Faults, Guard,
    Happening::{Delete, Hold, Push, Resume, Upload},
    Protocol, Pushed,
    Quality::{self, FailsChecks, Good, NeverStarts},
    Scenario, State, describe,
};
use stateright::{Checker, HasDiscoveries, Model};

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    lost_answers: 0,
    duplicates: 0,
    stray_wakes: 0,
    outages: 0,
};

fn image(tag: &'static str, quality: Quality) -> Pushed {
    Pushed { tag, quality }
}

/// A service that runs 1.0.0. A good 1.1.0 and a bad 1.2.0 are pushed.
fn two_pushes(faults: Faults) -> Scenario {
    Scenario {
        images: vec![
            image("1.0.0", Good),
            image("1.1.0", Good),
            image("1.2.0", FailsChecks),
        ],
        files: vec!["semver:^1", "semver:^1"],
        settled: true,
        happenings: vec![vec![Push(1)], vec![Push(2)]],
        faults,
        wakes_by_itself: true,
        tries_every_order: false,
        without: None,
    }
}

/// The same, and the service file changes.
fn two_pushes_and_a_file(faults: Faults) -> Scenario {
    Scenario {
        happenings: vec![vec![Push(1)], vec![Push(2)], vec![Upload(1)]],
        ..two_pushes(faults)
    }
}

/// A bad image is pushed, and the service file changes.
fn a_push_and_a_file(faults: Faults) -> Scenario {
    Scenario {
        happenings: vec![vec![Push(2)], vec![Upload(1)]],
        ..two_pushes(faults)
    }
}

/// Nothing is there. A service file is uploaded, and two images are pushed.
fn from_nothing(faults: Faults) -> Scenario {
    Scenario {
        settled: false,
        happenings: vec![vec![Push(0)], vec![Push(1)], vec![Upload(0)]],
        ..two_pushes(faults)
    }
}

/// Nothing is there. A service file is uploaded and deleted, and an image is pushed.
fn a_file_that_comes_and_goes(faults: Faults) -> Scenario {
    Scenario {
        settled: false,
        happenings: vec![vec![Push(0)], vec![Upload(0), Delete]],
        ..two_pushes(faults)
    }
}

/// A tag that is followed exactly moves to another image, to a bad one and back.
fn a_moving_tag(faults: Faults) -> Scenario {
    Scenario {
        images: vec![
            image("stable", Good),
            image("stable", Good),
            image("stable", FailsChecks),
        ],
        files: vec!["stable"],
        happenings: vec![vec![Push(1), Push(2), Push(1)]],
        ..two_pushes(faults)
    }
}

/// A follow rule is widened while images are pushed that only the new one admits.
fn a_wider_rule(faults: Faults) -> Scenario {
    Scenario {
        files: vec!["semver:~1.0", "semver:^1"],
        ..two_pushes_and_a_file(faults)
    }
}

/// The same two pushes, while an operator does something else.
fn with_an_operator(does: Vec<landfall_model::Happening>, faults: Faults) -> Scenario {
    Scenario {
        happenings: vec![vec![Push(1)], vec![Push(2)], does],
        ..two_pushes(faults)
    }
}

/// Visits every state; answers the counterexample of the shortest way, described.
fn counterexample(story: &str, scenario: Scenario) -> Option<(&'static str, String)> {
    let begun = Instant::now();
    let checker = Protocol::new(scenario)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{story}: {} states, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    let discoveries = checker.discoveries();
    let failed = discoveries
        .iter()
        .filter(|(name, _)| CHECKS.contains(*name));
    let shortest = failed.min_by_key(|(name, path)| (length(path), **name))?;
    Some((shortest.0, describe(checker.model(), shortest.1)))
}

fn length(path: &stateright::Path<State, Action>) -> usize {
    path.clone().into_actions().len()
}

#[track_caller]
fn holds(story: &str, scenario: Scenario) {
    if let Some((check, steps)) = counterexample(story, scenario) {
        panic!("{story}: it does not hold that {check}:\n{steps}");
    }
}

#[track_caller]
fn fails(story: &str, guard: Guard, scenario: Scenario, expected: &[&str]) {
    let without = Some(guard);
    let Some((check, steps)) = counterexample(
        story,
        Scenario {
            without,
            ..scenario
        },
    ) else {
        panic!("{story}: the checker finds nothing wrong without the guard {guard:?}");
    };
    println!("without the guard {guard:?} it does not hold that {check}:\n{steps}");
    assert!(expected.contains(&check), "{check}\n{steps}");
}

fn print(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Whether some schedule comes back to a state that it has been in, so that it may never end.
fn goes_round(protocol: &Protocol) -> bool {
    let mut on_the_way = HashSet::new();
    let mut left = HashSet::new();
    let mut stack: Vec<_> = vec![(None, protocol.init_states())];
    while let Some((from, next)) = stack.last_mut() {
        let Some(state) = next.pop() else {
            let from = *from;
            on_the_way.remove(&from);
            left.insert(from);
            stack.pop();
            continue;
        };
        let print = Some(print(&state));
        if on_the_way.contains(&print) {
            return true;
        }
        if !left.contains(&print) {
            on_the_way.insert(print);
            stack.push((print, protocol.next_states(&state)));
        }
    }
    false
}

/// What has to be in the end is only asked of states in which nothing can happen any more: every schedule has to get there.
#[test]
fn every_schedule_comes_to_an_end() {
    let faults = Faults {
        crashes: 1,
        stray_wakes: 1,
        ..NO_FAULTS
    };
    assert!(!goes_round(&Protocol::new(two_pushes(faults))));
    assert!(!goes_round(&Protocol::new(from_nothing(NO_FAULTS))));
}

/// Prints of the states in which nothing can happen any more.
fn ends(scenario: Scenario) -> HashSet<u64> {
    let protocol = Protocol::new(scenario);
    let mut ends = HashSet::new();
    let mut seen = HashSet::new();
    let mut left = protocol.init_states();
    while let Some(state) = left.pop() {
        let next = protocol.next_states(&state);
        if next.is_empty() {
            ends.insert(print(&state));
        }
        if seen.insert(print(&state)) {
            left.extend(next);
        }
    }
    println!("{} states, {} ends", seen.len(), ends.len());
    ends
}

/// Of calls whose order cannot matter the checker tries one order.
#[test]
fn the_orders_that_are_not_tried_lead_to_no_other_end() {
    for scenario in [
        two_pushes(NO_FAULTS),
        a_push_and_a_file(NO_FAULTS),
        a_file_that_comes_and_goes(NO_FAULTS),
    ] {
        let every_order = Scenario {
            tries_every_order: true,
            ..scenario.clone()
        };
        assert_eq!(ends(scenario), ends(every_order));
    }
}

#[test]
fn two_pushes_and_a_new_file_converge_in_every_order() {
    holds("three triggers", two_pushes_and_a_file(NO_FAULTS));
}

#[test]
fn an_execution_may_die_and_an_answer_be_lost_at_any_point() {
    let faults = Faults {
        crashes: 1,
        lost_answers: 1,
        ..NO_FAULTS
    };
    holds("two pushes, a crash, a lost answer", two_pushes(faults));
}

#[test]
fn events_and_wake_ups_may_come_twice() {
    let faults = Faults {
        duplicates: 1,
        stray_wakes: 1,
        ..NO_FAULTS
    };
    holds(
        "two pushes, a duplicate, a stray wake-up",
        two_pushes(faults),
    );
}

#[test]
fn no_wake_up_is_missed_even_if_nothing_ever_times_out() {
    let faults = Faults {
        crashes: 1,
        ..NO_FAULTS
    };
    let scenario = Scenario {
        wakes_by_itself: false,
        ..two_pushes(faults)
    };
    holds("two pushes, a crash, no time-outs", scenario);
}

#[test]
fn a_first_service_file_misses_no_push() {
    holds("a first file and two pushes", from_nothing(NO_FAULTS));
}

#[test]
fn a_first_service_file_that_goes_again_is_let_go_of() {
    holds(
        "a first file that is deleted, a push",
        a_file_that_comes_and_goes(NO_FAULTS),
    );
}

#[test]
#[ignore = "takes half a minute"]
fn a_first_service_file_that_goes_again_is_let_go_of_with_a_lost_answer_too() {
    let faults = Faults {
        lost_answers: 1,
        ..NO_FAULTS
    };
    holds(
        "a first file that is deleted, a push, a lost answer",
        a_file_that_comes_and_goes(faults),
    );
}

#[test]
fn without_looking_again_a_file_that_was_deleted_meanwhile_is_followed_for_ever() {
    fails(
        "deleted while it is taken up",
        Guard::Protocol(LookAgainAfterTheFirstFollow),
        a_file_that_comes_and_goes(NO_FAULTS),
        &["in the end what is desired runs, or what was last good"],
    );
}

#[test]
fn a_wider_follow_rule_misses_no_push() {
    holds("a wider rule and two pushes", a_wider_rule(NO_FAULTS));
}

#[test]
fn a_tag_that_moves_away_and_back_is_followed_to_where_it_ends() {
    holds("a tag moved three times", a_moving_tag(NO_FAULTS));
}

#[test]
fn what_ecs_rolls_back_by_itself_was_bad() {
    let mut scenario = two_pushes(Faults {
        crashes: 1,
        ..NO_FAULTS
    });
    scenario.images[2].quality = NeverStarts;
    holds("ECS rolls back, a crash", scenario);
}

#[test]
fn a_release_that_executions_die_of_is_given_up() {
    let faults = Faults {
        crashes: 5,
        ..NO_FAULTS
    };
    let scenario = Scenario {
        happenings: vec![vec![Push(2)]],
        ..two_pushes(faults)
    };
    holds("one bad push, five crashes", scenario);
}

#[test]
fn what_nobody_can_see_speaks_against_no_release_and_is_deployed_once_aws_answers_again() {
    let outages = Faults {
        outages: 2,
        ..NO_FAULTS
    };
    holds("two pushes, AWS away twice", two_pushes(outages));
    let lost = Faults {
        outages: 1,
        lost_answers: 1,
        ..NO_FAULTS
    };
    let one_push = Scenario {
        happenings: vec![vec![Push(1)]],
        ..two_pushes(lost)
    };
    holds("a push, AWS away, a lost answer", one_push);
    let outage = Faults {
        outages: 1,
        ..NO_FAULTS
    };
    let bad_push_and_hold = Scenario {
        happenings: vec![vec![Push(2)], vec![Hold, Resume]],
        ..two_pushes(outage)
    };
    holds("a bad push, a hold that ends, AWS away", bad_push_and_hold);
}

#[test]
#[ignore = "takes minutes"]
fn two_pushes_a_hold_that_ends_and_aws_away() {
    let outage = Faults {
        outages: 1,
        ..NO_FAULTS
    };
    holds(
        "two pushes, a hold that ends, AWS away",
        with_an_operator(vec![Hold, Resume], outage),
    );
}

#[test]
fn during_a_hold_nothing_begins_and_after_it_nothing_is_lost() {
    holds(
        "two pushes, a hold",
        with_an_operator(vec![Hold], NO_FAULTS),
    );
    holds(
        "two pushes, a hold that ends",
        with_an_operator(vec![Hold, Resume], NO_FAULTS),
    );
}

#[test]
#[ignore = "takes minutes"]
fn a_hold_and_a_crash() {
    let faults = Faults {
        crashes: 1,
        ..NO_FAULTS
    };
    holds(
        "two pushes, a hold that ends, a crash",
        with_an_operator(vec![Hold, Resume], faults),
    );
}

#[test]
fn without_asking_whether_the_holder_lives_two_executions_change_ecs() {
    fails(
        "claims taken from the living",
        Guard::Protocol(AskWhetherTheHolderLives),
        two_pushes(NO_FAULTS),
        &[
            "only the holder of the claim changes ECS",
            "at most one live execution may change ECS",
            "an older image never replaces a newer one",
        ],
    );
}

#[test]
fn without_waiting_for_the_last_call_of_the_dead_it_changes_ecs_after_its_successor() {
    let faults = Faults {
        crashes: 1,
        ..NO_FAULTS
    };
    fails(
        "claims taken from the dying",
        Guard::Protocol(WaitForTheLastCallOfTheDead),
        two_pushes(faults),
        &["only the holder of the claim changes ECS"],
    );
}

#[test]
fn without_compare_and_swap_a_verdict_swallows_a_push() {
    fails(
        "verdicts without compare-and-swap",
        Guard::Protocol(CompareAndSwapTheVerdict),
        two_pushes(NO_FAULTS),
        &["in the end what is desired runs, or what was last good"],
    );
}

#[test]
fn a_verdict_before_its_record_may_stay_without_one() {
    let faults = Faults {
        crashes: 1,
        ..NO_FAULTS
    };
    fails(
        "verdicts before records",
        Guard::Protocol(RecordBeforeTheVerdict),
        two_pushes(faults),
        &["a verdict has its record, and it says the same"],
    );
}

#[test]
fn a_look_before_the_token_is_stored_misses_a_wake_up() {
    let scenario = Scenario {
        wakes_by_itself: false,
        ..two_pushes(NO_FAULTS)
    };
    fails(
        "tokens stored late",
        Guard::StoreTheTokenBeforeTheLook,
        scenario,
        &[
            "in the end what is desired runs, or what was last good",
            "in the end nothing is held, open or without a record",
            "in the end nothing good was rejected",
        ],
    );
}

/// What the model found, and what mended it.
#[test]
fn each_guard_that_the_model_asked_for_is_needed() {
    let lost = |crashes| Faults {
        crashes,
        lost_answers: 1,
        ..NO_FAULTS
    };
    fails(
        "a claim taken over unheard",
        Guard::Protocol(LookForTheRecordOfTheHeldClaim),
        two_pushes(lost(1)),
        &["a release with a record is not rolled out again"],
    );
    fails(
        "a tag moved away and back",
        Guard::Protocol(LookAgainAfterATagMoved),
        a_moving_tag(NO_FAULTS),
        &["in the end what is desired runs, or what was last good"],
    );
    fails(
        "pushes while a first file is taken up",
        Guard::Protocol(LookThroughOnceMore),
        from_nothing(NO_FAULTS),
        &["in the end what is desired runs, or what was last good"],
    );
}

#[test]
#[ignore = "takes minutes"]
fn three_triggers_and_a_crash() {
    let faults = Faults {
        crashes: 1,
        ..NO_FAULTS
    };
    holds("three triggers, a crash", two_pushes_and_a_file(faults));
}

/// Four triggers (of the push, of the file, of executions that died, of the wake-up), and at least as many executions.
#[test]
fn triggers_of_every_kind_race_with_executions_that_die_twice_and_a_stray_wake_up() {
    let faults = Faults {
        crashes: 2,
        stray_wakes: 1,
        ..NO_FAULTS
    };
    holds(
        "a push and a file, two crashes, a stray wake-up",
        a_push_and_a_file(faults),
    );
}

#[test]
#[ignore = "takes minutes"]
fn two_pushes_with_every_fault_once() {
    let faults = Faults {
        crashes: 1,
        lost_answers: 1,
        duplicates: 1,
        stray_wakes: 1,
        outages: 0,
    };
    holds("two pushes, every fault once", two_pushes(faults));
}

#[test]
#[ignore = "takes minutes"]
fn a_first_file_and_two_pushes_with_a_lost_answer() {
    let faults = Faults {
        lost_answers: 1,
        ..NO_FAULTS
    };
    holds(
        "a first file, two pushes, a lost answer",
        from_nothing(faults),
    );
}

#[test]
#[ignore = "takes minutes"]
fn a_moving_tag_and_a_lost_answer() {
    let faults = Faults {
        lost_answers: 1,
        ..NO_FAULTS
    };
    holds(
        "a tag moved three times, a lost answer",
        a_moving_tag(faults),
    );
}

#[test]
#[ignore = "takes half a minute"]
fn an_execution_named_by_the_request_alone_is_not_started_for_a_newer_release() {
    let faults = Faults {
        lost_answers: 1,
        ..NO_FAULTS
    };
    fails(
        "executions named by the request alone",
        Guard::NameExecutionsByRelease,
        a_moving_tag(faults),
        &[
            "in the end what is desired runs, or what was last good",
            "in the end nothing is held, open or without a record",
            "in the end nothing good was rejected",
        ],
    );
}
