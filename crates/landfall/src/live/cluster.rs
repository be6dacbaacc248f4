//! A cluster in ECS.

use super::ClusterStatus;

/// A cluster as ECS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCluster {
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: ClusterStatus,
}
