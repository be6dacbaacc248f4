//! Drift: the service in ECS runs what somebody else gave it. Landfall leaves it alone, and holds the service.
//!
//! Its own are: the last good revision, what the service ran when Landfall came as long as no release has been good, and
//! every revision that it registered for a release that did not succeed: such a one may be on its way, or still be there
//! when a newer release takes its place. A revision of an older release that succeeded is somebody else's
//! roll-back, and is left alone as any other.
//!
//! Before anything was good, a service that somebody else made is taken over once, with what it runs noted as the way
//! back: that is what a service file for it asks for. Whatever else is found there is somebody else's too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    hold::{Hold, SetBy},
    live::LiveService,
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

/// What a revision that is not Landfall's own is to it, as long as no release has been good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// What a service that somebody else made ran when Landfall came, and not noted yet.
    CameUpon,
    /// The same, noted.
    Adopted,
    /// Given to the service since.
    Given,
}

/// Decides that. `adopted` is the noted revision. A service that Landfall made is known by its tag, and never ran anything
/// before.
pub fn before_anything_good(
    service: &ServiceId,
    live: &LiveService,
    revision: &str,
    adopted: Option<&str>,
) -> Foreign {
    match adopted {
        Some(adopted) if adopted == revision => Foreign::Adopted,
        None if !live.was_made_for(service) => Foreign::CameUpon,
        _ => Foreign::Given,
    }
}

/// What Landfall says of a service that it found changed.
pub fn reason(service: &ServiceId, task_definition: &str) -> String {
    format!(
        "{service} runs {task_definition}, which somebody else gave it: it is left alone until `landfall resume {service}`"
    )
}

/// What became of a release that ended as drifted, with what to do.
pub fn told(service: &ServiceId, happened: &str) -> String {
    if happened.contains("landfall resume") {
        return happened.into();
    }
    format!("{happened}; {service} is left alone until `landfall resume {service}`")
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

    /// Whether somebody has to look at the service between its releases: it is followed, had a release, and nobody works
    /// on it or is about to.
    pub fn is_at_rest(&self) -> bool {
        self.file.is_some()
            && self.concluded.is_some()
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
    use crate::{
        sample::{at, desired, live, revision, service},
        tags::SERVICE_TAG,
    };

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
    fn before_anything_was_good_a_service_is_taken_over_once_and_only_if_somebody_else_made_it() {
        use Foreign::{Adopted, CameUpon, Given};
        let made_by = |tag: Option<&str>| LiveService {
            tags: tag
                .map(|tag| (SERVICE_TAG.into(), tag.into()))
                .into_iter()
                .collect(),
            ..live(7)
        };
        let (somebody, landfall) = (made_by(None), made_by(Some("web/hello")));
        let copied = made_by(Some("web/shop"));
        for (story, live, adopted, expected) in [
            (
                "the first file of somebody else's",
                &somebody,
                None,
                CameUpon,
            ),
            ("with another service's tags", &copied, None, CameUpon),
            ("taken over already", &somebody, Some(7), Adopted),
            ("changed since", &somebody, Some(6), Given),
            ("Landfall made it", &landfall, None, Given),
        ] {
            let adopted = adopted.map(revision);
            let found = before_anything_good(&service(), live, &revision(7), adopted.as_deref());
            assert_eq!(found, expected, "{story}");
        }
    }

    #[test]
    fn a_drifted_release_says_once_what_to_do() {
        let told = told(&service(), "it was given hello:7");
        let again = super::told(&service(), &told);
        assert_eq!(told, again);
        assert_eq!(
            told,
            "it was given hello:7; web/hello is left alone until `landfall resume web/hello`"
        );
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
