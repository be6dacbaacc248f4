//! Step `UpdateService`: the service is created, or given the new revision.
//!
//! In: `Input`, from `RegisterTaskDefinition`. Out: `Rollout`, what to wait for, to `AwaitRollout`.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::{
    desired::{DesiredState, GoodRelease},
    drift::{Revision, Whose},
    last_call::may_be_taken,
    live::{LiveService, Rollout},
    service_file::ServiceFile,
    service_section::{given_by, shown_count},
    stage::{Report, Stage},
    step::update_service::{Input, Section, Seen, existing, plan, to_note},
    unseen::{may_be_unseen, passed_over},
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
    /// deployments of the service as it takes; not yet while the service that the file adopts may be about to be made.
    async fn handle(aws: &Aws, input: Input) -> Result<Rollout, Fault> {
        let Observed { seen, unseen } = observe(aws, &input).await?;
        if let Some(revision) = to_note(&input, &seen) {
            aws.state().put_adopted(&input.service, revision).await?;
        }
        // A foreign revision that ECS shows may be what a release before this one has just taken the place of.
        let change = plan(&input, &seen, aws.now()).map_err(|refusal| {
            if unseen {
                Fault::unseen(&input.service)
            } else {
                refusal.into()
            }
        })?;
        let deployment = carry_out(aws, &change).await?;
        let (release, execution) = (&input.release, &input.execution);
        let report = Report::new(&input.service, release, execution, Stage::RollingOut);
        aws.events().announce(&report, !input.before).await;
        Ok(Rollout {
            deployment,
            ..change.rollout
        })
    }
}

/// What the decision is made from.
struct Observed {
    seen: Seen,
    /// Whether it may be older than what another release changed.
    unseen: bool,
}

/// The revision that the service runs.
#[derive(Default)]
struct Runs {
    /// Whose it is; none if the service runs none.
    whose: Option<Whose>,
    /// The number of the release that it was registered for.
    release: Option<u64>,
    /// Whether ECS may not show yet what another release gave the service.
    unseen: bool,
}

/// Reads what the decision needs, and no more: a redeploy by push asks for the service alone.
async fn observe(aws: &Aws, input: &Input) -> Result<Observed, Fault> {
    let live = existing(aws.ecs().service(&input.service).await?);
    // Where the revision alone is sent to the last good one, the look at the claim would be a call more for each push.
    let desired = if live.is_none() || input.apply_service {
        Some(claimed(aws, input).await?.into_value())
    } else {
        if may_be_taken(input.claimed_at, aws.now()) {
            claimed(aws, input).await?;
        }
        None
    };
    let Some(live) = live else {
        let file = Box::new(file(aws, input).await?);
        if !file.owns_task_definition() {
            return Err(Fault::unadopted(&input.service, &input.release, aws.now()));
        }
        return Ok(Observed {
            seen: Seen::Absent { file },
            unseen: false,
        });
    };
    let Runs {
        whose,
        release,
        unseen,
    } = runs(aws, input, &live).await?;
    let section = match desired {
        Some(desired) => Some(Box::new(Section {
            previous: previous(aws, input).await?,
            given: given(aws, input, &desired, &live, release).await?,
            file: file(aws, input).await?,
            shown_count: shown_count(&desired, &live, aws.now()),
        })),
        None => None,
    };
    let seen = Seen::Present {
        went_back: went_back(aws, input, &live, whose).await?,
        live: Box::new(live),
        whose,
        section,
    };
    Ok(Observed { seen, unseen })
}

async fn claimed(aws: &Aws, input: &Input) -> Result<Versioned<DesiredState>, Fault> {
    aws.state()
        .read_claimed(&input.service, &input.execution, input.release.number)
        .await
}

/// The revision that the service runs. Only one that the release does not know costs calls.
async fn runs(aws: &Aws, input: &Input, live: &LiveService) -> Result<Runs, Fault> {
    let primary = live.primary().filter(|_| live.is_active());
    let Some(arn) = primary.map(|primary| &primary.task_definition) else {
        return Ok(Runs::default());
    };
    let known = |whose, release| Runs {
        whose: Some(whose),
        release: Some(release),
        unseen: false,
    };
    if let Some(good) = &input.last_good
        && good.task_definition.arn == *arn
    {
        return Ok(known(Whose::Good, good.number));
    }
    if input.task_definition == *arn {
        return Ok(known(Whose::OurAttempt, input.release.number));
    }
    let desired = claimed(aws, input).await?;
    let (mut revision, file) = (Revision::new(arn), &input.release.content.file);
    let (state, ecs) = (aws.state(), aws.ecs());
    let whose = drift::whose(state, ecs, &desired, live, &mut revision, file).await?;
    Ok(Runs {
        whose: Some(whose),
        release: revision.release(),
        unseen: may_be_unseen(&desired, aws.now()),
    })
}

/// Whether ECS has gone back by itself from an earlier release of Landfall's since the images were filled into that one's
/// revision. Only then does it cost a call.
async fn went_back(
    aws: &Aws,
    input: &Input,
    live: &LiveService,
    whose: Option<Whose>,
) -> Result<bool, Fault> {
    let runs = live.primary().map(|primary| &primary.task_definition);
    match &input.base {
        Some(base) if whose == Some(Whose::Adopted) && runs != Some(base) => {
            let registered = aws.ecs().registered_for(base, &input.service).await?;
            Ok(registered.is_some())
        }
        _ => Ok(false),
    }
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

/// The files of the releases whose sections ECS may have, besides this one's and that of the last good one; `runs` is the
/// release whose revision the service runs.
async fn given(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: &LiveService,
    runs: Option<u64>,
) -> Result<Vec<ServiceFile>, Fault> {
    if input.from_good {
        return Ok(vec![]);
    }
    let good = input.last_good.as_ref().map(|good| good.number);
    let known = [Some(input.release.number), good];
    let numbers = given_by(live, runs, &passed_over(desired), &known);
    aws.state().files_of(desired, &numbers).await
}
