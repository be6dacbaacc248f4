//! Deployments that a `PAUSE` hook holds.

use super::*;

#[test]
fn time_in_which_ecs_waits_for_somebody_does_not_count_against_a_rollout() {
    use Outcome::{Failed, InProgress};
    let mut input = input(Purpose::Release);
    let live = rolling(1, 2, 1);
    // It began at second 1000, has 600 seconds, and waits from 1300 to 1420.
    for (story, second, hook, outcome, paused, waits) in [
        ("it moves", 1240, "SUCCEEDED", InProgress, 0, 0),
        ("it is paused", 1300, "AWAITING_ACTION", InProgress, 0, 60),
        ("still", 1360, "AWAITING_ACTION", InProgress, 60, 60),
        (
            "somebody continued it",
            1420,
            "SUCCEEDED",
            InProgress,
            120,
            0,
        ),
        ("it moves on", 1500, "SUCCEEDED", InProgress, 120, 0),
        ("after its time", 1580, "SUCCEEDED", InProgress, 120, 0),
        ("at the last moment", 1660, "SUCCEEDED", InProgress, 120, 0),
        ("too late", 1720, "SUCCEEDED", Failed, 120, 0),
        // Even now: what waits does not move.
        (
            "paused too late",
            1800,
            "AWAITING_ACTION",
            InProgress,
            120,
            60,
        ),
    ] {
        let seen = at_hook("IN_PROGRESS", hook);
        let output = look(&input, &desired(&[2]), Some(&live), Some(&seen), at(second));
        let found = (output.outcome, output.paused_seconds, output.wait_seconds);
        assert_eq!(
            found,
            (outcome, paused, waits),
            "{story}: {}",
            output.reason
        );
        assert_eq!(output.pause.is_some(), hook == "AWAITING_ACTION", "{story}");
        assert_eq!(output.blind_seconds, 0, "{story}");
        if outcome == Failed {
            let end = "within 600 seconds and the 120 in which it was paused; last: ";
            assert!(output.reason.contains(end), "{}", output.reason);
        }
        input.look = then(&output);
    }
}

#[test]
fn a_pause_is_no_shield_for_a_release_whose_tasks_die_nor_from_a_newer_one() {
    let input = input(Purpose::Release);
    let seen = at_hook("IN_PROGRESS", "AWAITING_ACTION");
    let dying = primary(rolling(1, 2, 0), |primary| primary.failed_tasks = 3);
    let output = look(&input, &desired(&[2]), Some(&dying), Some(&seen), at(1300));
    assert_eq!((output.outcome, output.pause), (Outcome::Failed, None));
    let output = look(
        &input,
        &desired(&[2, 3]),
        Some(&rolling(1, 2, 1)),
        Some(&seen),
        at(1300),
    );
    assert_eq!((output.outcome, output.pause), (Outcome::Superseded, None));
}

#[test]
fn an_execution_that_takes_over_finds_the_pause_of_a_deployment_that_is_older_than_its_call() {
    let input = input(Purpose::Release);
    let seen = LiveServiceDeployment {
        created_at: at(400),
        ..at_hook("IN_PROGRESS", "AWAITING_ACTION")
    };
    let mut desired = desired(&[2]);
    desired.note_pause(2, Some(&pause(at(500))));
    let output = look(
        &input,
        &desired,
        Some(&rolling(1, 2, 0)),
        Some(&seen),
        at(9000),
    );
    assert_eq!(output.outcome, Outcome::InProgress);
    assert_eq!(output.pause.unwrap().since, at(500));
    // The pause of another revision's deployment is none of this rollout.
    let output = look(
        &input,
        &desired,
        Some(&rolling(1, 3, 0)),
        Some(&seen),
        at(9000),
    );
    assert_eq!((output.outcome, output.pause), (Outcome::Replaced, None));
}

#[test]
fn a_deployment_that_was_declined_at_a_pause_says_by_whom() {
    for (hook, action, expected) in [
        (
            "FAILED",
            HookAction::Rollback,
            "somebody had ECS roll the deployment back, at its pause hook ecs-pause-1: ECS says why",
        ),
        (
            "TIMED_OUT",
            HookAction::Rollback,
            "nobody continued the deployment in time, and ECS rolled it back: its pause hook ecs-pause-1 timed out: ECS says \
             why",
        ),
        // It went on then, and something else took it back.
        (
            "TIMED_OUT",
            HookAction::Continue,
            "ECS rolled the deployment back by itself: ECS says why",
        ),
        (
            "SUCCEEDED",
            HookAction::Rollback,
            "ECS rolled the deployment back by itself: ECS says why",
        ),
    ] {
        let mut seen = at_hook("ROLLBACK_SUCCESSFUL", hook);
        seen.hooks[0].timeout_action = Some(action);
        let input = input(Purpose::Release);
        let output = look(
            &input,
            &desired(&[2]),
            Some(&live(1)),
            Some(&seen),
            at(1300),
        );
        assert_eq!(
            (output.outcome, &*output.reason),
            (Outcome::Failed, expected)
        );
        // A decision against the release speaks against it; otherwise it counts who took it back, and why.
        seen.ended_by = Some(EndedBy::Person);
        let by_whom = judged(&live(1), Some(&seen), &[], 1300);
        let against = match seen.declined() {
            Some(_) => Against::Release,
            None => Against::Nobody,
        };
        assert_eq!(by_whom, (Outcome::Failed, Some(against)), "{expected}");
    }
}

#[test]
fn a_sleeping_execution_wakes_when_a_pause_begins_when_it_ends_and_at_the_next_hook() {
    let look_at = |last: Option<&Output>, hook: Option<&str>, status: &str| {
        let mut input = input(Purpose::Release);
        input.look = last.and_then(then);
        let mut seen = at_hook("IN_PROGRESS", status);
        if let Some(hook) = hook {
            seen.hooks[0].id = hook.into();
        }
        let live = rolling(1, 2, 1);
        let output = look(&input, &desired(&[2]), Some(&live), Some(&seen), at(1300));
        (input.sleeps_on(&output), output)
    };
    let (sleeps, moving) = look_at(None, None, "SUCCEEDED");
    assert!(sleeps);
    let (sleeps, paused) = look_at(Some(&moving), None, "AWAITING_ACTION");
    assert!(!sleeps);
    assert!(look_at(Some(&paused), None, "AWAITING_ACTION").0);
    assert!(!look_at(Some(&paused), Some("ecs-pause-2"), "AWAITING_ACTION").0);
    assert!(!look_at(Some(&paused), None, "SUCCEEDED").0);
}

#[test]
fn only_a_way_back_that_landfall_asked_for_is_continued_by_landfall() {
    let seen = at_hook("IN_PROGRESS", "AWAITING_ACTION");
    for (purpose, is_ours, expected) in [
        (Purpose::Release, true, false),
        (Purpose::RollBack, true, true),
        // ECS goes back by itself, or somebody else gave the service the same revision.
        (Purpose::RollBack, false, false),
    ] {
        let mut input = input(purpose);
        input.rollout.deployment = is_ours.then(|| Accepted {
            id: "ecs-svc/2".into(),
            created_at: None,
            desired_count: None,
        });
        let output = look(
            &input,
            &desired(&[2]),
            Some(&rolling(1, 2, 1)),
            Some(&seen),
            at(1300),
        );
        assert_eq!(
            input.to_continue(&output).is_some(),
            expected,
            "{purpose:?}"
        );
    }
}
