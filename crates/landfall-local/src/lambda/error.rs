//! How an invocation fails.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A function's error: what it reported, or what Lambda reports when it cannot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{}: {message}", error_type.as_deref().unwrap_or("error without a type"))]
pub struct FunctionError {
    /// The name that a state machine's `Retry` and `Catch` match on. `Runtime.ExitError` when the process died and
    /// `Sandbox.Timedout` when it was too slow, as in AWS.
    pub error_type: Option<String>,
    /// What a person reads.
    pub message: String,
    /// Whatever else the function reported, e.g. `stackTrace`.
    #[serde(default)]
    pub more: Map<String, Value>,
}

/// As Step Functions names it when Lambda has no room for an invocation
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html>).
const TOO_MANY_REQUESTS: &str = "Lambda.TooManyRequestsException";

impl FunctionError {
    /// An error of this type.
    pub fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self {
            error_type: Some(error_type.to_owned()),
            message: message.into(),
            more: Map::new(),
        }
    }

    /// What the function sent to the Runtime API, which need not be what the API asks for.
    pub(super) fn reported(body: &[u8]) -> Self {
        let mut more = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::from_iter([(
                "errorMessage".to_owned(),
                String::from_utf8_lossy(body).into(),
            )]),
        };
        let mut text = |name: &str| match more.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Self {
            error_type: text("errorType"),
            message: text("errorMessage").unwrap_or_default(),
            more,
        }
    }

    /// The invocation took longer than the function's timeout.
    pub(super) fn timed_out(request_id: &str, limit: Duration) -> Self {
        let seconds = limit.as_secs_f64();
        Self::new(
            "Sandbox.Timedout",
            format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
        )
    }

    /// Lambda has no room for the invocation.
    pub(super) fn throttled() -> Self {
        Self::new(TOO_MANY_REQUESTS, "Rate Exceeded.")
    }

    /// Whether the function was not invoked at all, because Lambda had no room for it.
    pub fn is_throttled(&self) -> bool {
        self.error_type.as_deref() == Some(TOO_MANY_REQUESTS)
    }

    /// The JSON that Lambda answers to whoever invoked the function.
    pub fn payload(&self) -> Value {
        let mut payload = json!({});
        if let Some(error_type) = &self.error_type {
            payload["errorType"] = error_type.as_str().into();
        }
        payload["errorMessage"] = self.message.as_str().into();
        if let Some(fields) = payload.as_object_mut() {
            fields.extend(self.more.clone());
        }
        payload
    }
}
