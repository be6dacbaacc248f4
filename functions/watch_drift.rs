//! Trigger `watch-drift`: ECS changed a deployment, perhaps because somebody else gave a service a revision.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::{
    drift::{Revision, Whose, reason},
    event::{Heard, rollout_changed},
    service_id::ServiceId,
};
use landfall_aws::{
    Aws, Fault,
    bucket::Written,
    drift,
    events::SERVICE_DRIFTED,
    function::{Event, Function},
};

/// Where nobody works on a service, sees whether it drifted.
#[derive(Debug)]
pub struct WatchDrift;

impl Function for WatchDrift {
    const NAME: &'static str = "watch-drift";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!("watch-drift", event = event.payload["id"].as_str())
    }

    /// Looks for drift in the service that the event names. One that Landfall does not know costs one read.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        match rollout_changed::read(&event.payload)? {
            Heard::Look(service) => look(aws, &service).await,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                Ok(())
            }
        }
    }
}

/// Between two releases somebody else may give the service a revision: it is held. The desired state is read before
/// ECS: whoever begins a release meanwhile wins the compare-and-swap.
async fn look(aws: &Aws, service: &ServiceId) -> Result<(), Fault> {
    loop {
        let read = aws.state().read(service).await?;
        let Some(file) = read.file.as_ref().filter(|_| read.is_at_rest()) else {
            return Ok(());
        };
        let live = aws.ecs().service(service).await?;
        let live = live.filter(|live| live.is_active());
        let Some(live) = &live else { return Ok(()) };
        let Some(primary) = live.primary() else {
            return Ok(());
        };
        let arn = &primary.task_definition;
        let (desired, revision) = (&*read, Revision::new(arn));
        let (state, ecs) = (aws.state(), aws.ecs());
        let whose = drift::whose(state, ecs, desired, live, revision, &file.content).await?;
        if whose != Whose::Foreign {
            return Ok(());
        }
        let mut desired = desired.clone();
        let report = desired.drift(reason(service, arn), aws.now());
        if aws.state().write(&read, &desired).await? == Written::Conflict {
            continue;
        }
        tracing::warn!(%service, reason = report.hold.reason, "drifted");
        aws.events().put(SERVICE_DRIFTED, &report).await?;
        return aws.files().keep_status(&desired).await;
    }
}
