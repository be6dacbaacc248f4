//! Which way back there is from what a release left behind.

use super::*;
use crate::{desired::Claim, tags::SERVICE_TAG, unproven::UnprovenRelease};

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
        copy_of: None,
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
fn what_a_passed_over_release_gave_the_service_is_stopped_only_if_it_does_not_stand() {
    let died = || {
        ended(
            "EssentialContainerExited",
            "Essential container in task exited",
        )
    };
    let unwanted = || {
        ended(
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment x)",
        )
    };
    let of_another = EndedTask {
        task_definition: revision(1),
        ..died()
    };
    for (story, live, ended, expected) in [
        ("up", live(2), vec![], Some(true)),
        (
            "up, and another revision's died",
            live(2),
            vec![of_another],
            Some(true),
        ),
        ("up, and scaled in", live(2), vec![unwanted()], Some(true)),
        ("up for now", live(2), vec![unwanted(), died()], Some(false)),
        ("coming up", rolling(1, 2, 1), vec![], None),
        (
            "coming up, and dying",
            rolling(1, 2, 1),
            vec![died()],
            Some(false),
        ),
    ] {
        assert_eq!(stands(&live, &ended), expected, "{story}");
    }

    let never_good = never_good();
    for (fails, expected) in [(false, Way::Nothing), (true, Way::Stop)] {
        for stage in [Stage::Refused, Stage::Task] {
            let provenance = Provenance {
                fails,
                ..ours(&never_good, Some(&live(2)))
            };
            assert!(inherits_unjudged(&never_good, &live(2), stage, &provenance));
            let way = way_back(&never_good, Some(&live(2)), stage, &provenance);
            assert_eq!(way, expected, "{stage:?}, it fails: {fails}");
        }
    }
    let inherits = |desired: &DesiredState, live: &LiveService, stage| {
        inherits_unjudged(desired, live, stage, &ours(desired, Some(live)))
    };
    let idle = LiveService {
        desired_count: 0,
        running_count: 0,
        ..live(2)
    };
    assert!(!inherits(&never_good, &idle, Stage::Task));
    assert!(!inherits(&never_good, &live(2), Stage::Step));
    assert!(!inherits(&desired(&[2]), &live(2), Stage::Task));
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
fn a_task_that_failed_before_the_rollout_leaves_nothing_to_undo_also_if_the_file_changed() {
    let claimed = |applied_file| DesiredState {
        claim: Some(Claim {
            applied_file,
            ..claim("me", 2)
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
fn a_release_of_which_no_task_ran_is_no_way_back_and_stays_where_nothing_was_changed() {
    let unproven = UnprovenRelease {
        number: 2,
        file: release(2).content.file,
        task_definition: revision(2),
    };
    let desired = DesiredState {
        unproven: Some(unproven),
        applied_file: Some(release(2).content.file),
        ..desired(&[3])
    };
    let idle = |number| LiveService {
        desired_count: 0,
        running_count: 0,
        ..live(number)
    };
    let section_may_differ = DesiredState {
        applied_file: None,
        ..desired.clone()
    };
    let revert = Way::Revert {
        good: good(1),
        apply_service: true,
    };
    for (story, desired, live, stage, expected) in [
        ("refused", &desired, idle(2), Stage::Refused, Way::Nothing),
        (
            "a task before it failed",
            &desired,
            live(2),
            Stage::Task,
            Way::Nothing,
        ),
        (
            "refused, and its section may have been sent",
            &section_may_differ,
            idle(2),
            Stage::Refused,
            revert.clone(),
        ),
        (
            "a step failed",
            &desired,
            idle(2),
            Stage::Step,
            revert.clone(),
        ),
        ("bad", &desired, live(3), Stage::Health, revert.clone()),
        (
            "ECS took the bad one back to it",
            &desired,
            live(2),
            Stage::Rollout,
            revert.clone(),
        ),
    ] {
        let found = way_back(desired, Some(&live), stage, &ours(desired, Some(&live)));
        assert_eq!(found, expected, "{story}");
    }
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
        fails: false,
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
                copy_of: None,
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
