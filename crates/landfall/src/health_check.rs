//! How a load balancer finds out whether a target is well, as a service file says it and as a target group has it.

use serde::{Deserialize, Serialize};

/// The health check of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// What is asked for.
    pub path: String,
    /// Status codes of a good answer, e.g. `200`, `200-299` or `200,204`.
    pub codes: String,
    /// Seconds between two checks.
    pub interval_seconds: u64,
    /// How long, in seconds, an answer may take.
    pub timeout_seconds: u64,
    /// After how many good checks in a row an unhealthy target is healthy.
    pub healthy: u64,
    /// After how many bad checks in a row a target is unhealthy.
    pub unhealthy: u64,
}
