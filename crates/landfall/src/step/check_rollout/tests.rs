#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    live::{
        Accepted, EndedBy, HookAction, LiveBalancer, LiveDeployment, LiveHook,
        LiveServiceDeployment,
    },
    record::StoppedTask,
    sample::*,
};

/// Release 2 on its way since second 1000, for at most 600 seconds.
fn input(purpose: Purpose) -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(2),
        purpose,
        rollout: Rollout {
            task_definition: Some(revision(2)),
            started_at: at(1000),
            timeout_seconds: 600,
            deployment: None,
        },
        look: None,
        task_token: None,
    }
}

fn newest(status: &str) -> LiveServiceDeployment {
    LiveServiceDeployment {
        arn: "arn:deployment".into(),
        bakes: false,
        task_definition: None,
        status: status.into(),
        status_reason: Some("ECS says why".into()),
        ended_by: None,
        created_at: at(1000),
        stage: None,
        hooks: Vec::new(),
    }
}

fn outcome(input: &Input, live: &LiveService, newest: Option<&LiveServiceDeployment>) -> Outcome {
    look(input, &desired(&[2]), Some(live), newest, at(1001)).outcome
}

/// The primary deployment in another shape.
fn primary(mut service: LiveService, change: impl FnOnce(&mut LiveDeployment)) -> LiveService {
    change(&mut service.deployments[0]);
    service
}

#[test]
fn only_ecs_own_word_ends_a_rollout() {
    use Outcome::{Failed, InProgress, Steady};
    // By status of the newest service deployment: what it means for a service that is steady on the revision and for
    // one that is on its way to it; forward, and back.
    for (status, forward_steady, forward_moving, back_steady, back_moving) in [
        (None, Steady, InProgress, Steady, InProgress),
        (
            Some("PENDING"),
            InProgress,
            InProgress,
            InProgress,
            InProgress,
        ),
        (
            Some("IN_PROGRESS"),
            InProgress,
            InProgress,
            InProgress,
            InProgress,
        ),
        (Some("SUCCESSFUL"), Steady, InProgress, Steady, InProgress),
        (
            Some("STOP_REQUESTED"),
            InProgress,
            InProgress,
            InProgress,
            InProgress,
        ),
        (Some("STOPPED"), Failed, Failed, Steady, InProgress),
        (
            Some("ROLLBACK_REQUESTED"),
            Failed,
            Failed,
            InProgress,
            InProgress,
        ),
        (
            Some("ROLLBACK_IN_PROGRESS"),
            Failed,
            Failed,
            InProgress,
            InProgress,
        ),
        (
            Some("ROLLBACK_SUCCESSFUL"),
            Failed,
            Failed,
            Steady,
            InProgress,
        ),
        (Some("ROLLBACK_FAILED"), Failed, Failed, Failed, Failed),
    ] {
        let newest = status.map(newest);
        for (purpose, live, expected) in [
            (Purpose::Release, live(2), forward_steady),
            (Purpose::Release, rolling(1, 2, 1), forward_moving),
            (Purpose::RollBack, live(2), back_steady),
            (Purpose::RollBack, rolling(1, 2, 1), back_moving),
        ] {
            let got = outcome(&input(purpose), &live, newest.as_ref());
            assert_eq!(got, expected, "{status:?} {purpose:?} {live:?}");
        }
    }
}

#[test]
fn a_service_that_ecs_took_back_by_itself_is_a_failed_release() {
    for status in [
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_SUCCESSFUL",
        "ROLLBACK_FAILED",
    ] {
        let seen = newest(status);
        let output = look(
            &input(Purpose::Release),
            &desired(&[2]),
            Some(&live(1)),
            Some(&seen),
            at(1001),
        );
        assert_eq!(output.outcome, Outcome::Failed, "{status}");
        assert_eq!(
            output.reason,
            "ECS rolled the deployment back by itself: ECS says why"
        );
    }
    // An ECS that keeps no service deployments only shows that the steady service has another revision;
    // and it may be a foreign revision: the way back looks whose it is.
    let output = look(
        &input(Purpose::Release),
        &desired(&[2]),
        Some(&live(1)),
        None,
        at(1001),
    );
    assert_eq!(output.outcome, Outcome::Replaced);
    assert!(output.reason.contains(&revision(1)), "{}", output.reason);
}

