//! What a step answers that looks at something and changes nothing by looking: tasks, a rollout, a service's health.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How something stands. The state machine keeps the last look under one name, whichever step it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look<O, P = ()> {
    /// How it stands; each step has outcomes of its own.
    pub outcome: O,
    /// In a sentence.
    pub reason: String,
    /// Seconds until the next look; 0 if there is none, or if something else wakes the execution.
    #[serde(default)]
    pub wait_seconds: u64,
    /// What is wrong with the release, if this look shows that it is a bad one.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What the looks so far came to, for the next one; nothing where each look stands alone.
    #[serde(default)]
    pub progress: P,
}

/// The outcomes of all steps that look, for those who are handed the last look of any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// `RunTask`, `VerifyHealth`: look again.
    Waiting,
    /// `CheckRollout`: ECS is not done.
    InProgress,
    /// `RunTask`: all tasks have run.
    Done,
    /// `CheckRollout`: what was asked for runs.
    Steady,
    /// `VerifyHealth`: the release is good.
    Healthy,
    /// `RunTask`, `CheckRollout`: the release is bad.
    Failed,
    /// `VerifyHealth`: the release is bad.
    Unhealthy,
    /// `CheckRollout`: ECS was given another revision meanwhile.
    Replaced,
    /// All: a newer release should run.
    Superseded,
}
