//! How a state fails: an error name to match on and a cause for people.

use serde::{Deserialize, Serialize};

/// A state's failure. Names that start with `States.` and `Lambda.` are AWS's own
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error name that `Retry` and `Catch` match on.
    pub error: String,
    /// What a person reads; for a function's own error the JSON it reported.
    pub cause: String,
}

/// A task ran longer than `TimeoutSeconds`.
pub const TIMEOUT: &str = "States.Timeout";
/// The execution cannot go on; nothing catches it.
pub const RUNTIME: &str = "States.Runtime";
/// A payload is over [`super::PAYLOAD_LIMIT`]; `States.ALL` does not catch it.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";

impl Failure {
    /// Any failure.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            cause: cause.into(),
        }
    }

    /// The state machine or its data do not fit together: `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    /// Whether one of `names`, an `ErrorEquals` list, stands for this failure.
    pub fn matches(&self, names: &[String]) -> bool {
        let catchable = self.error != RUNTIME && self.error != DATA_LIMIT_EXCEEDED;
        let named = |name: &String| match name.as_str() {
            "States.ALL" => true,
            "States.TaskFailed" => self.error != TIMEOUT,
            exact => self.error == exact,
        };
        catchable && names.iter().any(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_catch_what_aws_says_they_catch() {
        for (error, name, matched) in [
            ("Throttled", "States.ALL", true),
            ("Throttled", "Throttled", true),
            ("Throttled", "Throttle", false),
            ("Throttled", "States.TaskFailed", true),
            (TIMEOUT, "States.ALL", true),
            (TIMEOUT, "States.TaskFailed", false),
            (RUNTIME, "States.ALL", false),
            (DATA_LIMIT_EXCEEDED, "States.ALL", false),
        ] {
            assert_eq!(
                Failure::new(error, "").matches(&[name.to_owned()]),
                matched,
                "{error} by {name}"
            );
        }
    }
}
