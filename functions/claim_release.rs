//! Step `ClaimRelease`: the sole right to change a service, for its newest release without a verdict.
//!
//! In: `Input`, from the start of the execution, and again after each conclusion. Out: `Output`, what to do next, to the state `Claimed`.
//! Fails with `Transient`, which the state machine retries.

use landfall::{
    desired::{Claim, DesiredState},
    service_id::ServiceId,
    step::claim_release::{Action, Decision, Holder, Input, Output, decide, last_call},
};
use landfall_aws::{Aws, Fault, bucket::Written, function::Function};

/// Takes the claim, if it can be had.
#[derive(Debug)]
pub struct ClaimRelease;

impl Function for ClaimRelease {
    const NAME: &'static str = "claim-release";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        tracing::info_span!("claim", service = %input.service, execution = input.execution)
    }

    /// Claims the newest release that has no verdict, or wakes the execution that holds the claim.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        loop {
            let read = aws.state().read(&input.service).await?;
            let holder = holder(aws, &read.desired, &input).await?;
            let Decision { output, write } = decide(&read.desired, &input.execution, holder);
            if let Some(claimed) = write
                && aws.state().write(&read, &claimed).await? == Written::Conflict
            {
                continue;
            }
            if output.action == Action::Joined {
                wake(aws, &input.service).await?;
            }
            let release = output.release.as_ref().map(|release| release.number);
            tracing::info!(action = ?output.action, release, attempt = output.attempt, "asked for the claim");
            return Ok(output);
        }
    }
}

async fn holder(aws: &Aws, desired: &DesiredState, input: &Input) -> Result<Holder, Fault> {
    let Some(Claim {
        execution, release, ..
    }) = &desired.claim
    else {
        return Ok(Holder::NobodyElse);
    };
    let is_mine = *execution == input.execution;
    if !is_mine {
        let Some(ended) = aws.executions().ended(execution).await? else {
            return Ok(Holder::Alive);
        };
        if let Some(seconds) = last_call(ended, aws.now()) {
            return Ok(Holder::Dying(seconds));
        }
    }
    let record = aws.state().record(&input.service, *release).await?;
    let ending = record.map(|record| record.ending());
    Ok(match (is_mine, ending) {
        (true, None) => Holder::NobodyElse,
        (true, Some(ending)) => Holder::Myself(ending),
        (false, ending) => Holder::Dead(ending),
    })
}

async fn wake(aws: &Aws, service: &ServiceId) -> Result<(), Fault> {
    match aws.state().sleeper(service).await? {
        Some(sleeper) => aws.executions().wake(&sleeper.task_token).await,
        None => Ok(()),
    }
}
