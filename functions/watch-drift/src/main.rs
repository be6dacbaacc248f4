//! Trigger `watch-drift`: ECS changed a deployment, perhaps because somebody else gave a service a revision.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use lambda_runtime::Error;
use watch_drift::WatchDrift;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let trigger = WatchDrift::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve_event(watch_drift::span, |event| trigger.handle(event)).await
}
