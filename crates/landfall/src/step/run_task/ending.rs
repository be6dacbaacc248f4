//! How a task before or after a rollout ended, and against whom that speaks.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Ended, Input, Run, listed};
use crate::{
    container_log::Destination,
    evidence::{self, Against, Brought},
    live::{Failure, LiveTask, StopCode, TaskStatus},
    record::{TaskLog, TaskReport},
    service_file::{OneOffTask, ServiceFile},
    task_definition::containers,
};

/// ECS forgets a stopped task after an hour, and a `clientToken` an hour after its task or after a day
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>). A task that was asked for longer
/// ago than these seconds and is not found may have run.
const FORGOTTEN: i64 = 3_000;
/// How often a task is asked for again that the platform did not start, or took away.
const LOST_AT_MOST: u32 = 10;

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

/// What ECS's refusal to place a task means: how it ended, or nothing if it is worth asking again.
pub fn not_placed(
    input: &Input,
    task: &OneOffTask,
    run: &Run,
    failures: &[Failure],
    now: Timestamp,
) -> Option<Ended> {
    let may_pass = failures.iter().any(Failure::may_pass);
    let against = if may_pass {
        Against::Platform
    } else {
        Against::File
    };
    let why = || format!("ECS does not run it: {}", listed(failures));
    (!may_pass || now >= run.deadline).then(|| without_task(input, task, against, why()))
}

/// What it means that ECS does not know a task that it may have been asked for: how it ended, or nothing if it can be
/// asked for once more. An end that nobody saw says nothing about the release.
pub fn not_found(input: &Input, task: &OneOffTask, run: &Run, now: Timestamp) -> Option<Ended> {
    let asked_before = now.duration_since(run.started_at);
    (asked_before > SignedDuration::from_secs(FORGOTTEN)).then(|| {
        let reason = "it is not known whether it ran: whoever started it died, and ECS no longer knows of it";
        without_task(input, task, Against::Platform, reason.into())
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
        return if run.may_be_unseen(now) {
            Observation::Runs { stop: None }
        } else {
            Observation::Ended(
                failed(
                    Against::Platform,
                    "ECS no longer knows how it ended".into(),
                    None,
                ),
                false,
            )
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

/// Where the log of a container is. Of one without a prefix only Docker knows the stream.
fn log(file: &ServiceFile, container: &str, arn: &str) -> Option<TaskLog> {
    let found = containers(&file.task_definition)
        .find(|each| each.get("name").and_then(Value::as_str) == Some(container))?;
    let Destination::CloudWatch(logs) = Destination::of(found) else {
        return None;
    };
    let stream = logs.stream(container, arn, None)?;
    Some(TaskLog {
        group: logs.group,
        stream,
    })
}
