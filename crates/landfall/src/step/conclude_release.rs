//! Step `ConcludeRelease`: one verdict, one record, and the claim given up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    desired::DesiredState,
    drift::{self, Whose},
    record::{Ending, Record, Release, Timeline, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// How it ended.
    pub ending: Ending,
    /// When this execution started.
    pub started_at: Timestamp,
}

/// What the step answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether there may be more to do, so that the execution asks for the claim again.
    pub again: bool,
}

/// The records to write, this release's first. Each is written once: a record that is there already stays.
///
/// Releases between the last concluded one and this one never ran: this one took their place.
pub fn records(input: &Input, desired: &DesiredState, now: Timestamp) -> Vec<Record> {
    let timeline = |release: &Release| Timeline {
        created_at: release.created_at,
        execution_started_at: input.started_at,
        concluded_at: now,
    };
    let own = Record {
        service: input.service.clone(),
        release: input.release.clone(),
        verdict: input.ending.verdict,
        reason: match input.ending.verdict {
            Verdict::Drifted => drift::told(&input.service, &sentence(&input.ending.reason)),
            _ => sentence(&input.ending.reason),
        },
        task_definition: input.ending.task_definition.clone(),
        diagnosis: input.ending.diagnosis.clone(),
        execution: input.execution.clone(),
        timeline: timeline(&input.release),
    };
    let passed_over = desired
        .open
        .iter()
        .filter(|release| release.number < input.release.number);
    let superseded = passed_over.map(|release| Record {
        service: input.service.clone(),
        release: release.clone(),
        verdict: Verdict::Superseded,
        reason: format!(
            "release {} took its place before it was rolled out",
            input.release.number
        ),
        task_definition: None,
        diagnosis: None,
        execution: input.execution.clone(),
        timeline: timeline(release),
    });
    std::iter::once(own).chain(superseded).collect()
}

/// Whether a verified release is no success, because its service runs another revision by now. The owner of a task
/// definition that the file does not describe may give the service others. What the service ran before Landfall came is
/// otherwise as foreign as the rest: ECS does not go back after a rollout has completed.
pub fn is_overtaken(whose: Whose, file: &ServiceFile) -> bool {
    match whose {
        Whose::Good | Whose::Accepted | Whose::OurAttempt | Whose::OwnersOwn => false,
        Whose::Adoptable | Whose::Adopted | Whose::Foreign => file.owns_task_definition(),
    }
}

/// How a release ends that was verified, and whose service was then given another revision by somebody else.
pub fn overtaken(revision: &str) -> Ending {
    Ending {
        verdict: Verdict::Drifted,
        reason: format!(
            "rolled out and verified, but before that was concluded somebody else gave the service {revision}"
        ),
        task_definition: None,
        diagnosis: None,
    }
}

/// Whether this execution still has to write its verdict: it holds the claim for this release.
pub fn is_open(input: &Input, desired: &DesiredState) -> bool {
    let claim = desired.claim.as_ref();
    claim.is_some_and(|claim| {
        claim.execution == input.execution && claim.release == input.release.number
    })
}

/// A failed step's cause is JSON with an `errorMessage`, also inside a longer sentence and more than once; people want the
/// messages (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
pub fn sentence(reason: &str) -> String {
    let mut told = String::new();
    let mut rest = reason;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        told.push_str(before);
        let mut causes = serde_json::Deserializer::from_str(from).into_iter::<Value>();
        let cause = causes.next().and_then(Result::ok);
        let message = cause
            .as_ref()
            .and_then(|cause| cause.get("errorMessage"))
            .and_then(Value::as_str);
        let used = match message {
            Some(message) => {
                told.push_str(message);
                causes.byte_offset()
            }
            None => {
                told.push('{');
                1
            }
        };
        rest = &from[used..];
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests;
