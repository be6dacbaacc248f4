#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;
use crate::{
    desired::Claim,
    drift::{self, Registered, Revision},
    live::LiveBalancer,
    sample::*,
    service_file::{HealthCheck, Ingress},
    tags::SERVICE_TAG,
};

const STAGES: [Stage; 5] = [
    Stage::Refused,
    Stage::Task,
    Stage::Step,
    Stage::Rollout,
    Stage::Health,
];

/// Nothing was ever good.
fn never_good() -> DesiredState {
    DesiredState {
        last_good: None,
        applied_file: None,
        ..desired(&[1])
    }
}

/// It is uncertain which `service` section ECS has.
fn uncertain() -> DesiredState {
    DesiredState {
        applied_file: None,
        ..desired(&[2])
    }
}

/// Where what the service runs came from, by the rule that production asks: of revisions with the service's tags for a
/// release that did not succeed, or without tags.
fn provenance(
    desired: &DesiredState,
    live: Option<&LiveService>,
    is_tagged: bool,
    noted: Option<u64>,
) -> Provenance {
    let noted = noted.map(revision);
    let whose = live.and_then(|live| {
        let revision = Revision {
            registered: Some(is_tagged.then_some(Registered { release: None })),
            noted: Some(noted.clone()),
            is_described: Some(true),
            ..Revision::new(&live.primary()?.task_definition)
        };
        Some(drift::whose(desired, live, &revision).unwrap())
    });
    Provenance {
        whose,
        way_back: desired.accepted.clone().or(noted),
    }
}

/// Where it came from if Landfall registered all that it runs.
fn ours(desired: &DesiredState, live: Option<&LiveService>) -> Provenance {
    provenance(desired, live, true, None)
}

#[test]
fn a_service_that_had_a_good_release_gets_it_back() {
    let revert = |apply_service| Way::Revert {
        good: good(1),
        apply_service,
    };
    let left = Way::LeaveToEcs {
        task_definition: revision(1),
    };
    for (story, desired, live, expected) in [
        ("rolled out, but bad", desired(&[2]), live(2), revert(false)),
        ("half way", desired(&[2]), rolling(1, 2, 1), revert(false)),
        (
            "half way with another section",
            uncertain(),
            rolling(1, 2, 1),
            revert(true),
        ),
        (
            "ECS is taking it back",
            desired(&[2]),
            rolling(2, 1, 1),
            left.clone(),
        ),
        (
            "ECS is taking back another section too",
            uncertain(),
            rolling(2, 1, 1),
            revert(true),
        ),
        (
            "ECS has taken it back",
            desired(&[2]),
            live(1),
            Way::Nothing,
        ),
        (
            "only the section may differ",
            uncertain(),
            live(1),
            revert(true),
        ),
        (
            "no deployment",
            desired(&[2]),
            LiveService {
                deployments: vec![],
                ..live(2)
            },
            revert(false),
        ),
        (
            "somebody gave it to CodeDeploy",
            desired(&[2]),
            LiveService {
                controller: "CODE_DEPLOY".into(),
                ..live(2)
            },
            Way::Nothing,
        ),
        (
            "somebody deletes it",
            desired(&[2]),
            LiveService {
                status: "DRAINING".into(),
                ..live(2)
            },
            Way::Gone,
        ),
    ] {
        for stage in STAGES {
            assert_eq!(
                way_back(&desired, Some(&live), stage, &ours(&desired, Some(&live))),
                expected,
                "{story}, {stage:?}"
            );
        }
    }
    let gone = ours(&desired(&[2]), None);
    assert_eq!(
        way_back(&desired(&[2]), None, Stage::Rollout, &gone),
        Way::Gone
    );
}

#[test]
fn a_first_release_that_failed_leaves_what_served_before_it_or_nothing() {
    // Whether the revision has Landfall's tags, and what is noted.
    let (created, adopted) = ((true, None), (true, Some(1)));
    let (taken_back, foreign) = ((false, Some(1)), (false, None));
    let daemon = LiveService {
        scheduling_strategy: "DAEMON".into(),
        ..live(2)
    };
    let empty = LiveService {
        desired_count: 0,
        running_count: 0,
        ..live(2)
    };
    let before = || Way::RevertTo {
        task_definition: revision(1),
    };
    let theirs = || Way::LeaveForeign {
        task_definition: revision(3),
    };
    let left = Way::LeaveToEcs {
        task_definition: revision(1),
    };
    for (story, (is_tagged, noted), live, refused, otherwise) in [
        (
            "Landfall made it",
            created,
            live(2),
            Way::Nothing,
            Way::Stop,
        ),
        (
            "a daemon cannot be stopped",
            created,
            daemon,
            Way::Nothing,
            Way::Nothing,
        ),
        ("nothing runs", created, empty, Way::Nothing, Way::Nothing),
        (
            "half way from a foreign revision",
            adopted,
            rolling(1, 2, 1),
            before(),
            before(),
        ),
        (
            "the foreign revision serves no more",
            adopted,
            live(2),
            before(),
            before(),
        ),
        (
            "ECS is taking it back",
            taken_back,
            rolling(2, 1, 1),
            left.clone(),
            left,
        ),
        (
            "somebody changed it since",
            taken_back,
            live(3),
            theirs(),
            theirs(),
        ),
        (
            "Landfall made it, and somebody changed it since",
            foreign,
            LiveService {
                tags: [(SERVICE_TAG.into(), "web/hello".into())].into(),
                ..live(3)
            },
            theirs(),
            theirs(),
        ),
        (
            "Landfall never came so far",
            foreign,
            live(1),
            Way::Nothing,
            Way::Nothing,
        ),
    ] {
        for stage in STAGES {
            let expected = if matches!(stage, Stage::Refused | Stage::Task) {
                &refused
            } else {
                &otherwise
            };
            let provenance = provenance(&never_good(), Some(&live), is_tagged, noted);
            let way = way_back(&never_good(), Some(&live), stage, &provenance);
            assert_eq!(way, *expected, "{story}, {stage:?}");
        }
    }
}

