//! Step `ClaimRelease`: the sole right to change a service, for its newest release without a verdict.
//!
//! In: `Input`, from the start of the execution, and again after each conclusion. Out: `Output`, what to do next, to the state `Claimed`.
//! Fails with `Transient`, which the state machine retries.

use landfall::{
    desired::{Claim, DesiredState},
    service_id::ServiceId,
    step::claim_release::{Action, Decision, Holder, Input, Output, decide, last_call},
};
use landfall_aws::{
    Fault,
    bucket::Written,
    clock::Clock,
    config::{SdkConfig, Surroundings},
    sfn::StepFunctions,
    state_bucket::StateBucket,
};

/// Takes the claim, if it can be had.
#[derive(Debug)]
pub struct ClaimRelease {
    state: StateBucket,
    executions: StepFunctions,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    tracing::info_span!("claim", service = %input.service, execution = input.execution)
}

impl ClaimRelease {
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
            executions: StepFunctions::new(&surroundings.sdk),
            clock: surroundings.clock(),
        }
    }

    /// Claims the newest release that has no verdict, or wakes the execution that holds the claim.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        loop {
            let read = self.state.read(&input.service).await?;
            let holder = self.holder(&read.desired, &input).await?;
            let Decision { output, write } = decide(&read.desired, &input.execution, holder);
            if let Some(claimed) = write
                && self.state.write(&read, &claimed).await? == Written::Conflict
            {
                continue;
            }
            if output.action == Action::Joined {
                self.wake(&input.service).await?;
            }
            let release = output.release.as_ref().map(|release| release.number);
            tracing::info!(action = ?output.action, release, attempt = output.attempt, "asked for the claim");
            return Ok(output);
        }
    }

    async fn holder(&self, desired: &DesiredState, input: &Input) -> Result<Holder, Fault> {
        let Some(Claim {
            execution, release, ..
        }) = &desired.claim
        else {
            return Ok(Holder::NobodyElse);
        };
        let is_mine = *execution == input.execution;
        if !is_mine {
            let Some(ended) = self.executions.ended(execution).await? else {
                return Ok(Holder::Alive);
            };
            if let Some(seconds) = last_call(ended, self.clock.now()) {
                return Ok(Holder::Dying(seconds));
            }
        }
        let record = self.state.record(&input.service, *release).await?;
        let ending = record.map(|record| record.ending());
        Ok(match (is_mine, ending) {
            (true, None) => Holder::NobodyElse,
            (true, Some(ending)) => Holder::Myself(ending),
            (false, ending) => Holder::Dead(ending),
        })
    }

    async fn wake(&self, service: &ServiceId) -> Result<(), Fault> {
        match self.state.sleeper(service).await? {
            Some(sleeper) => self.executions.wake(&sleeper.task_token).await,
            None => Ok(()),
        }
    }
}
