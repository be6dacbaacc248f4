//! What was done to undo a bad release.

use serde::{Deserialize, Serialize};

use crate::{
    live::Rollout,
    record::{Diagnosis, Verdict},
};

/// What `RollBack` answers, and `ConcludeRelease` is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// What was done.
    pub action: Action,
    /// The verdict, once the service is steady again.
    pub verdict: Verdict,
    /// What to wait for, unless there was nothing to undo.
    pub rollout: Option<Rollout>,
    /// What was seen of the release.
    pub diagnosis: Diagnosis,
    /// Whether a listener rule or a target group that only the release asked for has to go, once the service is back.
    #[serde(default)]
    pub ingress: bool,
    /// Whether the `service` section of the last good release has to be sent once ECS has gone back by itself.
    #[serde(default)]
    pub again: bool,
}

/// What was done to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was given what it ran before.
    Reverted,
    /// ECS is on the way back by itself.
    LeftToEcs,
    /// Its desired count was set to 0: nothing good ever ran.
    Stopped,
    /// The release never touched it.
    NothingToUndo,
}
