//! What every function does around its handler: JSON logs, and one line for how it ended.

use std::{future::Future, pin::Pin};

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use landfall::{event::Received, service_id::ServiceId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::{Instrument, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::Fault;

/// Writes logs as JSON lines. The level is that of `LOG_LEVEL`, or `INFO`.
///
/// The runtime's own line about a failed invocation is left out: [`serve`] writes a better one.
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

/// What the log lines of a step are about.
pub fn step_span(service: &ServiceId, release: u64, execution: &str) -> tracing::Span {
    tracing::info_span!("step", %service, release, execution)
}

/// Serves the Lambda Runtime API with `handler` until Lambda ends the process. `span` names the service, release and
/// execution that a log line is about. A failure is logged here, once.
///
/// # Errors
/// Only if the Runtime API cannot be reached.
pub async fn serve<I, O, H, F>(span: fn(&I) -> tracing::Span, handler: H) -> Result<(), Error>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize,
    H: Fn(LambdaEvent<I>) -> F,
    F: Future<Output = Result<O, Fault>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<I>| {
        logged(span(&event.payload), Box::pin(handler(event)))
    }))
    .await
}

/// Serves a trigger, as [`serve`] does. An event has been through others' hands: it takes little memory, whatever it is.
///
/// # Errors
/// Only if the Runtime API cannot be reached.
pub async fn serve_event<O, H, F>(
    span: fn(&Value) -> tracing::Span,
    handler: H,
) -> Result<(), Error>
where
    O: Serialize,
    H: Fn(LambdaEvent<Value>) -> F,
    F: Future<Output = Result<O, Fault>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Received>| {
        let LambdaEvent { payload, context } = event;
        let event = LambdaEvent::new(payload.0, context);
        logged(span(&event.payload), Box::pin(handler(event)))
    }))
    .await
}

/// Boxed: a handler's future nests deeper than the compiler lays out.
async fn logged<O>(
    span: tracing::Span,
    answer: Pin<Box<impl Future<Output = Result<O, Fault>>>>,
) -> Result<O, Fault> {
    let answer = answer.instrument(span.clone()).await;
    if let Err(fault) = &answer {
        span.in_scope(|| tracing::error!(error = fault.name(), "{fault}"));
    }
    answer
}

/// Where a function is installed, read from its own ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The twelve-digit account id.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl Home {
    /// The home of the function that was invoked.
    ///
    /// # Errors
    /// Unexpected if Lambda did not name the function by an ARN
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
    pub fn of(context: &Context) -> Result<Self, Fault> {
        let arn = &context.invoked_function_arn;
        match *arn.splitn(6, ':').collect::<Vec<_>>() {
            ["arn", _, "lambda", region, account, _] => Ok(Self {
                account: account.into(),
                region: region.into(),
            }),
            _ => Err(Fault::Unexpected(format!(
                "`{arn}` is no ARN of a function"
            ))),
        }
    }
}
