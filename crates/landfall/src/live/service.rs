//! A service in ECS.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Controller, DeploymentStatus, LiveBalancer, LiveDeployment, Scheduling, ServiceStatus,
};
use crate::{
    service_id::ServiceId,
    tags::{SERVICE_TAG, service_tag},
};

/// A service as ECS describes it, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveService {
    /// Its status.
    pub status: ServiceStatus,
    /// The controller that rolls the service out.
    pub controller: Controller,
    /// How its tasks are placed.
    pub scheduling_strategy: Scheduling,
    /// The desired count: how many tasks should run.
    pub desired_count: i32,
    /// How many tasks run.
    pub running_count: i32,
    /// How many tasks are starting.
    pub pending_count: i32,
    /// Its deployments.
    pub deployments: Vec<LiveDeployment>,
    /// Its capacity provider strategy; empty if it has a launch type.
    pub capacity: Vec<CapacityShare>,
    /// The service registries in which its tasks are registered.
    pub balancers: Vec<LiveBalancer>,
    /// The ARNs of the service revisions that it runs: one, but during a deployment.
    pub revisions: Vec<String>,
    /// How long, in seconds, a deployment waits on purpose, by its steps and bake time.
    pub pace_seconds: u64,
    /// Its events with their times, newest first.
    pub events: Vec<(Timestamp, String)>,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The members that only `CreateService` sets.
    pub created: CreatedWith,
}

/// One part of a capacity provider strategy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CapacityShare {
    /// The capacity provider's name.
    pub provider: String,
    /// The base: how many tasks the provider gets before others get any.
    pub base: i64,
    /// The weight: the provider's share of the other tasks.
    pub weight: i64,
}

/// The members of a service that `CreateService` sets and `UpdateService` cannot change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedWith {
    /// `EC2`, `FARGATE` or `EXTERNAL`; none if it has capacity providers.
    pub launch_type: Option<String>,
    /// The ARN of the role by which ECS registers its tasks in load balancers.
    pub role: Option<String>,
}

impl LiveService {
    /// Whether it runs tasks: neither deleted nor about to be.
    pub fn is_active(&self) -> bool {
        self.status == ServiceStatus::Active
    }

    /// Whether ECS only remembers it: one of its name can be created again.
    pub fn is_deleted(&self) -> bool {
        self.status == ServiceStatus::Inactive
    }

    /// The target groups that its tasks may be registered in.
    pub fn target_groups(&self) -> Vec<&String> {
        self.balancers
            .iter()
            .flat_map(LiveBalancer::groups)
            .collect()
    }

    /// The deployment that ECS is heading for.
    pub fn primary(&self) -> Option<&LiveDeployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == DeploymentStatus::Primary)
    }

    /// Whether it has the tag with which Landfall creates the service.
    pub fn was_made_for(&self, service: &ServiceId) -> bool {
        self.tags.get(SERVICE_TAG) == Some(&service_tag(service))
    }

    /// Whether it is to run no task at all. ECS chooses a daemon's count by its instances.
    pub fn wants_no_task(&self) -> bool {
        self.scheduling_strategy == Scheduling::Replica && self.desired_count == 0
    }

    /// Whether ECS has nothing left to do: one deployment, completed, with all its tasks running.
    pub fn is_steady(&self) -> bool {
        self.deployments.len() == 1
            && self.primary().is_some_and(LiveDeployment::is_completed)
            && self.running_count == self.desired_count
            && self.pending_count == 0
    }
}
