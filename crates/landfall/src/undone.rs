//! What `RollBack` did to undo a bad release.

use serde::{Deserialize, Serialize};

use crate::{
    live::Rollout,
    record::{Diagnosis, Verdict},
};

/// What `RollBack` answers, and `ConcludeRelease` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// What was done to the service.
    pub action: Action,
    /// The verdict, once the service is steady again.
    pub verdict: Verdict,
    /// The rollout to wait for; none if there was nothing to undo.
    pub rollout: Option<Rollout>,
    /// What was found out about the release.
    pub diagnosis: Diagnosis,
    /// Whether a listener rule or a target group that only the release asked for has to go, once the service is back.
    #[serde(default)]
    pub ingress: bool,
    /// Whether the `service` section of the last good release has to be sent once ECS has gone back by itself.
    #[serde(default)]
    pub again: bool,
}

impl Undone {
    /// Nothing was done, and nothing is to be: the execution had no right to change the service. It gets no verdict to write
    /// either.
    pub fn nothing(why: String) -> Self {
        Self {
            action: Action::NothingToUndo,
            verdict: Verdict::Failed,
            rollout: None,
            diagnosis: Diagnosis {
                undone: why,
                ..Diagnosis::default()
            },
            ingress: false,
            again: false,
        }
    }
}

/// What was done to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The service was given back the revision that it ran before.
    Reverted,
    /// ECS rolls the service back by itself.
    LeftToEcs,
    /// The service's desired count was set to 0: there is no good release to go back to.
    Stopped,
    /// The release had not changed the service.
    NothingToUndo,
}
