//! Step `EnsureScaling`: Application Auto Scaling does what the service file says.
//!
//! In: `Input`, from `Healthy`. Out: `Output`, what was changed, to `Succeeded`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which makes the release a bad one.

use ensure_scaling::EnsureScaling;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = EnsureScaling::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(ensure_scaling::span, |event| step.handle(event.payload)).await
}
