//! Step `RegisterTaskDefinition`, apart from its process.

use landfall::{
    record::TaskDefinition,
    service_file::ServiceFile,
    step::{
        register_task_definition::{
            IngressWork, Input, Output, Registration, ingress_work, render, render_live, reusable,
        },
        update_service::nothing_to_adopt,
    },
};
use landfall_aws::{
    Fault,
    config::{SdkConfig, Surroundings},
    descriptions::Descriptions,
    desired::StateBucket,
    ecs::Ecs,
    lambda::step_span,
};

/// Registers the release's task definition, unless there is such a revision already.
#[derive(Debug)]
pub struct RegisterTaskDefinition {
    state: StateBucket,
    ecs: Ecs,
    descriptions: Descriptions,
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
            descriptions: Descriptions::new(&surroundings.sdk),
        }
    }

    /// Answers a revision whose images are pinned by digest.
    ///
    /// # Errors
    /// Refused as ECS refuses, and if the file adopts a service that is not there.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let file = self.state.file(&input.release.content.file).await?;
        let (registration, known) = if file.owns_task_definition() {
            (render(&file, &input.release, &input.service)?, None)
        } else {
            self.adopted(&input, &file).await?
        };
        let known = known.or_else(|| reusable(input.last_good.as_ref(), &registration.content));
        let task_definition = match known {
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

    /// What is to be registered for an adopted service, and the revision that it runs if that was made from the same.
    async fn adopted(
        &self,
        input: &Input,
        file: &ServiceFile,
    ) -> Result<(Registration, Option<TaskDefinition>), Fault> {
        let live = self.ecs.service(&input.service).await?;
        let live = live.filter(|live| live.status == "ACTIVE");
        let live = live.ok_or_else(|| nothing_to_adopt(&input.service))?;
        let primary = live.primary().ok_or_else(|| {
            Fault::Refused(format!(
                "{} has no primary deployment to start from: its deployment controller is {}",
                input.service, live.controller
            ))
        })?;
        let arn = &primary.task_definition;
        let revision = self.descriptions.task_definition(arn).await?;
        let registration = render_live(&revision, file, &input.release, &input.service)?;
        let known = revision
            .was_made_from(&registration.content, &input.service)
            .then(|| TaskDefinition {
                arn: arn.clone(),
                content: registration.content.clone(),
            });
        Ok((registration, known))
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
