//! Releases, how they end, and what is remembered of them.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{content::ContentHash, image::Image, service_file::Phase, service_id::ServiceId};

/// What should run, as content: a service file and the images for its containers. Two releases with the same content
/// would do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The accepted service file, by hash.
    pub file: ContentHash,
    /// Container name → image.
    pub images: BTreeMap<String, Image>,
}

impl Content {
    /// Whether both run the same bytes in the same way. A new tag on the same image changes nothing.
    pub fn runs_the_same_as(&self, other: &Self) -> bool {
        let digests = |content: &Self| -> Vec<(String, String, String)> {
            let images = content.images.iter();
            images
                .map(|(name, image)| (name.clone(), image.repository.clone(), image.digest.clone()))
                .collect()
        };
        self.file == other.file && digests(self) == digests(other)
    }
}

/// One numbered, immutable answer to "what should run".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Counts from 1 for each service and only grows.
    pub number: u64,
    /// What should run.
    #[serde(flatten)]
    pub content: Content,
    /// What brought it about.
    pub cause: Cause,
    /// When the desired state took it up.
    pub created_at: Timestamp,
}

/// What brought a release about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Cause {
    /// An image was pushed that a follow rule admits.
    ImagePushed {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// `sha256:…`
        digest: String,
    },
    /// The service file changed.
    #[serde(rename_all = "camelCase")]
    ServiceFileChanged {
        /// Its key in the config bucket.
        key: String,
        /// Its object version in S3.
        version_id: String,
    },
    /// An operator ended a hold, and the service ran something else than the last good release.
    Resumed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImagePushed {
                repository, tag, ..
            } => write!(f, "{repository}:{tag} was pushed"),
            Self::ServiceFileChanged { key, .. } => write!(f, "{key} changed"),
            Self::Resumed => f.write_str("its hold was ended"),
        }
    }
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Rolled out and verified.
    Succeeded,
    /// It was bad; the last good release serves again.
    RolledBack,
    /// A step failed for good before the service was touched; or it did not come to serve, and there is no last good
    /// release, or the way back failed.
    Failed,
    /// A newer release took its place.
    Superseded,
    /// AWS or Landfall refused it before the service was touched.
    Rejected,
    /// Somebody else gave the service another revision, and Landfall left it alone.
    Drifted,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
            Self::Drifted => "drifted",
        })
    }
}

/// A registered task definition revision and the content it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    /// `arn:…:task-definition/<family>:<revision>`
    pub arn: String,
    /// The hash of what was registered.
    pub content: ContentHash,
}

/// How an execution ends a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The verdict.
    pub verdict: Verdict,
    /// Why: a sentence, or the Step Functions cause of a failed step, which holds one.
    pub reason: String,
    /// What a succeeded release runs.
    pub task_definition: Option<TaskDefinition>,
    /// What was seen of a bad release.
    pub diagnosis: Option<Diagnosis>,
}

/// What people need to know about a bad release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Tasks of the release that stopped, newest first; those that ECS only wanted no longer come last.
    pub stopped_tasks: Vec<StoppedTask>,
    /// The service's events since the release began, newest first.
    pub service_events: Vec<String>,
    /// What the HTTP probe got.
    pub probe: Option<ProbeAnswer>,
    /// The task before or after the rollout that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskReport>,
    /// What was done to the service, in a sentence.
    pub undone: String,
}

/// What became of a task that ran before or after a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskReport {
    /// Its name in the service file.
    pub name: String,
    /// When it ran.
    pub phase: Phase,
    /// Its ARN, if ECS ran it.
    pub task: Option<String>,
    /// How it ended: the exit code, or ECS's `stoppedReason`.
    pub reason: String,
    /// The exit code of its container, if that ran.
    pub exit_code: Option<i32>,
    /// Where its container's log is, if the awslogs driver writes it.
    pub log: Option<TaskLog>,
}

/// A stream in CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLog {
    /// The log group.
    pub group: String,
    /// The stream.
    pub stream: String,
}

/// A task that stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedTask {
    /// The task's ARN.
    pub task: String,
    /// ECS's `stoppedReason`.
    pub reason: String,
    /// The containers that exited or gave a reason.
    pub containers: Vec<StoppedContainer>,
}

/// A container of a stopped task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// Its exit code, if it ran.
    pub exit_code: Option<i32>,
    /// ECS's reason, e.g. `CannotPullContainerError: …`.
    pub reason: Option<String>,
}

/// What an HTTP probe got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAnswer {
    /// The URL that was asked.
    pub url: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the body.
    pub body: String,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// The history object of one release; written once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Which service.
    pub service: ServiceId,
    /// Which release.
    pub release: Release,
    /// How it ended.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What it ran, if it succeeded.
    pub task_definition: Option<TaskDefinition>,
    /// What was seen, if it was bad.
    pub diagnosis: Option<Diagnosis>,
    /// The execution that ended it.
    pub execution: String,
    /// When what happened.
    pub timeline: Timeline,
}

/// When what happened to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The desired state took it up.
    pub created_at: Timestamp,
    /// The execution that ended it started; it may have worked on earlier releases first.
    pub execution_started_at: Timestamp,
    /// It got its verdict.
    pub concluded_at: Timestamp,
}

impl Record {
    /// The ending that this record tells, for an execution that finishes what another began.
    pub fn ending(&self) -> Ending {
        Ending {
            verdict: self.verdict,
            reason: self.reason.clone(),
            task_definition: self.task_definition.clone(),
            diagnosis: self.diagnosis.clone(),
        }
    }
}
