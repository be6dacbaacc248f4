//! Step `EnsureScaling`: Application Auto Scaling does what the service file says.
//!
//! In: `Input`. Out: `Output`, what was changed, which nobody asks for.
//! Fails with `Transient`, which the state machine retries, `Refused`, which makes the release a bad one, or `Denied`, which
//! leaves it undecided.

use landfall::{
    service_file::Autoscaling,
    service_id::ServiceId,
    step::ensure_scaling::{Change, Input, Output, needs_label, plan},
};
use landfall_aws::{
    Aws, Fault, Kind,
    function::{Function, step_span},
};

/// Brings Application Auto Scaling in step with the service file.
#[derive(Debug)]
pub struct EnsureScaling;

impl Function for EnsureScaling {
    const NAME: &'static str = "ensure-scaling";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Makes the scalable target, policies and actions that the file asks for, and removes those that it does not ask
    /// for any more. If AWS refuses that, the last good release's scaling is put back before the step fails; where AWS does
    /// not show what there is, it stays.
    ///
    /// # Errors
    /// As AWS refuses.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        aws.state()
            .read_claimed(&input.service, &input.execution, input.release.number)
            .await?;
        let file = aws.state().file(&input.release.content.file).await?;
        let good = match &input.last_good {
            Some(good) if good.content.file == input.release.content.file => {
                file.autoscaling.clone()
            }
            Some(good) => aws.state().file(&good.content.file).await?.autoscaling,
            None => None,
        };
        let (wanted, good) = (file.autoscaling.as_ref(), good.as_ref());
        let brought = bring(aws, &input.service, wanted, good).await;
        if let Err(fault) = &brought
            && fault.kind == Kind::Refused
        {
            tracing::warn!(reason = %fault, "the scaling of the last good release is put back");
            if let Err(fault) = bring(aws, &input.service, good, wanted).await {
                tracing::error!(%fault, "the scaling of the last good release could not be put back");
            }
        }
        brought
    }
}

/// Makes Application Auto Scaling do as `wanted` says, where `before` was brought last.
async fn bring(
    aws: &Aws,
    service: &ServiceId,
    wanted: Option<&Autoscaling>,
    before: Option<&Autoscaling>,
) -> Result<Output, Fault> {
    let label = if needs_label(wanted) {
        Some(label(aws, service).await?)
    } else {
        None
    };
    let mut changes = Vec::new();
    let mut refused: Option<(Change, Fault)> = None;
    'looking: loop {
        let live = aws.scaling().of(service, wanted.is_none()).await?;
        let plan = plan(service, wanted, before, &live, label.as_deref(), aws.now());
        if let Some((_, fault)) = refused.take_if(|(change, _)| plan.contains(change)) {
            return Err(fault);
        }
        for change in plan {
            match aws.scaling().make(&change).await {
                // The request before this one may have done it, and only its answer was lost: a target takes tags once.
                Err(fault) if fault.is_refused() && refused.is_none() => {
                    refused = Some((change, fault));
                    continue 'looking;
                }
                made => made?,
            }
            let described = format!("{} {}", change.operation, change.name);
            tracing::info!(
                change = described.trim_end(),
                "changed the service's scaling"
            );
            changes.push(described.trim_end().to_owned());
        }
        return Ok(Output { changes });
    }
}

/// The resource label of the load balancer and target group whose requests are counted for the service.
async fn label(aws: &Aws, service: &ServiceId) -> Result<String, Fault> {
    let live = aws.ecs().service(service).await?;
    let group = live.and_then(|live| live.balancers.into_iter().next());
    let group = group.map(|balancer| balancer.target_group);
    let group = group.ok_or_else(|| {
        Fault::refused(format!(
            "{service} has no target group whose requests could be counted: give it a load balancer, or name one in \
             autoscaling.targets[].resourceLabel"
        ))
    })?;
    let label = aws.elb().request_label(&group).await?;
    label.ok_or_else(|| {
        Fault::refused(format!(
            "no load balancer forwards to {group}, whose requests are to be counted: add a listener, or name another in \
             autoscaling.targets[].resourceLabel"
        ))
    })
}
