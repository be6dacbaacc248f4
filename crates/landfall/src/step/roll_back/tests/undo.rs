//! What is called to go that way, and what is said of it.

use serde_json::Value;

use super::*;
use crate::{health_check::HealthCheck, live::LiveBalancer, service_file::Ingress};

#[test]
fn the_verdict_says_what_serves_afterwards() {
    use Verdict::{Failed, Rejected, RolledBack};
    let revert = Way::Revert {
        good: good(1),
        apply_service: false,
    };
    let before = Way::RevertTo {
        task_definition: revision(1),
        copy_of: None,
    };
    let left = Way::LeaveToEcs {
        task_definition: revision(1),
    };
    for (way, desired, after_step, after_rollout) in [
        (&revert, desired(&[2]), RolledBack, RolledBack),
        (&before, never_good(), RolledBack, RolledBack),
        (&left, desired(&[2]), RolledBack, RolledBack),
        (&Way::Nothing, desired(&[2]), Failed, RolledBack),
        (&Way::Nothing, never_good(), Failed, Failed),
        (&Way::Stop, never_good(), Failed, Failed),
        (&Way::Gone, desired(&[2]), Failed, Failed),
        (&Way::Gone, never_good(), Failed, Failed),
    ] {
        let verdicts = STAGES.map(|stage| way.verdict(&desired, stage));
        assert_eq!(
            verdicts,
            [
                Rejected,
                after_step,
                after_step,
                after_rollout,
                after_rollout
            ],
            "{way:?}"
        );
    }
}

#[test]
fn each_plan_is_one_call_at_most_and_says_what_to_wait_for() {
    let revert = |apply_service| Way::Revert {
        good: good(1),
        apply_service,
    };
    let rollout = |revision| {
        Some(Rollout {
            task_definition: revision,
            started_at: at(7),
            timeout_seconds: TIMEOUT_SECONDS,
            deployment: None,
            count_before: None,
        })
    };
    let to_first =
        || Some(json!({"cluster": "web", "service": "hello", "taskDefinition": revision(1)}));
    for (way, good, body, awaited, action) in [
        (
            revert(false),
            None,
            to_first(),
            rollout(Some(revision(1))),
            Action::Reverted,
        ),
        (
            revert(true),
            Some(file()),
            Some(json!({
                "healthCheckGracePeriodSeconds": 5, "cluster": "web", "service": "hello", "taskDefinition": revision(1)
            })),
            rollout(Some(revision(1))),
            Action::Reverted,
        ),
        (
            Way::RevertTo {
                task_definition: revision(1),
                copy_of: None,
            },
            None,
            to_first(),
            rollout(Some(revision(1))),
            Action::Reverted,
        ),
        (
            Way::LeaveToEcs {
                task_definition: revision(1),
            },
            None,
            None,
            rollout(Some(revision(1))),
            Action::LeftToEcs,
        ),
        (
            Way::Stop,
            None,
            Some(json!({"cluster": "web", "service": "hello", "desiredCount": 0})),
            rollout(None),
            Action::Stopped,
        ),
        (Way::Nothing, None, None, None, Action::NothingToUndo),
        (Way::Gone, None, None, None, Action::NothingToUndo),
        (
            Way::LeaveForeign {
                task_definition: revision(7),
            },
            None,
            None,
            None,
            Action::NothingToUndo,
        ),
    ] {
        let files = Files {
            good,
            ..Files::default()
        };
        let undo = plan(
            &desired(&[2]),
            None,
            Stage::Health,
            way.clone(),
            &files,
            at(7),
        );
        let sent = undo.change.clone().and_then(|change| match change.call {
            Call::Update(body) => Some(Value::Object(body)),
            Call::Nothing => None,
            other => panic!("{way:?} calls {other:?}"),
        });
        assert_eq!(sent, body, "{way:?}");
        let rollout = undo.change.map(|change| change.rollout);
        assert_eq!(rollout, awaited, "{way:?}");
        assert_eq!(way.action(), action, "{way:?}");
        // The state machine waits exactly if there is something to wait for.
        assert_eq!(
            rollout.is_none(),
            way.action() == Action::NothingToUndo,
            "{way:?}"
        );
    }
}

#[test]
fn requests_are_given_back_to_tasks_that_are_still_up_beside_the_bad_ones() {
    let revert = Way::Revert {
        good: good(1),
        apply_service: true,
    };
    let two = LiveBalancer {
        alternate: Some("b".into()),
        ..LiveBalancer::default()
    };
    let beside = LiveService {
        balancers: vec![two.clone()],
        ..rolling(1, 2, 3)
    };
    assert!(revert.can_be_left_to_ecs(Some(&beside)));
    assert!(!revert.can_be_left_to_ecs(Some(&rolling(1, 2, 3))));
    let other = LiveService {
        balancers: vec![two.clone()],
        ..rolling(7, 2, 3)
    };
    assert!(
        !revert.can_be_left_to_ecs(Some(&other)),
        "what is up is not the good one"
    );
    let ended = LiveService {
        balancers: vec![two],
        ..live(2)
    };
    assert!(!revert.can_be_left_to_ecs(Some(&ended)));
    // A new deployment would be held by the service's pause hooks; ECS's own way back is not.
    let paused = LiveService {
        pauses: true,
        ..rolling(1, 2, 0)
    };
    assert!(revert.can_be_left_to_ecs(Some(&paused)));
    let rolled_out = LiveService {
        pauses: true,
        ..live(2)
    };
    assert!(!revert.can_be_left_to_ecs(Some(&rolled_out)));
}