#[test]
fn what_ecs_has_already_given_back_to_a_foreign_revision_counts_as_rolled_back_only_after_a_rollout()
 {
    let taken_back = provenance(&never_good(), Some(&live(1)), false, Some(1));
    for stage in STAGES {
        let way = way_back(&never_good(), Some(&live(1)), stage, &taken_back);
        let rolled_out = matches!(stage, Stage::Rollout | Stage::Health);
        assert_eq!(
            way.verdict(&never_good(), stage) == Verdict::RolledBack,
            rolled_out,
            "{stage:?}"
        );
        let live = live(1);
        let undo = plan(
            &never_good(),
            Some(&live),
            stage,
            way,
            &Files::default(),
            at(7),
        );
        let call = undo.change.map_or(Call::Nothing, |change| change.call);
        assert_eq!(call, Call::Nothing, "{stage:?}");
    }
}

#[test]
fn the_verdict_says_what_serves_afterwards() {
    use Verdict::{Failed, Rejected, RolledBack};
    let revert = Way::Revert {
        good: good(1),
        apply_service: false,
    };
    let before = Way::RevertTo {
        task_definition: revision(1),
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
fn a_task_that_failed_before_the_rollout_leaves_nothing_to_undo_also_if_the_file_changed() {
    let claimed = |applied_file| DesiredState {
        claim: Some(Claim {
            execution: "me".into(),
            release: 2,
            attempt: 1,
            applied_file,
        }),
        ..uncertain()
    };
    let known = claimed(Some(good(1).content.file));
    let at_rest = Some(live(1));
    let undo = |desired: &DesiredState, live: &Option<LiveService>, stage| {
        way_back(desired, live.as_ref(), stage, &ours(desired, live.as_ref()))
    };
    assert_eq!(undo(&known, &at_rest, Stage::Task), Way::Nothing);
    assert_eq!(Way::Nothing.verdict(&known, Stage::Task), Verdict::Failed);
    // Not if another release may have sent its section, nor if this one may have.
    let revert = Way::Revert {
        good: good(1),
        apply_service: true,
    };
    assert_eq!(undo(&claimed(None), &at_rest, Stage::Task), revert);
    assert_eq!(undo(&known, &at_rest, Stage::Step), revert);
    assert_eq!(
        undo(&known, &Some(rolling(1, 3, 1)), Stage::Task),
        Way::Revert {
            good: good(1),
            apply_service: false
        }
    );
}

#[test]
fn a_foreign_revision_is_left_alone_however_the_release_ended() {
    for stage in STAGES {
        for desired in [desired(&[2]), uncertain()] {
            let theirs = provenance(&desired, Some(&live(7)), false, None);
            let way = way_back(&desired, Some(&live(7)), stage, &theirs);
            assert_eq!(way.verdict(&desired, stage), Verdict::Drifted, "{stage:?}");
            let undo = plan(
                &desired,
                Some(&live(7)),
                stage,
                way,
                &Files::default(),
                at(7),
            );
            assert_eq!(undo.change, None, "{stage:?}");
            assert!(!undo.ingress && !undo.stops_deployment, "{stage:?}");
        }
    }
}

#[test]
fn an_owner_who_changes_the_service_in_mid_release_is_not_overruled() {
    let owners = Provenance {
        whose: Some(Whose::OfOwner),
        way_back: None,
    };
    for stage in STAGES {
        for desired in [desired(&[2]), never_good()] {
            let way = way_back(&desired, Some(&live(7)), stage, &owners);
            let task_definition = revision(7);
            assert_eq!(way, Way::LeaveForeign { task_definition }, "{stage:?}");
        }
    }
}

#[test]
fn what_a_service_ran_before_landfall_came_stays_a_way_back_after_an_operator_accepted_another() {
    let resumed = DesiredState {
        accepted: Some(revision(3)),
        ..never_good()
    };
    let left = |number| Way::LeaveToEcs {
        task_definition: revision(number),
    };
    for (story, live, is_tagged, expected) in [
        (
            "ECS is taking it back to what was accepted",
            rolling(2, 3, 1),
            false,
            left(3),
        ),
        (
            "ECS is taking it back to what ran before that",
            rolling(2, 1, 1),
            false,
            left(1),
        ),
        (
            "it runs the release",
            live(2),
            true,
            Way::RevertTo {
                task_definition: revision(3),
            },
        ),
        (
            "it was given another one",
            live(4),
            false,
            Way::LeaveForeign {
                task_definition: revision(4),
            },
        ),
    ] {
        let provenance = provenance(&resumed, Some(&live), is_tagged, Some(1));
        let way = way_back(&resumed, Some(&live), Stage::Rollout, &provenance);
        assert_eq!(way, expected, "{story}");
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
        balancer: None,
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
            balancer: None,
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