#[test]
fn a_service_deployment_of_another_revision_says_nothing_about_this_rollout() {
    // ECS rolled the release before this one back just before this one began, which brings the same as was there.
    let of = |revision: String| LiveServiceDeployment {
        task_definition: Some(revision),
        ..newest("ROLLBACK_SUCCESSFUL")
    };
    let input = input(Purpose::Release);
    for (of, expected) in [
        (of(revision(7)), Outcome::Steady),
        (of(revision(2)), Outcome::Failed),
    ] {
        assert_eq!(outcome(&input, &live(2), Some(&of)), expected, "{of:?}");
    }
}

#[test]
fn an_earlier_service_deployment_says_nothing_about_this_rollout() {
    // ECS took release 2 back to revision 1; release 3 is revision 1 again, for which ECS deploys nothing.
    let earlier = LiveServiceDeployment {
        created_at: at(400),
        ..newest("ROLLBACK_SUCCESSFUL")
    };
    assert_eq!(
        outcome(&input(Purpose::Release), &live(2), Some(&earlier)),
        Outcome::Steady
    );
    // Its clock may be a little behind ours.
    let ours = LiveServiceDeployment {
        created_at: at(999),
        ..newest("ROLLBACK_SUCCESSFUL")
    };
    assert_eq!(
        outcome(&input(Purpose::Release), &live(2), Some(&ours)),
        Outcome::Failed
    );
    // The way back waits for the one that ECS itself rolls back.
    let going_back = LiveServiceDeployment {
        created_at: at(400),
        ..newest("ROLLBACK_IN_PROGRESS")
    };
    assert_eq!(
        outcome(&input(Purpose::RollBack), &live(2), Some(&going_back)),
        Outcome::InProgress
    );
}

#[test]
fn a_deployment_that_cannot_come_up_is_given_up() {
    let failing = |running: i32, failed: i32| {
        primary(rolling(1, 2, running), |primary| {
            primary.failed_tasks = failed
        })
    };
    let input = input(Purpose::Release);
    for (story, live, expected) in [
        ("two tasks failed", failing(0, 2), Outcome::InProgress),
        (
            "as many failed as are wanted",
            failing(0, 3),
            Outcome::Failed,
        ),
        ("one does run", failing(1, 9), Outcome::InProgress),
        (
            "many are wanted",
            LiveService {
                desired_count: 10,
                ..failing(0, 9)
            },
            Outcome::InProgress,
        ),
        (
            "one is wanted",
            LiveService {
                desired_count: 1,
                ..failing(0, 2)
            },
            Outcome::InProgress,
        ),
        (
            "ECS says so",
            primary(rolling(1, 2, 0), |primary| {
                primary.rollout_state = Some("FAILED".into())
            }),
            Outcome::Failed,
        ),
        (
            "no primary deployment",
            LiveService {
                deployments: vec![],
                ..live(2)
            },
            Outcome::Failed,
        ),
        (
            "draining",
            LiveService {
                status: "DRAINING".into(),
                ..live(2)
            },
            Outcome::InProgress,
        ),
    ] {
        assert_eq!(outcome(&input, &live, None), expected, "{story}");
    }
    let gone = look(&input, &desired(&[2]), None, None, at(1120));
    assert_eq!(
        (gone.outcome, &*gone.reason),
        (Outcome::Failed, "the service web/hello is gone")
    );
}

#[test]
fn a_rollout_has_until_its_deadline_and_not_longer() {
    let input = input(Purpose::Release);
    let look_at =
        |live: &LiveService, second| look(&input, &desired(&[2]), Some(live), None, at(second));
    assert_eq!(
        look_at(&rolling(1, 2, 1), 1599).outcome,
        Outcome::InProgress
    );
    let late = look_at(&rolling(1, 2, 1), 1600);
    assert_eq!(late.outcome, Outcome::Failed);
    assert!(
        late.reason
            .starts_with("ECS did not complete it within 600 seconds; last: 1 of 3 tasks run"),
        "{}",
        late.reason
    );
    assert_eq!(
        look_at(&live(2), 1600).outcome,
        Outcome::Steady,
        "done is done"
    );
}

#[test]
fn a_newer_release_supersedes_the_way_forward_but_not_the_way_back() {
    let newer = desired(&[2, 3]);
    let forward = look(
        &input(Purpose::Release),
        &newer,
        Some(&live(2)),
        None,
        at(1001),
    );
    assert_eq!(
        (forward.outcome, &*forward.reason),
        (Outcome::Superseded, "release 3 should run")
    );
    let back = look(
        &input(Purpose::RollBack),
        &newer,
        Some(&live(2)),
        None,
        at(1001),
    );
    assert_eq!(back.outcome, Outcome::Steady);
}

