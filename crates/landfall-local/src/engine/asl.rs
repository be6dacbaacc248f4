//! The typed model of what the engine runs of the Amazon States Language, with JSONPath.
//!
//! <https://states-language.net/spec.html>. [`super::load`] builds it and refuses everything else by name, so a field that
//! is not in these types cannot be in a running state machine.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{choice::Rule, intrinsic::Expression, path::Path, template::Template};

/// A state machine that was loaded.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The state that is entered first.
    pub start_at: String,
    /// The states by name.
    pub states: BTreeMap<String, State>,
    /// How long an execution may take (`TimeoutSeconds`).
    pub timeout: Option<Duration>,
}

/// One state.
#[derive(Clone, Debug)]
pub struct State {
    /// `InputPath`; nothing (`null`) makes the input `{}`.
    pub input_path: Option<Path>,
    /// What it does.
    pub kind: Kind,
}

/// What a state does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Has a function do work.
    Task(Box<Task>),
    /// Picks the next state.
    Choice(Choice),
    /// Lets time pass.
    Wait(Seconds, Next),
    /// Reshapes data.
    Pass(Box<Pass>),
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
            Self::Wait(..) => "Wait",
            Self::Pass(_) => "Pass",
            Self::Succeed => "Succeed",
            Self::Fail(_) => "Fail",
        }
    }
}

/// Where a state leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// To the state of this name.
    State(String),
    /// The execution ends.
    End,
}

/// How a result is made into a state's output.
#[derive(Clone, Debug)]
pub struct Shape {
    /// `Parameters`: what the work is given; without it the state's input.
    pub parameters: Option<Template>,
    /// `ResultSelector`: reshapes the raw result.
    pub result_selector: Option<Template>,
    /// `ResultPath`: where in the input the result is put; nothing (`null`) drops the result.
    pub result_path: Option<Path>,
}

/// A Task state.
#[derive(Clone, Debug)]
pub struct Task {
    /// What does the work.
    pub resource: Resource,
    /// How input and result are shaped.
    pub shape: Shape,
    /// `TimeoutSeconds`.
    pub timeout: Option<u64>,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub next: Next,
}

/// What a Task state calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A function by its ARN: the payload is the state's input, the result is its answer.
    Function(String),
    /// `arn:aws:states:::lambda:invoke.waitForTaskToken`: the result comes from `SendTaskSuccess`.
    InvokeWithToken,
}

/// A Choice state.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The rules with the state each leads to; the first that holds decides.
    pub rules: Vec<(Rule, String)>,
    /// Where it leads if no rule holds.
    pub default: Option<String>,
}

/// A number of seconds.
#[derive(Clone, Debug)]
pub enum Seconds {
    /// Written in the definition.
    Fixed(u64),
    /// Read from the state's input.
    Path(Path),
}

/// A Pass state.
#[derive(Clone, Debug)]
pub struct Pass {
    /// `Result`: what the state answers instead of its input.
    pub result: Option<Value>,
    /// `Parameters` and `ResultPath`.
    pub shape: Shape,
    /// Where it leads.
    pub next: Next,
}

/// A Fail state.
#[derive(Clone, Debug)]
pub struct Fail {
    /// `Error` or `ErrorPath`.
    pub error: Option<Text>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Text>,
}

/// A text of a Fail state.
#[derive(Clone, Debug)]
pub enum Text {
    /// Written in the definition.
    Fixed(String),
    /// Computed from the input.
    Computed(Expression),
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
