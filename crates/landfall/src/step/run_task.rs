//! Step `RunTask`: the tasks before or after a rollout, each once, one after the other.
//!
//! A task is noted in the state bucket before ECS is asked for it, so that an execution that takes over finds it: a
//! task runs once for a release, however often a step is repeated and however many executions died meanwhile.

mod request;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::request::body;
use crate::{
    content::ContentHash,
    desired::DesiredState,
    evidence::{self, Against, Brought},
    failure::{self, Stage},
    live::{Failure, LiveTask, StopCode, TaskStatus},
    look::{self, Look},
    record::{Release, TaskLog, TaskReport},
    service_file::{OnFailure, OneOffTask, Phase, ServiceFile},
    service_id::ServiceId,
    task_definition::{containers, family},
};

/// Seconds between two looks at a task; they become rarer with its time.
const INTERVAL: (u64, u64) = (2, 30);
/// For so many seconds an answer of ECS's may not know a task yet that was started.
const NOT_YET_KNOWN: i64 = 300;
/// ECS forgets a stopped task after an hour, and a `clientToken` an hour after its task or after a day
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>). A task that was asked for longer
/// ago than these seconds and is not found may have run.
const FORGOTTEN: i64 = 3_000;

/// How often a task is asked for again that the platform did not start, or took away.
const LOST_AT_MOST: u32 = 10;
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
        now.duration_since(self.started_at) < SignedDuration::from_secs(NOT_YET_KNOWN)
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

/// What `DescribeTasks` shows of a one-off task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The task has not ended. If it has taken too long, it is stopped.
    Runs {
        /// The reason that `StopTask` is given; none while the task has time left.
        stop: Option<String>,
    },
    /// The task's container has ended; and whether other containers of the task have to be stopped.
    Ended(Ended, bool),
    /// The platform did not start the task, or took it away, for this reason: it is asked for again.
    Lost(String),
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
    Next::Answer(Box::new(Output {
        outcome: Outcome::Done,
        reason: reasons.join("; "),
        wait_seconds: 0,
        failure: None,
        progress: (),
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    }))
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
        outcome: Outcome::Failed,
        reason,
        wait_seconds: 0,
        failure: Some(failure),
        progress: (),
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    }
}

fn supersede(desired: &DesiredState) -> Output {
    Output {
        outcome: Outcome::Superseded,
        reason: format!("release {} should run", desired.last_number),
        wait_seconds: 0,
        failure: None,
        progress: (),
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    }
}