#[test]
fn a_stopped_service_is_waited_for_until_its_last_task_is_gone() {
    let mut input = input(Purpose::RollBack);
    input.rollout.task_definition = None;
    for (running, pending, expected) in [
        (2, 0, Outcome::InProgress),
        (0, 1, Outcome::InProgress),
        (0, 0, Outcome::Steady),
    ] {
        let live = LiveService {
            desired_count: 0,
            running_count: running,
            pending_count: pending,
            ..live(2)
        };
        assert_eq!(
            outcome(&input, &live, None),
            expected,
            "{running} {pending}"
        );
    }
}

#[test]
fn a_release_is_looked_at_while_the_old_tasks_are_still_kept_and_goes_back_to_them_step_by_step() {
    let baking = LiveServiceDeployment {
        bakes: true,
        ..newest("IN_PROGRESS")
    };
    let forward = input(Purpose::Release);
    assert_eq!(
        outcome(&forward, &rolling(1, 2, 3), Some(&baking)),
        Outcome::Steady
    );
    // The way back, to what the primary deployment is not yet.
    let mut back = input(Purpose::RollBack);
    back.rollout.task_definition = Some(revision(1));
    for (status, expected) in [
        ("ROLLBACK_REQUESTED", Outcome::InProgress),
        ("ROLLBACK_IN_PROGRESS", Outcome::InProgress),
        ("ROLLBACK_FAILED", Outcome::Failed),
    ] {
        let newest = newest(status);
        assert_eq!(
            outcome(&back, &rolling(1, 2, 3), Some(&newest)),
            expected,
            "{status}"
        );
    }
}

/// The change to release 2 that ECS accepted with the deployment `ecs-svc/2`, begun at second 1000 by ECS's clock.
fn accepted(purpose: Purpose) -> Input {
    let mut input = input(purpose);
    input.rollout.deployment = Some(Accepted {
        id: "ecs-svc/2".into(),
        created_at: Some(at(1000)),
    });
    input
}

/// The service with its primary deployment begun at this second.
fn begun(service: LiveService, second: i64) -> LiveService {
    primary(service, |deployment| {
        deployment.created_at = Some(at(second));
    })
}

#[test]
fn an_answer_of_before_the_change_says_nothing_about_it() {
    use Outcome::{Failed, InProgress, Replaced, Steady};
    let went_back = newest("ROLLBACK_SUCCESSFUL");
    for (view, live, newest, expected) in [
        ("as before", begun(live(1), 500), None, InProgress),
        ("as it is", begun(live(2), 1000), None, Steady),
        (
            "on its way",
            begun(rolling(1, 2, 1), 1000),
            None,
            InProgress,
        ),
        ("somebody came after", begun(live(3), 1060), None, Replaced),
        (
            "back at the older deployment",
            begun(live(1), 500),
            Some(&went_back),
            Failed,
        ),
        (
            "back by a new deployment",
            begun(live(1), 1060),
            Some(&went_back),
            Failed,
        ),
        ("without times", live(1), None, Replaced),
    ] {
        let got = outcome(&accepted(Purpose::Release), &live, newest);
        assert_eq!(got, expected, "{view}");
    }
}

#[test]
fn the_way_back_is_not_done_before_ecs_shows_that_it_began() {
    // Both revisions were steady once: the view of before the way back looks like its end.
    let mut back = accepted(Purpose::RollBack);
    back.rollout.deployment = Some(Accepted {
        id: "ecs-svc/9".into(),
        created_at: Some(at(1000)),
    });
    let before = begun(live(2), 900);
    assert_eq!(outcome(&back, &before, None), Outcome::InProgress);
    assert_eq!(outcome(&back, &begun(live(2), 1001), None), Outcome::Steady);
}

#[test]
fn a_service_that_was_just_made_or_changed_may_not_be_shown_for_two_minutes() {
    for (second, expected) in [
        (1001, Outcome::InProgress),
        (1119, Outcome::InProgress),
        (1120, Outcome::Failed),
    ] {
        let seen = look(
            &accepted(Purpose::Release),
            &desired(&[2]),
            None,
            None,
            at(second),
        );
        assert_eq!(seen.outcome, expected, "{second}");
    }
}

#[test]
fn a_rollout_that_ecs_never_shows_ends_at_its_deadline() {
    let seen = look(
        &accepted(Purpose::Release),
        &desired(&[2]),
        Some(&begun(live(1), 500)),
        None,
        at(1600),
    );
    assert_eq!(seen.outcome, Outcome::Failed);
    assert!(
        seen.reason.ends_with("ECS does not show the change yet"),
        "{}",
        seen.reason
    );
}

