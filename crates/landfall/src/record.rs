//! Releases, their verdicts, and the records that the state bucket holds of them.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    act::Act,
    content::ContentHash,
    evidence::Against,
    image::Image,
    live::{StoppedTask, UNSEEN_SECONDS},
    probe::ProbeAnswer,
    service_file::Phase,
    service_id::ServiceId,
};

/// The content of a release: a service file and the images for its containers. Two releases with the same content would
/// do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The accepted service file, by hash.
    pub file: ContentHash,
    /// Container name → image.
    pub images: BTreeMap<String, Image>,
    /// The hash of what the file's containers run with ([`ServiceFile::containers`]); none in a content from before that
    /// was noted.
    ///
    /// [`ServiceFile::containers`]: crate::service_file::ServiceFile::containers
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<ContentHash>,
}

impl Content {
    /// Whether both contents have the same service file and the same image digests. Another tag of the same image makes
    /// no difference.
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

/// A release: one numbered, immutable version of what should run in a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its number: it counts from 1 for each service and only grows.
    pub number: u64,
    /// What should run.
    #[serde(flatten)]
    pub content: Content,
    /// What the release was made for.
    pub cause: Cause,
    /// When the release was written into the desired state.
    pub created_at: Timestamp,
    /// What people did that let it begin, or begin again, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
}

impl Release {
    /// Whether the release is so new that the service which its file adopts may only be being made: a template makes both
    /// in one go, and ECS shows a new service only after a while ([`UNSEEN_SECONDS`]).
    pub fn may_precede_its_service(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at).as_secs() < UNSEEN_SECONDS
    }
}

/// What a release was made for.
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
    /// A tag that was followed is gone, and another image takes the place of what had it.
    TagGone {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// The service file changed.
    #[serde(rename_all = "camelCase")]
    ServiceFileChanged {
        /// Its key in the config bucket.
        key: String,
        /// Its object version in S3.
        version_id: String,
    },
    /// An operator ended a hold, and the service ran another revision than the last good release's, or the last release
    /// was undecided.
    Resumed,
    /// An operator had the newest content tried again.
    Retried,
    /// Tasks run of a release that was unproven, so that it can be verified.
    TasksCame,
    /// The last release was undecided because AWS did not answer or could not start its tasks, and AWS answers again.
    SightRestored,
    /// A release with new images of several containers was bad, and the images are tried one container at a time.
    Trial {
        /// The number of the release that was bad.
        release: u64,
    },
    /// An operator went back to what an earlier release ran.
    WentBack {
        /// The number of that release.
        to: u64,
    },
    /// An operator had a tag deployed that does not come by itself.
    Deployed {
        /// The tag.
        tag: String,
    },
    /// What a later version of Landfall noted, which was rolled back to this one since.
    #[serde(other)]
    Unknown,
}

impl Cause {
    /// Whether a release of `content` is what this asks for: it runs the image that was pushed, if one was.
    pub(crate) fn is_met_by(&self, content: &Content) -> bool {
        match self {
            Self::ImagePushed {
                repository, digest, ..
            } => {
                let mut images = content.images.values();
                images.any(|image| image.repository == *repository && image.digest == *digest)
            }
            _ => true,
        }
    }

    /// Whether an operator chose what is released, and not only when.
    pub fn is_by_hand(&self) -> bool {
        matches!(self, Self::WentBack { .. } | Self::Deployed { .. })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImagePushed {
                repository, tag, ..
            } => write!(f, "{repository}:{tag} was pushed"),
            Self::TagGone { repository, tag } => write!(f, "{repository}:{tag} was deleted"),
            Self::ServiceFileChanged { key, .. } => write!(f, "{key} changed"),
            Self::Resumed => f.write_str("its hold was ended"),
            Self::Retried => f.write_str("it was tried again"),
            Self::TasksCame => f.write_str("tasks are asked for of a release that was unproven"),
            Self::SightRestored => f.write_str("AWS answers again"),
            Self::Trial { release } => write!(
                f,
                "the images of release {release} are tried one container at a time"
            ),
            Self::WentBack { to } => write!(f, "an operator went back to release {to}"),
            Self::Deployed { tag } => write!(f, "an operator had {tag} deployed"),
            Self::Unknown => f.write_str("a later version of Landfall noted why"),
        }
    }
}

