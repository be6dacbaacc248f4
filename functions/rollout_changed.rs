//! Trigger `rollout-changed`: ECS changed a deployment.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::event::{Heard, rollout_changed};
use landfall_aws::{
    Aws, Fault,
    function::{Event, Function},
};

/// Wakes the execution that waits for a rollout.
#[derive(Debug)]
pub struct RolloutChanged;

impl Function for RolloutChanged {
    const NAME: &'static str = "rollout-changed";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!("rollout-changed", event = event.payload["id"].as_str())
    }

    /// Wakes whoever sleeps for the service that the event names. Services that Landfall does not know have no sleeper, and
    /// cost one read.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let service = match rollout_changed::read(&event.payload)? {
            Heard::Look(service) => service,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        match aws.state().sleeper(&service).await? {
            Some(sleeper) => {
                tracing::info!(%service, execution = sleeper.execution, "wakes");
                aws.executions().wake(&sleeper.task_token).await
            }
            None => {
                tracing::info!(%service, "ignored: nobody waits for it");
                Ok(())
            }
        }
    }
}
