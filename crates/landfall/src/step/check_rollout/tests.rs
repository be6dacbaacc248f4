#![allow(clippy::unwrap_used)]

mod blame;
mod pauses;
mod unseen;

use super::*;
use crate::{
    live::{
        Accepted, EndedBy, HookAction, LiveBalancer, LiveDeployment, LiveHook,
        LiveServiceDeployment,
    },
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
            count_before: None,
        },
        look: None,
        task_token: None,
    }
}

fn newest(status: &str) -> LiveServiceDeployment {
    LiveServiceDeployment {
        arn: "arn:deployment".into(),
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

/// The change to release 2 that ECS accepted with the deployment `ecs-svc/2`, begun at second 1000 by ECS's clock.
fn accepted(purpose: Purpose) -> Input {
    let mut input = input(purpose);
    input.rollout.deployment = Some(Accepted {
        id: "ecs-svc/2".into(),
        created_at: Some(at(1000)),
        desired_count: None,
    });
    input
}

/// The service with its primary deployment begun at this second.
fn begun(service: LiveService, second: i64) -> LiveService {
    primary(service, |deployment| {
        deployment.created_at = Some(at(second));
    })
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

/// A task of release 2's revision that stopped at this second.
fn stopped(code: &str, reason: &str, second: i64) -> EndedTask {
    EndedTask {
        stopping_at: Some(at(second)),
        ..ended(code, reason)
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
fn what_ecs_says_and_what_its_tasks_show_are_two_sentences() {
    for why in ["tasks failed", "tasks failed."] {
        let seen = LiveServiceDeployment {
            status_reason: Some(why.into()),
            ..newest("ROLLBACK_SUCCESSFUL")
        };
        let output = look_at_tasks(
            &input(Purpose::Release),
            &desired(&[2]),
            Some(&live(1)),
            Some(&seen),
            Some(&[died(1001)]),
            at(1002),
        );
        let (first, second) = output.reason.split_once(". ").unwrap();
        assert!(first.ends_with("tasks failed"), "{}", output.reason);
        assert!(second.starts_with("arn:"), "{}", output.reason);
    }
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
fn how_the_bad_deployment_ended_says_nothing_about_the_way_back_that_ecs_accepted_after_it() {
    // ECS had gone back to a revision that was never good; the service and its deployments still look like that.
    let earlier = |second| LiveServiceDeployment {
        created_at: at(second),
        ..newest("ROLLBACK_SUCCESSFUL")
    };
    let seen = begun(live(1), 400);
    let back = accepted(Purpose::RollBack);
    for (story, second, expected) in [
        ("the bad one", 900, Outcome::InProgress),
        ("the way back's own", 999, Outcome::Failed),
        ("another one after it", 1001, Outcome::Failed),
    ] {
        let got = outcome(&back, &seen, Some(&earlier(second)));
        assert_eq!(got, expected, "{story}");
    }
    let left_to_ecs = input(Purpose::RollBack);
    let got = outcome(&left_to_ecs, &seen, Some(&earlier(900)));
    assert_eq!(got, Outcome::Failed);
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
        stage: Some("BAKE_TIME".into()),
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
