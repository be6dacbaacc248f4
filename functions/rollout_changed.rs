//! Trigger `rollout-changed`: ECS changed a deployment.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is malformed, else with `Transient` or `Unexpected`: Lambda repeats
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

    /// Wakes the execution that sleeps on a rollout of the service that the event names. For services that Landfall
    /// does not know no execution sleeps: their events cost one read of S3.
    ///
    /// # Errors
    /// Refused if the event is malformed.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let service = match rollout_changed::read(&event.payload)? {
            Heard::Look(changed) => changed.service,
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
