//! The lifecycle hooks that a deployment has reached, and how each of them stands.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shift::Stage;

/// The hooks that a deployment has reached.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pauses {
    /// The stages that it has reached, each with how many steps of the requests had been taken by then: none of its hooks
    /// runs twice for one of them.
    pub(super) reached: Vec<(Stage, usize)>,
    pub(super) hooks: Vec<Hook>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) status: HookStatus,
    pub(super) expires_at: f64,
    pub(super) timeout_action: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HookStatus {
    AwaitingAction,
    Succeeded,
    Failed,
    TimedOut,
}

impl HookStatus {
    /// The `eventName` of the event that says so.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::AwaitingAction => "HOOK_AWAITING_ACTION",
            Self::Succeeded => "HOOK_SUCCEEDED",
            Self::Failed => "HOOK_FAILED",
            Self::TimedOut => "HOOK_TIMED_OUT",
        }
    }
}

impl Pauses {
    pub(super) fn awaited(&self) -> impl Iterator<Item = &Hook> {
        let awaits = |hook: &&Hook| hook.status == HookStatus::AwaitingAction;
        self.hooks.iter().filter(awaits)
    }

    /// The stage at which the deployment waits.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.awaited().next().map(|hook| hook.stage)
    }

    /// Whether the deployment has been let past a stage.
    pub(super) fn is_past(&self, stage: Stage) -> bool {
        let reached = |(known, _): &(Stage, usize)| *known == stage;
        self.reached.iter().any(reached) && !self.awaited().any(|hook| hook.stage == stage)
    }

    /// `lifecycleHookDetails`.
    pub(super) fn described(&self) -> Vec<Value> {
        let described = |hook: &Hook| {
            json!({
                "hookId": hook.id,
                "targetType": "PAUSE",
                "status": hook.status,
                "expiresAt": hook.expires_at,
                "timeoutAction": hook.timeout_action,
            })
        };
        self.hooks.iter().map(described).collect()
    }
}
