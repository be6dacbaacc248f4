//! Step `UpdateService`: the service is created, or given the new revision.
//!
//! In: `Input`, from `RegisterTaskDefinition`. Out: `Output`, the rollout to wait for, to `AwaitRollout`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::{
    desired::{DesiredState, GoodRelease},
    drift::{Revision, Whose},
    live::{LiveService, Rollout},
    service_file::ServiceFile,
    step::update_service::{Input, Section, Seen, existing, given_by, plan, to_note},
    versioned::Versioned,
};
use landfall_aws::{
    Aws, Fault,
    change::carry_out,
    drift,
    function::{Function, step_span},
};

/// Gives the service the new revision.
#[derive(Debug)]
pub struct UpdateService;

impl Function for UpdateService {
    const NAME: &'static str = "update-service";
    type Input = Input;
    type Output = Rollout;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Creates or updates the service and answers the rollout to wait for.
    ///
    /// # Errors
    /// Refused as ECS refuses, if something else controls the service, if it runs a foreign revision, or if the execution
    /// does not hold the claim; transient while a service of this name is still being deleted, or ECS carries out as many
    /// deployments of the service as it takes.
    async fn handle(aws: &Aws, input: Input) -> Result<Rollout, Fault> {
        let seen = observe(aws, &input).await?;
        if let Some(revision) = to_note(&input, &seen) {
            aws.state().put_adopted(&input.service, revision).await?;
        }
        let change = plan(&input, &seen, aws.now())?;
        let deployment = carry_out(aws, &change).await?;
        Ok(Rollout {
            deployment,
            ..change.rollout
        })
    }
}

/// Reads what the decision needs, and no more: a redeploy by push asks for the service alone.
async fn observe(aws: &Aws, input: &Input) -> Result<Seen, Fault> {
    let live = existing(aws.ecs().service(&input.service).await?);
    // Where the revision alone is sent to the last good one, the look at the claim would be a call more for each push.
    let desired = if live.is_none() || input.apply_service {
        Some(claimed(aws, input).await?.into_value())
    } else {
        None
    };
    let Some(live) = live else {
        let file = Box::new(file(aws, input).await?);
        return Ok(Seen::Absent { file });
    };
    let whose = whose(aws, input, &live).await?;
    let section = match desired {
        Some(desired) => Some(Box::new(Section {
            previous: previous(aws, input).await?,
            given: given(aws, input, &desired, &live).await?,
            file: file(aws, input).await?,
        })),
        None => None,
    };
    Ok(Seen::Present {
        live: Box::new(live),
        whose,
        section,
    })
}

async fn claimed(aws: &Aws, input: &Input) -> Result<Versioned<DesiredState>, Fault> {
    aws.state()
        .read_claimed(&input.service, &input.execution, input.release.number)
        .await
}

/// Whose the revision is that the service runs; none if it runs none. Only one that the release does not know costs
/// calls.
async fn whose(aws: &Aws, input: &Input, live: &LiveService) -> Result<Option<Whose>, Fault> {
    let primary = live.primary().filter(|_| live.is_active());
    let Some(arn) = primary.map(|primary| &primary.task_definition) else {
        return Ok(None);
    };
    let good = input.last_good.as_ref();
    if good.is_some_and(|good| good.task_definition.arn == *arn) {
        return Ok(Some(Whose::Good));
    }
    if input.task_definition == *arn {
        return Ok(Some(Whose::OurAttempt));
    }
    let desired = claimed(aws, input).await?;
    let (revision, file) = (Revision::new(arn), &input.release.content.file);
    let whose = drift::whose(aws.state(), aws.ecs(), &desired, live, revision, file);
    whose.await.map(Some)
}

/// The release's file, with its tasks registered in the Cloud Map service that it names.
///
/// # Errors
/// Unexpected if the file has an `ingress` section, but the execution brings no target group.
async fn file(aws: &Aws, input: &Input) -> Result<ServiceFile, Fault> {
    let file = aws.state().file(&input.release.content.file).await?;
    if file.ingress.is_some() && input.balancer.is_none() {
        return Err(Fault::unexpected(
            "the file has an `ingress` section, but EnsureIngress left no target group",
        ));
    }
    let registry = aws.cloud_map().arn_of(file.discovery.as_ref()).await?;
    Ok(file.registered_in(registry.as_deref()))
}

/// The last good release's file, if it is another one.
async fn previous(aws: &Aws, input: &Input) -> Result<Option<ServiceFile>, Fault> {
    let other = |good: &&GoodRelease| good.content.file != input.release.content.file;
    match input.last_good.as_ref().filter(other) {
        Some(good) => Ok(Some(aws.state().file(&good.content.file).await?)),
        None => Ok(None),
    }
}

/// The file of the release whose section ECS was given last, if that was not the last good one.
///
/// A release that this one takes over from has no record yet.
async fn given(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: &LiveService,
) -> Result<Option<ServiceFile>, Fault> {
    let Some(number) = given_by(input, live) else {
        return Ok(None);
    };
    let mut open = desired.open.iter();
    let release = match open.find(|release| release.number == number) {
        Some(release) => Some(release.clone()),
        None => {
            let record = aws.state().record(&input.service, number).await?;
            record.map(|record| record.release)
        }
    };
    match release {
        Some(release) => Ok(Some(aws.state().file(&release.content.file).await?)),
        None => Ok(None),
    }
}
