//! Step `VerifyHealth`: one look at containers, targets and the HTTP probe.
//!
//! In: `Input`, from `CheckRollout`, again and again until the bake time is over. Out: `Output`, how the verification stands.
//! Fails with `Transient`, which the state machine retries.

use lambda_runtime::Error;
use verify_health::VerifyHealth;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = VerifyHealth::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(verify_health::span, |event| step.handle(event.payload)).await
}
