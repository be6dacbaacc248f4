//! What stops a release on its way: a look that shows that it is bad, or a step that failed for good.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{evidence::Against, probe::ProbeAnswer, record::TaskReport};

/// The name of the error with which a step says that AWS or Landfall refuses the release.
pub const REFUSED: &str = "Refused";

/// The name of the error with which a step says that AWS refuses what it usually takes a while later. Once it was repeated
/// for as long as the state machine wants, it is a refusal.
pub const NOT_YET: &str = "NotYet";

/// What went wrong with a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Where on its way.
    pub stage: Stage,
    /// Against whom that speaks. What older functions said spoke against the release.
    #[serde(default)]
    pub against: Against,
    /// In a sentence, or as the cause of a failed step.
    pub reason: String,
    /// What the HTTP probe got, if it came so far.
    pub probe: Option<ProbeAnswer>,
    /// The task before or after the rollout that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskReport>,
}

/// How far a release came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// AWS or Landfall refused it.
    Refused,
    /// A task before the rollout failed: the release has not touched the service.
    Task,
    /// A step failed for good.
    Step,
    /// ECS did not complete the rollout.
    Rollout,
    /// It was rolled out, and a check failed.
    Health,
}

/// The error with which a step failed for good, as Step Functions gives it to a `Catch`
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StepError {
    /// Its name.
    pub error: String,
    /// JSON with an `errorMessage`, if a function failed.
    #[serde(default)]
    pub cause: String,
}

impl StepError {
    /// What a function failed with, in a sentence for people; what Step Functions says of any other error.
    pub fn message(&self) -> String {
        let cause = serde_json::from_str::<Value>(&self.cause).ok();
        let message = cause.as_ref().and_then(|cause| cause.get("errorMessage"));
        let message = message.and_then(Value::as_str);
        message.unwrap_or(&self.cause).to_owned()
    }
}
