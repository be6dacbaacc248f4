//! Why a call, and so a step, failed: in the words that the state machine matches on.

use std::error::Error;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use lambda_runtime::Diagnostic;
use landfall::refusal::Refusal;

/// A failure, by what operating people do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// AWS is throttling, unavailable or unreachable: the state machine tries again.
    #[error("{0}")]
    Transient(String),
    /// AWS or Landfall refuses: trying again changes nothing, somebody has to change something.
    #[error("{0}")]
    Refused(String),
    /// Something that should not happen.
    #[error("{0}")]
    Unexpected(String),
}

/// Error codes that mean "slower" or "later", over all services in use. The SDK retries them a few times by itself.
const THROTTLES: [&str; 8] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "LimitExceededException",
    "RequestTimeout",
    // Application Auto Scaling: the resource has an update on its way.
    "ConcurrentUpdateException",
];

/// ECS's answer to two registrations of one family at once is a plain `ClientException`
/// (<https://github.com/aws/containers-roadmap/issues/1010>).
const CONCURRENT_REGISTRATION: &str = "Too many concurrent attempts to create a new revision";

/// What stands between a call and AWS's error code.
const REFUSED: &str = " was refused: ";

impl Fault {
    /// The error names that a function can answer; the state machine's `Retry` and `Catch` match on them.
    pub const NAMES: [&str; 3] = ["Transient", "Refused", "Unexpected"];

    /// The name of this failure, one of [`Self::NAMES`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transient(_) => "Transient",
            Self::Refused(_) => "Refused",
            Self::Unexpected(_) => "Unexpected",
        }
    }

    /// AWS's error code, if AWS refused a call.
    pub fn code(&self) -> Option<&str> {
        let (Self::Transient(text) | Self::Refused(text) | Self::Unexpected(text)) = self;
        let (_, refusal) = text.split_once(REFUSED)?;
        refusal.split(':').next()
    }

    /// The failure of `call`, e.g. `ecs:UpdateService`.
    pub(crate) fn of<E>(call: &str, error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let Some(refused) = error.as_service_error() else {
            let text = format!("{call} got no answer: {}", causes(&error));
            return match error {
                SdkError::ConstructionFailure(_) => Self::Unexpected(text),
                _ => Self::Transient(text),
            };
        };
        let code = refused.code().unwrap_or("no error code");
        let message = refused.message().unwrap_or("no message");
        let text = format!("{call}{REFUSED}{code}: {message}");
        let status = error
            .raw_response()
            .map_or(0, |response| response.status().as_u16());
        if status >= 500
            || status == 429
            || THROTTLES.contains(&code)
            || message.contains(CONCURRENT_REGISTRATION)
        {
            Self::Transient(text)
        } else if (400..500).contains(&status) {
            Self::Refused(text)
        } else {
            Self::Unexpected(text)
        }
    }

    /// AWS's answer to `call` lacks something that it always has.
    pub(crate) fn incomplete(call: &str, what: &str) -> Self {
        Self::Unexpected(format!("the answer to {call} has no {what}"))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.0)
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Self {
            error_type: fault.name().into(),
            error_message: fault.to_string(),
        }
    }
}

/// An error's innermost causes say what happened; the outer ones only name the layers.
fn causes(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    texts.drain(..texts.len().saturating_sub(2));
    texts.join(": ")
}
