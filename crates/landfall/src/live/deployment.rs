//! Deployments of a service: those that ECS lists within it, those that it keeps beside it, and the change that ECS was
//! asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    DeploymentStatus, HookAction, HookStatus, LiveService, RolloutState, ServiceDeploymentStatus,
};

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
    /// The primary deployment in ECS's answer to the change, which tells answers of before the change from newer ones.
    /// None if no call was made, and for an execution that began before this was noted.
    #[serde(default)]
    pub deployment: Option<Accepted>,
    /// How many tasks were wanted when the change was decided ([`LiveService::chosen_count`]): where ECS begins no deployment
    /// for the change, this tells the answers of before it.
    #[serde(default)]
    pub count_before: Option<i32>,
}

/// The deployment with which ECS accepted a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// `ecs-svc/…`
    pub id: String,
    /// When ECS began it, by ECS's clock; none if it does not say.
    pub created_at: Option<Timestamp>,
    /// The service's desired count in the same answer; none for an execution that began before this was noted.
    #[serde(default)]
    pub desired_count: Option<i32>,
}

impl Rollout {
    /// Whether `live` is the service as it was before this change: reads of ECS lag behind its writes, "the Amazon ECS
    /// API follows an eventual consistency model"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>).
    ///
    /// A view that shows the deployment of the change, or begins with a later one, is new enough. After ECS has gone
    /// back by itself the primary deployment may be the older one again, with its old time or as a new one, which no
    /// source says: whoever asks this looks at the newest service deployment first.
    ///
    /// A change of the desired count alone begins no deployment: "This parameter doesn't trigger a new service deployment"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>, `desiredCount`). A view that shows
    /// the count of before it is older, as long as ECS may answer so: after that, a person or a scaling policy has set
    /// it again.
    pub fn is_before(&self, live: &LiveService, now: Timestamp) -> bool {
        let Some(accepted) = &self.deployment else {
            return false;
        };
        let former = self.count_before.filter(|former| {
            let answered = accepted.desired_count;
            answered.is_some_and(|answered| answered != *former)
        });
        if former.is_some() && live.chosen_count() == former && self.may_be_unseen(now) {
            return true;
        }
        let shows_it = live.deployments.iter().any(|each| each.id == accepted.id);
        let begun = live.primary().and_then(|primary| primary.created_at);
        let is_later = match (begun, accepted.created_at) {
            (Some(begun), Some(accepted)) => begun > accepted,
            // Without times nothing can be told.
            _ => true,
        };
        !shows_it && !is_later
    }

    /// Whether ECS had begun `earlier` before it began the deployment with which it accepted this change: the list of
    /// service deployments lags too, and how such a one ended says nothing about this change.
    pub fn is_newer_than(&self, earlier: &LiveServiceDeployment) -> bool {
        let accepted = self.deployment.as_ref();
        accepted
            .and_then(|accepted| accepted.created_at)
            .is_some_and(|begun| begun.duration_since(earlier.created_at).as_secs() > BEGUN_WITHIN)
    }

    /// Whether `now` is so soon after the change that ECS may still answer as if the service were not there: Terraform's
    /// provider gives it two minutes
    /// (<https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/service.go>,
    /// `serviceDescribeTimeout`).
    pub fn may_be_unseen(&self, now: Timestamp) -> bool {
        now.duration_since(self.started_at).as_secs() < UNSEEN_SECONDS
    }
}

/// How many seconds may lie between the times of a service deployment and of its deployment within the service, both by
/// ECS's clock. No source says that they are one.
const BEGUN_WITHIN: i64 = 2;

/// How long, in seconds, after a change ECS may answer as before it.
pub(crate) const UNSEEN_SECONDS: i64 = 120;
