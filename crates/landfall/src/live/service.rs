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
    /// Whether its deployments have `PAUSE` lifecycle hooks, at which ECS waits until somebody continues them.
    pub pauses: bool,
    /// Its events with their times, newest first.
    pub events: Vec<(Timestamp, String)>,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The members that only `CreateService` sets.
    pub created: CreatedWith,
}

/// How many deployments of a service ECS carries out at once: "Previous deployments remain in the ACTIVE state until all of
/// their tasks have been stopped and drained. Once five deployments are simultaneously in a non-completed state, ECS rejects
/// any additional deployment requests" (AWS's support in <https://github.com/aws/containers-roadmap/issues/2836>).
///
/// No source says whether a primary deployment counts that is completed while older ones still have tasks. Here it does not:
/// ECS is asked, and its answer decides.
const MOST_DEPLOYMENTS: usize = 5;

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
    /// The members of `Service` that `CreateService` has not
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>).
    pub const ANSWERED_ONLY: [&str; 15] = [
        "clusterArn",
        "createdAt",
        "createdBy",
        "currentServiceDeployment",
        "currentServiceRevisions",
        "deployments",
        "events",
        "pendingCount",
        "platformFamily",
        "resourceManagementType",
        "roleArn",
        "runningCount",
        "serviceArn",
        "status",
        "taskSets",
    ];

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

    /// The desired count, where ECS does not choose it by its instances.
    pub fn chosen_count(&self) -> Option<i32> {
        (self.scheduling_strategy == Scheduling::Replica).then_some(self.desired_count)
    }

    /// Whether it is to run no task at all. ECS chooses a daemon's count by its instances.
    pub fn wants_no_task(&self) -> bool {
        self.chosen_count() == Some(0)
    }

    /// How many deployments ECS carries out of it, if it begins no other one besides: see [`MOST_DEPLOYMENTS`].
    pub fn takes_no_deployment_besides(&self) -> Option<usize> {
        let is_carried_out = |deployment: &&LiveDeployment| match deployment.status {
            DeploymentStatus::Primary => !deployment.is_completed(),
            DeploymentStatus::Inactive => false,
            DeploymentStatus::Active | DeploymentStatus::Other(_) => true,
        };
        let count = self.deployments.iter().filter(is_carried_out).count();
        (count >= MOST_DEPLOYMENTS).then_some(count)
    }

    /// Whether ECS has nothing left to do: one deployment, completed, with all its tasks running.
    pub fn is_steady(&self) -> bool {
        self.deployments.len() == 1
            && self.primary().is_some_and(LiveDeployment::is_completed)
            && self.running_count == self.desired_count
            && self.pending_count == 0
    }
}

#[cfg(test)]
mod tests {
    use crate::sample::{deployment, live};

    #[test]
    fn ecs_begins_no_sixth_deployment_until_the_tasks_of_an_older_one_have_stopped() {
        let with = |primary: &str, active: u64, inactive: u64| {
            let mut service = live(1);
            service.deployments = vec![deployment(9, "PRIMARY", primary, 1)];
            let older = |number, status| deployment(number, status, "COMPLETED", 1);
            let (active, inactive) = (0..active, active..active + inactive);
            let all = active.map(|number| older(number, "ACTIVE"));
            service.deployments.extend(all);
            let over = inactive.map(|number| older(number, "INACTIVE"));
            service.deployments.extend(over);
            service.takes_no_deployment_besides()
        };
        for (primary, active, inactive, expected) in [
            ("COMPLETED", 0, 0, None),
            ("IN_PROGRESS", 3, 0, None),
            ("IN_PROGRESS", 3, 4, None),
            ("IN_PROGRESS", 4, 0, Some(5)),
            ("FAILED", 4, 0, Some(5)),
            ("COMPLETED", 4, 0, None),
            ("COMPLETED", 5, 0, Some(5)),
        ] {
            let story = format!("{primary}, {active} active, {inactive} inactive");
            assert_eq!(with(primary, active, inactive), expected, "{story}");
        }
    }
}
