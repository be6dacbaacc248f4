//! Revisions that nobody shall be given any more: what was registered for releases that came to nothing.
//!
//! Whoever names a family without a revision (`RunTask`, `UpdateService`, a target of EventBridge) is given its newest
//! `ACTIVE` revision (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>). After a release
//! was bad that would be its revision, while the service runs an older one. So the revisions that Landfall registered
//! after the one that the service runs are deregistered: that one is the newest again.
//!
//! Deregistering deletes nothing. Tasks and services that run such a revision go on, and scale; no new ones are given it
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html>). A release of the same
//! content, as after `landfall retry`, registers a revision of its own.

use crate::{
    drift::Registered, live::LiveService, record::Verdict, task_definition::family_and_number,
};

/// Whether a release with this verdict leaves a revision that nobody shall be given: it was tried or refused, and the
/// service runs something else.
pub fn leaves_revisions(verdict: Verdict) -> bool {
    match verdict {
        Verdict::RolledBack | Verdict::Failed | Verdict::Rejected => true,
        // One that was superseded, or that nobody could see, may still be what the service runs.
        Verdict::Succeeded
        | Verdict::Unproven
        | Verdict::Superseded
        | Verdict::Drifted
        | Verdict::Undecided => false,
    }
}

/// The revision that whoever names its family is to be given: the one that the service runs by now.
pub fn revision_in_service(live: Option<&LiveService>) -> Option<&str> {
    let primary = live.filter(|live| live.is_active())?.primary()?;
    Some(&primary.task_definition)
}

/// Those of `listed` that were registered after the revision `kept`, of the same family.
pub fn registered_after<'a>(kept: &str, listed: &'a [String]) -> Vec<&'a String> {
    let Some((family, number)) = family_and_number(kept) else {
        return Vec::new();
    };
    let mut after: Vec<_> = listed.iter().collect();
    after.retain(|arn| {
        family_and_number(arn).is_some_and(|(other, later)| other == family && later > number)
    });
    after
}

/// Whether a revision was registered for a release of the service up to the one that was bad. `registered` is what its tags
/// say: none if Landfall did not register it for the service.
pub fn is_revoked(registered: Option<Registered>, bad: u64) -> bool {
    registered.is_some_and(|ours| ours.release.is_none_or(|release| release <= bad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sample::{live, revision},
        task_definition::family,
    };

    #[test]
    fn only_what_was_registered_for_a_bad_release_after_what_runs_is_revoked() {
        let of = |release| Some(Registered { release });
        for (story, registered, revoked) in [
            ("the bad release", of(Some(5)), true),
            ("one before it that was superseded", of(Some(4)), true),
            ("one that is open", of(Some(6)), false),
            ("from before releases were tagged", of(None), true),
            ("of another team, or another service", None, false),
        ] {
            assert_eq!(is_revoked(registered, 5), revoked, "{story}");
        }
        let listed: Vec<_> = [9, 8, 3, 2].map(revision).into();
        let other = "arn:aws:ecs:eu-west-1:123456789012:task-definition/other:12".to_owned();
        let mut all = listed.clone();
        all.push(other.clone());
        assert_eq!(
            registered_after(&revision(3), &all),
            [&listed[0], &listed[1]]
        );
        assert!(registered_after(&revision(9), &all).is_empty());
        assert!(registered_after("no ARN", &all).is_empty());
        assert_eq!(family(&other), Some("other"));
    }

    #[test]
    fn a_service_that_runs_nothing_keeps_no_revision() {
        assert_eq!(revision_in_service(Some(&live(4))), Some(&*revision(4)));
        let mut gone = live(4);
        gone.status = "INACTIVE".into();
        assert_eq!(revision_in_service(Some(&gone)), None);
        assert_eq!(revision_in_service(None), None);
    }
}
