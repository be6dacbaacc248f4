//! Step `ClaimRelease`: the sole right to change a service, for its newest release without a verdict.
//!
//! In: `Input`, from the start of the execution, and again after each conclusion. Out: `Output`, what to do next, to
//! the state `Claimed`. Fails with `Transient`, which the state machine retries.

use landfall::{
    protocol::{
        Guards,
        claim::{Answer, Ask, Claim},
    },
    step::claim_release::{Input, Output},
};
use landfall_aws::{Aws, Fault, function::Function};

/// Takes the claim of a service, if no living execution holds it.
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
        let (service, me) = (&input.service, &*input.execution);
        let mut claim = Claim::begin(Guards::all());
        loop {
            let answer = match claim.ask(me) {
                Ask::ReadDesired => Answer::Desired(aws.state().read(service).await?),
                Ask::DescribeExecution(execution) => {
                    Answer::Described(aws.executions().status(execution).await?)
                }
                Ask::ReadRecord(number) => {
                    Answer::Record(aws.state().read_record(service, number).await?)
                }
                Ask::WriteDesired { over, desired } => {
                    Answer::Written(aws.state().write(over, &desired).await?)
                }
                Ask::ReadSleeper => Answer::Sleeper(aws.state().sleeper(service).await?),
                Ask::Wake(sleeper) => {
                    aws.executions().wake(&sleeper.task_token).await?;
                    Answer::Woken
                }
            };
            if let Some(output) = claim.on(me, answer, aws.now()) {
                let release = output.release.as_ref().map(|release| release.number);
                tracing::info!(action = ?output.action, release, attempt = output.attempt, "asked for the claim");
                return Ok(output);
            }
        }
    }
}
