//! Step `ConcludeRelease`, apart from its process.

use std::collections::BTreeSet;

use landfall::{
    desired::DesiredState,
    record::{Record, Verdict},
    step::conclude_release::{Input, Output, is_open, records},
};
use landfall_aws::{
    Fault,
    bucket::Written,
    clock::Clock,
    config::{SdkConfig, Surroundings},
    desired::StateBucket,
    events::{Events, RELEASE_CONCLUDED},
    lambda::step_span,
};

/// Gives a release its verdict.
#[derive(Debug)]
pub struct ConcludeRelease {
    state: StateBucket,
    events: Events,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl ConcludeRelease {
    /// The step in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The step in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            events: Events::new(&surroundings.sdk),
            clock: surroundings.clock(),
        }
    }

    /// Writes the records and tells the world, then writes the verdict and gives up the claim in one compare-and-swap.
    ///
    /// Records go first: should this execution die in between, the next one finds the record and only finishes.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let mut verdict = input.ending.verdict;
        let mut reason = String::new();
        let mut told = BTreeSet::new();
        loop {
            let read = self.state.read(&input.service).await?;
            if !is_open(&input, &read.desired) {
                // An earlier invocation of this step came through, and its answer was lost, perhaps its log line too.
                log(verdict, &reason);
                return Ok(Output {
                    verdict,
                    reason,
                    again: true,
                });
            }
            let own = self.write_records(&input, &read.desired, &mut told).await?;
            verdict = own.verdict;
            reason = own.reason;
            let mut concluded = read.desired.clone();
            concluded.conclude(input.release.number, verdict, own.task_definition.as_ref());
            if self.state.write(&read, &concluded).await? == Written::Yes {
                log(verdict, &reason);
                return Ok(Output {
                    verdict,
                    reason,
                    again: concluded.next_release().is_some(),
                });
            }
        }
    }

    /// Answers this release's record, which an execution that died may have written before.
    /// `told` keeps a lost compare-and-swap from telling the world twice.
    async fn write_records(
        &self,
        input: &Input,
        desired: &DesiredState,
        told: &mut BTreeSet<u64>,
    ) -> Result<Record, Fault> {
        let mut own = None;
        for record in records(input, desired, self.clock.now()) {
            let record = match self.state.put_record(&record).await? {
                Written::Yes => record,
                Written::Conflict => {
                    let kept = self
                        .state
                        .record(&record.service, record.release.number)
                        .await?;
                    kept.ok_or_else(|| Fault::Unexpected("a record that was there is gone".into()))?
                }
            };
            if told.insert(record.release.number) {
                self.events.put(RELEASE_CONCLUDED, &record).await?;
            }
            own.get_or_insert(record);
        }
        own.ok_or_else(|| Fault::Unexpected("a release has no record".into()))
    }
}

/// The template's metric filter counts the lines that say `failed`, so no log level may leave them out.
fn log(verdict: Verdict, reason: &str) {
    if verdict == Verdict::Failed {
        tracing::error!(%verdict, reason, "concluded");
    } else {
        tracing::info!(%verdict, reason, "concluded");
    }
}
