//! What speaks against whom: tasks that died, and tasks that the platform did not start.

use super::*;

#[test]
fn a_deployment_that_ecs_took_back_is_judged_by_why_its_tasks_stopped() {
    use Against::{Nobody, Platform, Release};
    let by = |ended_by| LiveServiceDeployment {
        ended_by,
        ..newest("ROLLBACK_SUCCESSFUL")
    };
    let gave_up = primary(rolling(1, 2, 0), |primary| {
        primary.rollout_state = Some("FAILED".into())
    });
    let breaker = Some(EndedBy::Breaker);
    let back = live(1);
    for (story, live, ended_by, ended, against) in [
        (
            "they never started",
            &back,
            breaker,
            vec![unstarted(1100)],
            Platform,
        ),
        ("none was even placed", &back, breaker, vec![], Platform),
        (
            "they died",
            &back,
            breaker,
            vec![unstarted(1100), died(1050)],
            Release,
        ),
        (
            "an alarm went off",
            &back,
            Some(EndedBy::Alarms),
            vec![],
            Release,
        ),
        (
            "a person wanted it back",
            &back,
            Some(EndedBy::Person),
            vec![],
            Nobody,
        ),
        ("nobody knows why", &back, None, vec![], Release),
        (
            "there was nothing to go back to",
            &gave_up,
            None,
            vec![unstarted(1100)],
            Platform,
        ),
        (
            "the same, and they died",
            &gave_up,
            None,
            vec![died(1100)],
            Release,
        ),
        (
            "the same, and they died before another execution took over",
            &gave_up,
            None,
            vec![died(900)],
            Release,
        ),
    ] {
        let newest = by(ended_by);
        let newest = (live == &back).then_some(&newest);
        let found = judged(live, newest, &ended, 1200);
        assert_eq!(found, (Outcome::Failed, Some(against)), "{story}");
    }
}

#[test]
fn while_ecs_cannot_start_tasks_the_time_of_a_rollout_begins_anew_for_an_hour_at_most() {
    use Outcome::{Failed, InProgress, Steady};
    let failing = primary(rolling(1, 2, 0), |primary| primary.failed_tasks = 3);
    let one_runs = rolling(1, 2, 1);
    let starting = LiveService {
        pending_count: 2,
        ..one_runs.clone()
    };
    let platform = Some(Against::Platform);
    let release = Some(Against::Release);
    // It began at second 1000, and has 600.
    for (story, live, ended, second, expected) in [
        (
            "three could not be started",
            &failing,
            vec![unstarted(1100)],
            1101,
            (InProgress, None),
        ),
        (
            "three died",
            &failing,
            vec![died(1100)],
            1101,
            (Failed, release),
        ),
        (
            "late, not started",
            &failing,
            vec![unstarted(1100)],
            1600,
            (InProgress, None),
        ),
        (
            "late, they wait for a place",
            &starting,
            vec![],
            1600,
            (InProgress, None),
        ),
        (
            "late, and died",
            &starting,
            vec![died(1100)],
            1600,
            (Failed, release),
        ),
        (
            "late, of itself",
            &one_runs,
            vec![],
            1600,
            (Failed, release),
        ),
        ("an hour late", &starting, vec![], 5199, (InProgress, None)),
        (
            "more than an hour late",
            &starting,
            vec![],
            5200,
            (Failed, platform),
        ),
        (
            "done at last",
            &live(2),
            vec![unstarted(1100)],
            5200,
            (Steady, None),
        ),
    ] {
        assert_eq!(judged(live, None, &ended, second), expected, "{story}");
    }
}

#[test]
fn a_rollout_that_waited_for_the_platform_has_all_of_its_time_afterwards() {
    use Outcome::{Failed, InProgress};
    let failing = primary(rolling(1, 2, 0), |primary| primary.failed_tasks = 1);
    let running = rolling(1, 2, 3);
    let alone = LiveService {
        deployments: running.deployments[..1].to_vec(),
        ..running
    };
    let mut input = input(Purpose::Release);
    input.look = Some(None);
    // Looks follow each other within a minute, as an execution makes them.
    let mut second = 1000;
    let mut outcome = InProgress;
    while outcome == InProgress {
        second += 60;
        let starts = second > 2200;
        let live = if starts { &alone } else { &failing };
        let ended = [unstarted(1100)];
        let output = look_at_tasks(
            &input,
            &desired(&[2]),
            Some(live),
            None,
            Some(&ended),
            at(second),
        );
        outcome = output.outcome;
        assert_eq!(
            output.withheld_seconds,
            1200.min(u64::try_from(second - 1000).unwrap())
        );
        input.look = then(&output);
    }
    assert_eq!(
        (outcome, second),
        (Failed, 2800),
        "until 2200 it could not start, and it has 600"
    );
}

