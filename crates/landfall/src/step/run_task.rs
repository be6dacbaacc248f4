//! Step `RunTask`: the tasks before or after a rollout, each once, one after the other.
//!
//! A task is noted in the state bucket before ECS is asked for it, so that an execution that takes over finds it: a
//! task runs once for a release, however often a step is repeated and however many executions died meanwhile.

mod by_hand;
mod ending;
mod request;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    by_hand::body_by_hand,
    ending::{Observation, judge, not_found, not_placed, refused},
    request::body,
};
use crate::{
    content::ContentHash,
    desired::DesiredState,
    evidence::Against,
    failure::{self, Stage},
    live::{Failure, LiveTask, TaskStatus},
    look::{self, Look},
    record::{Release, TaskReport},
    service_file::{OnFailure, OneOffTask, Phase, ServiceFile},
    service_id::ServiceId,
    task_definition::family,
};

/// Seconds between two looks at a task; they become rarer with its time.
const INTERVAL: (u64, u64) = (2, 30);
/// For so many seconds an answer of ECS's may not know a task yet that was started.
const NOT_YET_KNOWN: i64 = 300;
/// How much longer, in seconds, a lost task waits each time before it is asked for again: half an hour in all.
const LOST_INTERVAL: u64 = 30;

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// The ARN of the cluster.
    pub cluster: String,
    /// The ARN of the release's revision.
    pub task_definition: String,
    /// Which tasks.
    pub phase: Phase,
    /// The last look, at these tasks or at the rollout before them; none for an execution that began before this was sent.
    #[serde(default)]
    pub look: Option<Look<look::Outcome, Value>>,
}

impl Input {
    /// The answer with the time that the looks so far say was blind, paused or withheld: nothing of that is added by tasks,
    /// whose deadlines are their own.
    #[must_use]
    pub fn carried_on(&self, output: Output) -> Output {
        let last = self.look.as_ref();
        Output {
            blind_seconds: last.map_or(0, |last| last.blind_seconds),
            paused_seconds: last.map_or(0, |last| last.paused_seconds),
            withheld_seconds: last.map_or(0, |last| last.withheld_seconds),
            ..output
        }
    }
}

/// What the step answers.
pub type Output = Look<Outcome>;

/// The outcome of a look at the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A task runs: look again.
    Waiting,
    /// All have run.
    Done,
    /// A task failed, and the release with it.
    Failed,
    /// A newer release should run, and no task of this one does.
    Superseded,
}

/// The tasks that were started for the newest release that has any, as they are kept in the state bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The release.
    pub release: u64,
    /// Phase and name → the task.
    pub tasks: BTreeMap<String, Run>,
}

/// A task that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The `startedBy` by which the task is found in ECS.
    pub started_by: String,
    /// When ECS was first asked for it; for one that was lost, when it was asked for it again.
    pub started_at: Timestamp,
    /// When ECS was or is asked for it next, after it had no room for it before: a start that nobody saw is no older. None before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// When it has taken too long.
    pub deadline: Timestamp,
    /// How often ECS answered that it has no capacity for the task, or lost the task.
    pub refusals: u32,
    /// How often the task was not started, or taken away, for a reason of the platform's.
    #[serde(default)]
    pub lost: u32,
    /// The task's ARN; none until ECS has answered it.
    pub task: Option<String>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// The ARN of the revision that it was asked for with; none in notes of before this was noted.
    #[serde(default)]
    pub task_definition: Option<String>,
}

impl Run {
    /// The family of its task definition, if that is known.
    pub fn family(&self) -> Option<&str> {
        self.task_definition.as_deref().and_then(family)
    }

    /// Whether it was asked for so short a time ago that ECS may not show it yet.
    fn may_be_unseen(&self, now: Timestamp) -> bool {
        let asked_at = self.asked_at.unwrap_or(self.started_at);
        now.duration_since(asked_at) < SignedDuration::from_secs(NOT_YET_KNOWN)
    }

