//! Step `UpdateService`, apart from its process.

use landfall::{
    desired::GoodRelease,
    service_file::ServiceFile,
    step::update_service::{
        Input, LiveService, Plan, Rollout, cleared, create_body, nothing_to_adopt, plan,
        tag_changes, update_body,
    },
};
use landfall_aws::{
    Fault,
    clock::Clock,
    cloud_map::CloudMap,
    config::{SdkConfig, Surroundings},
    desired::StateBucket,
    ecs::Ecs,
    lambda::step_span,
};

/// Gives the service the new revision.
#[derive(Debug)]
pub struct UpdateService {
    state: StateBucket,
    ecs: Ecs,
    cloud_map: CloudMap,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl UpdateService {
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
            cloud_map: CloudMap::new(&surroundings.sdk),
            clock: surroundings.clock(),
        }
    }

    /// Creates or updates the service and answers what to wait for.
    ///
    /// # Errors
    /// Refused as ECS refuses, or if something else controls the service; transient while a service of this name is
    /// still being deleted.
    pub async fn handle(&self, input: Input) -> Result<Rollout, Fault> {
        let live = self.ecs.service(&input.service).await?;
        let plan = plan(&input, live.as_ref())?;
        self.remember_stranger(&input, live.as_ref()).await?;
        let started_at = self.clock.now();
        let whole = |file: &ServiceFile| match (&file.ingress, &input.balancer) {
            (Some(_), None) => Err(Fault::Unexpected(
                "the file has an `ingress` section, but EnsureIngress left no target group".into(),
            )),
            _ => Ok(()),
        };
        match plan {
            Plan::AskAgain => {
                return Err(Fault::Transient(format!(
                    "{} is still being deleted",
                    input.service
                )));
            }
            Plan::Create => {
                let file = self.file(&input).await?;
                if !file.owns_task_definition() {
                    return Err(nothing_to_adopt(&input.service).into());
                }
                whole(&file)?;
                self.ecs.create_service(&create_body(&input, &file)).await?;
            }
            Plan::UpdateAll => {
                let previous = self.previous(&input).await?;
                let file = cleared(self.file(&input).await?, previous.as_ref());
                whole(&file)?;
                // Tags first: ECS gives them to the tasks that it starts.
                if let Some(live) = &live {
                    let tags = tag_changes(&file, previous.as_ref(), &input.release, live);
                    self.ecs.change_tags(&live.arn, &tags).await?;
                }
                self.ecs
                    .update_service(&update_body(&input, Some(&file), live.as_ref()))
                    .await?;
            }
            Plan::UpdateTaskDefinition => {
                self.ecs
                    .update_service(&update_body(&input, None, live.as_ref()))
                    .await?
            }
        }
        tracing::info!(
            ?plan,
            task_definition = input.task_definition,
            "ECS accepted the change"
        );
        Ok(Rollout {
            task_definition: Some(input.task_definition),
            started_at,
            timeout_seconds: input.timeout_seconds,
        })
    }

    /// The release's file, its tasks registered where it says.
    async fn file(&self, input: &Input) -> Result<ServiceFile, Fault> {
        let file = self.state.file(&input.release.content.file).await?;
        let registry = self.cloud_map.arn_of(file.discovery.as_ref()).await?;
        Ok(file.registered_in(registry.as_deref()))
    }

    /// The last good release's file, if it is another one.
    async fn previous(&self, input: &Input) -> Result<Option<ServiceFile>, Fault> {
        let other = |good: &&GoodRelease| good.content.file != input.release.content.file;
        match input.last_good.as_ref().filter(other) {
            Some(good) => Ok(Some(self.state.file(&good.content.file).await?)),
            None => Ok(None),
        }
    }

    /// Before Landfall changes a service that somebody else made, it notes what the service runs: that is the way back
    /// until a release has proved good.
    async fn remember_stranger(
        &self,
        input: &Input,
        live: Option<&LiveService>,
    ) -> Result<(), Fault> {
        let live = live.filter(|live| live.status == "ACTIVE" && input.last_good.is_none());
        let Some(primary) = live.and_then(LiveService::primary) else {
            return Ok(());
        };
        if self
            .ecs
            .is_ours(&primary.task_definition, &input.service)
            .await?
        {
            return Ok(());
        }
        self.state
            .put_adopted(&input.service, &primary.task_definition)
            .await
    }
}
