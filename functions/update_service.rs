//! Step `UpdateService`: the service is created, or given the new revision.
//!
//! In: `Input`, from `RegisterTaskDefinition`. Out: `Output`, what to wait for, to `AwaitRollout`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::{
    desired::GoodRelease,
    drift::{Revision, Whose, reason},
    live::{LiveService, Rollout, deployment_seconds},
    service_file::ServiceFile,
    service_section::cleared,
    step::update_service::{Input, Plan, create_body, nothing_to_adopt, plan, update_body},
    tags::tag_changes,
};
use landfall_aws::{
    Aws, Fault, drift,
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

    /// Creates or updates the service and answers what to wait for.
    ///
    /// # Errors
    /// Refused as ECS refuses, if something else controls the service, or if somebody else gave it a revision; transient while a service of this name is
    /// still being deleted.
    async fn handle(aws: &Aws, input: Input) -> Result<Rollout, Fault> {
        let live = aws.ecs().service(&input.service).await?;
        let plan = plan(&input, live.as_ref())?;
        mind_strangers(aws, &input, live.as_ref()).await?;
        let started_at = aws.now();
        let whole = |file: &ServiceFile| match (&file.ingress, &input.balancer) {
            (Some(_), None) => Err(Fault::unexpected(
                "the file has an `ingress` section, but EnsureIngress left no target group",
            )),
            _ => Ok(()),
        };
        let mut timeout_seconds = deployment_seconds(input.timeout_seconds, None, live.as_ref());
        match plan {
            Plan::AskAgain => {
                return Err(Fault::transient(format!(
                    "{} is still being deleted",
                    input.service
                )));
            }
            Plan::Create => {
                let file = file(aws, &input).await?;
                if !file.owns_task_definition() {
                    return Err(nothing_to_adopt(&input.service).into());
                }
                whole(&file)?;
                timeout_seconds = deployment_seconds(input.timeout_seconds, Some(&file), None);
                aws.ecs()
                    .create_service(&create_body(&input, &file))
                    .await?;
            }
            Plan::UpdateAll => {
                let previous = previous(aws, &input).await?;
                let file = cleared(file(aws, &input).await?, previous.as_ref());
                whole(&file)?;
                timeout_seconds =
                    deployment_seconds(input.timeout_seconds, Some(&file), live.as_ref());
                // Tags first: ECS gives them to the tasks that it starts.
                if let Some(live) = &live {
                    let tags = tag_changes(&file, previous.as_ref(), &input.release, &live.tags);
                    aws.ecs().change_tags(&live.arn, &tags).await?;
                }
                let mut body = update_body(&input, Some(&file), live.as_ref());
                aws.scaling()
                    .mind_count(&input.service, &mut body, live.as_ref())
                    .await?;
                aws.ecs().update_service(&body).await?;
            }
            Plan::UpdateTaskDefinition => {
                aws.ecs()
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
            timeout_seconds,
        })
    }
}

/// The release's file, its tasks registered where it says.
async fn file(aws: &Aws, input: &Input) -> Result<ServiceFile, Fault> {
    let file = aws.state().file(&input.release.content.file).await?;
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

/// What somebody else gave the service is not overwritten unasked. Only before the first service file of a service
/// that somebody else made has come to something, what it runs is noted: that is the way back until a release has
/// proved good.
async fn mind_strangers(aws: &Aws, input: &Input, live: Option<&LiveService>) -> Result<(), Fault> {
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Ok(());
    };
    let Some(primary) = live.primary() else {
        return Ok(());
    };
    let arn = &primary.task_definition;
    let good = input.last_good.as_ref();
    if good.is_some_and(|good| good.task_definition.arn == *arn) || input.task_definition == *arn {
        return Ok(());
    }
    let desired = aws.state().read(&input.service).await?;
    let (state, ecs, revision) = (aws.state(), aws.ecs(), Revision::new(arn));
    let file = &input.release.content.file;
    let whose = drift::whose(state, ecs, &desired, live, revision, file).await?;
    // Who describes the task definition elsewhere too gives the service revisions of their own. The images were filled
    // into one of them, and whatever came after that is not among what the service would be given.
    let base = input.base.as_ref();
    let is_base = base.is_none_or(|base| base == arn);
    if whose == Whose::Adoptable {
        let noted = base.unwrap_or(arn);
        aws.state().put_adopted(&input.service, noted).await?;
    }
    match whose {
        Whose::Good | Whose::Accepted | Whose::OurAttempt => Ok(()),
        Whose::Adoptable | Whose::Adopted | Whose::OwnersOwn if is_base => Ok(()),
        _ => Err(Fault::refused(reason(&input.service, arn))),
    }
}