    /// ECS is asked for it once `output` has waited.
    pub fn is_asked_after(&mut self, output: &Output, now: Timestamp) {
        let seconds = i64::try_from(output.wait_seconds).unwrap_or(i64::MAX);
        self.asked_at = now.checked_add(SignedDuration::from_secs(seconds)).ok();
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Whether the container exited with 0.
    pub succeeded: bool,
    /// If it did not: against whom that speaks.
    #[serde(default)]
    pub against: Against,
    /// What was seen.
    pub report: TaskReport,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<'a> {
    /// Nothing: this is the answer.
    Answer(Box<Output>),
    /// Make sure that the task of an earlier release, whose execution died, has ended.
    Await(&'a Run),
    /// Note the task, then ask ECS for it.
    Start(&'a OneOffTask),
    /// ECS may have been asked for it: find it.
    Find(&'a OneOffTask, &'a Run),
    /// Look at it.
    Look(&'a OneOffTask, &'a Run, &'a str),
}

impl Input {
    /// The tasks of this phase.
    pub fn tasks<'a>(&self, file: &'a ServiceFile) -> &'a [OneOffTask] {
        match self.phase {
            Phase::Before => &file.before,
            Phase::After => &file.after,
        }
    }

    /// Under which name a task of this phase is noted.
    pub fn key(&self, task: &OneOffTask) -> String {
        format!("{}/{}", self.phase.word(), task.name)
    }

    /// The `startedBy` of a task of the release in ECS, whichever execution started it.
    fn started_by(&self, task: &OneOffTask, refusals: u32) -> String {
        format!("landfall/{}", &self.identity(task, refusals)[..40])
    }

    /// A task of the release that ECS is asked for now.
    pub fn run(&self, task: &OneOffTask, now: Timestamp) -> Run {
        let seconds = i64::try_from(task.timeout_seconds).unwrap_or(i64::MAX);
        Run {
            started_by: self.started_by(task, 0),
            started_at: now,
            asked_at: None,
            deadline: now
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX),
            refusals: 0,
            lost: 0,
            task: None,
            ended: None,
            task_definition: Some(self.task_definition.clone()),
        }
    }

    /// The same task, asked for again because the platform lost it: another request, another `startedBy`, and all of its
    /// time.
    pub fn again(&self, task: &OneOffTask, lost: &Run, now: Timestamp) -> Run {
        let refusals = lost.refusals + 1;
        Run {
            started_by: self.started_by(task, refusals),
            refusals,
            lost: lost.lost + 1,
            ..self.run(task, now)
        }
    }

    fn identity(&self, task: &OneOffTask, refusals: u32) -> String {
        let named = json!([self.service, self.release.number, self.key(task), refusals]);
        ContentHash::of(&named).to_string()
    }
}

impl Runs {
    /// Nothing was started for `release` yet.
    pub fn none(release: u64) -> Self {
        Self {
            release,
            tasks: BTreeMap::new(),
        }
    }

