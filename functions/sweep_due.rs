//! Trigger `sweep-due`: a minute of the sweep's interval has come.
//!
//! In: the input of the schedule in `template.yaml`. Out: nothing.
//! Fails with `Refused` if the input is not that, else with the first failure after everything that is due was tried:
//! Lambda repeats the firing twice and then puts it into the dead-letter queue.

mod executions;
mod files;
mod repositories;

use crate::config_changed::ConfigChanged;
use crate::image_pushed::ImagePushed;
use lambda_runtime::LambdaEvent;
use landfall::{event::sweep_due, keys};
use landfall_aws::{
    Fault,
    bucket::Bucket,
    config::{SdkConfig, Surroundings},
    ecr::Ecr,
    sfn::StepFunctions,
    state_bucket::StateBucket,
    sweep_memory::SweepMemory,
};
use serde_json::Value;

/// Joins what is really there into the desired states.
#[derive(Debug)]
pub struct SweepDue {
    image_pushed: ImagePushed,
    config_changed: ConfigChanged,
    memory: SweepMemory,
    state: StateBucket,
    files: Bucket,
    ecr: Ecr,
    executions: StepFunctions,
    state_machine: String,
}

/// What log lines are about.
pub fn span(event: &Value) -> tracing::Span {
    tracing::info_span!("sweep-due", scheduledAt = event["scheduledAt"].as_str())
}

impl SweepDue {
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
            image_pushed: ImagePushed::new(surroundings)?,
            config_changed: ConfigChanged::new(surroundings)?,
            memory: SweepMemory::named(&surroundings.sdk, &surroundings.state_bucket),
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            files: Bucket::new(&surroundings.sdk, surroundings.config_bucket.clone()),
            ecr: Ecr::new(&surroundings.sdk),
            executions: StepFunctions::new(&surroundings.sdk),
            state_machine: surroundings.state_machine()?.into(),
        })
    }

    /// Looks at everything that is due.
    ///
    /// # Errors
    /// Refused if the event is not the schedule's input; otherwise the first failure, after everything was tried.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Fault> {
        let due = sweep_due::read(&event.payload)?;
        let request_id = &event.context.request_id;
        let mut outcome = Outcome::default();
        if due.executions() {
            let looked = self.look_at_executions(due.scheduled_at, request_id).await;
            outcome.note("the executions", looked);
        }
        let shards: Vec<_> = due.shards().collect();
        if shards.is_empty() {
            return outcome.0;
        }
        let repositories = self.state.followed_repositories().await?;
        let files = self.list_files().await?;
        for shard in shards {
            match self.memory.read(shard).await {
                Ok(mut remembered) => {
                    self.look_at_files(&mut remembered, &files, request_id, &mut outcome)
                        .await;
                    self.look_at_repositories(
                        &mut remembered,
                        &repositories,
                        request_id,
                        &mut outcome,
                    )
                    .await;
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
