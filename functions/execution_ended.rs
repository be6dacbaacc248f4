//! Trigger `execution-ended`: an execution ended without concluding.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use lambda_runtime::LambdaEvent;
use landfall::event::{
    Heard,
    execution_ended::{self, MAX_RESTARTS},
};
use landfall_aws::{
    Fault,
    config::{SdkConfig, Surroundings},
    sfn::StepFunctions,
    state_bucket::StateBucket,
};
use serde_json::Value;

/// Starts a fresh execution where one died.
#[derive(Debug)]
pub struct ExecutionEnded {
    state: StateBucket,
    executions: StepFunctions,
    state_machine: String,
}

/// What log lines are about.
pub fn span(event: &Value) -> tracing::Span {
    tracing::info_span!("execution-ended", event = event["id"].as_str())
}

impl ExecutionEnded {
    /// The trigger in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Self::new(&Surroundings::from_environment(config)?)
    }

    /// The trigger in these surroundings.
    ///
    /// # Errors
    /// Unexpected if they name no state machine.
    pub fn new(surroundings: &Surroundings) -> Result<Self, Fault> {
        Ok(Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            executions: StepFunctions::new(&surroundings.sdk),
            state_machine: surroundings.state_machine()?.into(),
        })
    }

    /// Starts an execution if the dead one left a release without a verdict.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be, or if too many executions died in a row.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Fault> {
        let dead = match execution_ended::read(&event.payload, &self.state_machine)? {
            Heard::Look(dead) => dead,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        let service = &dead.input.service;
        let desired = self.state.read(service).await?.desired;
        let Some(release) = desired.next_release() else {
            let held = desired.hold.is_some();
            tracing::info!(%service, held, execution = dead.execution, "nothing is left to do");
            return Ok(());
        };
        if dead.input.restarts == MAX_RESTARTS {
            return Err(Fault::Refused(format!(
                "{MAX_RESTARTS} executions for {service} died in a row, the last was {}: look at its history and mend the \
                 cause. Every sweep starts one more; to go on at once, start an execution with the input \
                 {{\"service\":\"{service}\"}}",
                dead.execution
            )));
        }
        if dead.input.restarts > MAX_RESTARTS {
            tracing::warn!(%service, execution = dead.execution, release = release.number, "the one that a sweep started died as well: the next sweep starts another");
            return Ok(());
        }
        tracing::warn!(%service, execution = dead.execution, release = release.number, "an execution died: starts another");
        self.executions
            .start(
                &self.state_machine,
                &dead.input.after_death(),
                release.number,
                &event.context.request_id,
            )
            .await
    }
}
