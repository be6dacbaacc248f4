//! Why a call, and so a step, failed: in the words that the state machine matches on.

pub(crate) mod kind;

use std::{error::Error, fmt};

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use landfall::{
    record::Release, refusal::Refusal, service_id::ServiceId,
    step::update_service::nothing_to_adopt,
};

pub use self::kind::Kind;
use crate::not_yet;

/// A failure of a call, and so of a step.
#[derive(Debug)]
pub struct Fault {
    /// What operating people do about it.
    pub kind: Kind,
    /// The call that AWS refused, e.g. `ecs:UpdateService`; none if it was none that failed, or AWS gave no answer.
    pub call: Option<String>,
    /// The error code with which AWS refused the call, if it gave one.
    pub code: Option<String>,
    /// AWS's message, or a sentence of Landfall's.
    pub message: String,
}

/// Error codes that mean "slower" or "later", over all services in use. The SDK retries them a few times by itself.
///
/// Not among them is `LimitExceededException`, which the SDK takes for throttling too: each of the services says it of a
/// quota that was reached (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html>,
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>).
const THROTTLES: [&str; 8] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "RequestTimeout",
    // Step Functions: KMS throttles it
    // (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
    "KmsThrottlingException",
    // Application Auto Scaling: the resource has an update on its way.
    "ConcurrentUpdateException",
];

/// Error codes with which AWS denies a call to who makes it, whatever it asks for
/// (<https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html>). S3 and Elastic Load Balancing have
/// spellings of their own
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>).
const DENIALS: [&str; 8] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "NotAuthorized",
    "UnrecognizedClientException",
];

/// How the operations begin that read, over all services in use.
const READS: [&str; 6] = ["BatchGet", "Describe", "Filter", "Get", "Head", "List"];

impl Fault {
    /// The error names that a function can answer; the state machine's `Retry` and `Catch` match on them.
    pub const NAMES: [&str; 5] = ["Transient", "NotYet", "Refused", "Denied", "Unexpected"];

    /// Something that passes by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(Kind::Transient, message.into())
    }

    /// Something that is not ready, and will be in some minutes at most.
    pub fn not_yet(message: impl Into<String>) -> Self {
        Self::new(Kind::NotYet, message.into())
    }

    /// Something that Landfall refuses.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message.into())
    }

    /// A release finds no service that its file could adopt: it may be made in a moment, or is not there.
    pub fn unadopted(service: &ServiceId, release: &Release, now: Timestamp) -> Self {
        let refusal = nothing_to_adopt(service);
        if release.may_precede_its_service(now) {
            Self::not_yet(refusal.0)
        } else {
            refusal.into()
        }
    }

    /// What ECS shows of the service may be older than what another release or execution changed.
    pub fn unseen(service: &ServiceId) -> Self {
        Self::transient(format!(
            "ECS may not show yet what was changed in {service}"
        ))
    }

    /// Something that should not happen.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message.into())
    }

    fn new(kind: Kind, message: String) -> Self {
        Self {
            kind,
            call: None,
            code: None,
            message,
        }
    }

    /// The name of this failure, one of [`Self::NAMES`].
    pub const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Whether AWS refused a call with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        self.kind == Kind::Transient
    }

    /// Whether AWS or Landfall refuses, so that a retry would be refused too: a change, or a read.
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Refused | Kind::Denied)
    }

    /// The same kind of failure, with a sentence of Landfall's.
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self::new(self.kind, message.into())
    }

    /// The same failure, where the caller knows that it passes within minutes.
    pub fn into_not_yet(self) -> Self {
        Self {
            kind: Kind::NotYet,
            ..self
        }
    }

    /// The failure of `call`, e.g. `ecs:UpdateService`.
    pub(crate) fn of<E>(call: &str, error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let Some(refused) = error.as_service_error() else {
            let causes = causes(&error);
            // The innermost causes say what happened; the outer ones only name the layers.
            let innermost = causes[causes.len().saturating_sub(2)..].join(": ");
            let text = format!("{call} got no answer: {innermost}");
            return match error {
                SdkError::ConstructionFailure(_) => Self::unexpected(text),
                _ => Self::transient(text),
            };
        };
        let code = refused.code();
        let message = refused.message().unwrap_or("no message");
        let status = error
            .raw_response()
            .map_or(0, |response| response.status().as_u16());
        let kind = kind(call, status, code, message);
        Self {
            kind,
            call: Some(call.to_owned()),
            code: code.map(str::to_owned),
            message: message.to_owned(),
        }
    }

    /// AWS's answer to `call` lacks something that it always has.
    pub(crate) fn incomplete(call: &str, what: &str) -> Self {
        Self::unexpected(format!("the answer to {call} has no {what}"))
    }
}

