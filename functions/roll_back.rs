//! Step `RollBack`: the diagnosis of a bad release, and the way back.
//!
//! In: `Input`, from whatever failed. Out: `Output`, what was done and what to wait for.
//! Fails with `Transient`, which the state machine retries.

use crate::ensure_ingress;
use landfall::{
    desired::{DesiredState, GoodRelease},
    drift::{Revision, Whose},
    failure::Failure,
    live::{LiveService, ServiceDeploymentStatus},
    record::{Diagnosis, Release},
    service_file::ServiceFile,
    service_id::ServiceId,
    service_section::cleared,
    step::{
        ensure_ingress::leaves_behind,
        roll_back::{Action, Input, Output, Plan, Provenance, plan},
    },
    tags::tag_changes,
};
use landfall_aws::{
    Aws, Fault, drift,
    function::{Function, step_span},
};
use serde_json::{Map, Value};

/// How many stopped tasks and service events a diagnosis holds, so that it fits into an event and a state.
const STOPPED_TASKS: usize = 5;
const SERVICE_EVENTS: usize = 10;

/// Undoes a bad release.
#[derive(Debug)]
pub struct RollBack;

impl Function for RollBack {
    const NAME: &'static str = "roll-back";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Gathers what can be known of the release, then gives the service what was good before it.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let desired = aws.state().read(&input.service).await?;
        let live = aws.ecs().service(&input.service).await?;
        let provenance = provenance(aws, &input, &desired, live.as_ref()).await?;
        let failure = input.failure();
        let plan = plan(&desired, live.as_ref(), failure.stage, &provenance);
        let diagnosis = diagnosis(aws, &input, &failure, &desired, live.as_ref(), &plan).await?;
        let file = match &plan {
            Plan::Revert {
                good,
                apply_service: true,
            } => Some(good_file(aws, &input, good, live.as_ref()).await?),
            _ => None,
        };
        // The rule may be the bad release's: requests have to come as before first.
        let balancer = match &file {
            Some(file) => ensure_ingress::keep(aws, file, &input.service).await?,
            None => None,
        };
        let body = plan.body(
            &input.service,
            file.as_ref(),
            balancer.as_ref(),
            live.as_ref(),
        );
        let given_back =
            plan.can_be_left_to_ecs(live.as_ref()) && stop_deployment(aws, &input.service).await?;
        if let Some(mut body) = body.filter(|_| !given_back) {
            if let Plan::Revert { .. } = plan {
                mind_count(aws, &input.service, &mut body, live.as_ref()).await?;
            }
            aws.ecs().update_service(&body).await?;
        }
        tracing::warn!(
            reason = failure.reason,
            undone = diagnosis.undone,
            "the release is bad"
        );
        let ingress = leaves_ingress(aws, &input, &desired, live.as_ref(), &plan);
        let ingress = ingress.await?;
        Ok(Output {
            ingress,
            again: given_back && file.is_some(),
            action: match given_back {
                true => Action::LeftToEcs,
                false => plan.action(),
            },
            verdict: plan.verdict(&desired, failure.stage),
            rollout: plan.rollout(aws.now(), file.as_ref(), live.as_ref()),
            diagnosis,
        })
    }
}

/// Makes ECS end the deployment that is under way; answers whether it will.
async fn stop_deployment(aws: &Aws, service: &ServiceId) -> Result<bool, Fault> {
    let newest = aws.ecs().newest_service_deployment(service, false).await?;
    let newest = newest.filter(|newest| newest.status == ServiceDeploymentStatus::InProgress);
    match newest {
        Some(newest) => aws.ecs().stop_service_deployment(&newest.arn).await,
        None => Ok(false),
    }
}

/// Whether there is something to undo at Elastic Load Balancing. What somebody else runs is left alone.
async fn leaves_ingress(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
    plan: &Plan,
) -> Result<bool, Fault> {
    let bad = &input.release.content.file;
    let good = desired.last_good.as_ref().map(|good| &good.content.file);
    if good == Some(bad) || matches!(plan, Plan::LeaveToStranger { .. }) {
        return Ok(false);
    }
    let bad = aws.state().file(bad).await?;
    if bad.ingress.is_none() {
        return Ok(false);
    }
    let good = match good {
        Some(good) => Some(aws.state().file(good).await?),
        None => None,
    };
    Ok(leaves_behind(&bad, good.as_ref(), &input.service, live))
}

/// The last good release's file, with what clears the bad release's. The service's tags are put back too.
async fn good_file(
    aws: &Aws,
    input: &Input,
    good: &GoodRelease,
    live: Option<&LiveService>,
) -> Result<ServiceFile, Fault> {
    let file = aws.state().file(&good.content.file).await?;
    // A way back without its registration is better than none.
    let registry = match aws.cloud_map().arn_of(file.discovery.as_ref()).await {
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "the service's registration is left as it is");
            None
        }
        other => other?,
    };
    let file = file.registered_in(registry.as_deref());
    if good.content.file == input.release.content.file {
        return Ok(file);
    }
    let bad = aws.state().file(&input.release.content.file).await?;
    if let Some(live) = live {
        let release = Release {
            number: good.number,
            ..input.release.clone()
        };
        let tags = tag_changes(&file, Some(&bad), &release, &live.tags);
        aws.ecs().change_tags(&live.arn, &tags).await?;
    }
    Ok(cleared(file, Some(&bad)))
}

async fn mind_count(
    aws: &Aws,
    service: &ServiceId,
    body: &mut Map<String, Value>,
    live: Option<&LiveService>,
) -> Result<(), Fault> {
    match aws.scaling().mind_count(service, body, live).await {
        // A way back with another number of tasks is better than none.
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "the number of tasks is left as it is");
            body.remove("desiredCount");
            Ok(())
        }
        other => other,
    }
}

async fn provenance(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
) -> Result<Provenance, Fault> {
    let Some((live, primary)) = live.and_then(|live| Some((live, live.primary()?))) else {
        return Ok(Provenance::default());
    };
    let revision = Revision::new(&primary.task_definition);
    let file = &input.release.content.file;
    let whose = drift::whose(aws.state(), aws.ecs(), desired, live, revision, file).await?;
    let way_back = match (whose, &desired.last_good, &desired.accepted) {
        (Whose::OurAttempt, None, None) => aws.state().adopted(&input.service).await?,
        (Whose::OurAttempt, None, Some(accepted)) => Some(accepted.clone()),
        _ => None,
    };
    Ok(Provenance {
        whose: Some(whose),
        way_back,
    })
}

async fn diagnosis(
    aws: &Aws,
    input: &Input,
    failure: &Failure,
    desired: &DesiredState,
    live: Option<&LiveService>,
    plan: &Plan,
) -> Result<Diagnosis, Fault> {
    let since = input.release.created_at;
    let good = desired
        .last_good
        .as_ref()
        .map(|good| &*good.task_definition.arn);
    let mut stopped_tasks = match live {
        Some(_) => aws.ecs().stopped_tasks(&input.service, since, good).await?,
        None => Vec::new(),
    };
    stopped_tasks.truncate(STOPPED_TASKS);
    let events = live
        .into_iter()
        .flat_map(|live| &live.events)
        .filter(|(at, _)| *at >= since);
    Ok(Diagnosis {
        stopped_tasks,
        service_events: events
            .take(SERVICE_EVENTS)
            .map(|(_, message)| message.clone())
            .collect(),
        probe: failure.probe.clone(),
        task: failure.task.clone(),
        undone: plan.told(plan.verdict(desired, failure.stage)),
    })
}
