//! Drift: the service in ECS runs what somebody else gave it. Landfall leaves it alone, and holds the service.
//!
//! Its own are: the last good revision, what the service ran when Landfall came as long as no release has been good, and
//! every revision that it registered for a release that did not succeed: such a one may be on its way, or may have been
//! given late by a function whose execution had died. A revision of an older release that succeeded is somebody else's
//! roll-back, and is left alone as any other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    hold::{Hold, SetBy},
    record::Verdict,
    service_id::ServiceId,
};

/// A revision that Landfall registered for a service, as its tags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// For which release; none on revisions from before there was that tag.
    pub release: Option<u64>,
}

/// Whether Landfall gave the service this revision since the last good release. `verdict` is the recorded one of the
/// release that it was registered for.
pub fn is_ours(registered: Option<Registered>, verdict: Option<Verdict>) -> bool {
    registered.is_some() && verdict != Some(Verdict::Succeeded)
}

/// What Landfall says of a service that it found changed.
pub fn reason(service: &ServiceId, task_definition: &str) -> String {
    format!(
        "{service} runs {task_definition}, which somebody else gave it: it is left alone until `landfall resume {service}`"
    )
}

/// The detail of the event that reports drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The service.
    pub service: ServiceId,
    /// The hold that it was put on, or was on already.
    pub hold: Hold,
}

impl DesiredState {
    /// Whether the revision is the last good one, or one that an operator lets Landfall replace.
    pub fn knows(&self, revision: &str) -> bool {
        let good = self.last_good.as_ref();
        good.is_some_and(|good| good.task_definition.arn == revision)
            || self.accepted.as_deref() == Some(revision)
    }

    /// Whether somebody has to look at the service between its releases: it is followed, had a good release, and nobody
    /// works on it or is about to.
    pub fn is_at_rest(&self) -> bool {
        self.file.is_some()
            && self.last_good.is_some()
            && self.claim.is_none()
            && self.open.is_empty()
            && self.hold.is_none()
    }

    /// The service was given something else by somebody else. What of its `service` section is left is uncertain too.
    pub fn drift(&mut self, reason: String, now: Timestamp) -> Report {
        self.applied_file = None;
        self.hold(reason.clone(), SetBy::Drift, now);
        let hold = self.hold.clone().unwrap_or(Hold {
            reason,
            since: now,
            set_by: SetBy::Drift,
        });
        Report {
            service: self.service.clone(),
            hold,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::step::sample::{at, desired, revision};

    #[test]
    fn only_what_was_registered_for_a_release_that_did_not_succeed_is_landfalls_own() {
        let of = |release| Some(Registered { release });
        for (story, registered, verdict, ours) in [
            ("nobody knows it", None, None, false),
            ("of a release on its way", of(Some(3)), None, true),
            (
                "of a release that was bad",
                of(Some(2)),
                Some(Verdict::RolledBack),
                true,
            ),
            ("given late", of(Some(2)), Some(Verdict::Superseded), true),
            (
                "gone back by hand",
                of(Some(2)),
                Some(Verdict::Succeeded),
                false,
            ),
            ("from before the tag", of(None), None, true),
        ] {
            assert_eq!(is_ours(registered, verdict), ours, "{story}");
        }
    }

    #[test]
    fn drift_holds_the_service_and_makes_its_section_uncertain() {
        let mut drifted = desired(&[]);
        assert!(drifted.knows(&revision(1)) && !drifted.knows(&revision(7)));
        let report = drifted.drift(reason(&drifted.service, &revision(7)), at(3));
        assert_eq!(
            (report.hold.set_by, report.hold.since),
            (SetBy::Drift, at(3))
        );
        assert_eq!(drifted.hold, Some(report.hold));
        assert_eq!(drifted.applied_file, None);
        assert!(!drifted.is_at_rest());
    }
}
