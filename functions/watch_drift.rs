//! Trigger `watch-drift`: ECS changed a deployment, perhaps because a service was given a foreign revision.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is malformed, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::{
    desired::DesiredState,
    drift::{Revision, Whose, reason},
    event::{
        Heard,
        rollout_changed::{self, Changed},
    },
    versioned::Versioned,
};
use landfall_aws::{
    Aws, Fault, drift,
    events::SERVICE_DRIFTED,
    function::{Event, Function},
    state_bucket::Change,
    status_file::StatusFile,
};

/// Puts a service on hold that no execution works on and that runs a foreign revision.
#[derive(Debug)]
pub struct WatchDrift;

impl Function for WatchDrift {
    const NAME: &'static str = "watch-drift";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!("watch-drift", event = event.payload["id"].as_str())
    }

    /// Looks for drift in the service that the event names. A service that Landfall does not know costs one read of S3.
    ///
    /// # Errors
    /// Refused if the event is malformed. Transient if ECS does not show yet what the event tells of: Lambda repeats an
    /// asynchronous invocation after one minute and after two more
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        match rollout_changed::read(&event.payload)? {
            Heard::Look(changed) => look(aws, &changed).await,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                Ok(())
            }
        }
    }
}

/// Puts the service on hold if it was given a foreign revision between two releases. An invocation that begins a
/// release meanwhile wins the compare-and-swap.
async fn look(aws: &Aws, changed: &Changed) -> Result<(), Fault> {
    let service = &changed.service;
    let hold = |read: Versioned<DesiredState>| async move {
        let Some(revision) = foreign_revision(aws, &read, changed).await? else {
            return Ok(Change::Leave(None));
        };
        let mut drifted = read.into_value();
        let report = drifted.drift(reason(service, &revision), aws.now());
        Ok(Change::Write(Box::new(drifted), Some(report)))
    };
    let (desired, report) = aws.state().change(service, hold).await?;
    let Some(report) = report else {
        return Ok(());
    };
    tracing::warn!(%service, reason = report.hold.reason, "drifted");
    aws.events().put(SERVICE_DRIFTED, &report).await?;
    StatusFile::update(aws.files(), &desired).await
}

/// The foreign revision that a service at rest runs, if it does.
async fn foreign_revision(
    aws: &Aws,
    desired: &DesiredState,
    changed: &Changed,
) -> Result<Option<String>, Fault> {
    let Some(file) = desired.file.as_ref().filter(|_| desired.is_at_rest()) else {
        return Ok(None);
    };
    let live = aws.ecs().service(&desired.service).await?;
    if changed.may_be_unseen(live.as_ref(), aws.now()) {
        return Err(Fault::transient(format!(
            "ECS does not show yet that a deployment of {} changed",
            desired.service
        )));
    }
    let live = live.filter(|live| live.is_active());
    let Some(live) = &live else { return Ok(None) };
    let Some(primary) = live.primary() else {
        return Ok(None);
    };
    let arn = &primary.task_definition;
    let (state, ecs, mut revision) = (aws.state(), aws.ecs(), Revision::new(arn));
    let whose = drift::whose(state, ecs, desired, live, &mut revision, &file.content).await?;
    Ok((whose == Whose::Foreign).then(|| arn.clone()))
}
