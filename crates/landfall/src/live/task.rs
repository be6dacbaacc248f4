//! Tasks in ECS.

use super::{HealthStatus, StopCode, StoppedContainer, TaskStatus};

/// A task as ECS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTask {
    /// How far it is.
    pub last_status: TaskStatus,
    /// Where it is to go: `RUNNING` or `STOPPED`.
    pub desired_status: TaskStatus,
    /// Why it ended.
    pub stop_code: Option<StopCode>,
    /// ECS's `stoppedReason`.
    pub stopped_reason: Option<String>,
    /// Its containers.
    pub containers: Vec<StoppedContainer>,
}

/// A running task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskHealth {
    /// Its ARN.
    pub task: String,
    /// The revision it runs.
    pub task_definition: String,
    /// What its containers' health checks say.
    pub health_status: HealthStatus,
}
