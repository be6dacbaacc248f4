//! Whether what ECS shows of a service may be older than a change that another release or execution made: its API is
//! eventually consistent
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>).

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{desired::DesiredState, live::UNSEEN_SECONDS, record::Verdict};

/// Whether ECS may still answer as before a change that was not this release's own: a release that it superseded was just
/// given to the service, or an execution that worked on it has died. A service that shows the way back, or the count that a
/// file asks for, may have something else by then.
pub fn may_be_unseen(desired: &DesiredState, now: Timestamp) -> bool {
    let Some(claim) = &desired.claim else {
        return false;
    };
    (!passed_over(desired).is_empty() || claim.attempt > 1) && was_claimed_lately(desired, now)
}

/// Whether the last release came to no good end, so that its way back may have changed the service, and the execution that works on
/// the service took it up a moment ago.
pub fn went_back_lately(desired: &DesiredState, now: Timestamp) -> bool {
    let concluded = desired.concluded.as_ref();
    let ended_well = |verdict| matches!(verdict, Verdict::Succeeded | Verdict::Unproven);
    concluded.is_some_and(|last| !ended_well(last.verdict)) && was_claimed_lately(desired, now)
}

/// Whether the execution that works on the service claimed it less than two minutes ago ([`UNSEEN_SECONDS`]).
pub fn was_claimed_lately(desired: &DesiredState, now: Timestamp) -> bool {
    let taken_at = desired.claim.as_ref().and_then(|claim| claim.taken_at);
    taken_at.is_some_and(|taken_at| now.duration_since(taken_at).as_secs() < UNSEEN_SECONDS)
}

/// The numbers of the releases since the last good one that a newer one took the place of, and that may have changed the service
/// or what is around it, a moment ago or longer: the one that was concluded last, and those that are still open because the
/// execution that worked on them has died.
pub fn passed_over(desired: &DesiredState) -> BTreeSet<u64> {
    let good = desired.last_good.as_ref().map_or(0, |good| good.number);
    let claimed = desired.claim.as_ref().map_or(0, |claim| claim.release);
    let concluded = desired.concluded.iter();
    let concluded = concluded.filter(|last| last.verdict == Verdict::Superseded);
    let open = desired.open.iter().map(|open| open.number);
    concluded
        .map(|last| last.number)
        .chain(open.filter(|open| *open < claimed))
        .filter(|number| *number > good)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::{Claim, Concluded},
        sample::*,
    };

    #[test]
    fn that_nothing_is_to_undo_is_believed_two_minutes_after_another_change_may_have_been_made() {
        let claimed = |attempt, taken_at| DesiredState {
            claim: Some(Claim {
                attempt,
                taken_at,
                ..claim("me", 3)
            }),
            ..desired(&[3])
        };
        let after = |verdict, number, state: DesiredState| DesiredState {
            concluded: Some(Concluded {
                number,
                content: release(number).content,
                verdict,
            }),
            ..state
        };
        let at_once = || claimed(1, Some(at(1000)));
        let superseded = || after(Verdict::Superseded, 2, at_once());
        let adopted = DesiredState {
            last_good: None,
            ..superseded()
        };
        for (story, desired, second, expected) in [
            (
                "the release before it was superseded",
                superseded(),
                1010,
                true,
            ),
            ("so long ago that ECS shows it", superseded(), 1120, false),
            ("nothing was good yet", adopted, 1010, true),
            (
                "an execution has died",
                claimed(2, Some(at(1000))),
                1010,
                true,
            ),
            ("the one before it was good", at_once(), 1010, false),
            (
                "the one before it went back",
                after(Verdict::RolledBack, 2, at_once()),
                1010,
                false,
            ),
            (
                "superseded before the good one",
                after(Verdict::Superseded, 1, at_once()),
                1010,
                false,
            ),
            ("it is not known when", claimed(2, None), 1010, false),
            (
                "the execution of the one before it has died",
                DesiredState {
                    open: vec![release(2), release(3)],
                    ..at_once()
                },
                1010,
                true,
            ),
            (
                "another one waits behind it",
                DesiredState {
                    open: vec![release(3), release(4)],
                    ..at_once()
                },
                1010,
                false,
            ),
        ] {
            assert_eq!(may_be_unseen(&desired, at(second)), expected, "{story}");
        }
    }
}
