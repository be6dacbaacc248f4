//! Drift: a service in ECS runs a revision that Landfall was not asked to replace. Landfall leaves it alone, and holds the
//! service.
//!
//! [`whose`] is the one rule, for all that ask: `update-service` before it overwrites a revision, `roll-back` before it goes
//! back, `conclude-release` before it calls a release a success, `watch-drift` where a service is at rest, and `landfall
//! diff`. What each of them does about the answer is its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    hold::{Hold, SetBy},
    live::LiveService,
    record::Verdict,
    service_file::ServiceFile,
    service_id::ServiceId,
};

/// Whose a revision is that a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The last good release's.
    Good,
    /// An operator who resumed the service lets Landfall replace it.
    Accepted,
    /// Landfall's, registered for a release that did not succeed: it may be on its way, or still be there when a newer release
    /// takes its place.
    OurAttempt,
    /// What a service ran that Landfall did not make, when its first service file came: that file asks for it to be taken
    /// over. It is not noted yet.
    Adoptable,
    /// The same, noted as the way back until a release is good.
    Adopted,
    /// Its owner's: the service file has no task definition, so revisions come from elsewhere.
    OwnersOwn,
    /// Given to the service by anything else. An older good release's is one too: that is a roll-back by hand.
    Foreign,
}

/// A revision that Landfall registered for a service, as its tags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// For which release; none on revisions from before there was that tag.
    pub release: Option<u64>,
}

/// A revision that a service runs, and what has been read about it so far. A field is `None` until it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: String,
    /// What its tags say; the inner `None` is a revision that Landfall did not register for the service.
    pub registered: Option<Option<Registered>>,
    /// The verdict of the release that it was registered for; the inner `None` is a release without a record.
    pub verdict: Option<Option<Verdict>>,
    /// The revision that is noted as what the service ran when Landfall came; the inner `None` is a service without a note.
    pub noted: Option<Option<String>>,
    /// Whether the service file describes the task definition.
    pub is_described: Option<bool>,
}

/// What has to be read before it can be said whose a revision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The revision's tags, for [`Revision::registered`].
    Registered,
    /// The record of this release, for [`Revision::verdict`].
    Verdict(u64),
    /// The note in the state bucket, for [`Revision::noted`].
    Noted,
    /// The service file, for [`Revision::is_described`].
    IsDescribed,
}

impl Revision {
    /// One about which nothing has been read.
    pub fn new(arn: &str) -> Self {
        Self {
            arn: arn.into(),
            registered: None,
            verdict: None,
            noted: None,
            is_described: None,
        }
    }

    /// One that runs in the service of this file.
    pub fn of_file(arn: &str, file: &ServiceFile) -> Self {
        Self {
            is_described: Some(file.owns_task_definition()),
            ..Self::new(arn)
        }
    }
}

/// Decides whose the revision is that the service `live` runs, or what has to be read first. Questions come in the order of
/// what they cost: what the desired state knows takes none.
///
/// # Errors
/// The next question.
pub fn whose(
    desired: &DesiredState,
    live: &LiveService,
    revision: &Revision,
) -> Result<Whose, Question> {
    let good = desired.last_good.as_ref();
    if good.is_some_and(|good| good.task_definition.arn == revision.arn) {
        return Ok(Whose::Good);
    }
    if desired.accepted.as_ref() == Some(&revision.arn) {
        return Ok(Whose::Accepted);
    }
    if let Some(registered) = revision.registered.ok_or(Question::Registered)? {
        let verdict = match registered.release {
            Some(release) => revision.verdict.ok_or(Question::Verdict(release))?,
            None => None,
        };
        if verdict != Some(Verdict::Succeeded) {
            return Ok(Whose::OurAttempt);
        }
    }
    if good.is_none() {
        match revision.noted.as_ref().ok_or(Question::Noted)? {
            // ECS may go back to it by itself, also where an operator has let Landfall replace another one since.
            Some(noted) if *noted == revision.arn => return Ok(Whose::Adopted),
            // A service that Landfall made is known by its tag, and never ran anything before. Whoever resumed a service
            // has taken it over already.
            None if desired.accepted.is_none() && !live.was_made_for(&desired.service) => {
                return Ok(Whose::Adoptable);
            }
            _ => {}
        }
    }
    if revision.is_described.ok_or(Question::IsDescribed)? {
        Ok(Whose::Foreign)
    } else {
        Ok(Whose::OwnersOwn)
    }
}

/// What Landfall says of a service that it found changed.
pub fn reason(service: &ServiceId, task_definition: &str) -> String {
    format!(
        "{service} runs {task_definition}, which somebody else gave it: it is left alone until `landfall resume {service}`"
    )
}

/// What happened to a release that ended as drifted, with what to do.
pub fn told(service: &ServiceId, happened: &str) -> String {
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
mod tests;
