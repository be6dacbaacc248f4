//! The shape that all functions have, and how Lambda calls one.

use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use landfall::{event::Received, service_id::ServiceId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::{Instrument, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{Aws, Fault, panicked::Current};

/// One of Landfall's Lambda functions.
///
/// A trigger takes an [`Event`] and answers nothing. A step takes and answers the types of its module in `landfall::step`.
pub trait Function: 'static {
    /// Its name: the `Handler` in `template.yaml`.
    const NAME: &'static str;
    /// What it takes.
    type Input: Input;
    /// What it answers, as JSON.
    type Output: Serialize;

    /// What the log lines of an invocation are about.
    fn span(input: &Self::Input) -> tracing::Span;

    /// One invocation.
    ///
    /// # Errors
    /// A [`Fault`], by whose name the state machine decides what comes next; an event is delivered again.
    fn handle(
        aws: &Aws,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// What Lambda hands to a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The JSON document that it was invoked with.
    pub payload: Value,
    /// The invocation's id, which stays the same when Lambda repeats an asynchronous invocation.
    pub request_id: String,
    /// The ARN of the function.
    pub function_arn: String,
    /// When Lambda ends it if it has not answered.
    pub deadline: Timestamp,
}

/// What a function makes of an invocation.
pub trait Input: Sized + Send {
    /// Reads the invocation.
    ///
    /// # Errors
    /// Unexpected if it is not what the function takes.
    fn read(invocation: Invocation) -> Result<Self, Fault>;
}

/// The input of a step.
impl<T: DeserializeOwned + Send> Input for T {
    fn read(invocation: Invocation) -> Result<Self, Fault> {
        let unreadable = |error| Fault::unexpected(format!("the input cannot be read: {error}"));
        serde_json::from_value(invocation.payload).map_err(unreadable)
    }
}

/// The input of a trigger: an event of EventBridge or of the schedule, which `landfall::event` reads.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event.
    pub payload: Value,
    /// The invocation's id, which stays the same when Lambda repeats it.
    pub request_id: String,
    /// Where the function is installed.
    pub home: Home,
    /// When Lambda ends the invocation if it has not answered.
    pub deadline: Timestamp,
}

/// How long before its deadline an invocation begins nothing new: what it has begun may have to try a call again.
const LAST_START: SignedDuration = SignedDuration::from_secs(10);

impl Event {
    /// Whether it is too late to begin something that the event asks for.
    pub fn is_late(&self, now: Timestamp) -> bool {
        now.duration_since(self.deadline) >= -LAST_START
    }
}

impl Input for Event {
    fn read(invocation: Invocation) -> Result<Self, Fault> {
        Ok(Self {
            home: Home::of(&invocation.function_arn)?,
            payload: invocation.payload,
            request_id: invocation.request_id,
            deadline: invocation.deadline,
        })
    }
}

/// Where a function is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The twelve-digit account id.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl Home {
    /// Where the function with this ARN is installed.
    ///
    /// # Errors
    /// Unexpected if it is no ARN of a function, as which Lambda names it
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
    fn of(arn: &str) -> Result<Self, Fault> {
        match *arn.splitn(6, ':').collect::<Vec<_>>() {
            ["arn", _, "lambda", region, account, _] => Ok(Self {
                account: account.into(),
                region: region.into(),
            }),
            _ => Err(Fault::unexpected(format!(
                "`{arn}` is no ARN of a function"
            ))),
        }
    }
}

/// What an invocation comes to, as JSON.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send + 'a>>;

/// A [`Function`] without its types, so that all functions fit into one list.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The function's name.
    pub name: &'static str,
    /// Invokes it once. A failure is logged here, once.
    pub invoke: fn(&Aws, Invocation) -> Answer<'_>,
}

impl Entry {
    /// The entry of `F`.
    pub const fn of<F: Function>() -> Self {
        Self {
            name: F::NAME,
            invoke: |aws, invocation| Box::pin(invoke::<F>(aws, invocation)),
        }
    }
}

