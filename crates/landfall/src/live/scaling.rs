//! What Application Auto Scaling knows.

use serde_json::Value;

/// The scalable target, policies and scheduled actions that Application Auto Scaling has for a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveScaling {
    /// The bounds; none if the service is not scaled.
    pub target: Option<LiveTarget>,
    /// The scaling policies, as they are described.
    pub policies: Vec<Value>,
    /// The scheduled actions, as they are described.
    pub actions: Vec<Value>,
}

/// A scalable target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTarget {
    /// The fewest tasks.
    pub min: u32,
    /// The most tasks.
    pub max: u32,
    /// Whether it has Landfall's tag: Landfall registered it.
    pub is_ours: bool,
}
