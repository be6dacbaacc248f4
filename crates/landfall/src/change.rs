//! A change of a service in ECS in which everything is decided: the code that makes the calls has no choice left.

use serde_json::{Map, Value};

use crate::{live::Rollout, service_id::ServiceId, tags::TagChanges};

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
    /// No call: ECS already rolls the service back by itself.
    Nothing,
    /// No call yet: ECS is still deleting a service of this name.
    AskAgain,
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
