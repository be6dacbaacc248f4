//! Step `CheckRollout`: what ECS says of a rollout; with a task token, it first stores the token to sleep on.
//!
//! In: `Input`, from `UpdateService` and `RollBack`, on every wake-up. Out: `Output`, how the rollout stands.
//! Fails with `Transient`, which the state machine retries.

use check_rollout::CheckRollout;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = CheckRollout::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(check_rollout::span, |event| step.handle(event.payload)).await
}