#[test]
fn a_pause_within_the_time_until_tasks_could_start_does_not_count_twice() {
    use Outcome::{Failed, InProgress};
    let failing = primary(rolling(1, 2, 0), |primary| primary.failed_tasks = 1);
    let running = rolling(1, 2, 3);
    let alone = LiveService {
        deployments: running.deployments[..1].to_vec(),
        ..running
    };
    let (moves, waits) = ("SUCCEEDED", "AWAITING_ACTION");
    let mut input = input(Purpose::Release);
    // It began at second 1000, has 600 seconds, waits from 1120 to 1240, and cannot start its tasks until 1300.
    for (second, live, hook, outcome, paused, withheld) in [
        (1060, &failing, moves, InProgress, 0, 60),
        (1120, &failing, waits, InProgress, 0, 60),
        (1180, &failing, waits, InProgress, 60, 60),
        (1240, &failing, moves, InProgress, 120, 120),
        (1300, &failing, moves, InProgress, 120, 180),
        (1360, &alone, moves, InProgress, 120, 180),
        (1899, &alone, moves, InProgress, 120, 180),
        (1900, &alone, moves, Failed, 120, 180),
    ] {
        let seen = at_hook("IN_PROGRESS", hook);
        // Looks follow each other within a minute, as an execution makes them.
        if let Some(Some(last)) = &mut input.look {
            last.seen_at = Some(at(second - 60));
        }
        let output = look_at_tasks(
            &input,
            &desired(&[2]),
            Some(live),
            Some(&seen),
            Some(&[unstarted(1100)]),
            at(second),
        );
        let found = (
            output.outcome,
            output.paused_seconds,
            output.withheld_seconds,
        );
        assert_eq!(found, (outcome, paused, withheld), "at second {second}");
        assert_eq!(output.blind_seconds, 0, "at second {second}");
        input.look = then(&output);
    }
}

#[test]
fn a_rollout_that_only_waits_for_old_tasks_is_looked_at_once_its_time_is_over() {
    use Outcome::{Failed, InProgress, Steady};
    let release = Some(Against::Release);
    let draining = rolling(1, 2, 3);
    let side_by_side = LiveService {
        balancers: vec![LiveBalancer {
            alternate: Some("arn:alternate".into()),
            ..LiveBalancer::default()
        }],
        ..draining.clone()
    };
    let with_hooks = LiveService {
        pauses: true,
        ..draining.clone()
    };
    let alone = LiveService {
        deployments: draining.deployments[..1].to_vec(),
        ..draining.clone()
    };
    for (story, live, ended, second, expected) in [
        ("in time", &draining, vec![], 1599, (InProgress, None)),
        ("late", &draining, vec![], 1600, (Steady, None)),
        (
            "some died",
            &draining,
            vec![died(1100)],
            1600,
            (Failed, release),
        ),
        (
            "one is missing",
            &rolling(1, 2, 2),
            vec![],
            1600,
            (Failed, release),
        ),
        (
            "there may be a pause to come",
            &with_hooks,
            vec![],
            1600,
            (Failed, release),
        ),
        (
            "requests have not moved",
            &side_by_side,
            vec![],
            1600,
            (Failed, release),
        ),
        (
            "no old task is left",
            &alone,
            vec![],
            1600,
            (Failed, release),
        ),
    ] {
        assert_eq!(judged(live, None, &ended, second), expected, "{story}");
    }
    let back = look_at_tasks(
        &input(Purpose::RollBack),
        &desired(&[2]),
        Some(&draining),
        None,
        Some(&[]),
        at(1600),
    );
    assert_eq!(back.outcome, Steady, "the way back has no other measure");
}

#[test]
fn tasks_are_asked_for_only_where_a_rollout_is_in_trouble() {
    let input = input(Purpose::Release);
    let asked = |live: &LiveService, second| {
        let output = look(&input, &desired(&[2]), Some(live), None, at(second));
        depends_on_tasks(Some(live), &output)
    };
    let failing = primary(rolling(1, 2, 1), |primary| primary.failed_tasks = 1);
    for (story, live, second, expected) in [
        ("on its way", &rolling(1, 2, 1), 1001, false),
        ("done", &live(2), 1001, false),
        ("one task failed", &failing, 1001, true),
        ("late", &rolling(1, 2, 1), 1600, true),
    ] {
        assert_eq!(asked(live, second), expected, "{story}");
    }
}

#[test]
fn a_deployment_that_another_of_the_same_revision_replaced_goes_on() {
    use Outcome::{Failed, InProgress, Steady};
    let stopped = newest("STOPPED");
    let forced = primary(begun(live(2), 1060), |primary| {
        primary.id = "ecs-svc/forced".into()
    });
    let output = |live: &LiveService, newest: &LiveServiceDeployment| {
        outcome(&accepted(Purpose::Release), live, Some(newest))
    };
    // DescribeServices shows the newer deployment, and the list of service deployments does not yet.
    assert_eq!(output(&forced, &stopped), InProgress);
    assert_eq!(output(&forced, &newest("SUCCESSFUL")), Steady);
    // Somebody stopped the very one that was accepted.
    assert_eq!(output(&begun(live(2), 1000), &stopped), Failed);
}
