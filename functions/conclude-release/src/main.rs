//! Step `ConcludeRelease`: one verdict, one record, one event, and the claim given up.
//!
//! In: `Input`, from every ending. Out: `Output`, whether there may be more to do.
//! Fails with `Transient`, which the state machine retries.

use conclude_release::ConcludeRelease;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = ConcludeRelease::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(conclude_release::span, |event| step.handle(event.payload)).await
}
