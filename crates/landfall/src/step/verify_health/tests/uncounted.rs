//! Time that does not count against the release: nobody could look, or ECS could not start its tasks.

use super::*;

#[test]
fn time_in_which_nobody_could_look_does_not_count_against_the_checks() {
    use Outcome::{Unhealthy, Waiting};
    let mut input = input();
    input.look = Some(rolled_out(40));
    // The checks have 100 seconds and 60 to bake. Looks follow each other within 10, and may be 90 apart.
    for (second, outcome, blind) in [
        (1, Waiting, 40),
        (11, Waiting, 40),
        (1301, Waiting, 1240),
        (1360, Waiting, 1240),
        (1361, Unhealthy, 1240),
    ] {
        let output = decide(&input, &probing(), &desired(&[2]), unreached(), at(second));
        let found = (output.outcome, output.blind_seconds);
        assert_eq!(found, (outcome, blind), "at second {second}");
        assert_eq!(output.paused_seconds, 500, "the rollout was paused");
        input.look = Some(last(output));
    }
}

#[test]
fn scaling_out_neither_ends_a_bake_time_nor_begins_it_again() {
    use Outcome::{Healthy, Unhealthy, Waiting};
    let healthy = || vec![(1, good_observation()), (11, good_observation())];
    let then = |more: Vec<(i64, Observation)>| {
        let mut all = healthy();
        all.extend(more);
        last_of(all)
    };
    // The checks have 100 seconds and 60 to bake; it is healthy from second 11 on.
    let out = then(vec![(41, scaled_out()), (71, good_observation())]);
    assert_eq!(out.outcome, Healthy);
    let out = then(vec![(71, scaled_out())]);
    assert_eq!(out.outcome, Waiting, "{}", out.reason);
    let out = then(vec![
        (71, scaled_out()),
        (81, scaled_out()),
        (161, scaled_out()),
    ]);
    assert_eq!(
        (out.outcome, &*out.reason),
        (Healthy, "every check passed; 2 of 3 tasks run")
    );
    // What runs is looked at all the same.
    let mut failing = scaled_out();
    failing.probes = vec![answer(500, "")];
    let out = then(vec![(41, failing.clone()), (51, failing)]);
    assert_eq!(out.outcome, Unhealthy);
    assert_eq!(out.failure.unwrap().against, Against::Release);
    // Where no task is left, it has to become healthy again.
    let out = then(vec![
        (41, not_yet()),
        (51, good_observation()),
        (71, good_observation()),
    ]);
    assert_eq!(out.outcome, Waiting, "{}", out.reason);
}

#[test]
fn tasks_that_ecs_does_not_start_are_waited_for_for_an_hour_and_speak_against_the_platform() {
    let until = |end: i64| {
        let looks = (1..=end / 30).map(|nth| (nth * 30, not_yet()));
        last_of(looks.collect())
    };
    let waits = until(3600);
    assert_eq!(
        (waits.outcome, waits.withheld_seconds),
        (Outcome::Waiting, 3600)
    );
    let ends = until(3600 + 300);
    assert_eq!(ends.outcome, Outcome::Unhealthy);
    assert_eq!(ends.failure.unwrap().against, Against::Platform);
    // What comes then has all of its time.
    let mut looks: Vec<_> = (1..=100).map(|nth| (nth * 30, not_yet())).collect();
    looks.extend([
        (3030, good_observation()),
        (3040, good_observation()),
        (3100, good_observation()),
    ]);
    assert_eq!(last_of(looks).outcome, Outcome::Healthy);
}

#[test]
fn an_execution_that_passes_progress_alone_goes_on_from_it() {
    let mut input = input();
    input.progress = Some(Progress {
        started_at: Some(at(0)),
        successes: 1,
        ..Progress::default()
    });
    let output = decide(
        &input,
        &probing(),
        &desired(&[2]),
        good_observation(),
        at(9),
    );
    assert_eq!((output.progress.successes, output.blind_seconds), (2, 0));
}
