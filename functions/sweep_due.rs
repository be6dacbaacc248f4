//! Trigger `sweep-due`: a minute of the sweep's interval has come.
//!
//! In: the input of the schedule in `template.yaml`. Out: nothing.
//! Fails with `Refused` if the input is not that, else with the first failure after everything that is due was tried:
//! Lambda repeats the firing twice and then puts it into the dead-letter queue.

mod executions;
mod files;
mod repositories;
mod undecided;
mod unproven;
mod way_back;

use landfall::{event::sweep_due, keys};
use landfall_aws::{
    Aws, Fault,
    function::{Event, Function},
};

use self::{
    executions::look_at_executions,
    files::{list_files, look_at_files},
    repositories::look_at_repositories,
    undecided::look_at_undecided,
    unproven::look_at_unproven,
};

/// Joins the images and service files that are there now into the desired states, looks for tasks of releases that are
/// unproven, and goes on where AWS answers again.
#[derive(Debug)]
pub struct SweepDue;

impl Function for SweepDue {
    const NAME: &'static str = "sweep-due";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!(
            "sweep-due",
            scheduledAt = event.payload["scheduledAt"].as_str()
        )
    }

    /// Looks at everything that is due.
    ///
    /// # Errors
    /// Refused if the event is not the schedule's input; otherwise the first failure, after everything was tried.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let due = sweep_due::read(&event.payload)?;
        let mut outcome = Outcome::default();
        if due.executions() {
            let looked = look_at_executions(aws, due.scheduled_at, &event.request_id).await;
            outcome.note("the executions", looked);
            look_at_unproven(aws, &event.request_id, &mut outcome).await;
        }
        let shards: Vec<_> = due.shards().collect();
        if shards.is_empty() {
            return outcome.0;
        }
        let repositories = aws.state().followed_repositories().await?;
        let files = list_files(aws).await?;
        for shard in shards {
            match aws.sweeps().read(shard).await {
                Ok(mut remembered) => {
                    look_at_files(aws, &mut remembered, &files, &event, &mut outcome).await;
                    look_at_repositories(aws, &mut remembered, &repositories, &event, &mut outcome)
                        .await;
                    look_at_undecided(aws, &mut remembered, &event.request_id, &mut outcome).await;
                }
                Err(fault) => outcome.note(keys::sweep_memory(shard), Err(fault)),
            }
        }
        outcome.0
    }
}

/// The first failure, while everything else goes on.
pub(crate) struct Outcome(Result<(), Fault>);

impl Default for Outcome {
    fn default() -> Self {
        Self(Ok(()))
    }
}

impl Outcome {
    fn note(&mut self, subject: impl std::fmt::Display, looked: Result<(), Fault>) {
        let Err(fault) = looked else { return };
        tracing::error!(%subject, error = fault.name(), "{fault}");
        if self.0.is_ok() {
            self.0 = Err(fault);
        }
    }
}