#[test]
fn the_last_good_section_takes_away_what_only_the_bad_release_had() {
    let uncertain = uncertain();
    let way = || Way::Revert {
        good: good(1),
        apply_service: true,
    };
    let (mut good, mut bad) = (file(), file());
    good.service.insert("desiredCount".into(), json!(4));
    let constraints = json!([{"type": "distinctInstance"}]);
    bad.service
        .insert("placementConstraints".into(), constraints);
    bad.service
        .insert("tags".into(), json!([{"key": "new", "value": "1"}]));
    let mut runs = live(2);
    runs.tags = [("new".to_owned(), "1".to_owned())].into();
    let files = Files {
        good: Some(good),
        bad: Some(bad),
        ..Files::default()
    };
    let undo = plan(&uncertain, Some(&runs), Stage::Health, way(), &files, at(7));
    let change = undo.change.unwrap();
    let tags = change.tags.unwrap();
    assert_eq!(tags.arn, runs.arn);
    assert!(tags.changes.unset.contains("new"));
    let Call::Update(body) = change.call else {
        panic!("{:?}", change.call)
    };
    assert_eq!(body["placementConstraints"], json!([]));
    assert_eq!(body["taskDefinition"], json!(revision(1)));
    assert_eq!(
        (&body["desiredCount"], change.count),
        (&json!(4), Count::DropUnlessOwned)
    );

    // With the same file there is nothing to clear, and a count that the service has is not asked about.
    let mut same = file();
    same.service.insert("desiredCount".into(), json!(3));
    let files = Files {
        good: Some(same),
        ..Files::default()
    };
    let undo = plan(&uncertain, Some(&runs), Stage::Health, way(), &files, at(7));
    let change = undo.change.unwrap();
    assert_eq!((change.tags, change.count), (None, Count::Keep));
    let Call::Update(body) = change.call else {
        panic!("{:?}", change.call)
    };
    assert_eq!(body.get("desiredCount"), None);
}

#[test]
fn what_was_undone_is_said_as_it_was_done() {
    let revert = Way::Revert {
        good: good(1),
        apply_service: true,
    };
    assert_eq!(
        revert.undone(Verdict::RolledBack, false),
        "the service was given release 1 again"
    );
    assert_eq!(
        revert.undone(Verdict::RolledBack, true),
        "ECS was asked to end its deployment, and takes the service back to release 1"
    );
}

#[test]
fn what_only_the_bad_release_had_at_the_load_balancer_goes_but_not_under_a_foreign_revision() {
    let reached = |listener: &str| {
        let mut file = file();
        file.ingress = Some(Ingress {
            listener_arn: listener.into(),
            container: "web".into(),
            port: 8080,
            hosts: vec!["a.example.com".into()],
            paths: Vec::new(),
            priority: None,
            protocol: "HTTP".into(),
            protocol_version: "HTTP1".into(),
            health_check: HealthCheck {
                path: "/".into(),
                codes: "200".into(),
                interval_seconds: 15,
                timeout_seconds: 5,
                healthy: 2,
                unhealthy: 2,
            },
            deregistration_delay_seconds: 300,
            stickiness_seconds: None,
            role_arn: None,
        });
        file
    };
    for (story, good, bad, goes) in [
        ("the same file", Some(reached("a")), None, false),
        (
            "on the same listener",
            Some(reached("a")),
            Some(reached("a")),
            false,
        ),
        (
            "on another listener",
            Some(reached("a")),
            Some(reached("b")),
            true,
        ),
        (
            "which the last good one had not",
            Some(file()),
            Some(reached("b")),
            true,
        ),
        ("nothing was good", None, Some(reached("b")), true),
        ("it had none", Some(reached("a")), Some(file()), false),
    ] {
        let files = Files {
            good,
            bad,
            ..Files::default()
        };
        let undo = plan(
            &desired(&[2]),
            Some(&live(2)),
            Stage::Health,
            Way::Stop,
            &files,
            at(7),
        );
        assert_eq!(undo.ingress, goes, "{story}");
    }
}

#[test]
fn only_a_way_back_that_needs_a_deployment_waits_until_ecs_begins_one() {
    let mut busy = rolling(1, 9, 0);
    let older = (11..14).map(|number| deployment(number, "ACTIVE", "IN_PROGRESS", 1));
    busy.deployments.extend(older);
    let full = Some(Obstacle::Deployments(5));
    let revert = |number| Way::Revert {
        good: good(number),
        apply_service: false,
    };
    let to = |number| Way::RevertTo {
        task_definition: revision(number),
        copy_of: None,
    };
    let left = Way::LeaveToEcs {
        task_definition: revision(1),
    };
    for (way, expected) in [
        (revert(1), full),
        (to(1), full),
        // The service runs it already.
        (revert(9), None),
        (left, None),
        (Way::Stop, None),
    ] {
        let (desired, files) = (desired(&[2]), Files::default());
        let stage = Stage::Rollout;
        let undo = plan(&desired, Some(&busy), stage, way.clone(), &files, at(7));
        assert_eq!(undo.change.unwrap().obstacle, expected, "{way:?}");
    }
}
