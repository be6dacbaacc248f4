//! Trigger `image-pushed`: an image was pushed to ECR.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use lambda_runtime::LambdaEvent;
use landfall::{
    desired::DesiredState,
    event::{
        Heard,
        image_pushed::{self, PushedTag},
    },
    image::Image,
    service_file::parameters::{placeholders as placeholders_of, refreshed},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{
    Fault,
    bucket::{Bucket, Condition, Written},
    clock::Clock,
    config::{SdkConfig, Surroundings},
    ecr::Ecr,
    lambda::Home,
    parameters::Parameters,
    sfn::StepFunctions,
    state_bucket::{StateBucket, Versioned},
    sweep_memory::SweepMemory,
};
use serde_json::Value;

/// Joins a pushed image into the desired state of every service that follows it.
#[derive(Debug)]
pub struct ImagePushed {
    state: StateBucket,
    config_bucket: Bucket,
    ecr: Ecr,
    parameters: Parameters,
    sweeps: SweepMemory,
    executions: StepFunctions,
    state_machine: String,
    clock: Clock,
}

/// What log lines are about.
pub fn span(event: &Value) -> tracing::Span {
    tracing::info_span!("image-pushed", event = event["id"].as_str())
}

impl ImagePushed {
    /// The trigger in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Self::new(&Surroundings::from_environment(config)?)
    }

    /// The trigger in these surroundings.
    ///
    /// # Errors
    /// Unexpected if they name no state machine.
    pub fn new(surroundings: &Surroundings) -> Result<Self, Fault> {
        Ok(Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            config_bucket: Bucket::new(&surroundings.sdk, surroundings.config_bucket.clone()),
            ecr: Ecr::new(&surroundings.sdk),
            parameters: Parameters::new(&surroundings.sdk, &surroundings.file_parameters),
            sweeps: SweepMemory::named(&surroundings.sdk, &surroundings.state_bucket),
            executions: StepFunctions::new(&surroundings.sdk),
            state_machine: surroundings.state_machine()?.into(),
            clock: surroundings.clock(),
        })
    }

    /// Looks at what the event points to.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be; otherwise the first failure, after every service was tried.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Fault> {
        let home = Home::of(&event.context)?;
        let pushed = match image_pushed::read(&event.payload, &home.account, &home.region)? {
            Heard::Look(pushed) => pushed,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        let mut first_failure = Ok(());
        for service in self.state.followers(&pushed.repository).await? {
            if let Err(fault) = self
                .join(&service, &pushed, &event.context.request_id)
                .await
            {
                tracing::error!(%service, error = fault.name(), "{fault}");
                first_failure = first_failure.and(Err(fault));
            }
        }
        first_failure
    }

    /// Joins what ECR says now of a tag into the desired state of a service, and starts an execution if a release is open.
    ///
    /// Reads the image from ECR only after the desired state: so a stale answer of ECR's loses the compare-and-swap
    /// against a fresh one. A fresh answer that changes nothing writes nothing to lose against, as when a tag was moved
    /// away and back: so whoever moved a followed tag looks once more. Sweeps are told before: to them, too, a repository
    /// looks as it did after a tag was moved away and back.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn join(
        &self,
        service: &ServiceId,
        pushed: &PushedTag,
        request_id: &str,
    ) -> Result<(), Fault> {
        loop {
            let read = self.state.read(service).await?;
            if read
                .desired
                .followers_of(&pushed.repository, &pushed.tag)
                .is_empty()
            {
                tracing::info!(%service, tag = pushed.tag, "ignored: no follow rule admits the tag");
                return Ok(());
            }
            let Some(image) = self.ecr.image(&pushed.repository, &pushed.tag).await? else {
                tracing::info!(%service, tag = pushed.tag, "ignored: nothing has the tag any more");
                return Ok(());
            };
            let desired = self.joined(&read.desired, &image).await?;
            let moves = read.desired.moves_tag(&image);
            if moves {
                self.sweeps.distrust(&image, self.clock.now()).await?;
            }
            if desired != read.desired
                && self.state.write(&read, &desired).await? == Written::Conflict
            {
                continue;
            }
            self.tell_first_release(&read, &desired).await?;
            if moves {
                continue;
            }
            let Some(newest) = desired.next_release() else {
                let held = desired.hold.is_some();
                tracing::info!(%service, tag = pushed.tag, held, "nothing changes");
                return Ok(());
            };
            tracing::info!(%service, tag = pushed.tag, release = newest.number, "joined");
            return self
                .executions
                .start_open(&self.state_machine, &desired, request_id)
                .await;
        }
    }

    /// The desired state with the image in it. If that makes a release, the values of the file's placeholders are asked
    /// for again first; while one has none, the image is taken in and nothing is released.
    async fn joined(&self, before: &DesiredState, image: &Image) -> Result<DesiredState, Fault> {
        let now = self.clock.now();
        let mut desired = before.clone();
        desired.join_image(image, now);
        let Some(file) = before.file.as_ref() else {
            return Ok(desired);
        };
        let makes_release = desired.last_number > before.last_number;
        let Some(placeholders) = file.placeholders.as_ref().filter(|_| makes_release) else {
            return Ok(desired);
        };
        let sites = self.state.placeholders(placeholders).await?;
        let values = self.parameters.values(&placeholders_of(&sites)).await?;
        let kept = self.state.file(&file.content).await?;
        let mut desired = before.clone();
        match refreshed(&kept, &sites, &values) {
            Ok(filled) => {
                desired.refresh_file(self.state.keep_file(&filled).await?);
                desired.join_image(image, now);
            }
            Err(rejection) => {
                tracing::warn!(%rejection, "nothing is released: the service file lacks a value");
                let status = FileStatus::rejected(&file.key, &file.version_id, &rejection);
                let key = landfall::keys::status(&file.key);
                self.config_bucket
                    .put_json(&key, &status, Condition::None)
                    .await?;
                desired.take_image(image);
            }
        }
        Ok(desired)
    }

    /// The status of a service file says what it waits for; the first admitted image ends the waiting. A release of a file
    /// with placeholders says that they have values, again.
    async fn tell_first_release(
        &self,
        read: &Versioned,
        desired: &DesiredState,
    ) -> Result<(), Fault> {
        let asks = desired
            .file
            .as_ref()
            .is_some_and(|file| file.placeholders.is_some());
        let filled = asks && desired.last_number > read.desired.last_number;
        if read.desired.waiting_for().is_empty() && !filled {
            return Ok(());
        }
        if let (Some(file), Some(status)) = (&desired.file, FileStatus::of(desired)) {
            let key = landfall::keys::status(&file.key);
            let before = self.config_bucket.get_json::<FileStatus>(&key).await?;
            let status = match before {
                Some((before, _)) => status.with_warnings_of(before),
                None => status,
            };
            self.config_bucket
                .put_json(&key, &status, Condition::None)
                .await?;
        }
        Ok(())
    }
}
