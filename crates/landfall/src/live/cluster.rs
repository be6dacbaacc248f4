//! A cluster in ECS.

/// A cluster as ECS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCluster {
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`, `PROVISIONING`, `DEPROVISIONING`, `FAILED` or `INACTIVE`
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html>).
    pub status: String,
}
