//! A change of a service in ECS with everything decided, so that whatever makes it has no choice left.

use serde_json::{Map, Value};

use crate::{live::Rollout, service_id::ServiceId, tags::TagChanges};

/// What is done to a service, and what to wait for then.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The service.
    pub service: ServiceId,
    /// The tags to change before the call, if the service is there: ECS gives them to the tasks that it starts.
    pub tags: Option<ServiceTags>,
    /// The call.
    pub call: Call,
    /// What becomes of a desired count in the call.
    pub count: Count,
    /// What ECS carries out then.
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

/// The call that makes a service run something else.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `CreateService` with this body.
    Create(Map<String, Value>),
    /// `UpdateService` with this body.
    Update(Map<String, Value>),
    /// None: ECS is on the way there by itself.
    Nothing,
    /// None yet: ECS is still deleting a service of this name.
    AskAgain,
}

/// What becomes of a desired count in a call. Where anything else than Landfall registered a scalable target, the count is
/// not the service file's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is sent; or there is none.
    Keep,
    /// It is left out if the scalable target is foreign. If that cannot be asked, nothing is changed.
    DropUnowned,
    /// The same, but it is left out too if that cannot be asked: a way back with another number of tasks is better than none.
    DropUnlessOwned,
}
