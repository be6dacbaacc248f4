//! Step `EnsureDiscovery`: the Cloud Map service in which the service's tasks register is there.
//!
//! In: `Input`, from `Planned` or `RanBefore`. Out: `Output`, the Cloud Map service's ARN, for the log: `UpdateService` asks by the name.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::step::ensure_discovery::{Input, Output, Plan, plan};
use landfall_aws::{
    Aws, Fault,
    function::{Function, step_span},
};

/// Creates the Cloud Map service if it is missing.
#[derive(Debug)]
pub struct EnsureDiscovery;

impl Function for EnsureDiscovery {
    const NAME: &'static str = "ensure-discovery";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Answers the Cloud Map service of the file's section `discovery`, created if need be.
    ///
    /// # Errors
    /// Refused as Cloud Map refuses, or if the namespace is not there.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        aws.state()
            .read_claimed(&input.service, &input.execution, input.release.number)
            .await?;
        let file = aws.state().file(&input.release.content.file).await?;
        let wanted = file
            .discovery
            .as_ref()
            .ok_or_else(|| Fault::unexpected("the service file has no section discovery"))?;
        let seen = aws.cloud_map().observe(wanted).await?;
        match plan(&input, wanted, &seen)? {
            Plan::Use { arn } => Ok(Output {
                arn,
                created: false,
            }),
            Plan::Create(body) => {
                let arn = aws.cloud_map().create(&body).await?;
                tracing::info!(arn, "created the Cloud Map service");
                Ok(Output { arn, created: true })
            }
        }
    }
}