/// What to do about an answer with this status, error code and message.
fn kind(call: &str, status: u16, code: Option<&str>, message: &str) -> Kind {
    // What stands behind the action says what it was called for, e.g. an object.
    let action = call.split(' ').next().unwrap_or(call);
    if status >= 500 || status == 429 || code.is_some_and(|code| THROTTLES.contains(&code)) {
        Kind::Transient
    } else if (400..500).contains(&status) {
        let operation = action.split(':').next_back().unwrap_or(action);
        let is_read = READS.iter().any(|read| operation.starts_with(read));
        let is_denied = is_read && code.is_some_and(|code| DENIALS.contains(&code));
        let refused = if is_denied {
            Kind::Denied
        } else {
            Kind::Refused
        };
        not_yet::patience(action, code, message).unwrap_or(refused)
    } else {
        Kind::Unexpected
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = &self.call {
            let code = self.code.as_deref().unwrap_or("no error code");
            write!(f, "{call} was refused: {code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal.0)
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

/// What an error says and what each of its causes says, from the outermost to the innermost, nothing twice in a row.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_an_answer_follows_from_status_and_code() {
        let kinds = [
            (400, "ThrottlingException", Kind::Transient),
            (429, "Whatever", Kind::Transient),
            (503, "ServiceUnavailable", Kind::Transient),
            (400, "ClusterNotFoundException", Kind::NotYet),
            (400, "LimitExceededException", Kind::Refused),
            (400, "AccessDeniedException", Kind::Refused),
            (304, "", Kind::Unexpected),
        ];
        for (status, code, expected) in kinds {
            let found = kind("ecs:CreateService", status, Some(code), "");
            assert_eq!(found, expected, "{status} {code}");
        }
        let object = "s3:PutObject of s3://landfall-state/services/web/hello/desired.json";
        let conflict = Some("OperationAborted");
        assert_eq!(kind(object, 409, conflict, ""), Kind::NotYet);
        assert_eq!(
            kind(object, 412, Some("PreconditionFailed"), ""),
            Kind::Refused
        );
    }

    #[test]
    fn only_a_read_is_denied_and_only_for_want_of_a_permission() {
        for (call, code, expected) in [
            (
                "ecs:DescribeServices",
                "AccessDeniedException",
                Kind::Denied,
            ),
            (
                "application-autoscaling:DescribeScalingPolicies",
                "AccessDeniedException",
                Kind::Denied,
            ),
            (
                "s3:GetObject of s3://landfall-state/files/1.json",
                "AccessDenied",
                Kind::Denied,
            ),
            (
                "application-autoscaling:PutScalingPolicy",
                "AccessDeniedException",
                Kind::Refused,
            ),
            // The file names the listener.
            (
                "elasticloadbalancing:DescribeListeners",
                "ListenerNotFound",
                Kind::Refused,
            ),
        ] {
            assert_eq!(kind(call, 400, Some(code), ""), expected, "{call}");
        }
    }

    #[test]
    fn every_kind_has_its_name() {
        let kinds = [
            Kind::Transient,
            Kind::NotYet,
            Kind::Refused,
            Kind::Denied,
            Kind::Unexpected,
        ];
        assert_eq!(kinds.map(Kind::name), Fault::NAMES);
    }
}
