//! Trigger `rollout-changed`: ECS changed a deployment.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use lambda_runtime::LambdaEvent;
use landfall::event::{Heard, rollout_changed};
use landfall_aws::{
    Fault,
    config::{SdkConfig, Surroundings},
    sfn::StepFunctions,
    state_bucket::StateBucket,
};
use serde_json::Value;

/// Wakes the execution that waits for a rollout.
#[derive(Debug)]
pub struct RolloutChanged {
    state: StateBucket,
    executions: StepFunctions,
}

/// What log lines are about.
pub fn span(event: &Value) -> tracing::Span {
    tracing::info_span!("rollout-changed", event = event["id"].as_str())
}

impl RolloutChanged {
    /// The trigger in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The trigger in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            executions: StepFunctions::new(&surroundings.sdk),
        }
    }

    /// Wakes whoever sleeps for the service that the event names. Services that Landfall does not know have no sleeper, and
    /// cost one read.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Fault> {
        let service = match rollout_changed::read(&event.payload)? {
            Heard::Look(service) => service,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        match self.state.sleeper(&service).await? {
            Some(sleeper) => {
                tracing::info!(%service, execution = sleeper.execution, "wakes");
                self.executions.wake(&sleeper.task_token).await
            }
            None => {
                tracing::info!(%service, "ignored: nobody waits for it");
                Ok(())
            }
        }
    }
}
