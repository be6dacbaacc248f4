//! Step `RegisterTaskDefinition`, apart from its process.

use landfall::{
    record::TaskDefinition,
    service_file::ServiceFile,
    step::register_task_definition::{
        IngressWork, Input, Output, Registration, ingress_work, render, reusable,
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
    /// Refused as ECS refuses.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let file = self.state.file(&input.release.content.file).await?;
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
            ingress: self.ingress(&input, &file).await?,
            balancer: None,
        })
    }

    /// Only a changed file costs a look at the one before.
    async fn ingress(&self, input: &Input, file: &ServiceFile) -> Result<IngressWork, Fault> {
        let before = input
            .last_good
            .as_ref()
            .map(|good| &good.content.file)
            .filter(|before| input.apply_service && **before != input.release.content.file);
        let before = match before {
            Some(before) => Some(self.state.file(before).await?),
            None => None,
        };
        Ok(ingress_work(input.apply_service, file, before.as_ref()))
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
        // An execution that died may have registered it; a first attempt saves the call.
        if input.attempt > 1
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
