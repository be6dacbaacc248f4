//! Step `UpdateService`: the service is created, or given the new revision.
//!
//! In: `Input`, from `RegisterTaskDefinition`. Out: `Output`, what to wait for, to `AwaitRollout`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use lambda_runtime::Error;
use update_service::UpdateService;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = UpdateService::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(update_service::span, |event| step.handle(event.payload)).await
}