async fn invoke<F: Function>(aws: &Aws, invocation: Invocation) -> Result<Value, Fault> {
    let input = F::Input::read(invocation).inspect_err(log)?;
    let span = F::span(&input);
    // Boxed: a handler's future nests deeper than the compiler lays out.
    let handled = Box::pin(F::handle(aws, input));
    let output = handled.instrument(span.clone()).await;
    let output = output.inspect_err(|fault| span.in_scope(|| log(fault)))?;
    serde_json::to_value(output).map_err(|error| Fault::unexpected(error.to_string()))
}

fn log(fault: &Fault) {
    tracing::error!(error = fault.name(), "{fault}");
}

/// What the log lines of a step are about.
pub fn step_span(service: &ServiceId, release: u64, execution: &str) -> tracing::Span {
    tracing::info_span!("step", %service, release, execution)
}

/// Serves the Lambda Runtime API with one function until Lambda ends the process. A handler that panics has answered
/// `Unexpected`, and ends it too ([`crate::panicked`]). Only here: in a simulation a panic ends the story.
///
/// # Errors
/// Only if the Runtime API cannot be reached.
pub async fn serve(function: Entry, aws: Aws) -> Result<(), Error> {
    let current = Current::default();
    current.answer_if_it_panics();
    // A payload may have been through others' hands: it takes little memory, whatever it is.
    lambda_runtime::run(service_fn(|event: LambdaEvent<Received>| {
        let LambdaEvent { payload, context } = event;
        current.is(Some(context.request_id.clone()));
        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let invocation = Invocation {
            payload: payload.0,
            request_id: context.request_id,
            function_arn: context.invoked_function_arn,
            deadline: Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX),
        };
        let (answer, current) = ((function.invoke)(&aws, invocation), &current);
        async move {
            let answer = answer.await;
            current.is(None);
            answer
        }
    }))
    .await
}

/// Writes logs as JSON lines. The level is that of `LOG_LEVEL`, or `INFO`.
///
/// The runtime's own line about a failed invocation is left out: [`Entry::invoke`] writes a better one.
pub fn log_as_json() {
    let level = std::env::var("LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse().ok());
    let levels = Targets::new()
        .with_default(level.unwrap_or(LevelFilter::INFO))
        .with_target("lambda_runtime::layers", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_target(false)
        .with_ansi(false)
        .with_filter(levels);
    tracing_subscriber::registry().with(lines).init();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn invocation(function_arn: &str, payload: Value) -> Invocation {
        Invocation {
            payload,
            request_id: "1".into(),
            function_arn: function_arn.into(),
            deadline: Timestamp::from_second(30).unwrap(),
        }
    }

    #[test]
    fn an_invocation_begins_nothing_shortly_before_lambda_ends_it() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:image-pushed";
        let event = Event::read(invocation(arn, json!({}))).unwrap();
        let is_late = |second| event.is_late(Timestamp::from_second(second).unwrap());
        assert_eq!([0, 19, 20, 31].map(is_late), [false, false, true, true]);
    }

    #[test]
    fn a_trigger_knows_where_it_is_installed() {
        let home = |arn: &str| match Event::read(invocation(arn, json!({}))) {
            Ok(Event { home, .. }) => Some((home.account, home.region)),
            Err(fault) => {
                assert_eq!(fault.name(), "Unexpected");
                None
            }
        };
        let in_china = Some(("123456789012".to_owned(), "cn-north-1".to_owned()));
        for (arn, expected) in [
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:image-pushed",
                in_china.clone(),
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:image-pushed:live",
                in_china,
            ),
            (
                "arn:aws:states:eu-west-1:123456789012:stateMachine:landfall-release",
                None,
            ),
            ("image-pushed", None),
            ("", None),
        ] {
            assert_eq!(home(arn), expected, "{arn}");
        }
    }

    #[test]
    fn what_a_step_cannot_read_is_unexpected_and_says_why() {
        let read =
            |payload| ServiceId::read(invocation("", payload)).map_err(|fault| fault.to_string());
        assert_eq!(
            read(json!("web/hello")).map(|id| id.to_string()),
            Ok("web/hello".into())
        );
        let error = read(json!(1)).unwrap_err();
        assert!(
            error.starts_with("the input cannot be read: invalid type: integer `1`"),
            "{error}"
        );
    }
}
