//! Step `EnsureCluster`, apart from its process.

use landfall::step::{
    ensure_cluster::{Input, Output, Plan, plan},
    update_service::nothing_to_adopt,
};
use landfall_aws::{
    Fault,
    config::{SdkConfig, Surroundings},
    desired::StateBucket,
    ecs::Ecs,
    lambda::step_span,
};

/// Creates the cluster if it is missing.
#[derive(Debug)]
pub struct EnsureCluster {
    state: StateBucket,
    ecs: Ecs,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl EnsureCluster {
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

    /// Answers the cluster, created from the service file's `cluster` section if need be.
    ///
    /// # Errors
    /// Transient while the cluster comes up or goes down; refused as ECS refuses.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let live = self.ecs.cluster(input.service.cluster()).await?;
        match plan(live) {
            Plan::Use { arn } => Ok(Output {
                arn,
                created: false,
            }),
            Plan::AskAgain { status } => Err(Fault::Transient(format!(
                "the cluster {} is {status}",
                input.service.cluster()
            ))),
            Plan::Create => {
                let file = self.state.file(&input.release.content.file).await?;
                if !file.owns_task_definition() {
                    return Err(nothing_to_adopt(&input.service).into());
                }
                let arn = self.ecs.create_cluster(&file.cluster).await?;
                tracing::info!(arn, "created the cluster");
                Ok(Output { arn, created: true })
            }
        }
    }
}
