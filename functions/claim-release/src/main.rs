//! Step `ClaimRelease`: the sole right to change a service, for its newest release without a verdict.
//!
//! In: `Input`, from the start of the execution, and again after each conclusion. Out: `Output`, what to do next, to the state `Claimed`.
//! Fails with `Transient`, which the state machine retries.

use claim_release::ClaimRelease;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = ClaimRelease::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(claim_release::span, |event| step.handle(event.payload)).await
}
