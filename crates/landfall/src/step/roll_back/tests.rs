#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    desired::Claim,
    drift::{self, Registered, Revision},
    live::LiveBalancer,
    sample::*,
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
    let revert = |apply_service| Plan::Revert {
        good: good(1),
        apply_service,
    };
    let left = Plan::LeaveToEcs {
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
            Plan::Nothing,
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
            Plan::Nothing,
        ),
        (
            "somebody deletes it",
            desired(&[2]),
            LiveService {
                status: "DRAINING".into(),
                ..live(2)
            },
            Plan::Gone,
        ),
    ] {
        for stage in STAGES {
            assert_eq!(
                plan(&desired, Some(&live), stage, &ours(&desired, Some(&live))),
                expected,
                "{story}, {stage:?}"
            );
        }
    }
    let gone = ours(&desired(&[2]), None);
    assert_eq!(
        plan(&desired(&[2]), None, Stage::Rollout, &gone),
        Plan::Gone
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
    let before = || Plan::RevertTo {
        task_definition: revision(1),
    };
    let theirs = || Plan::LeaveToStranger {
        task_definition: revision(3),
    };
    let left = Plan::LeaveToEcs {
        task_definition: revision(1),
    };
    for (story, (is_tagged, noted), live, refused, otherwise) in [
        (
            "Landfall made it",
            created,
            live(2),
            Plan::Nothing,
            Plan::Stop,
        ),
        (
            "a daemon cannot be stopped",
            created,
            daemon,
            Plan::Nothing,
            Plan::Nothing,
        ),
        ("nothing runs", created, empty, Plan::Nothing, Plan::Nothing),
        (
            "half way from somebody else's",
            adopted,
            rolling(1, 2, 1),
            before(),
            before(),
        ),
        (
            "somebody else's serves no more",
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
            Plan::Nothing,
            Plan::Nothing,
        ),
    ] {
        for stage in STAGES {
            let expected = if matches!(stage, Stage::Refused | Stage::Task) {
                &refused
            } else {
                &otherwise
            };
            let provenance = provenance(&never_good(), Some(&live), is_tagged, noted);
            let plan = plan(&never_good(), Some(&live), stage, &provenance);
            assert_eq!(plan, *expected, "{story}, {stage:?}");
        }
    }
}

#[test]
fn what_ecs_has_already_given_back_to_somebody_else_counts_as_rolled_back_only_after_a_rollout() {
    let taken_back = provenance(&never_good(), Some(&live(1)), false, Some(1));
    for stage in STAGES {
        let plan = plan(&never_good(), Some(&live(1)), stage, &taken_back);
        let rolled_out = matches!(stage, Stage::Rollout | Stage::Health);
        assert_eq!(
            plan.verdict(&never_good(), stage) == Verdict::RolledBack,
            rolled_out,
            "{stage:?}"
        );
        assert_eq!(plan.body(&service(), None, None, None), None, "{stage:?}");
    }
}

#[test]
fn the_verdict_says_what_serves_afterwards() {
    use Verdict::{Failed, Rejected, RolledBack};
    let revert = Plan::Revert {
        good: good(1),
        apply_service: false,
    };
    let before = Plan::RevertTo {
        task_definition: revision(1),
    };
    let left = Plan::LeaveToEcs {
        task_definition: revision(1),
    };
    for (plan, desired, after_step, after_rollout) in [
        (&revert, desired(&[2]), RolledBack, RolledBack),
        (&before, never_good(), RolledBack, RolledBack),
        (&left, desired(&[2]), RolledBack, RolledBack),
        (&Plan::Nothing, desired(&[2]), Failed, RolledBack),
        (&Plan::Nothing, never_good(), Failed, Failed),
        (&Plan::Stop, never_good(), Failed, Failed),
        (&Plan::Gone, desired(&[2]), Failed, Failed),
        (&Plan::Gone, never_good(), Failed, Failed),
    ] {
        let verdicts = STAGES.map(|stage| plan.verdict(&desired, stage));
        assert_eq!(
            verdicts,
            [
                Rejected,
                after_step,
                after_step,
                after_rollout,
                after_rollout
            ],
            "{plan:?}"
        );
    }
}

