//! Step `EnsureDiscovery`: the Cloud Map service in which the service's tasks register is there.
//!
//! In: `Input`, from `Prepared`. Out: `Output`, the Cloud Map service's ARN, to `UpdateService`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::step::ensure_discovery::{Input, Output, Plan, plan};
use landfall_aws::{
    Fault,
    cloud_map::CloudMap,
    config::{SdkConfig, Surroundings},
    lambda::step_span,
    state_bucket::StateBucket,
};

/// Creates the Cloud Map service if it is missing.
#[derive(Debug)]
pub struct EnsureDiscovery {
    state: StateBucket,
    cloud_map: CloudMap,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl EnsureDiscovery {
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
            cloud_map: CloudMap::new(&surroundings.sdk),
        }
    }

    /// Answers the Cloud Map service of the file's section `discovery`, created if need be.
    ///
    /// # Errors
    /// Refused as Cloud Map refuses, or if the namespace is not there.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let file = self.state.file(&input.release.content.file).await?;
        let wanted = file
            .discovery
            .as_ref()
            .ok_or_else(|| Fault::Unexpected("the service file has no section discovery".into()))?;
        let namespace = self.cloud_map.namespace(&wanted.namespace).await?;
        let registry = match &namespace {
            Some(namespace) => self.cloud_map.registry(namespace, &wanted.name).await?,
            None => None,
        };
        match plan(&input, wanted, namespace.as_ref(), registry.as_ref())? {
            Plan::Use { arn } => Ok(Output {
                arn,
                created: false,
            }),
            Plan::Create(body) => {
                let arn = self.cloud_map.create(&body).await?;
                tracing::info!(arn, "created the Cloud Map service");
                Ok(Output { arn, created: true })
            }
        }
    }
}
