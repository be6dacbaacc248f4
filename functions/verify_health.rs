//! Step `VerifyHealth`: one look at containers, at tasks that stopped, at targets and the HTTP probe.
//!
//! In: `Input`, from `CheckRollout`, again and again until the bake time is over. Out: `Output`, how the verification
//! stands. Fails with `Transient`, which the state machine retries; whatever else it fails with, the release is undecided.

mod probe;

use landfall::{
    desired::DesiredState,
    live::{LiveBalancer, LiveService},
    record::ProbeAnswer,
    service_file::{HttpProbe, ProbeTarget, ServiceFile},
    step::verify_health::{Input, Observation, Output, decide},
};
use landfall_aws::{
    Aws, Fault,
    elb::Address,
    function::{Function, step_span},
};

/// Looks at a service's health.
#[derive(Debug)]
pub struct VerifyHealth;

impl Function for VerifyHealth {
    const NAME: &'static str = "verify-health";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Looks at the service once, and answers how the verification stands.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let desired = aws.state().read(&input.service).await?;
        let file = aws.state().file(&input.release.content.file).await?;
        let observation = observe(aws, &input, &desired, &file).await?;
        let output = decide(&input, &file.verify, &desired, observation, aws.now());
        tracing::info!(outcome = ?output.outcome, reason = output.reason, "looked at the health");
        Ok(output)
    }
}

async fn observe(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    file: &ServiceFile,
) -> Result<Observation, Fault> {
    let mut observation = Observation {
        service: None,
        tasks: Vec::new(),
        ended: Vec::new(),
        targets: Vec::new(),
        probe: None,
    };
    if desired.supersedes(input.release.number) {
        return Ok(observation);
    }
    let Some(service) = aws.ecs().service(&input.service).await? else {
        return Ok(observation);
    };
    if service.wants_no_task() {
        observation.service = Some(service);
        return Ok(observation);
    }
    observation.tasks = aws.ecs().running_tasks(&input.service).await?;
    observation.ended = aws.ecs().ended_tasks(&input.service).await?;
    for target_group in serving_groups(aws, &service, &input.task_definition).await? {
        observation
            .targets
            .extend(aws.elb().targets(&target_group).await?);
    }
    if let Some(http) = &file.verify.http {
        observation.probe = Some(match address(aws, http, file, &service).await {
            // Landfall, not AWS: there is nothing that could answer the probe.
            Err(fault) if fault.is_refused() && fault.call.is_none() => unanswered(http, &fault),
            address => probe::ask(aws.web(), &address?, http).await,
        });
    }
    observation.service = Some(service);
    Ok(observation)
}

/// The answer to a probe that has nowhere to go.
fn unanswered(http: &HttpProbe, fault: &Fault) -> ProbeAnswer {
    let (ProbeTarget::Url(url) | ProbeTarget::Path(url)) = &http.target;
    ProbeAnswer {
        url: url.clone(),
        status: None,
        body: String::new(),
        error: Some(fault.to_string()),
    }
}

/// Of two target groups, ECS knows which one the service is in.
async fn serving_groups(
    aws: &Aws,
    service: &LiveService,
    task_definition: &str,
) -> Result<Vec<String>, Fault> {
    let has_two = |balancer: &LiveBalancer| balancer.alternate.is_some();
    if !service.revisions.is_empty() && service.balancers.iter().any(has_two) {
        let revisions = &service.revisions;
        let groups = aws.ecs().groups_of(revisions, task_definition).await?;
        if !groups.is_empty() {
            return Ok(groups);
        }
    }
    Ok(service.target_groups().into_iter().cloned().collect())
}

async fn address(
    aws: &Aws,
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
        Some(ingress) => aws.elb().ingress_address(ingress).await?,
        None => {
            let balancer = service.balancers.first().ok_or_else(|| {
                Fault::refused(
                    "verify.http.path needs a load balancer, but the service in ECS has none: give verify.http.url",
                )
            })?;
            aws.elb().address(&balancer.target_group).await?
        }
    };
    address.url.push_str(path);
    Ok(address)
}
