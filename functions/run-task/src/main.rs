//! Step `RunTask`: one look at the tasks before or after a rollout, the next of which is started.
//!
//! In: `Input`, again and again until all have run. Out: `Output`, how they stand.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use lambda_runtime::Error;
use run_task::RunTask;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = RunTask::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(run_task::span, |event| step.handle(event.payload)).await
}
