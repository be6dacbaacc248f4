#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    desired::Claim,
    last_call::{LAST_CALL, last_call},
    sample::*,
};

/// The desired state with `release` claimed by `execution`.
fn held(open: &[u64], execution: &str, release: u64, attempt: u32) -> DesiredState {
    DesiredState {
        claim: Some(Claim {
            attempt,
            ..claim(execution, release)
        }),
        applied_file: None,
        ..desired(open)
    }
}

fn ending(verdict: Verdict) -> Ending {
    Ending {
        verdict,
        reason: "as recorded".into(),
        task_definition: None,
        diagnosis: None,
    }
}

/// Action, release, attempt, and the claim that is written.
fn taken(decision: &Decision) -> (Action, u64, u32, Option<(&str, u64, u32)>) {
    let written = decision
        .write
        .as_ref()
        .and_then(|write| write.claim.as_ref());
    (
        decision.output.action,
        decision
            .output
            .release
            .as_ref()
            .map_or(0, |release| release.number),
        decision.output.attempt,
        written.map(|claim| (&*claim.execution, claim.release, claim.attempt)),
    )
}

#[test]
fn with_nothing_open_there_is_nothing_to_do() {
    let decision = decide(&desired(&[]), "me", Holder::NobodyElse);
    assert_eq!(taken(&decision), (Action::Settled, 0, 0, None));
}

#[test]
fn a_call_of_the_dead_may_arrive_for_forty_seconds() {
    let ended = at(100);
    let waits = |seconds_later: i64, milliseconds: i64| {
        let now = ended + SignedDuration::from_millis(seconds_later * 1000 + milliseconds);
        last_call(ended, now)
    };
    let seconds = LAST_CALL.as_secs();
    assert_eq!(waits(0, 0), Some(40));
    assert_eq!(waits(0, 1), Some(40));
    assert_eq!(waits(seconds - 1, 999), Some(1));
    assert_eq!(waits(seconds, 0), None);
    assert_eq!(waits(seconds, 1), None);
    // Its clock is behind Step Functions'.
    assert_eq!(waits(-2, 0), Some(42));
}

#[test]
fn the_newest_release_is_taken_and_each_death_counts_as_an_attempt() {
    use Action::{Deploy, GiveUp};
    for (story, desired, holder, expected) in [
        (
            "free claim",
            desired(&[2, 3]),
            Holder::NobodyElse,
            (Deploy, 3, 1, Some(("me", 3, 1))),
        ),
        (
            "asked again by the same execution",
            held(&[2], "me", 2, 2),
            Holder::NobodyElse,
            (Deploy, 2, 2, None),
        ),
        (
            "asked again after the desired state moved on",
            held(&[2, 3], "me", 2, 2),
            Holder::NobodyElse,
            (Deploy, 3, 1, Some(("me", 3, 1))),
        ),
        (
            "the holder died",
            held(&[2], "other", 2, 1),
            Holder::Dead(None),
            (Deploy, 2, 2, Some(("me", 2, 2))),
        ),
        (
            "the holder died of an older release",
            held(&[2, 3], "other", 2, 3),
            Holder::Dead(None),
            (Deploy, 3, 1, Some(("me", 3, 1))),
        ),
        (
            "the last execution that may deploy",
            held(&[2], "other", 2, 2),
            Holder::Dead(None),
            (Deploy, 2, 3, Some(("me", 2, 3))),
        ),
        (
            "too many died: roll it back",
            held(&[2], "other", 2, 3),
            Holder::Dead(None),
            (GiveUp, 2, 4, Some(("me", 2, 4))),
        ),
        (
            "the execution that rolls back asks again",
            held(&[2], "me", 2, 4),
            Holder::NobodyElse,
            (GiveUp, 2, 4, None),
        ),
    ] {
        let decision = decide(&desired, "me", holder);
        assert_eq!(taken(&decision), expected, "{story}");
        assert_eq!(decision.output.last_good, Some(good(1)), "{story}");
        assert_eq!(decision.output.ending, None, "{story}");
    }
}

#[test]
fn when_the_roll_back_died_too_the_release_is_only_concluded_as_failed() {
    let decision = decide(&held(&[2], "other", 2, 4), "me", Holder::Dead(None));
    assert_eq!(
        taken(&decision),
        (Action::Conclude, 2, 5, Some(("me", 2, 5)))
    );
    assert_eq!(decision.output.ending.unwrap().verdict, Verdict::Failed);
}