/// The verdict: how a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The release was rolled out and verified.
    Succeeded,
    /// The service was given the release while its desired count was 0: no task of it ran, so nothing was verified.
    Unproven,
    /// The release was bad; the last good release serves again.
    RolledBack,
    /// A step failed for good before the service was changed; or the release was bad, and there is no last good
    /// release, or the roll-back failed too.
    Failed,
    /// A newer release took its place.
    Superseded,
    /// AWS or Landfall refused the release before the service was changed.
    Rejected,
    /// The service was given a foreign revision, and Landfall left the service alone.
    Drifted,
    /// Nothing speaks against the release, and nothing for it. A step could not be made or a look could not be had, for
    /// long, because AWS did not answer: the service was left as it was. Or ECS could not place or start its tasks, for
    /// long or until ECS gave up: the service was given the last good release again.
    Undecided,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::Unproven => "unproven",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
            Self::Drifted => "drifted",
            Self::Undecided => "undecided",
        })
    }
}

/// A registered task definition revision and the content it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    /// `arn:…:task-definition/<family>:<revision>`
    pub arn: String,
    /// The hash of the body of `RegisterTaskDefinition`.
    pub content: ContentHash,
}

/// How an execution ends a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason: a sentence, or the cause that Step Functions gives for a failed step, which contains one.
    pub reason: String,
    /// The revision that a succeeded release runs.
    pub task_definition: Option<TaskDefinition>,
    /// What was found out about a bad release.
    pub diagnosis: Option<Diagnosis>,
}

impl Ending {
    /// Against whom the evidence speaks that ended a bad release.
    pub fn against(&self) -> Against {
        against(self.diagnosis.as_ref())
    }
}

fn against(diagnosis: Option<&Diagnosis>) -> Against {
    let said = diagnosis.and_then(|each| each.against);
    said.unwrap_or_default()
}

/// What people need to know about a bad release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Against whom the evidence speaks; none in what older functions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Tasks of the release that stopped, newest first. Tasks that ECS stopped because the service needed them no
    /// longer come last.
    pub stopped_tasks: Vec<StoppedTask>,
    /// The service's events since the release began, newest first.
    pub service_events: Vec<String>,
    /// What the HTTP probe was answered.
    pub probe: Option<ProbeAnswer>,
    /// The task before or after the rollout that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskReport>,
    /// What was done to the service, in a sentence.
    pub undone: String,
}

/// How a one-off task ended that ran before or after a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskReport {
    /// Its name in the service file.
    pub name: String,
    /// Whether it ran before or after the rollout.
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

/// The record of one release in the state bucket; written once, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The service.
    pub service: ServiceId,
    /// The release.
    pub release: Release,
    /// The verdict of the release.
    pub verdict: Verdict,
    /// The reason of the verdict, in a sentence.
    pub reason: String,
    /// The revision that the release runs, if it succeeded.
    pub task_definition: Option<TaskDefinition>,
    /// What was found out about the release, if it was bad.
    pub diagnosis: Option<Diagnosis>,
    /// The ARN of the execution that gave the verdict; none if the release was superseded while no execution worked on it.
    pub execution: Option<String>,
    /// When the release was made, worked on and concluded.
    pub timeline: Timeline,
}

/// When a release was made, worked on and concluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// When the release was written into the desired state.
    pub created_at: Timestamp,
    /// When the execution started that gave the verdict, if one did; it may have worked on earlier releases first.
    pub execution_started_at: Option<Timestamp>,
    /// When the release got its verdict.
    pub concluded_at: Timestamp,
    /// For how many seconds of its rollout and of its way back nobody could look, because AWS did not answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub blind_seconds: u64,
    /// For how many seconds of its rollout ECS waited at pause hooks until somebody continued it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused_seconds: u64,
    /// How many seconds of its rollout had passed when ECS could place and start its tasks at last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld_seconds: u64,
}

fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

impl Record {
    /// Against whom the evidence spoke that ended a bad release.
    pub fn against(&self) -> Against {
        against(self.diagnosis.as_ref())
    }

    /// The record of a release that was passed over: the next one took its place.
    pub fn passed_over(service: &ServiceId, release: &Release, now: Timestamp) -> Self {
        let by = release.number + 1;
        Self {
            service: service.clone(),
            release: release.clone(),
            verdict: Verdict::Superseded,
            reason: format!("release {by} took its place before it was rolled out"),
            task_definition: None,
            diagnosis: None,
            execution: None,
            timeline: Timeline {
                created_at: release.created_at,
                execution_started_at: None,
                concluded_at: now,
                blind_seconds: 0,
                paused_seconds: 0,
                withheld_seconds: 0,
            },
        }
    }

    /// The ending in this record, for an execution that finishes the conclusion which a dead execution began.
    pub fn ending(&self) -> Ending {
        Ending {
            verdict: self.verdict,
            reason: self.reason.clone(),
            task_definition: self.task_definition.clone(),
            diagnosis: self.diagnosis.clone(),
        }
    }
}
