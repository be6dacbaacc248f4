//! Trigger `config-changed`: a service file was put or deleted.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use config_changed::ConfigChanged;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let trigger = ConfigChanged::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve_event(config_changed::span, |event| trigger.handle(event)).await
}
