//! Times in which AWS does not answer.

use std::time::Duration;

use super::fault::Fault;

/// What is away in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// The API of this service, as signatures name it: `ecs`, `s3`, `elasticloadbalancing`. Of `lambda`, the invocations.
    Api(&'static str),
    /// This operation.
    Operation(&'static str),
}

/// A time in which AWS does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage<Instead> {
    /// What is away.
    pub away: Away,
    /// What becomes of the calls.
    pub fault: Instead,
    /// When it begins, counted from the beginning.
    pub from: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

impl<Instead> Outage<Instead> {
    /// When it ends, counted from the beginning.
    pub fn until(&self) -> Duration {
        self.from + self.lasts
    }

    /// Whether it hits a call of `operation` to the API of `api`, so long after the beginning.
    pub fn hits(&self, api: &str, operation: &str, at: Duration) -> bool {
        let is_away = match self.away {
            Away::Api(away) => away == api,
            Away::Operation(away) => away == operation,
        };
        is_away && (self.from..self.until()).contains(&at)
    }
}

/// What the embedded cloud answers in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// AWS asks to slow down.
    Throttled,
    /// AWS answers 500.
    ServerError,
}

impl Refusal {
    /// The answer of a service whose API is JSON or Query.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Throttled => Fault::client("ThrottlingException", "Rate exceeded"),
            Self::ServerError => {
                Fault::client("InternalFailure", "The service is away.").with_status(500)
            }
        }
    }

    /// The answer of S3 (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
    pub(super) fn of_s3(self) -> Fault {
        match self {
            Self::Throttled => {
                Fault::client("SlowDown", "Please reduce your request rate.").with_status(503)
            }
            Self::ServerError => {
                Fault::client("InternalError", "The service is away.").with_status(500)
            }
        }
    }
}
