//! Step `EnsureDiscovery`: the Cloud Map service in which the service's tasks register is there.
//!
//! In: `Input`, from `Prepared`. Out: `Output`, the Cloud Map service's ARN, to `UpdateService`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use ensure_discovery::EnsureDiscovery;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = EnsureDiscovery::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(ensure_discovery::span, |event| step.handle(event.payload)).await
}