    /// Notes a task of `release`; what is known of another release's is forgotten.
    pub fn note(&mut self, release: u64, key: String, run: Run) {
        if self.release != release {
            *self = Self::none(release);
        }
        self.tasks.insert(key, run);
    }
}

/// Decides what comes next from what was noted. An execution that does not hold the claim, because it was redriven after
/// another had taken it, runs nothing.
///
/// A task that runs is never interrupted for a newer release: half a migration is worse than none. Nor does the newer
/// release start its own before that one has ended, also if the execution that waited for it died.
pub fn next<'a>(
    input: &Input,
    tasks: &'a [OneOffTask],
    runs: &'a Runs,
    desired: &DesiredState,
) -> Next<'a> {
    let number = input.release.number;
    if !desired.is_claimed_by(&input.execution, number) {
        return Next::Answer(Box::new(supersede(desired)));
    }
    let superseded = desired.supersedes(number) || runs.release > number;
    let mut unended = runs.tasks.values().filter(|run| run.ended.is_none());
    if let Some(run) = unended.next().filter(|_| runs.release < number) {
        return Next::Await(run);
    }
    let mut reasons = Vec::new();
    for task in tasks {
        let run = runs.tasks.get(&input.key(task));
        match run.filter(|_| runs.release == number) {
            None if superseded => return Next::Answer(Box::new(supersede(desired))),
            None => return Next::Start(task),
            Some(Run {
                ended: Some(ended), ..
            }) if ended.succeeded => reasons.push(format!("{} succeeded", task.name)),
            Some(Run {
                ended: Some(ended), ..
            }) => {
                let reason = failure(input.phase, task, &ended.report);
                if input.phase == Phase::Before || task.on_failure == OnFailure::RollBack {
                    return Next::Answer(Box::new(failed(input.phase, reason, ended)));
                }
                reasons.push(format!("{reason}; ignored"));
            }
            Some(
                run @ Run {
                    task: Some(arn), ..
                },
            ) => return Next::Look(task, run, arn),
            Some(run) if superseded && run.lost > 0 => {
                return Next::Answer(Box::new(supersede(desired)));
            }
            Some(run) => return Next::Find(task, run),
        }
    }
    if superseded && input.phase == Phase::Before {
        return Next::Answer(Box::new(supersede(desired)));
    }
    Next::Answer(Box::new(Output::of(Outcome::Done, reasons.join("; "))))
}

/// A task before the rollout leaves the service untouched; one after it says that the release does not do well.
fn failed(phase: Phase, reason: String, ended: &Ended) -> Output {
    let failure = failure::Failure {
        stage: match phase {
            Phase::Before => Stage::Task,
            Phase::After => Stage::Health,
        },
        against: ended.against,
        reason: reason.clone(),
        probe: None,
        task: Some(ended.report.clone()),
    };
    Output {
        failure: Some(failure),
        ..Output::of(Outcome::Failed, reason)
    }
}

fn supersede(desired: &DesiredState) -> Output {
    Output::of(
        Outcome::Superseded,
        format!("release {} should run", desired.last_number),
    )
}

/// The answer while a task runs.
pub fn waiting(run: &Run, reason: impl Into<String>, now: Timestamp) -> Output {
    let elapsed = u64::try_from(now.duration_since(run.started_at).as_secs()).unwrap_or(0);
    Output {
        wait_seconds: (elapsed / 10).clamp(INTERVAL.0, INTERVAL.1),
        ..Output::of(Outcome::Waiting, reason)
    }
}

/// Why a task of an earlier release is waited for, by what `DescribeTasks` shows of it: `live`, none if ECS does not know the
/// task, or nothing of its start. None once it has ended.
pub fn awaited(run: &Run, live: Option<&LiveTask>, now: Timestamp) -> Option<&'static str> {
    match live {
        Some(live) if live.last_status == TaskStatus::Stopped => None,
        Some(_) => Some("a task of an earlier release still runs"),
        None if run.may_be_unseen(now) => {
            Some("ECS does not show yet whether a task of an earlier release runs")
        }
        None => None,
    }
}

/// The answer when the platform lost a task, and it is noted as `run` that it has to be asked for again.
pub fn lost(run: &Run, reason: impl Into<String>, now: Timestamp) -> Output {
    Output {
        wait_seconds: LOST_INTERVAL.saturating_mul(run.lost.into()),
        ..waiting(run, reason, now)
    }
}

/// Why ECS started no task, in a line.
pub fn listed(failures: &[Failure]) -> String {
    let each: Vec<_> = failures.iter().map(Failure::to_string).collect();
    each.join("; ")
}

fn failure(phase: Phase, task: &OneOffTask, report: &TaskReport) -> String {
    let mut text = format!(
        "the task `{}` {} the rollout failed: {}",
        task.name,
        phase.word(),
        report.reason
    );
    if let Some(log) = &report.log {
        text.push_str(&format!("; its log is {} in {}", log.stream, log.group));
    }
    text
}

#[cfg(test)]
mod tests;