/// The answer while a task runs.
pub fn waiting(run: &Run, reason: impl Into<String>, now: Timestamp) -> Output {
    let elapsed = u64::try_from(now.duration_since(run.started_at).as_secs()).unwrap_or(0);
    Output {
        outcome: Outcome::Waiting,
        reason: reason.into(),
        wait_seconds: (elapsed / 10).clamp(INTERVAL.0, INTERVAL.1),
        failure: None,
        progress: (),
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
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

/// What ECS's refusal to place a task means: how it ended, or nothing if it is worth asking again.
pub fn not_placed(
    input: &Input,
    task: &OneOffTask,
    run: &Run,
    failures: &[Failure],
    now: Timestamp,
) -> Option<Ended> {
    let may_pass = failures.iter().any(Failure::may_pass);
    let against = match may_pass {
        true => Against::Platform,
        false => Against::File,
    };
    let why = || format!("ECS does not run it: {}", listed(failures));
    (!may_pass || now >= run.deadline).then(|| without_task(input, task, against, why()))
}

/// Why ECS started no task, in a line.
pub fn listed(failures: &[Failure]) -> String {
    let each: Vec<_> = failures.iter().map(Failure::to_string).collect();
    each.join("; ")
}

/// What it means that ECS does not know a task that it may have been asked for: how it ended, or nothing if it can be
/// asked for once more.
pub fn not_found(input: &Input, task: &OneOffTask, run: &Run, now: Timestamp) -> Option<Ended> {
    let asked_before = now.duration_since(run.started_at);
    (asked_before > SignedDuration::from_secs(FORGOTTEN)).then(|| {
        let reason = "it is not known whether it ran: whoever started it died, and ECS no longer knows of it";
        without_task(input, task, Against::Nobody, reason.into())
    })
}

/// How a task ended that ECS refused to run.
pub fn refused(input: &Input, task: &OneOffTask, reason: String) -> Ended {
    without_task(input, task, Against::File, reason)
}

fn without_task(input: &Input, task: &OneOffTask, against: Against, reason: String) -> Ended {
    Ended {
        succeeded: false,
        against,
        report: TaskReport {
            name: task.name.clone(),
            phase: input.phase,
            task: None,
            reason,
            exit_code: None,
            log: None,
        },
    }
}

/// Judges a task that was started by what `DescribeTasks` shows of it: `live`, none if ECS does not know the task.
pub fn judge(
    input: &Input,
    task: &OneOffTask,
    run: &Run,
    arn: &str,
    live: Option<&LiveTask>,
    file: &ServiceFile,
    now: Timestamp,
) -> Observation {
    let report = |reason: String, exit_code| TaskReport {
        name: task.name.clone(),
        phase: input.phase,
        task: Some(arn.to_owned()),
        reason,
        exit_code,
        log: log(file, &task.container, arn),
    };
    let failed = |against, reason: String, exit_code| Ended {
        succeeded: false,
        against,
        report: report(reason, exit_code),
    };
    let Some(live) = live else {
        return match run.may_be_unseen(now) {
            true => Observation::Runs { stop: None },
            false => Observation::Ended(
                failed(
                    Against::Nobody,
                    "ECS no longer knows how it ended".into(),
                    None,
                ),
                false,
            ),
        };
    };
    let container = live
        .containers
        .iter()
        .find(|container| container.name == task.container);
    let exit_code = container.and_then(|container| container.exit_code);
    let by_itself = live
        .stop_code
        .as_ref()
        .is_none_or(|code| *code == StopCode::EssentialContainerExited);
    if let (Some(code), true) = (exit_code, by_itself) {
        let ended = Ended {
            succeeded: code == 0,
            against: Against::Release,
            report: report(
                format!("container {} exited with {code}", task.container),
                exit_code,
            ),
        };
        return Observation::Ended(ended, live.desired_status != TaskStatus::Stopped);
    }
    if live.last_status == TaskStatus::Stopped {
        let stopped = live.stopped_reason.as_deref().unwrap_or("no reason given");
        let why = live
            .containers
            .iter()
            .filter_map(|container| container.reason.as_deref())
            .find(|reason| *reason != stopped);
        let reason = match why {
            Some(why) => format!("{stopped} ({why})"),
            None => stopped.to_owned(),
        };
        let images = input.release.content.images.iter();
        let brought: Brought = images
            .map(|(container, image)| (container.clone(), image.digest.clone()))
            .collect();
        let code = live.stop_code.as_ref();
        let against = match evidence::of_stopped(code, stopped, &live.containers, &brought) {
            // Landfall stopped it because it took too long: if none of its containers ran, ECS did not start it.
            Against::Nobody if now >= run.deadline => {
                let ran = live.containers.iter().any(|each| each.exit_code.is_some());
                if ran {
                    Against::Release
                } else {
                    Against::Platform
                }
            }
            against => against,
        };
        if against == Against::Platform && run.lost < LOST_AT_MOST {
            return Observation::Lost(reason);
        }
        return Observation::Ended(failed(against, reason, exit_code), false);
    }
    let stop = now >= run.deadline && live.desired_status != TaskStatus::Stopped;
    Observation::Runs {
        stop: stop.then(|| {
            format!(
                "Landfall: it did not end within {} seconds",
                task.timeout_seconds
            )
        }),
    }
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

/// Where the awslogs driver writes what the container writes
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>): with a prefix, its stream is
/// `prefix/container/task id`. Without one it is named after the container's id in Docker, which no API answers.
fn log(file: &ServiceFile, container: &str, arn: &str) -> Option<TaskLog> {
    let found = containers(&file.task_definition)
        .find(|each| each.get("name").and_then(Value::as_str) == Some(container))?;
    let configuration = found.get("logConfiguration")?;
    if configuration.get("logDriver")?.as_str()? != "awslogs" {
        return None;
    }
    let option = |name: &str| configuration.get("options")?.get(name)?.as_str();
    let id = arn.rsplit('/').next()?;
    Some(TaskLog {
        group: option("awslogs-group")?.into(),
        stream: format!("{}/{container}/{id}", option("awslogs-stream-prefix")?),
    })
}

#[cfg(test)]
mod tests;
