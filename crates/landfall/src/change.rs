//! A change of a service in ECS in which everything is decided: the code that makes the calls has no choice left.

use serde_json::{Map, Value};

use crate::{
    live::{LiveService, Rollout, ServiceStatus},
    service_id::ServiceId,
    service_section::TagChanges,
};

/// The calls that change a service, and the rollout to wait for afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The service.
    pub service: ServiceId,
    /// The tags to change before the call, if the service is there: ECS gives them to the tasks that it starts.
    pub tags: Option<ServiceTags>,
    /// The call that changes the service.
    pub call: Call,
    /// What becomes of a desired count in the call.
    pub count: Count,
    /// The rollout that ECS carries out after the call.
    pub rollout: Rollout,
    /// What has to pass before anything is changed; none if nothing is in the way.
    pub obstacle: Option<Obstacle>,
}

/// What has to pass before ECS takes a change of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// ECS is still deleting a service of this name.
    Deletion,
    /// ECS carries out so many deployments of the service, which are as many as it takes at once.
    Deployments(usize),
}

impl Obstacle {
    /// What is in the way of giving `live` this revision. A service that runs the revision already is given no new deployment
    /// by that.
    pub fn to(live: &LiveService, task_definition: &str) -> Option<Self> {
        if live.status == ServiceStatus::Draining {
            return Some(Self::Deletion);
        }
        let runs = live.primary().map(|primary| &*primary.task_definition);
        let deployments = live.takes_no_deployment_besides();
        let deployments = deployments.filter(|_| runs != Some(task_definition));
        deployments.map(Self::Deployments)
    }

    /// The obstacle in a sentence.
    pub fn of(&self, service: &ServiceId) -> String {
        match self {
            Self::Deletion => format!("{service} is still being deleted"),
            Self::Deployments(count) => format!(
                "ECS carries out {count} deployments of {service}, and begins another once all tasks of one of the older \
                 ones have stopped"
            ),
        }
    }
}

/// The tags of a service that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTags {
    /// The service's ARN.
    pub arn: String,
    /// The tags to set and to remove.
    pub changes: TagChanges,
}

/// The call that changes what a service runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `CreateService` with this body.
    Create(Map<String, Value>),
    /// `UpdateService` with this body.
    Update(Map<String, Value>),
    /// No call: ECS already rolls the service back by itself, or an obstacle is in the way of deciding about one.
    Nothing,
}

/// Whether the desired count stays in a call. Where the service has a foreign scalable target, that target decides the
/// count, and not the service file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The count is sent, if the body has one.
    Keep,
    /// The count is left out if the scalable target is foreign. If Application Auto Scaling does not answer, nothing is
    /// changed.
    DropUnowned,
    /// The count is left out if the scalable target is foreign, and also if Application Auto Scaling does not answer: a
    /// roll-back with another number of tasks is better than none.
    DropUnlessOwned,
}
