//! Step `RegisterTaskDefinition`: a task definition revision with the release's images.
//!
//! In: `Input`, from `CapacityReady`. Out: `Output`, the plan with the revision, of which the state machine asks one
//! field after the other. Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the
//! release.

use landfall::{
    desired::GoodRelease,
    last_call::may_be_taken,
    live::{LiveBalancer, LiveService},
    plan::Plan,
    record::TaskDefinition,
    service_file::ServiceFile,
    service_section::unchangeable,
    step::register_task_definition::{Input, Output, Registration, render, render_live, reusable},
};
use landfall_aws::{
    Aws, Fault,
    function::{Function, step_span},
};

use crate::verify_health::aim;

/// Registers the release's task definition, unless there is such a revision already.
#[derive(Debug)]
pub struct RegisterTaskDefinition;

impl Function for RegisterTaskDefinition {
    const NAME: &'static str = "register-task-definition";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Answers the plan of the release, with a revision whose images are pinned by digest.
    ///
    /// # Errors
    /// Refused if this execution no longer holds the claim, as ECS refuses, if the file wants what ECS cannot change in place, and if it adopts a service that is
    /// not there; not yet while that may be about to be made.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let file = aws.state().file(&input.release.content.file).await?;
        let live = if input.apply_service || !file.owns_task_definition() {
            aws.ecs().service(&input.service).await?
        } else {
            None
        };
        if input.apply_service {
            unchangeable::refuse(&input.service, &file, live.as_ref())?;
        }
        let balancers = live.as_ref().map_or(&[][..], |live| &live.balancers);
        let said: &[LiveBalancer] = if file.owns_task_definition() {
            &[]
        } else {
            balancers
        };
        aim::ensure(aws, &file, &input.service, said, input.apply_service).await?;
        let previous = previous(aws, &input).await?;
        let (registration, known, base) = if file.owns_task_definition() {
            let registration = render(&file, &input.release, &input.service)?;
            (registration, None, None)
        } else {
            let (registration, known, base) = adopted(aws, &input, &file, live).await?;
            (registration, known, Some(base))
        };
        let known = known.or_else(|| reusable(input.last_good.as_ref(), &registration.content));
        let known = match known {
            Some(revision) if aws.ecs().is_active(&revision.arn).await? => Some(revision),
            _ => None,
        };
        let task_definition = match known {
            Some(revision) => revision,
            None => {
                if may_be_taken(input.claimed_at, aws.now()) {
                    let (service, execution) = (&input.service, &input.execution);
                    let claimed =
                        aws.state()
                            .read_claimed(service, execution, input.release.number);
                    claimed.await?;
                }
                let may_be_there = input.may_be_registered();
                register(aws, registration, input.release.number, may_be_there).await?
            }
        };
        let mut plan = Plan::new(
            task_definition,
            base,
            input.apply_service,
            &file,
            previous.as_ref(),
        );
        // Nothing says what a bad release, or an unproven one, has left.
        plan.tidy |= input.may_be_untidy();
        plan.scaling |= input.may_be_untidy();
        Ok(plan)
    }
}

/// What is to be registered for an adopted service, the revision that it runs if that was made from the same, and that
/// revision's ARN.
async fn adopted(
    aws: &Aws,
    input: &Input,
    file: &ServiceFile,
    live: Option<LiveService>,
) -> Result<(Registration, Option<TaskDefinition>, String), Fault> {
    let live = live.filter(LiveService::is_active);
    let live = live.ok_or_else(|| Fault::unadopted(&input.service, &input.release, aws.now()))?;
    let primary = live.primary().ok_or_else(|| {
        Fault::refused(format!(
            "{} has no primary deployment to start from: its deployment controller is {}",
            input.service, live.controller
        ))
    })?;
    let arn = &primary.task_definition;
    let revision = aws.descriptions().task_definition(arn).await?;
    let registration = render_live(&revision, file, &input.release, &input.service)?;
    let known = revision
        .was_made_from(&registration.content, &input.service)
        .then(|| TaskDefinition {
            arn: arn.clone(),
            content: registration.content.clone(),
        });
    Ok((registration, known, arn.clone()))
}

/// The last good release's file, where ECS may have another one than the release's.
async fn previous(aws: &Aws, input: &Input) -> Result<Option<ServiceFile>, Fault> {
    let other = |good: &&GoodRelease| {
        input.apply_service && good.content.file != input.release.content.file
    };
    match input.last_good.as_ref().filter(other) {
        Some(good) => Ok(Some(aws.state().file(&good.content.file).await?)),
        None => Ok(None),
    }
}

/// Registers a revision for the release of this number. If an earlier try may have done so, that revision is looked for
/// first: it is the newest of its family.
///
/// # Errors
/// As ECS refuses.
pub(crate) async fn register(
    aws: &Aws,
    registration: Registration,
    release: u64,
    may_be_there: bool,
) -> Result<TaskDefinition, Fault> {
    let Registration { body, content } = registration;
    let family = body
        .get("family")
        .and_then(|family| family.as_str())
        .unwrap_or_default();
    // A first attempt saves the call.
    if may_be_there && let Some(revision) = aws.ecs().registered(family, &content, release).await? {
        return Ok(revision);
    }
    match aws.ecs().register_task_definition(&body).await {
        Ok(arn) => {
            tracing::info!(arn, "registered the task definition");
            Ok(TaskDefinition { arn, content })
        }
        // The revision may have been registered, and only the answer was lost. What was throttled was not.
        Err(fault) if fault.is_transient() && !fault.is("ThrottlingException") => aws
            .ecs()
            .registered(family, &content, release)
            .await?
            .ok_or(fault),
        Err(fault) => Err(fault),
    }
}
