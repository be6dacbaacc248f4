//! Step `VerifyHealth`: one look at containers, targets and the HTTP probe.
//!
//! In: `Input`, from `CheckRollout`, again and again until the bake time is over. Out: `Output`, how the verification stands.
//! Fails with `Transient`, which the state machine retries.

mod probe;

use landfall::{
    desired::DesiredState,
    live::{LiveBalancer, LiveService},
    service_file::{HttpProbe, ProbeTarget, ServiceFile},
    step::verify_health::{Input, Output, Sight, decide},
};
use landfall_aws::{
    Fault,
    clock::Clock,
    config::{SdkConfig, Surroundings},
    ecs::Ecs,
    elb::{Address, Elb},
    lambda::step_span,
    state_bucket::StateBucket,
};

use self::probe::Prober;

/// Looks at a service's health.
#[derive(Debug)]
pub struct VerifyHealth {
    state: StateBucket,
    ecs: Ecs,
    elb: Elb,
    prober: Prober,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl VerifyHealth {
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
            elb: Elb::new(&surroundings.sdk),
            prober: Prober::new(),
            clock: surroundings.clock(),
        }
    }

    /// One look.
    ///
    /// # Errors
    /// Refused if the probe has no load balancer to go to.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let desired = self.state.read(&input.service).await?.desired;
        let file = self.state.file(&input.release.content.file).await?;
        let sight = self.sight(&input, &desired, &file).await?;
        let output = decide(&input, &file.verify, &desired, sight, self.clock.now());
        tracing::info!(outcome = ?output.outcome, reason = output.reason, "looked at the health");
        Ok(output)
    }

    async fn sight(
        &self,
        input: &Input,
        desired: &DesiredState,
        file: &ServiceFile,
    ) -> Result<Sight, Fault> {
        let mut sight = Sight {
            service: None,
            tasks: Vec::new(),
            targets: Vec::new(),
            probe: None,
        };
        if desired.supersedes(input.release.number) {
            return Ok(sight);
        }
        let Some(service) = self.ecs.service(&input.service).await? else {
            return Ok(sight);
        };
        sight.tasks = self.ecs.running_tasks(&input.service).await?;
        for target_group in self
            .serving_groups(&service, &input.task_definition)
            .await?
        {
            sight.targets.extend(self.elb.targets(&target_group).await?);
        }
        if let Some(http) = &file.verify.http {
            let address = self.address(http, file, &service).await?;
            sight.probe = Some(self.prober.ask(&address, http).await);
        }
        sight.service = Some(service);
        Ok(sight)
    }

    /// Of two target groups, ECS knows which one the service is in.
    async fn serving_groups(
        &self,
        service: &LiveService,
        task_definition: &str,
    ) -> Result<Vec<String>, Fault> {
        let has_two = |balancer: &LiveBalancer| balancer.alternate.is_some();
        if !service.revisions.is_empty() && service.balancers.iter().any(has_two) {
            let revisions = &service.revisions;
            let groups = self.ecs.groups_of(revisions, task_definition).await?;
            if !groups.is_empty() {
                return Ok(groups);
            }
        }
        Ok(service.target_groups().into_iter().cloned().collect())
    }

    async fn address(
        &self,
        http: &HttpProbe,
        file: &ServiceFile,
        service: &LiveService,
    ) -> Result<Address, Fault> {
        let path = match &http.target {
            ProbeTarget::Url(url) => {
                return Ok(Address {
                    url: url.clone(),
                    connect_to: None,
                });
            }
            ProbeTarget::Path(path) => path,
        };
        let mut address = match &file.ingress {
            Some(ingress) => self.elb.ingress_address(ingress).await?,
            None => {
                let balancer = service.balancers.first().ok_or_else(|| {
                    Fault::Refused(
                        "verify.http.path needs a load balancer, but the service in ECS has none: give verify.http.url".into(),
                    )
                })?;
                self.elb.address(&balancer.target_group).await?
            }
        };
        address.url.push_str(path);
        Ok(address)
    }
}
