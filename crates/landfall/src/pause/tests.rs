#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    live::LiveHook,
    sample::{at, desired, pause, release, service},
};

fn hook(id: &str, status: &str) -> LiveHook {
    LiveHook {
        id: id.into(),
        status: status.into(),
        expires_at: Some(at(90_000)),
        timeout_action: Some(HookAction::Rollback),
    }
}

fn deployment(status: &str, hooks: Vec<LiveHook>) -> LiveServiceDeployment {
    LiveServiceDeployment {
        arn: "arn:deployment".into(),
        status: status.into(),
        status_reason: None,
        ended_by: None,
        created_at: at(900),
        task_definition: None,
        stage: Some("POST_SCALE_UP".into()),
        hooks,
    }
}

#[test]
fn a_deployment_is_paused_while_one_of_its_hooks_awaits_an_action_and_it_is_in_progress() {
    for (status, hooks, expected) in [
        ("IN_PROGRESS", vec![], None),
        ("IN_PROGRESS", vec!["AWAITING_ACTION"], Some(vec!["0"])),
        (
            "IN_PROGRESS",
            vec!["SUCCEEDED", "AWAITING_ACTION", "AWAITING_ACTION"],
            Some(vec!["1", "2"]),
        ),
        ("IN_PROGRESS", vec!["SUCCEEDED", "TIMED_OUT"], None),
        // ECS runs this one itself.
        ("IN_PROGRESS", vec!["IN_PROGRESS"], None),
        ("STOPPED", vec!["AWAITING_ACTION"], None),
        ("ROLLBACK_IN_PROGRESS", vec!["AWAITING_ACTION"], None),
    ] {
        let hooks = hooks.into_iter().enumerate();
        let hooks = hooks.map(|(number, status)| hook(&number.to_string(), status));
        let seen = deployment(status, hooks.collect());
        let found = Pause::of(&seen, None, at(1000));
        let ids = found
            .map(|pause| -> Vec<String> { pause.hooks.into_iter().map(|hook| hook.id).collect() });
        let expected = expected.map(|ids| ids.into_iter().map(str::to_owned).collect());
        assert_eq!(ids, expected, "{seen:?}");
    }
}

#[test]
fn a_pause_began_when_one_of_its_hooks_was_first_seen() {
    let seen = |ids: &[&str]| {
        let hooks = ids.iter().map(|id| hook(id, "AWAITING_ACTION")).collect();
        deployment("IN_PROGRESS", hooks)
    };
    let first = Pause::of(&seen(&["a", "b"]), None, at(1000)).unwrap();
    let then = Pause::of(&seen(&["b"]), Some(&first), at(2000)).unwrap();
    assert_eq!(
        (then.since, then.awaits_the_same_as(&first)),
        (at(1000), false)
    );
    // Before the next step of the requests it is another hook, though it has the same configuration.
    let next = Pause::of(&seen(&["c"]), Some(&then), at(3000)).unwrap();
    assert_eq!(next.since, at(3000));
}

#[test]
fn a_pause_says_what_is_waited_for_since_when_until_when_and_how_to_continue() {
    let report = pause(at(1000)).report(&service(), &release(2));
    assert_eq!(
        report.message,
        "release 2: ECS paused the deployment at POST_TEST_TRAFFIC_SHIFT and has waited for somebody to continue it since \
         1970-01-01T00:16:40Z; hook ecs-pause-1 waits until 1970-01-02T00:16:40Z, then ECS does ROLLBACK"
    );
    assert_eq!(
        report.commands,
        [
            "aws ecs continue-service-deployment --service-deployment-arn arn:deployment --hook-id ecs-pause-1 --action CONTINUE"
        ]
    );
}

#[test]
fn a_pause_is_news_when_it_begins_when_its_hooks_change_and_when_it_ends() {
    let mut state = desired(&[2]);
    let first = pause(at(1000));
    let mut second = first.clone();
    second.hooks[0].id = "ecs-pause-2".into();
    for (story, release, pause, is_news) in [
        ("nothing", 2, None, false),
        ("it begins", 2, Some(&first), true),
        ("it goes on", 2, Some(&first), false),
        ("the next step", 2, Some(&second), true),
        ("another release", 3, Some(&second), true),
        ("it ends", 3, None, true),
        ("it has ended", 3, None, false),
    ] {
        assert_eq!(state.note_pause(release, pause), is_news, "{story}");
        assert_eq!(state.pause_of(release), pause, "{story}");
        assert_eq!(state.pause_of(release + 1), None, "{story}");
    }
}
