//! The answer of the steps that look at ECS again and again: `RunTask` at tasks, `CheckRollout` at a rollout,
//! `VerifyHealth` at a service's health.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The answer of a step that looks. The state machine stores the last look under one name, whichever step answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look<O, P = ()> {
    /// The outcome of this look; each step has an enum of outcomes.
    pub outcome: O,
    /// The reason of the outcome, in a sentence.
    pub reason: String,
    /// Seconds until the next look; 0 if there is none, or if something else wakes the execution.
    #[serde(default)]
    pub wait_seconds: u64,
    /// What is wrong with the release, if this look shows that the release is bad.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What the next look has to know of the looks so far; `()` for a step whose looks need nothing.
    #[serde(default)]
    pub progress: P,
}

/// The outcomes of all steps that look, for the steps that are given the last look of any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// `RunTask`, `VerifyHealth`: look again.
    Waiting,
    /// `CheckRollout`: ECS has not finished the rollout.
    InProgress,
    /// `RunTask`: all tasks have run.
    Done,
    /// `CheckRollout`: the service runs the revision that was asked for, with all its tasks.
    Steady,
    /// `VerifyHealth`: the release is good.
    Healthy,
    /// `VerifyHealth`: no task of the release runs that could be verified.
    Unproven,
    /// `RunTask`, `CheckRollout`: the release is bad.
    Failed,
    /// `VerifyHealth`: the release is bad.
    Unhealthy,
    /// `CheckRollout`: ECS was given another revision meanwhile.
    Replaced,
    /// All: a newer release should run.
    Superseded,
}
