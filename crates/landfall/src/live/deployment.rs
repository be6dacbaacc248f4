//! Deployments of a service: those that ECS lists within it, and those that it keeps beside it.

use jiff::Timestamp;

use super::{DeploymentStatus, HookAction, HookStatus, RolloutState, ServiceDeploymentStatus};

/// One deployment of a service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDeployment {
    /// `ecs-svc/…`
    pub id: String,
    /// Its status.
    pub status: DeploymentStatus,
    /// When ECS began it, by ECS's clock; none if it does not say.
    pub created_at: Option<Timestamp>,
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
    /// What made ECS roll it back, as far as ECS says.
    pub ended_by: Option<EndedBy>,
    /// When ECS began it.
    pub created_at: Timestamp,
    /// The revision that it was to bring, as far as ECS says; only asked for where ECS rolled it back.
    pub task_definition: Option<String>,
    /// The stage that it has reached (`lifecycleStage`); only asked for where it bakes, or can be paused.
    pub stage: Option<String>,
    /// Its `PAUSE` hooks that were reached, as far as ECS says; asked for as the stage is.
    pub hooks: Vec<LiveHook>,
}

/// A `PAUSE` lifecycle hook that a service deployment has reached
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHookDetail.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveHook {
    /// Its `hookId`: another one each time that the hook is reached.
    pub id: String,
    /// Its status.
    pub status: HookStatus,
    /// When it times out.
    pub expires_at: Option<Timestamp>,
    /// What ECS does then.
    pub timeout_action: Option<HookAction>,
}

/// Why ECS took a deployment back at a pause: a decision of the service's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declined<'a> {
    /// Somebody answered this hook with `ROLLBACK`.
    ByAnswer(&'a LiveHook),
    /// Nobody answered this hook in time, and `ROLLBACK` is its action for that.
    ByTimeout(&'a LiveHook),
}

impl LiveServiceDeployment {
    /// Whether all requests go to the new tasks by now, and the old ones are only kept for the way back.
    pub fn bakes(&self) -> bool {
        self.stage.as_deref() == Some("BAKE_TIME")
    }

    /// The decision at a pause for which ECS took the deployment back, if there was one. A pause hook has failed if
    /// `ContinueServiceDeployment` was called with `ROLLBACK`
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>).
    pub fn declined(&self) -> Option<Declined<'_>> {
        self.hooks.iter().find_map(|hook| match hook.status {
            HookStatus::Failed => Some(Declined::ByAnswer(hook)),
            HookStatus::TimedOut if hook.timeout_action != Some(HookAction::Continue) => {
                Some(Declined::ByTimeout(hook))
            }
            _ => None,
        })
    }
}

/// What made ECS roll a service deployment back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The circuit breaker: too many tasks failed, or could not be placed
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).
    Breaker,
    /// A CloudWatch alarm
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>).
    Alarms,
    /// A person or another tool.
    Person,
}
