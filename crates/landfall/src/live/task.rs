//! Tasks in ECS.

use crate::record::StoppedContainer;

/// A task as ECS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTask {
    /// `PROVISIONING` … `STOPPED`
    pub last_status: String,
    /// `RUNNING` or `STOPPED`
    pub desired_status: String,
    /// `EssentialContainerExited`, `TaskFailedToStart`, `UserInitiated`, `SpotInterruption`, …
    pub stop_code: Option<String>,
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
    /// `HEALTHY`, `UNHEALTHY`, or `UNKNOWN`, which is also said of tasks without health checks.
    pub health_status: String,
}
