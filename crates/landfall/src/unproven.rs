//! A release of which no task ran: the service was given it while its desired count was 0. So nothing says whether the
//! release is good, and the last good one stays the way back.
//!
//! Once the service asks for tasks of it, its content is released anew, and verified as any release is: its tasks need not run, as
//! those that crash at once never do when somebody looks. Nothing announces that a count was raised, because ECS rolls nothing
//! out for it; the sweep looks.
//!
//! The release is a field of [`DesiredState`]; the methods about it are here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{content::ContentHash, desired::DesiredState, live::LiveService, record::Verdict};

/// A release that the service was given and of which no task ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnprovenRelease {
    /// Its number.
    pub number: u64,
    /// The hash of its service file, whose `service` section ECS has.
    pub file: ContentHash,
    /// The ARN of the revision that the service was given.
    pub task_definition: String,
}

impl DesiredState {
    /// Whether this is the revision of the release that is unproven.
    pub fn is_unproven(&self, task_definition: &str) -> bool {
        let unproven = self.unproven.as_ref();
        unproven.is_some_and(|unproven| unproven.task_definition == task_definition)
    }

    /// Whether the service has to be looked at for tasks of an unproven release: that release was concluded last, and
    /// nothing is about to take its place.
    pub fn awaits_tasks(&self) -> bool {
        let concluded = self.concluded.as_ref();
        let is_last = concluded.is_some_and(|last| {
            let unproven = self.unproven.as_ref();
            last.verdict == Verdict::Unproven
                && unproven.is_some_and(|unproven| unproven.number == last.number)
        });
        is_last && self.is_at_rest()
    }

    /// Releases the desired content anew, to be verified, if the service asks for tasks of the unproven release by now.
    pub fn prove(&mut self, live: Option<&LiveService>, now: Timestamp) {
        let asks = live.is_some_and(|live| {
            let primary = live.primary().filter(|_| live.is_active());
            live.desired_count > 0
                && primary.is_some_and(|primary| self.is_unproven(&primary.task_definition))
        });
        if asks && self.awaits_tasks() {
            self.release_for_proof(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        desired::FollowedFile,
        evidence::Against,
        record::Cause,
        sample::{at, desired, good, live, release, revision, service},
    };

    /// Release 2 is open after the good release 1, and then concluded as unproven.
    fn unproven() -> DesiredState {
        let mut desired = desired(&[2]);
        desired.file = Some(FollowedFile {
            key: "services/hello.yaml".into(),
            version_id: "2".into(),
            containers: None,
            content: release(2).content.file,
            follows: [].into(),
            placeholders: None,
        });
        desired.images = release(2).content.images;
        let given = good(2).task_definition;
        desired.conclude(2, Verdict::Unproven, Against::Release, Some(&given), at(9));
        desired
    }

    fn count(desired: i32) -> LiveService {
        LiveService {
            desired_count: desired,
            running_count: 0,
            ..live(2)
        }
    }

    #[test]
    fn the_last_good_release_stays_the_way_back_from_one_that_proved_nothing() {
        let unproven = unproven();
        assert_eq!(unproven.last_good, Some(good(1)));
        assert_eq!(unproven.quarantine, []);
        assert_eq!(unproven.applied_file, Some(release(2).content.file));
        assert!(unproven.is_unproven(&revision(2)) && !unproven.is_unproven(&revision(1)));
        assert_eq!(unproven.service, service());
    }

    #[test]
    fn it_is_released_anew_once_and_only_when_its_tasks_are_asked_for_and_nothing_else_is_on_its_way()
     {
        let change = |change: fn(&mut DesiredState)| {
            let mut desired = unproven();
            change(&mut desired);
            desired
        };
        let gone = LiveService {
            status: "DRAINING".into(),
            ..count(3)
        };
        for (story, mut desired, live, released) in [
            ("a task is asked for", unproven(), Some(count(1)), true),
            ("none is", unproven(), Some(count(0)), false),
            ("the service is gone", unproven(), None, false),
            (
                "the service is being deleted",
                unproven(),
                Some(gone),
                false,
            ),
            ("it runs another revision", unproven(), Some(live(7)), false),
            (
                "it is held",
                change(|desired| {
                    desired.hold("incident".into(), crate::hold::SetBy::Operator, at(0));
                }),
                Some(count(3)),
                false,
            ),
            (
                "a newer release is open",
                change(|desired| desired.open.push(release(3))),
                Some(count(3)),
                false,
            ),
            (
                "its file was deleted",
                change(DesiredState::forget_file),
                Some(count(3)),
                false,
            ),
            (
                "another release was concluded since",
                change(|desired| {
                    desired.open.push(release(3));
                    desired.conclude(3, Verdict::Rejected, Against::Release, None, at(9));
                }),
                Some(count(3)),
                false,
            ),
        ] {
            let before = desired.last_number;
            desired.prove(live.as_ref(), at(9));
            assert_eq!(desired.last_number > before, released, "{story}");
            if released {
                let newest = desired.newest_open().unwrap();
                assert_eq!((newest.number, &newest.cause), (3, &Cause::TasksCame));
                assert!(newest.content.runs_the_same_as(&release(2).content));
                desired.prove(live.as_ref(), at(10));
                assert_eq!(desired.last_number, 3, "{story}: once");
            }
        }
    }

    #[test]
    fn a_verdict_on_tasks_that_ran_ends_it() {
        for (verdict, ended) in [
            (Verdict::Succeeded, true),
            (Verdict::RolledBack, true),
            (Verdict::Rejected, false),
            (Verdict::Superseded, false),
        ] {
            let mut desired = unproven();
            desired.open.push(release(3));
            let given = good(3).task_definition;
            desired.conclude(3, verdict, Against::Release, Some(&given), at(9));
            assert_eq!(desired.unproven.is_none(), ended, "{verdict}");
        }
    }
}
