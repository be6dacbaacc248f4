//! Step `RegisterTaskDefinition`, apart from its process.

use landfall::{
    desired::GoodRelease,
    record::TaskDefinition,
    service_file::ServiceFile,
    step::{
        register_task_definition::{
            Input, Output, Registration, ingress_work, render, reusable, scaling,
        },
        update_service::unchangeable,
    },
};
use landfall_aws::{
    Fault,
    config::{SdkConfig, Surroundings},
    desired::StateBucket,
    ecs::Ecs,
    lambda::step_span,
};

/// Registers the release's task definition, unless there is such a revision already.
#[derive(Debug)]
pub struct RegisterTaskDefinition {
    state: StateBucket,
    ecs: Ecs,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl RegisterTaskDefinition {
    /// The step in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The step in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            ecs: Ecs::new(&surroundings.sdk),
        }
    }

    /// Answers a revision whose images are pinned by digest.
    ///
    /// # Errors
    /// Refused as ECS refuses, or if the file wants what ECS cannot change in place.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let file = self.state.file(&input.release.content.file).await?;
        if input.apply_service {
            let live = self.ecs.service(&input.service).await?;
            unchangeable::refuse(&input.service, &file, live.as_ref())?;
        }
        let previous = self.previous(&input).await?;
        let registration = render(&file, &input.release, &input.service)?;
        let task_definition = match reusable(input.last_good.as_ref(), &registration.content) {
            Some(revision) => revision,
            None => self.register(&input, registration).await?,
        };
        Ok(Output {
            task_definition,
            timeout_seconds: file.verify.timeout_seconds,
            before: !file.before.is_empty(),
            after: !file.after.is_empty(),
            ingress: ingress_work(input.apply_service, &file, previous.as_ref()),
            balancer: None,
            discovery: input.apply_service && file.discovery.is_some(),
            scaling: scaling(input.apply_service, &file, previous.as_ref()),
        })
    }

    /// The last good release's file, where ECS may have another one than the release's.
    async fn previous(&self, input: &Input) -> Result<Option<ServiceFile>, Fault> {
        let other = |good: &&GoodRelease| {
            input.apply_service && good.content.file != input.release.content.file
        };
        match input.last_good.as_ref().filter(other) {
            Some(good) => Ok(Some(self.state.file(&good.content.file).await?)),
            None => Ok(None),
        }
    }

    async fn register(
        &self,
        input: &Input,
        registration: Registration,
    ) -> Result<TaskDefinition, Fault> {
        let Registration { body, content } = registration;
        let family = body
            .get("family")
            .and_then(|family| family.as_str())
            .unwrap_or_default();
        // A first attempt saves the call.
        if input.may_be_registered()
            && let Some(revision) = self
                .ecs
                .registered(family, &content, input.release.number)
                .await?
        {
            return Ok(revision);
        }
        match self.ecs.register_task_definition(&body).await {
            Ok(arn) => {
                tracing::info!(arn, "registered the task definition");
                Ok(TaskDefinition { arn, content })
            }
            // It may have been registered, and only the answer was lost.
            Err(fault @ Fault::Transient(_)) => self
                .ecs
                .registered(family, &content, input.release.number)
                .await?
                .ok_or(fault),
            Err(fault) => Err(fault),
        }
    }
}
