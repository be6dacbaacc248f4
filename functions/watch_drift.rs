//! Trigger `watch-drift`: ECS changed a deployment, perhaps because somebody else gave a service a revision.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use lambda_runtime::LambdaEvent;
use landfall::{
    drift::{Revision, Whose, reason},
    event::{Heard, rollout_changed},
    service_id::ServiceId,
};
use landfall_aws::{
    Fault,
    bucket::{Bucket, Written},
    clock::Clock,
    config::{SdkConfig, Surroundings},
    drift,
    ecs::Ecs,
    events::{Events, SERVICE_DRIFTED},
    state_bucket::StateBucket,
};
use serde_json::Value;

/// Where nobody works on a service, sees whether it drifted.
#[derive(Debug)]
pub struct WatchDrift {
    state: StateBucket,
    files: Bucket,
    ecs: Ecs,
    events: Events,
    clock: Clock,
}

/// What log lines are about.
pub fn span(event: &Value) -> tracing::Span {
    tracing::info_span!("watch-drift", event = event["id"].as_str())
}

impl WatchDrift {
    /// The trigger in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The trigger in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        let sdk = &surroundings.sdk;
        Self {
            state: StateBucket::named(sdk, &surroundings.state_bucket),
            files: Bucket::new(sdk, surroundings.config_bucket.clone()),
            ecs: Ecs::new(sdk),
            events: Events::new(sdk),
            clock: surroundings.clock(),
        }
    }

    /// Looks for drift in the service that the event names. One that Landfall does not know costs one read.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Fault> {
        match rollout_changed::read(&event.payload)? {
            Heard::Look(service) => self.look(&service).await,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                Ok(())
            }
        }
    }

    /// Between two releases somebody else may give the service a revision: it is held. The desired state is read before
    /// ECS: whoever begins a release meanwhile wins the compare-and-swap.
    async fn look(&self, service: &ServiceId) -> Result<(), Fault> {
        loop {
            let read = self.state.read(service).await?;
            let Some(file) = read
                .desired
                .file
                .as_ref()
                .filter(|_| read.desired.is_at_rest())
            else {
                return Ok(());
            };
            let live = self.ecs.service(service).await?;
            let live = live.filter(|live| live.status == "ACTIVE");
            let Some(live) = &live else { return Ok(()) };
            let Some(primary) = live.primary() else {
                return Ok(());
            };
            let arn = &primary.task_definition;
            let (desired, revision) = (&read.desired, Revision::new(arn));
            let (state, ecs) = (&self.state, &self.ecs);
            let whose = drift::whose(state, ecs, desired, live, revision, &file.content).await?;
            if whose != Whose::Foreign {
                return Ok(());
            }
            let mut desired = desired.clone();
            let report = desired.drift(reason(service, arn), self.clock.now());
            if self.state.write(&read, &desired).await? == Written::Conflict {
                continue;
            }
            tracing::warn!(%service, reason = report.hold.reason, "drifted");
            self.events.put(SERVICE_DRIFTED, &report).await?;
            return self.files.keep_status(&desired).await;
        }
    }
}
