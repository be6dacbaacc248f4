//! What AWS runs and keeps for a service, as its APIs describe it and as far as decisions need it.

mod balancer;
mod cluster;
mod death;
mod deployment;
mod execution;
mod pace;
mod placement;
mod registry;
mod revision;
mod rollout;
mod scaling;
mod service;
mod status;
mod task;

pub use balancer::{
    Balancer, Forward, LiveBalancer, LiveGroup, LiveRule, OtherCondition, OwnAnswer, TargetHealth,
};
pub use cluster::LiveCluster;
pub use death::{EndedTask, StoppedContainer, StoppedTask};
pub use deployment::{Declined, EndedBy, LiveDeployment, LiveHook, LiveServiceDeployment};
pub use execution::ExecutionStatus;
pub use pace::Pace;
pub use placement::{Failure, FailureReason, Placement};
pub use registry::{LiveNamespace, LiveRegistry};
pub use revision::LiveRevision;
pub(crate) use rollout::UNSEEN_SECONDS;
pub use rollout::{Accepted, Rollout};
pub use scaling::{LiveScaling, LiveTarget};
pub use service::{CapacityShare, CreatedWith, LiveService};
pub use status::{
    ClusterStatus, Controller, DeploymentStatus, HealthStatus, HookAction, HookStatus,
    RolloutState, Scheduling, ServiceDeploymentStatus, ServiceStatus, StopCode,
    TaskDefinitionStatus, TaskStatus,
};
pub use task::{LiveTask, TaskHealth};
