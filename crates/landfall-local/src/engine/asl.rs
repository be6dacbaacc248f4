//! The typed model of what the engine runs of the Amazon States Language, with JSONPath.
//!
//! <https://states-language.net/spec.html>. [`super::load`] builds it and refuses everything else by name, so a field that
//! is not in these types cannot be in a running state machine.

use std::{collections::BTreeMap, time::Duration};

use super::{choice::Rule, path::Path, template::Template};

/// A state machine that was loaded.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The state that is entered first.
    pub start_at: String,
    /// The states by name.
    pub states: BTreeMap<String, Kind>,
    /// How long an execution may take (`TimeoutSeconds`).
    pub timeout: Duration,
}

/// What a state does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Has a function do work.
    Task(Box<Task>),
    /// Picks the next state.
    Choice(Choice),
    /// Lets time pass.
    Wait(Wait),
    /// Ends the execution well.
    Succeed,
    /// Ends the execution badly.
    Fail(Fail),
}

impl Kind {
    /// The name in the definition's `Type` and in history events, e.g. `Task`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Choice(_) => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail(_) => "Fail",
        }
    }
}

/// A Task state.
#[derive(Clone, Debug)]
pub struct Task {
    /// What does the work.
    pub resource: Resource,
    /// `Parameters`: what the work is given.
    pub parameters: Template,
    /// `ResultSelector`: reshapes the raw result.
    pub result_selector: Option<Template>,
    /// `ResultPath`: where in the input the result is put; nothing (`null`) drops the result.
    pub result_path: Option<Path>,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub next: String,
}

/// What a Task state calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A function by its ARN: its answer is the result.
    Function(String),
    /// `arn:aws:states:::lambda:invoke.waitForTaskToken`: the result comes from `SendTaskSuccess`.
    InvokeWithToken {
        /// How long it is waited for.
        timeout: TaskTimeout,
    },
}

/// How long a Task state waits for its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskTimeout {
    /// `TimeoutSeconds`.
    Seconds(u64),
    /// `TimeoutSecondsPath`: where in the input the number of seconds is.
    Path(Path),
}

/// A Choice state.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The rules with the state each leads to; the first that holds decides.
    pub rules: Vec<(Rule, String)>,
    /// Where it leads if no rule holds.
    pub default: String,
}

/// A Wait state.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Where in the input the number of seconds is.
    pub seconds: Path,
    /// Where it leads.
    pub next: String,
}

/// A Fail state.
#[derive(Clone, Debug)]
pub struct Fail {
    /// `ErrorPath`.
    pub error: Path,
    /// `CausePath`.
    pub cause: Path,
}

/// One element of `Retry`.
#[derive(Clone, Debug)]
pub struct Retrier {
    /// The error names it answers to.
    pub errors: Vec<String>,
    /// Seconds before the first retry.
    pub interval: u64,
    /// How many retries.
    pub max_attempts: u64,
    /// By what each interval is longer than the one before.
    pub backoff_rate: f64,
    /// The longest interval, in seconds.
    pub max_delay: Option<u64>,
    /// `JitterStrategy: FULL`: the interval is only the upper bound of a random delay.
    pub full_jitter: bool,
}

/// One element of `Catch`.
#[derive(Clone, Debug)]
pub struct Catcher {
    /// The error names it answers to.
    pub errors: Vec<String>,
    /// Where `{Error, Cause}` is put; nothing (`null`) drops it.
    pub result_path: Option<Path>,
    /// The state it leads to.
    pub next: String,
}
