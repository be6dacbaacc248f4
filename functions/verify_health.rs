//! Step `VerifyHealth`: one look at containers, at tasks that stopped, at targets and the HTTP probe.
//!
//! In: `Input`, from `CheckRollout`, again and again until the bake time is over. Out: `Output`, how the verification
//! stands. Fails with `Transient`, which the state machine retries; whatever else it fails with, the release is undecided.

pub(crate) mod aim;
mod probe;

use landfall::{
    desired::DesiredState,
    live::{LiveBalancer, LiveService},
    probe::{Address, Misaim, NoAnswer, Probed, judge},
    service_file::ServiceFile,
    step::verify_health::{Input, Observation, Output, decide},
};
use landfall_aws::{
    Aws, Fault,
    function::{Function, step_span},
    side_by_side,
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
        probes: Vec::new(),
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
    observation.probes = probe(aws, file, &service).await?;
    observation.service = Some(service);
    Ok(observation)
}

/// Sends the file's probes, all at once.
async fn probe(aws: &Aws, file: &ServiceFile, service: &LiveService) -> Result<Vec<Probed>, Fault> {
    let addresses = aim::addresses(aws, file, &service.balancers).await?;
    let probes: Vec<_> = file.verify.http.iter().zip(addresses).enumerate().collect();
    let ask = |(index, (http, address)): (usize, (_, Result<Address, Misaim>))| async move {
        let probed = match address {
            Ok(address) => probe::ask(aws, &address, http).await,
            Err(misaim) => judge(http, http.asked(), Err(NoAnswer::Misaimed(misaim.message))),
        };
        (index, probed)
    };
    let mut probed = side_by_side::each(probes, || false, ask).await.results;
    probed.sort_by_key(|(index, _)| *index);
    Ok(probed.into_iter().map(|(_, probed)| probed).collect())
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
