//! Step `ConcludeRelease`: one verdict, one record, and the claim given up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    course::Course,
    desired::DesiredState,
    drift::{self, Whose},
    evidence::Against,
    failure::StepError,
    look::{Look, Outcome, Uncounted},
    plan::Plan,
    record::{Diagnosis, Ending, Record, Release, Timeline, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
    undecided,
    undone::{Action, Undone},
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
    /// The facts about the release that the execution knows.
    #[serde(flatten)]
    pub facts: Facts,
    /// When this execution started.
    pub started_at: Timestamp,
}

/// What an execution knows of a release when it concludes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The ending that only has to be written down: an execution that died had recorded it. (An execution that began
    /// under a definition without the other facts says every ending here.)
    pub ending: Option<Ending>,
    /// The plan, if it came so far.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// How far the release came.
    #[serde(flatten)]
    pub course: Course,
    /// What was done to undo the release, if it was bad.
    #[serde(default)]
    pub roll_back: Option<Undone>,
    /// How the roll-back ended.
    #[serde(default)]
    pub back: Back,
}

/// How the roll-back of a bad release ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// The last look at it, if there was something to wait for.
    pub look: Option<Look<Outcome, Value>>,
    /// The error of the step that failed for good, if one did.
    pub error: Option<StepError>,
}

impl Facts {
    /// Which seconds of the rollout, and of the way back, do not count.
    fn uncounted(&self) -> Uncounted {
        let look = self.course.look.as_ref();
        let looks = [look, self.back.look.as_ref()].into_iter().flatten();
        Uncounted {
            blind: looks.map(|look| look.blind_seconds).sum(),
            paused: look.map_or(0, |look| look.paused_seconds),
            withheld: look.map_or(0, |look| look.withheld_seconds),
        }
    }
}

