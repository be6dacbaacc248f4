//! Trigger `execution-ended`: an execution ended without concluding its release.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is malformed, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::event::{
    Heard,
    execution_ended::{self, MAX_RESTARTS},
};
use landfall_aws::{
    Aws, Fault,
    function::{Event, Function},
};

/// Starts another execution for a service whose execution died.
#[derive(Debug)]
pub struct ExecutionEnded;

impl Function for ExecutionEnded {
    const NAME: &'static str = "execution-ended";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!("execution-ended", event = event.payload["id"].as_str())
    }

    /// Starts an execution if the dead one left a release without a verdict.
    ///
    /// # Errors
    /// Refused if the event is malformed, or if too many executions died in a row.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let dead = match execution_ended::read(&event.payload, aws.state_machine()?)? {
            Heard::Look(dead) => dead,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        let service = &dead.input.service;
        let desired = aws.state().read(service).await?;
        let Some(release) = desired.next_release() else {
            let held = desired.hold.is_some();
            tracing::info!(%service, held, execution = dead.execution, "nothing is left to do");
            return Ok(());
        };
        if dead.input.restarts == MAX_RESTARTS {
            return Err(Fault::refused(format!(
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
        aws.executions()
            .start(
                aws.state_machine()?,
                &dead.input.after_death(),
                release.number,
                &event.request_id,
            )
            .await
    }
}
