//! Evidence: what speaks against whom when a release does not come up. What ECS says of a task that stopped, and of tasks
//! that it cannot start, is looked up in two tables; nothing else decides who is to blame.
//!
//! ECS says most of it in words only, so the tables hold parts of AWS's texts. What they do not know is read in the safe
//! form: a task that never started says nothing about the image that it was to run, and one that somebody stopped says
//! nothing about anybody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::live::{EndedTask, LiveService, StopCode, StoppedContainer};

/// Against whom the evidence speaks that stopped a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// The release: its own tasks ran and failed, its image is missing or for another platform, its targets are unhealthy
    /// while its tasks run, or its answer is wrong; or its owner declined it at a pause. Its images are put into quarantine.
    #[default]
    Release,
    /// AWS, and what stands between it and the release: no capacity, no address, no network, Spot, a host that failed.
    /// The release is tried again later.
    Platform,
    /// The service file, or something that it names: AWS refuses it, an image of another team or a secret is missing, or its
    /// probe does not come to the service.
    File,
    /// None of these: somebody decided so, or nothing tells.
    Nobody,
}

/// The images that a release brings, which the last good one did not run: container name → `sha256:…`
pub type Brought = BTreeMap<String, String>;

/// What a stopped task says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// It ran, and died of what it runs.
    Died,
    /// A container cannot be started from its image: the release's if it brings that image, else the file's that names
    /// it.
    OfImage,
    /// Something that the file names is missing.
    OfFile,
    /// The platform could not start it, or took it away.
    OfPlatform,
}

/// A row of [`STOPPED`].
struct Row {
    /// The task's `stopCode`; none for any.
    code: Option<StopCode>,
    /// The kind of error that the text has to name; empty for any.
    kind: &'static str,
    /// The parts of the text, in small letters, of which there has to be one; none for any text.
    parts: &'static [&'static str],
    says: Says,
}

const fn row(
    code: StopCode,
    kind: &'static str,
    parts: &'static [&'static str],
    says: Says,
) -> Row {
    let code = Some(code);
    Row {
        code,
        kind,
        parts,
        says,
    }
}

/// What a stopped task's `stopCode`, `stoppedReason` and the `reason` of its containers say; the first row that fits
/// counts. A task that fits none says nothing.
///
/// Stop codes: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>. Kinds of errors:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>. Pulling:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html>. Placement:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html> (`TaskFailedToStart: RESOURCE:*`,
/// `AGENT`, `EMPTY CAPACITY PROVIDER` and others).
const STOPPED: &[Row] = &[
    // While a Spot task goes down its stop code may be missing, or be another one
    // (<https://github.com/aws/containers-roadmap/issues/1565>,
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>). An instance that is
    // terminated: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html>. Fargate's
    // retirement of tasks: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-maintenance.html>.
    Row {
        code: None,
        kind: "",
        parts: &[
            "your spot task was interrupted",
            "host ec2 (instance",
            "performing maintenance on the underlying infrastructure",
        ],
        says: Says::OfPlatform,
    },
    row(StopCode::SpotInterruption, "", &[], Says::OfPlatform),
    row(StopCode::TerminationNotice, "", &[], Says::OfPlatform),
    // An exit, also one by the kernel for its memory (`OutOfMemoryError`).
    row(StopCode::EssentialContainerExited, "", &[], Says::Died),
    // The code is also that of a task which a deployment or a lower desired count gave up: only the reason tells
    // (<https://repost.aws/knowledge-center/ecs-task-stopped>,
    // <https://github.com/aws/containers-roadmap/issues/612>).
    row(
        StopCode::ServiceSchedulerInitiated,
        "",
        &[
            "task failed container health checks",
            "task failed elb health checks in",
        ],
        Says::Died,
    ),
    // The registry or the way to it: <https://github.com/aws/aws-xray-daemon/issues/146>,
    // <https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/102>.
    row(
        StopCode::TaskFailedToStart,
        "cannotpull",
        &[
            "timeout",
            "timed out",
            "deadline exceeded",
            "canceled",
            "dial tcp",
            "connection re",
            "toomanyrequests",
            "too many requests",
            "rate limit",
            "rate exceeded",
            "internal server error",
            "service unavailable",
            "bad gateway",
            "no space left on device",
        ],
        Says::OfPlatform,
    ),
    // Missing, or not for the platform of the task.
    row(
        StopCode::TaskFailedToStart,
        "cannotpull",
        &[
            "not found",
            "api error (404)",
            "manifest unknown",
            "name unknown",
            "descriptor matching platform",
            "no matching manifest",
        ],
        Says::OfImage,
    ),
    // <https://github.com/aws/amazon-ecs-agent/issues/4825> has what else prevents the start; these do not pass.
    row(
        StopCode::TaskFailedToStart,
        "",
        &[
            "log group does not exist",
            "can't find the specified secret",
            "did not contain json key",
            "invalid ssm parameters",
            "failed to initialize logging driver",
        ],
        Says::OfFile,
    ),
    // A container that the runtime cannot start: its entry point is missing, not executable, or for another processor
    // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cannot-start-container.html>).
    row(
        StopCode::TaskFailedToStart,
        "cannotstart",
        &[],
        Says::OfImage,
    ),
    // `ResourceInitializationError`, `ContainerRuntimeTimeoutError`, `RESOURCE:…`, `Timeout waiting for network interface
    // provisioning to complete.`, `Capacity is unavailable at this time` and all that is not known: the safe form.
    row(StopCode::TaskFailedToStart, "", &[], Says::OfPlatform),
];

