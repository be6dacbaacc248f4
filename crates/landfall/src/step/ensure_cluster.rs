//! Step `EnsureCluster`: the cluster is there.

mod needs;

pub use needs::{
    GIVEN_CAPACITY, association, capacity_providers, cluster_update, is_of_one_cluster,
    wanted_log_groups,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    live::{ClusterStatus, LiveCluster},
    record::Release,
    service_id::ServiceId,
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service, whose cluster it is about.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// Whether the file's sections have to be applied: only then are capacity and log groups looked at.
    #[serde(default)]
    pub apply_service: bool,
    /// When this execution started: it does not wait for ever.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
}

impl Input {
    /// The answer while capacity providers are being created; `arn` is the cluster's, empty if there is none yet. None
    /// once this execution has waited too long.
    pub fn wait(&self, arn: &str, now: Timestamp) -> Option<Output> {
        let since = self.started_at.unwrap_or(Timestamp::MIN);
        (now.duration_since(since) < LONGEST_WAIT).then(|| Output {
            arn: arn.into(),
            created: false,
            wait_seconds: WAIT_SECONDS,
        })
    }
}

/// Seconds between two looks at capacity that is on its way up.
const WAIT_SECONDS: u64 = 10;
/// How long after its start an execution still waits. Capacity providers take minutes; Terraform's provider gives up
/// after 20 (<https://github.com/hashicorp/terraform-provider-aws/issues/14393>).
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(60);

/// What the step answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The cluster's ARN.
    pub arn: String,
    /// Whether it was created just now.
    pub created: bool,
    /// Seconds until the next look, while its capacity is on its way up; 0 once everything is there.
    #[serde(default)]
    pub wait_seconds: u64,
}

/// What to do about the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The cluster is there.
    Use {
        /// Its ARN.
        arn: String,
    },
    /// The cluster is being created or deleted: ask again.
    AskAgain {
        /// Its status.
        status: ClusterStatus,
    },
    /// The cluster is not there.
    Create,
}

/// Decides from what ECS says.
pub fn plan(live: Option<LiveCluster>) -> Plan {
    match live {
        Some(LiveCluster { arn, status }) => match status {
            ClusterStatus::Active => Plan::Use { arn },
            ClusterStatus::Provisioning | ClusterStatus::Deprovisioning => {
                Plan::AskAgain { status }
            }
            ClusterStatus::Failed | ClusterStatus::Inactive | ClusterStatus::Other(_) => {
                Plan::Create
            }
        },
        None => Plan::Create,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_used_awaited_or_created_by_its_status() {
        let arn = || "arn:cluster".to_owned();
        let ask_again = |status: &str| Plan::AskAgain {
            status: status.into(),
        };
        assert_eq!(plan(None), Plan::Create);
        for (status, expected) in [
            ("ACTIVE", Plan::Use { arn: arn() }),
            ("PROVISIONING", ask_again("PROVISIONING")),
            ("DEPROVISIONING", ask_again("DEPROVISIONING")),
            ("FAILED", Plan::Create),
            ("INACTIVE", Plan::Create),
        ] {
            let live = LiveCluster {
                arn: arn(),
                status: status.into(),
            };
            assert_eq!(plan(Some(live)), expected, "{status}");
        }
    }
}
