//! Step `EnsureIngress`: the target group and listener rule of a service; step `TidyIngress`: no more than those.
//!
//! In: `Input`, from `Prepared` or from `Healthy`. Out: the target group and the rule, to `UpdateService`; for
//! `TidyIngress` nothing.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use ensure_ingress::EnsureIngress;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let step = EnsureIngress::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve(ensure_ingress::span, |event| step.handle(event.payload)).await
}
