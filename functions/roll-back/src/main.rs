//! Step `RollBack`: the diagnosis of a bad release, and the way back.
//!
//! In: `Input`, from whatever failed. Out: `Output`, what was done and what to wait for.
//! Fails with `Transient`, which the state machine retries.

use lambda_runtime::Error;
use roll_back::RollBack;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = RollBack::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(roll_back::span, |event| step.handle(event.payload)).await
}
