//! Trigger `sweep-due`: a minute of the sweep's interval has come.
//!
//! In: the input of the schedule in `template.yaml`. Out: nothing.
//! Fails with `Refused` if the input is not that, else with the first failure after everything that is due was tried:
//! Lambda repeats the firing twice and then puts it into the dead-letter queue.

use lambda_runtime::Error;
use sweep_due::SweepDue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_aws::lambda::log_as_json();
    let trigger = SweepDue::from_environment(landfall_aws::config::load().await)?;
    landfall_aws::lambda::serve_event(sweep_due::span, |event| trigger.handle(event)).await
}
