//! The change that ECS was asked for, and how far an answer of ECS is one of after it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LiveService, LiveServiceDeployment};

/// How many seconds may lie between the times of a service deployment and of its deployment within the service, both by
/// ECS's clock. No source says that they are one.
const BEGUN_WITHIN: i64 = 2;

/// How long, in seconds, after a change ECS may answer as before it.
pub(crate) const UNSEEN_SECONDS: i64 = 120;

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
