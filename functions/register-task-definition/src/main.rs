//! Step `RegisterTaskDefinition`: a task definition revision with the release's images.
//!
//! In: `Input`, from `EnsureCluster`. Out: `Output`, the revision, to `UpdateService`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use lambda_runtime::Error;
use register_task_definition::RegisterTaskDefinition;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = RegisterTaskDefinition::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(register_task_definition::span, |event| {
        step.handle(event.payload)
    })
    .await
}