#[test]
fn each_plan_is_one_call_at_most_and_says_what_to_wait_for() {
    let revert = |apply_service| Plan::Revert {
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
    for (plan, file, body, awaited, action) in [
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
            Plan::RevertTo {
                task_definition: revision(1),
            },
            None,
            to_first(),
            rollout(Some(revision(1))),
            Action::Reverted,
        ),
        (
            Plan::LeaveToEcs {
                task_definition: revision(1),
            },
            None,
            None,
            rollout(Some(revision(1))),
            Action::LeftToEcs,
        ),
        (
            Plan::Stop,
            None,
            Some(json!({"cluster": "web", "service": "hello", "desiredCount": 0})),
            rollout(None),
            Action::Stopped,
        ),
        (Plan::Nothing, None, None, None, Action::NothingToUndo),
        (Plan::Gone, None, None, None, Action::NothingToUndo),
        (
            Plan::LeaveToStranger {
                task_definition: revision(7),
            },
            None,
            None,
            None,
            Action::NothingToUndo,
        ),
    ] {
        let sent = plan.body(&service(), file.as_ref(), None, None);
        assert_eq!(sent.map(Value::Object), body, "{plan:?}");
        assert_eq!(plan.rollout(at(7), None, None), awaited, "{plan:?}");
        assert_eq!(plan.action(), action, "{plan:?}");
        // The state machine waits exactly if there is something to wait for.
        assert_eq!(
            plan.rollout(at(7), None, None).is_none(),
            plan.action() == Action::NothingToUndo,
            "{plan:?}"
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
        plan(desired, live.as_ref(), stage, &ours(desired, live.as_ref()))
    };
    assert_eq!(undo(&known, &at_rest, Stage::Task), Plan::Nothing);
    assert_eq!(Plan::Nothing.verdict(&known, Stage::Task), Verdict::Failed);
    // Not if another release may have sent its section, nor if this one may have.
    let revert = Plan::Revert {
        good: good(1),
        apply_service: true,
    };
    assert_eq!(undo(&claimed(None), &at_rest, Stage::Task), revert);
    assert_eq!(undo(&known, &at_rest, Stage::Step), revert);
    assert_eq!(
        undo(&known, &Some(rolling(1, 3, 1)), Stage::Task),
        Plan::Revert {
            good: good(1),
            apply_service: false
        }
    );
}

#[test]
fn what_somebody_else_gave_the_service_is_left_alone_however_the_release_ended() {
    for stage in STAGES {
        for desired in [desired(&[2]), uncertain()] {
            let theirs = provenance(&desired, Some(&live(7)), false, None);
            let plan = plan(&desired, Some(&live(7)), stage, &theirs);
            assert_eq!(plan.verdict(&desired, stage), Verdict::Drifted, "{stage:?}");
            assert_eq!(plan.body(&service(), None, None, None), None, "{stage:?}");
        }
    }
}

#[test]
fn an_owner_who_changes_the_service_in_mid_release_is_not_overruled() {
    let owners = Provenance {
        whose: Some(Whose::OwnersOwn),
        way_back: None,
    };
    for stage in STAGES {
        for desired in [desired(&[2]), never_good()] {
            let plan = plan(&desired, Some(&live(7)), stage, &owners);
            let task_definition = revision(7);
            assert_eq!(plan, Plan::LeaveToStranger { task_definition }, "{stage:?}");
        }
    }
}

#[test]
fn what_a_service_ran_before_landfall_came_stays_a_way_back_after_an_operator_accepted_another() {
    let resumed = DesiredState {
        accepted: Some(revision(3)),
        ..never_good()
    };
    let left = |number| Plan::LeaveToEcs {
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
            Plan::RevertTo {
                task_definition: revision(3),
            },
        ),
        (
            "it was given another one",
            live(4),
            false,
            Plan::LeaveToStranger {
                task_definition: revision(4),
            },
        ),
    ] {
        let provenance = provenance(&resumed, Some(&live), is_tagged, Some(1));
        let plan = plan(&resumed, Some(&live), Stage::Rollout, &provenance);
        assert_eq!(plan, expected, "{story}");
    }
}

#[test]
fn requests_are_given_back_to_tasks_that_are_still_up_beside_the_bad_ones() {
    let revert = Plan::Revert {
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
