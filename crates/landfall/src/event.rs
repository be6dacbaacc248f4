//! The events that wake Landfall, as EventBridge delivers them. An event never says what to do, only where to look.

pub mod config_changed;
pub mod execution_ended;
pub mod image_pushed;
mod received;
pub mod rollout_changed;
pub mod sweep_due;

use jiff::Timestamp;
pub use received::Received;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::refusal::Refusal;

/// What an event comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// Look there.
    Look(T),
    /// It is a true event that concerns nobody here; for the log.
    Ignore(String),
}

/// EventBridge's envelope
/// (<https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>).
#[derive(Debug, Deserialize)]
struct Envelope<Detail> {
    account: String,
    region: String,
    /// When it happened, as the service says.
    #[serde(default)]
    time: Option<Timestamp>,
    #[serde(default)]
    resources: Vec<String>,
    detail: Detail,
}

/// Opens an envelope that has to come from `source` with one of `detail_types`.
fn open<Detail: DeserializeOwned>(
    event: &Value,
    source: &str,
    detail_types: &[&str],
) -> Result<Envelope<Detail>, Refusal> {
    let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    if !event.is_object() {
        return Err(Refusal::new(
            "the event is no EventBridge envelope: expected an object",
        ));
    }
    if event.get("version").is_none() {
        let what = other(event).unwrap_or("it has no `version`");
        return Err(Refusal::new(format!(
            "the event is no EventBridge envelope: {what}"
        )));
    }
    if field("version") != "0" {
        return Err(Refusal::new(format!(
            "the event has the envelope version {}; only version \"0\" is known",
            excerpt(&event["version"].to_string())
        )));
    }
    if field("source") != source || !detail_types.contains(&field("detail-type")) {
        return Err(Refusal::new(format!(
            "expected an event `{}` from `{source}`, got `{}` from `{}`: check the rule that sent it",
            detail_types.join("` or `"),
            excerpt(field("detail-type")),
            excerpt(field("source")),
        )));
    }
    Envelope::deserialize(event).map_err(|error| {
        Refusal::new(format!(
            "the event `{}` is not as AWS documents it: {}",
            detail_types[0],
            excerpt(&error.to_string())
        ))
    })
}

/// What else than an envelope Lambda functions are often given.
fn other(event: &Value) -> Option<&'static str> {
    let record = &event["Records"][0];
    let source = record.get("eventSource").or(record.get("EventSource"));
    match source.and_then(Value::as_str) {
        Some("aws:s3") => Some(
            "it is an S3 event notification; let the bucket send its events to EventBridge instead",
        ),
        Some("aws:sns") => Some("it came through SNS; let an EventBridge rule call the function"),
        Some("aws:sqs") => Some("it came through SQS; let an EventBridge rule call the function"),
        _ if event["Event"] == "s3:TestEvent" => Some(
            "it is the test of an S3 event notification; let the bucket send its events to EventBridge instead",
        ),
        _ if event.get("httpMethod").is_some() || event.get("requestContext").is_some() => {
            Some("it is an HTTP request; Landfall has no web address")
        }
        _ => None,
    }
}

/// Refuses a field that is empty or longer than AWS ever makes it.
fn within(name: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(format!("the event's {name} is empty")));
    }
    if text.len() > most {
        let (length, start) = (text.len(), excerpt(text));
        return Err(Refusal::new(format!(
            "the event's {name} has {length} bytes, AWS allows {most}: `{start}`"
        )));
    }
    Ok(())
}

/// The start of a text from outside of Landfall, short enough for a message.
fn excerpt(text: &str) -> String {
    let mut start: String = text.chars().take(200).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests;
