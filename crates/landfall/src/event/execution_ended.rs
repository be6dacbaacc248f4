//! "Step Functions Execution Status Change"
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Heard, excerpt, open, within};
use crate::{refusal::Refusal, service_id::ServiceId};

/// How many executions in a row are started as soon as the one before died. After that an operator has to look; a sweep
/// goes on trying, once in each interval.
pub const MAX_RESTARTS: u32 = 8;

/// The input of an execution of the release state machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionInput {
    /// The service to work on.
    pub service: ServiceId,
    /// How many executions before this one died without one between them that concluded anything.
    #[serde(default)]
    pub restarts: u32,
}

impl ExecutionInput {
    /// The input of the execution that follows this one, which died.
    #[must_use]
    pub fn after_death(&self) -> Self {
        Self {
            service: self.service.clone(),
            restarts: self.restarts.saturating_add(1).min(MAX_RESTARTS + 1),
        }
    }
}

/// An execution that ended without having ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadExecution {
    /// Its ARN.
    pub execution: String,
    /// What it was to do.
    pub input: ExecutionInput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    execution_arn: String,
    state_machine_arn: String,
    status: String,
    input: Option<String>,
}

/// Reads the event for a Landfall whose state machine is `state_machine`.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value, state_machine: &str) -> Result<Heard<DeadExecution>, Refusal> {
    let detail = open::<Detail>(
        event,
        "aws.states",
        &["Step Functions Execution Status Change"],
    )?
    .detail;
    if detail.state_machine_arn != state_machine {
        return Ok(Heard::Ignore(format!(
            "{} is not the release state machine",
            excerpt(&detail.state_machine_arn)
        )));
    }
    if !["FAILED", "TIMED_OUT", "ABORTED"].contains(&&*detail.status) {
        return Ok(Heard::Ignore(format!(
            "the execution is {}",
            excerpt(&detail.status)
        )));
    }
    within("executionArn", &detail.execution_arn, 2048)?;
    let input = detail.input.ok_or_else(|| {
        Refusal::new(format!(
            "the event of {} has no input: EventBridge leaves it out over 256 KiB",
            detail.execution_arn
        ))
    })?;
    let input = serde_json::from_str(&input).map_err(|error| {
        Refusal::new(format!(
            "the input of {} names no service: {}",
            detail.execution_arn,
            excerpt(&error.to_string())
        ))
    })?;
    Ok(Heard::Look(DeadExecution {
        execution: detail.execution_arn,
        input,
    }))
}
