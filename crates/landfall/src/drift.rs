//! Drift: a service in ECS runs a foreign revision, which Landfall was not asked to replace. Landfall leaves the
//! revision alone, and puts the service on hold.
//!
//! [`whose`] is the one rule, for all that ask whose a revision is: `update-service` before it overwrites a revision,
//! `roll-back` before it changes the service, `conclude-release` before it calls a release a success, `watch-drift`
//! where a service is at rest, and `landfall diff`. Each of them decides what to do about the answer.

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

/// Whose revision a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The last good release's revision.
    Good,
    /// A foreign revision that an operator, by resuming the service, permitted Landfall to replace.
    Accepted,
    /// A revision that Landfall registered for a release that did not succeed: that release may be open, a newer one may
    /// have superseded it before the service was rolled back, or no task of it ran.
    OurAttempt,
    /// The revision of a service that Landfall did not create and has not changed yet: the first service file asks
    /// Landfall to adopt the service. The revision is not noted yet.
    Adoptable,
    /// The same, noted: a bad release is rolled back to this revision until a release is good.
    Adopted,
    /// A revision of the service's owner: the service file has no section `taskDefinition`, so the owner registers
    /// revisions.
    OfOwner,
    /// A revision that anything else gave to the service. The revision of an older good release is foreign too: a
    /// person rolled the service back.
    Foreign,
}

/// A revision that Landfall registered for a service, as its tags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The number of the release; none if the revision is from a version of Landfall that did not write this tag.
    pub release: Option<u64>,
}

/// A revision that a service runs, and what has been read about the revision so far. A field is `None` until it is
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: String,
    /// What the revision's tags say; the inner `None` is a revision that Landfall did not register for the service.
    pub registered: Option<Option<Registered>>,
    /// The verdict of the release that it was registered for; the inner `None` is a release without a record.
    pub verdict: Option<Option<Verdict>>,
    /// The revision that is noted as the one that the service ran when Landfall adopted it; the inner `None` is a
    /// service without a note.
    pub noted: Option<Option<String>>,
    /// Whether the service file describes the task definition.
    pub is_described: Option<bool>,
}

/// What has to be read next to decide whose a revision is.
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
    /// A revision about which nothing has been read.
    pub fn new(arn: &str) -> Self {
        Self {
            arn: arn.into(),
            registered: None,
            verdict: None,
            noted: None,
            is_described: None,
        }
    }

    /// The number of the release that Landfall registered it for, if its tags have been read and say one.
    pub fn release(&self) -> Option<u64> {
        self.registered.flatten()?.release
    }

    /// A revision that runs in the service of this file.
    pub fn of_file(arn: &str, file: &ServiceFile) -> Self {
        Self {
            is_described: Some(file.owns_task_definition()),
            ..Self::new(arn)
        }
    }
}

/// Decides whose the revision is that the service `live` runs, or answers what has to be read first. Cheap questions
/// come before dear ones; what the desired state says is not asked.
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
    if desired.is_unproven(&revision.arn) {
        return Ok(Whose::OurAttempt);
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
            // A service that Landfall created has its tag and ran nothing before, so there is nothing to adopt. An
            // operator who resumed the service has permitted the replacement already.
            None if desired.accepted.is_none() && !live.was_made_for(&desired.service) => {
                return Ok(Whose::Adoptable);
            }
            _ => {}
        }
    }
    if revision.is_described.ok_or(Question::IsDescribed)? {
        Ok(Whose::Foreign)
    } else {
        Ok(Whose::OfOwner)
    }
}

/// That the service's task definition was replaced by a foreign one.
pub fn fact(service: &ServiceId, task_definition: &str) -> String {
    format!("{service} runs {task_definition}, which somebody else gave it")
}

/// The reason of the hold on such a service: [`fact`], and what to do.
pub fn reason(service: &ServiceId, task_definition: &str) -> String {
    let fact = fact(service, task_definition);
    format!("{fact}: it is left alone until `landfall resume {service}`")
}

/// What happened to a release that ended as drifted, with what to do.
pub fn message(service: &ServiceId, happened: &str) -> String {
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
    /// Whether `watch-drift` has to look at the service: it follows a file, a release was concluded, and no execution
    /// works on it or is about to.
    pub fn is_at_rest(&self) -> bool {
        self.file.is_some()
            && self.concluded.is_some()
            && self.claim.is_none()
            && self.open.is_empty()
            && self.hold.is_none()
    }

    /// Puts the service on hold because it was given a foreign revision. How much of the `service` section is still in
    /// force is unknown then.
    pub fn drift(&mut self, reason: String, now: Timestamp) -> Report {
        self.applied_file = None;
        self.hold(reason.clone(), SetBy::Drift, now);
        let hold = self.hold.clone().unwrap_or(Hold {
            reason,
            since: now,
            set_by: SetBy::Drift,
            by: None,
            at: None,
        });
        Report {
            service: self.service.clone(),
            hold,
        }
    }
}

#[cfg(test)]
mod tests;