#[test]
fn an_execution_that_did_not_hear_of_its_claim_still_only_concludes_what_is_recorded() {
    let recorded = ending(Verdict::Succeeded);
    let desired = held(&[2, 3], "me", 2, 1);
    let decision = decide(&desired, "me", Holder::Myself(recorded.clone()));
    assert_eq!(taken(&decision), (Action::Conclude, 2, 1, None));
    assert_eq!(decision.output.ending, Some(recorded));
}

#[test]
fn an_ending_that_the_dead_recorded_is_finished_before_anything_newer() {
    let recorded = ending(Verdict::Succeeded);
    let desired = held(&[2, 3], "other", 2, 1);
    let decision = decide(&desired, "me", Holder::Dead(Some(recorded.clone())));
    assert_eq!(
        taken(&decision),
        (Action::Conclude, 2, 1, Some(("me", 2, 1)))
    );
    assert_eq!(decision.output.ending, Some(recorded));
    assert_eq!(decision.write.unwrap().applied_file, desired.applied_file);
}

#[test]
fn a_record_of_a_release_that_is_no_longer_open_is_passed_over() {
    let decision = decide(
        &held(&[3], "other", 2, 1),
        "me",
        Holder::Dead(Some(ending(Verdict::Succeeded))),
    );
    assert_eq!(taken(&decision), (Action::Deploy, 3, 1, Some(("me", 3, 1))));
}

#[test]
fn the_service_section_is_sent_unless_ecs_certainly_has_it() {
    let different = decide(&desired(&[2]), "me", Holder::NobodyElse);
    assert!(different.output.apply_service);
    assert_eq!(
        different.write.unwrap().applied_file,
        None,
        "it is uncertain from now on"
    );

    let mut same = desired(&[2]);
    same.applied_file = Some(release(2).content.file);
    let only_images = decide(&same, "me", Holder::NobodyElse);
    assert!(!only_images.output.apply_service);
    assert_eq!(only_images.write.unwrap().applied_file, same.applied_file);

    same.applied_file = None;
    assert!(decide(&same, "me", Holder::NobodyElse).output.apply_service);
}

#[test]
fn a_claim_remembers_what_ecs_had_until_the_release_is_over() {
    let before = desired(&[2]);
    let good_file = before.applied_file.clone();
    let applied = |decision: &Decision| {
        let claim = decision
            .write
            .as_ref()
            .and_then(|write| write.claim.as_ref());
        claim.and_then(|claim| claim.applied_file.clone())
    };
    let first = decide(&before, "me", Holder::NobodyElse);
    assert_eq!(applied(&first), good_file);
    let claimed = first.write.unwrap();
    assert_eq!(claimed.applied_file, None);
    let second = decide(&claimed, "other", Holder::Dead(None));
    assert_eq!(applied(&second), good_file);
    let newer = DesiredState {
        claim: claimed.claim,
        ..desired(&[2, 3])
    };
    let newer = DesiredState {
        applied_file: None,
        ..newer
    };
    assert_eq!(applied(&decide(&newer, "other", Holder::Dead(None))), None);
}

#[test]
fn executions_that_end_in_a_pause_use_up_no_attempt() {
    let paused = |desired: DesiredState, release| {
        let mut desired = desired;
        desired.note_pause(release, Some(&pause(at(0))));
        desired
    };
    // Ten executions end one after the other in the pause of release 2.
    let mut state = paused(held(&[2], "0", 2, 1), 2);
    for number in 1..=10 {
        let me = number.to_string();
        let decision = decide(&state, &me, Holder::Dead(None));
        assert_eq!(
            (decision.output.action, decision.output.attempt),
            (Action::Deploy, number + 1)
        );
        state = decision.write.unwrap();
        // The same execution asks again.
        assert_eq!(decide(&state, &me, Holder::NobodyElse).write, None);
    }
    // Somebody has continued it. From now on each death counts, beside the first.
    state.note_pause(2, None);
    for (me, expected) in [
        ("a", Action::Deploy),
        ("b", Action::Deploy),
        ("c", Action::GiveUp),
        ("d", Action::Conclude),
    ] {
        let decision = decide(&state, me, Holder::Dead(None));
        assert_eq!(decision.output.action, expected, "{me}");
        state = decision.write.unwrap();
    }
    // The pause of an older release is none of this one's.
    let older = paused(held(&[2, 3], "other", 3, 3), 2);
    let decision = decide(&older, "me", Holder::Dead(None));
    assert_eq!(decision.output.action, Action::GiveUp);
}
