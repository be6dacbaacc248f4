//! Step `EnsureCluster`: the cluster is there.
//!
//! In: `Input`, from `Claimed`. Out: `Output`, the cluster's ARN, to `UpdateService`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use ensure_cluster::EnsureCluster;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = EnsureCluster::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(ensure_cluster::span, |event| step.handle(event.payload)).await
}
