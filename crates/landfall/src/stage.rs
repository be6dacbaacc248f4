//! The stages of a release that people wait for, as they are announced on the way to its verdict.

use serde::{Deserialize, Serialize};

use crate::{record::Release, service_file::Phase, service_id::ServiceId};

/// What is done for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A task before the rollout runs.
    TaskBefore,
    /// ECS gives the service its tasks.
    RollingOut,
    /// Its tasks run, and are looked at.
    Verifying,
    /// A task after the rollout runs.
    TaskAfter,
    /// ECS gives the service the tasks of before again.
    RollingBack,
}

impl Stage {
    /// The stage in which tasks of this phase run.
    pub fn of(phase: Phase) -> Self {
        match phase {
            Phase::Before => Self::TaskBefore,
            Phase::After => Self::TaskAfter,
        }
    }
}

/// What is announced when a release comes to a stage. The first one says that it has begun: something was changed for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The service.
    pub service: ServiceId,
    /// The release.
    pub release: Release,
    /// The stage.
    pub stage: Stage,
    /// The name of the task that runs, in the service file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The ARN of the execution that works on it.
    pub execution: String,
    /// The same in a sentence.
    pub message: String,
}

impl Report {
    /// That the execution has come to this stage with a release.
    pub fn new(service: &ServiceId, release: &Release, execution: &str, stage: Stage) -> Self {
        let number = release.number;
        let does = match stage {
            Stage::TaskBefore => "runs a task before its rollout",
            Stage::RollingOut => "rolls out",
            Stage::Verifying => "is rolled out and is verified",
            Stage::TaskAfter => "runs a task after its rollout",
            Stage::RollingBack => "goes back",
        };
        Self {
            service: service.clone(),
            release: release.clone(),
            stage,
            task: None,
            execution: execution.into(),
            message: format!("release {number} of {service} {does} ({})", release.cause),
        }
    }

    /// The same, of the task with this name.
    #[must_use]
    pub fn with_task(self, name: &str) -> Self {
        Self {
            task: Some(name.into()),
            message: format!("{}: {name}", self.message),
            ..self
        }
    }

    /// The same, with why it came to this.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        Self {
            message: format!("{}: {reason}", self.message),
            ..self
        }
    }
}