/// A task that has stopped, as far as it says why.
struct Stopped<'a> {
    code: Option<&'a StopCode>,
    reason: &'a str,
    containers: &'a [StoppedContainer],
}

impl Row {
    fn fits(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let has_part = self.parts.is_empty() || self.parts.iter().any(|part| text.contains(part));
        has_part && text.contains(self.kind)
    }
}

impl Stopped<'_> {
    /// The row that fits, and whether it does by what is said of an image that the release brings.
    fn row(&self, brought: &Brought) -> Option<(&'static Row, bool)> {
        let reasons = self.containers.iter();
        let reasons =
            reasons.filter_map(|each| Some((Some(each.name.as_str()), each.reason.as_deref()?)));
        let texts: Vec<_> = std::iter::once((None, self.reason))
            .chain(reasons)
            .collect();
        let fits = |row: &&Row| row.code.is_none() || row.code.as_ref() == self.code;
        STOPPED.iter().filter(fits).find_map(|row| {
            let fitting: Vec<_> = texts.iter().filter(|(_, text)| row.fits(text)).collect();
            let is_brought = fitting.iter().any(|(container, text)| match container {
                Some(container) => brought.contains_key(*container),
                None => brought.values().any(|digest| text.contains(digest)),
            });
            (!fitting.is_empty()).then_some((row, is_brought))
        })
    }

    fn against(&self, brought: &Brought) -> Against {
        match self.row(brought).map(|(row, ours)| (row.says, ours)) {
            Some((Says::Died, _) | (Says::OfImage, true)) => Against::Release,
            Some((Says::OfImage, false) | (Says::OfFile, _)) => Against::File,
            Some((Says::OfPlatform, _)) => Against::Platform,
            // It was not needed any more, somebody stopped it, or the code is not known here.
            None => Against::Nobody,
        }
    }
}

/// Against whom a task speaks that stopped with this code, for this reason, its containers for these.
pub fn of_stopped(
    code: Option<&StopCode>,
    reason: &str,
    containers: &[StoppedContainer],
    brought: &Brought,
) -> Against {
    let stopped = Stopped {
        code,
        reason,
        containers,
    };
    stopped.against(brought)
}

impl EndedTask {
    fn stopped(&self) -> Stopped<'_> {
        Stopped {
            code: self.stop_code.as_ref(),
            reason: &self.task.reason,
            containers: &self.task.containers,
        }
    }

    /// Whether the task stopped for a reason of its own: an essential container exited, also where the kernel killed it
    /// for its memory (exit code 137), or a health check failed. What did not start, was scaled in, was interrupted with
    /// its Spot capacity or instance, or was stopped by a person, did not die.
    pub fn died(&self) -> bool {
        let row = self.stopped().row(&Brought::new());
        row.is_some_and(|(row, _)| row.says == Says::Died)
    }

    /// Against whom the end of the task speaks, in a release that brings these images.
    pub fn against(&self, brought: &Brought) -> Against {
        self.stopped().against(brought)
    }
}

/// Parts of a service's events about its tasks, and against whom they speak while nothing newer says otherwise
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>). An event is not
/// repeated while its cause lasts, for six hours.
const EVENTS: &[(&str, Against)] = &[
    ("was unable to place a task", Against::Platform),
    ("operations are being throttled", Against::Platform),
    (
        "was unable to stop or start tasks during a deployment because of the service deployment configuration",
        Against::File,
    ),
    ("has started ", Against::Nobody),
    ("has reached a steady state", Against::Nobody),
];

/// What speaks, and against whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Against whom.
    pub against: Against,
    /// What, in ECS's words.
    pub reason: String,
}

/// What the newest event about the tasks of a service says, of those since this moment.
fn of_events(live: &LiveService, since: Timestamp) -> Option<Evidence> {
    let mut events = live.events.iter().filter(|(at, _)| *at >= since);
    events.find_map(|(_, message)| {
        let (_, against) = EVENTS.iter().find(|(part, _)| message.contains(part))?;
        Some(Evidence {
            against: *against,
            reason: message.clone(),
        })
    })
}

/// What speaks against whom in a rollout of `revision` that began at `since`: the tasks of the revision that stopped, and
/// the service's events. One task that died of itself outweighs all that the platform did to others.
pub fn of_rollout(
    ended: &[EndedTask],
    live: Option<&LiveService>,
    revision: &str,
    since: Timestamp,
    brought: &Brought,
) -> Option<Evidence> {
    let ours = ended.iter().filter(|task| {
        task.task_definition == revision && task.stopping_at.is_none_or(|at| at >= since)
    });
    let mut judged: Vec<_> = ours.map(|task| (task.against(brought), task)).collect();
    judged.sort_by_key(|(_, task)| std::cmp::Reverse(task.stopping_at));
    let of = |against: Against| {
        let (_, task) = judged.iter().find(|(each, _)| *each == against)?;
        Some(Evidence {
            against,
            reason: format!("{}: {}", task.task.task, task.cause()),
        })
    };
    let event = live.and_then(|live| of_events(live, since));
    let event = event.filter(|event| event.against != Against::Nobody);
    of(Against::Release)
        .or_else(|| of(Against::File))
        .or(event)
        .or_else(|| of(Against::Platform))
}

/// Part of the reason with which ECS ends a deployment that somebody told it to roll back
/// (<https://github.com/hashicorp/terraform-provider-aws/issues/49077>).
const BY_PERSON: &str = "rolled back by user";

/// Whether ECS took a deployment back because somebody told it to, as it says in the reason.
pub fn is_by_person(reason: &str) -> bool {
    reason.to_ascii_lowercase().contains(BY_PERSON)
}

#[cfg(test)]
mod tests;