#[test]
fn time_in_which_nobody_could_look_does_not_count_against_a_rollout() {
    use Outcome::{Failed, InProgress};
    let live = rolling(1, 2, 1);
    let looked = |second: i64, blind_seconds: u64| Look {
        outcome: look::Outcome::InProgress,
        reason: "1 of 3 tasks run".into(),
        wait_seconds: 0,
        failure: None,
        progress: Value::Null,
        seen_at: Some(at(second)),
        blind_seconds,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    };
    // It began at second 1000, and has 600 seconds.
    for (story, last, second, outcome, blind) in [
        ("in time", Some(looked(1540, 0)), 1599, InProgress, 0),
        ("out of time", Some(looked(1540, 0)), 1600, Failed, 0),
        (
            "after an outage",
            Some(looked(1060, 0)),
            2350,
            InProgress,
            1200,
        ),
        (
            "long after it",
            Some(looked(2740, 1200)),
            2800,
            Failed,
            1200,
        ),
        ("an outage from the beginning", None, 4600, InProgress, 3510),
        (
            "a look at the rollout before",
            Some(looked(900, 700)),
            1090,
            InProgress,
            0,
        ),
    ] {
        for purpose in [Purpose::Release, Purpose::RollBack] {
            let input = Input {
                look: Some(last.clone()),
                ..input(purpose)
            };
            let output = super::look(&input, &desired(&[2]), Some(&live), None, at(second));
            let found = (output.outcome, output.blind_seconds, output.seen_at);
            assert_eq!(found, (outcome, blind, Some(at(second))), "{story}");
        }
    }
}

#[test]
fn an_execution_that_passes_no_look_has_the_time_that_it_always_had() {
    let input = input(Purpose::Release);
    let mut passed = serde_json::to_value(&input).unwrap();
    assert_eq!(passed.get("look"), None);
    assert_eq!(
        serde_json::from_value::<Input>(passed.clone()).unwrap(),
        input
    );
    passed["look"] = Value::Null;
    let first: Input = serde_json::from_value(passed).unwrap();
    assert_eq!(first.look, Some(None));
    let live = rolling(1, 2, 1);
    let output = super::look(&input, &desired(&[2]), Some(&live), None, at(1600));
    assert_eq!((output.outcome, output.blind_seconds), (Outcome::Failed, 0));
}

/// The newest service deployment at a pause hook in this status, which waits for a day.
fn at_hook(deployment: &str, hook: &str) -> LiveServiceDeployment {
    LiveServiceDeployment {
        stage: Some("POST_TEST_TRAFFIC_SHIFT".into()),
        hooks: vec![LiveHook {
            id: "ecs-pause-1".into(),
            status: hook.into(),
            expires_at: Some(at(87_400)),
            timeout_action: Some(HookAction::Rollback),
        }],
        ..newest(deployment)
    }
}

/// The look that this one answered, as the next is given it.
fn then(output: &Output) -> Option<Option<Look<look::Outcome, Value>>> {
    let passed = serde_json::to_value(output).unwrap();
    Some(serde_json::from_value(passed).unwrap())
}

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

/// A task of release 2's revision that stopped at this second.
fn stopped(code: &str, reason: &str, second: i64) -> EndedTask {
    EndedTask {
        task: StoppedTask {
            task: "arn:task".into(),
            reason: reason.into(),
            containers: Vec::new(),
        },
        task_definition: revision(2),
        stop_code: Some(code.into()),
        stopping_at: Some(at(second)),
    }
}

fn unstarted(second: i64) -> EndedTask {
    let reason = "Timeout waiting for network interface provisioning to complete.";
    stopped("TaskFailedToStart", reason, second)
}

fn died(second: i64) -> EndedTask {
    stopped(
        "EssentialContainerExited",
        "Essential container in task exited",
        second,
    )
}

/// What a look at these tasks comes to, and against whom it speaks.
fn judged(
    live: &LiveService,
    newest: Option<&LiveServiceDeployment>,
    ended: &[EndedTask],
    second: i64,
) -> (Outcome, Option<Against>) {
    let input = input(Purpose::Release);
    let output = look_at_tasks(
        &input,
        &desired(&[2]),
        Some(live),
        newest,
        Some(ended),
        at(second),
    );
    (
        output.outcome,
        output.failure.map(|failure| failure.against),
    )
}

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