impl Input {
    /// How many seconds ago AWS last said how the release stands, or took a change for it.
    fn unseen_seconds(&self, now: Timestamp) -> u64 {
        let course = &self.facts.course;
        let looked = course.look.as_ref().and_then(|look| look.seen_at);
        let changed = course.rollout.as_ref().map(|rollout| rollout.started_at);
        let began = self.started_at.max(self.release.created_at);
        let seen = [looked, changed]
            .into_iter()
            .flatten()
            .fold(began, Timestamp::max);
        u64::try_from(now.duration_since(seen).as_secs()).unwrap_or(0)
    }
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

/// How the release ends: the verdict that follows from the facts.
pub fn ending(facts: &Facts) -> Ending {
    if let Some(recorded) = &facts.ending {
        return recorded.clone();
    }
    let bad = |verdict, reason: String, diagnosis: Option<&Diagnosis>| Ending {
        verdict,
        reason,
        task_definition: None,
        diagnosis: diagnosis.cloned(),
    };
    let failure = facts.course.failure();
    let (failed, against) = (failure.reason, failure.against);
    if let Some(error) = &facts.back.error {
        let reason = format!("{failed}; and the roll-back failed: {}", error.message());
        let known = facts.roll_back.as_ref().map(|undone| &undone.diagnosis);
        let unknown = Diagnosis {
            against: Some(against),
            undone: "the roll-back failed".into(),
            ..Diagnosis::default()
        };
        return bad(Verdict::Failed, reason, Some(known.unwrap_or(&unknown)));
    }
    if let Some(undone) = &facts.roll_back {
        let diagnosis = Some(&undone.diagnosis);
        // A look at an earlier way back says nothing about one on which there was nothing to wait for.
        let look = facts.back.look.as_ref();
        let look = look.filter(|_| undone.action != Action::NothingToUndo);
        return match look.filter(|look| look.outcome != Outcome::Steady) {
            Some(look) => {
                let reason = &look.reason;
                let reason = format!("{failed}; and the roll-back did not become steady: {reason}");
                bad(Verdict::Failed, reason, diagnosis)
            }
            // The platform is no judge of a release: once the service is back, it is tried again.
            None if against == Against::Platform
                && matches!(undone.verdict, Verdict::RolledBack | Verdict::Failed) =>
            {
                bad(Verdict::Undecided, failed, diagnosis)
            }
            None => bad(undone.verdict, failed, diagnosis),
        };
    }
    // What speaks against a release leads to the roll-back. Any other error says nothing about it.
    if let Some(error) = &facts.course.error {
        let why = if error.cause.is_empty() {
            error.error.clone()
        } else {
            error.message()
        };
        return bad(Verdict::Undecided, why, None);
    }
    match (&facts.plan, &facts.course.look) {
        (_, Some(look)) if look.outcome == Outcome::Superseded => {
            let reason = "a newer release took its place";
            bad(Verdict::Superseded, reason.into(), None)
        }
        (Some(plan), Some(look)) if matches!(look.outcome, Outcome::Healthy | Outcome::Done) => {
            Ending {
                verdict: Verdict::Succeeded,
                reason: if plan.after {
                    format!("rolled out and verified; {}", look.reason)
                } else {
                    "rolled out and verified".into()
                },
                task_definition: Some(plan.task_definition.clone()),
                diagnosis: None,
            }
        }
        (Some(plan), Some(look)) if look.outcome == Outcome::Unproven => Ending {
            verdict: Verdict::Unproven,
            reason: look.reason.clone(),
            task_definition: Some(plan.task_definition.clone()),
            diagnosis: None,
        },
        (Some(_), Some(look)) if look.outcome == Outcome::Misaimed => {
            let diagnosis = Diagnosis {
                against: Some(against),
                probe: failure.probe,
                undone: "nothing: the service was left as it is".into(),
                ..Diagnosis::default()
            };
            bad(Verdict::Undecided, failed, Some(&diagnosis))
        }
        // The state machine never comes here with these facts. If another one does, the release is no success.
        _ => bad(Verdict::Failed, failed, None),
    }
}

/// The records to write, this release's first. Each is written once: a record that is there already stays.
///
/// Releases between the last concluded one and this one never ran: this one took their place. Nor did those that were passed
/// over.
pub fn records(
    input: &Input,
    ending: &Ending,
    desired: &DesiredState,
    now: Timestamp,
) -> Vec<Record> {
    let timeline = |release: &Release, uncounted: Uncounted| Timeline {
        created_at: release.created_at,
        execution_started_at: Some(input.started_at),
        concluded_at: now,
        blind_seconds: uncounted.blind,
        paused_seconds: uncounted.paused,
        withheld_seconds: uncounted.withheld,
    };
    let unseen = input.unseen_seconds(now);
    // What has a diagnosis was seen, and is undecided for the platform's sake or because its probe was misaimed.
    let seen_against = ending.diagnosis.as_ref().map(|_| ending.against());
    let mut uncounted = input.facts.uncounted();
    if ending.verdict == Verdict::Undecided && seen_against.is_none() {
        uncounted.blind = uncounted.blind.saturating_add(unseen);
    }
    let concluded = Record {
        service: input.service.clone(),
        release: with_acts(&input.release, desired),
        verdict: ending.verdict,
        reason: match ending.verdict {
            Verdict::Drifted => drift::message(&input.service, &ending.reason),
            Verdict::Undecided if seen_against == Some(Against::File) => {
                undecided::misaimed(&input.service, &ending.reason)
            }
            Verdict::Undecided if seen_against.is_some() => {
                let undone = ending.diagnosis.as_ref().map_or("", |each| &each.undone);
                undecided::withheld(&input.service, &ending.reason, undone)
            }
            Verdict::Undecided => undecided::message(&input.service, &ending.reason, unseen),
            _ => ending.reason.clone(),
        },
        task_definition: ending.task_definition.clone(),
        diagnosis: ending.diagnosis.clone(),
        execution: Some(input.execution.clone()),
        timeline: timeline(&input.release, uncounted),
    };
    let older = desired
        .open
        .iter()
        .filter(|release| release.number < input.release.number);
    let superseded = older.map(|release| Record {
        reason: format!(
            "release {} took its place before it was rolled out",
            input.release.number
        ),
        execution: Some(input.execution.clone()),
        timeline: timeline(release, Uncounted::default()),
        ..Record::passed_over(&input.service, release, now)
    });
    let passed_over = desired.passed_over.iter();
    let passed_over = passed_over.map(|release| Record {
        execution: Some(input.execution.clone()),
        timeline: timeline(release, Uncounted::default()),
        ..Record::passed_over(&input.service, release, now)
    });
    let superseded = superseded.chain(passed_over);
    std::iter::once(concluded).chain(superseded).collect()
}

/// The release as the execution claimed it, with what people have done since then too.
fn with_acts(release: &Release, desired: &DesiredState) -> Release {
    let mut open = desired.open.iter();
    let known = open.find(|open| open.number == release.number);
    known.unwrap_or(release).clone()
}

/// Whether a verified release is no success, because its service runs another revision by now. The owner of a task
/// definition that the file does not describe may give the service others. What the service ran before Landfall came is
/// otherwise as foreign as the rest: ECS does not go back after a rollout has completed.
pub fn is_overtaken(whose: Whose, file: &ServiceFile) -> bool {
    match whose {
        Whose::Good | Whose::Accepted | Whose::OurAttempt | Whose::OfOwner => false,
        Whose::Adoptable | Whose::Adopted | Whose::Foreign => file.owns_task_definition(),
    }
}

/// How a release ends that was verified, and whose service was then given a foreign revision.
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
    desired.is_claimed_by(&input.execution, input.release.number)
}

#[cfg(test)]
mod tests;
