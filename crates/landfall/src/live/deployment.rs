//! Deployments of a service: those that ECS lists within it, those that it keeps beside it, and the change that ECS was
//! asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DeploymentStatus, RolloutState, ServiceDeploymentStatus};

/// One deployment of a service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDeployment {
    /// `ecs-svc/…`
    pub id: String,
    /// Its status.
    pub status: DeploymentStatus,
    /// The revision's ARN.
    pub task_definition: String,
    /// How far it is; absent for a service without rolling updates.
    pub rollout_state: Option<RolloutState>,
    /// Why.
    pub rollout_state_reason: Option<String>,
    /// How many of its tasks run.
    pub running_count: i32,
    /// How many of its tasks failed to start or to stay.
    pub failed_tasks: i32,
}

impl LiveDeployment {
    /// Whether ECS is done with it, as far as it says so.
    pub fn is_completed(&self) -> bool {
        self.rollout_state
            .as_ref()
            .is_none_or(|state| *state == RolloutState::Completed)
    }
}

/// A service deployment as ECS describes it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: ServiceDeploymentStatus,
    /// Why.
    pub status_reason: Option<String>,
    /// When ECS began it.
    pub created_at: Timestamp,
    /// Whether all requests go to the new tasks by now, and the old ones are only kept for the way back.
    pub bakes: bool,
    /// The revision that it was to bring, as far as ECS says; only asked for where ECS rolled it back.
    pub task_definition: Option<String>,
}

/// A change that ECS has accepted and now carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The revision that will run; none if the service is to run nothing.
    pub task_definition: Option<String>,
    /// When ECS was asked for it: nothing that belongs to it is older.
    pub started_at: Timestamp,
    /// How long, in seconds, ECS may take.
    pub timeout_seconds: u64,
}
