//! Step `RollBack`: the diagnosis of a bad release, and the calls that give the service back what it ran before.
//!
//! In: `Input`, from whatever failed. Out: `Output`, what was done and what to wait for.
//! Fails with `Transient`, which the state machine retries.

use std::collections::BTreeSet;

use crate::{ensure_ingress, register_task_definition::register};
use landfall::{
    desired::{DesiredState, GoodRelease},
    drift::{Revision, Whose},
    evidence::Against,
    failure::Failure,
    live::{LiveService, LiveServiceDeployment, ServiceDeploymentStatus, StoppedTask},
    record::{Diagnosis, Release, TaskDefinition},
    service_file::ServiceFile,
    service_section::given_by,
    stage::{Report, Stage},
    step::{
        register_task_definition::{copy, render, render_live},
        roll_back::{
            Action, Files, Input, Output, Provenance, TRIES_TO_STOP, Way, inherits_unjudged, plan,
            stands, way_back,
        },
    },
    unseen::{may_be_unseen, passed_over, was_claimed_lately},
    versioned::Versioned,
};
use landfall_aws::{
    Aws, Fault,
    change::carry_out,
    drift,
    function::{Function, step_span},
    state_bucket::Change,
};

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

    /// Gathers the diagnosis of the release, then gives the service the last good release.
    ///
    /// # Errors
    /// As AWS answers; transient while ECS carries out as many deployments of the service as it takes.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let desired = aws.state().read(&input.service).await?;
        if let Err(refusal) = desired.refuse_unclaimed(&input.execution, input.release.number) {
            tracing::warn!(reason = %refusal, "nothing is undone");
            return Ok(Output::nothing(refusal.to_string()));
        }
        let mut seen = observe(aws, &input, desired).await?;
        // The rule may be the bad release's: requests have to come as before first.
        if let Some(good) = seen
            .files
            .good
            .as_ref()
            .filter(|_| seen.way.sends_section())
        {
            seen.files.balancer = ensure_ingress::keep(aws, good, &input.service).await?;
        }
        let (desired, live) = (&seen.desired, seen.live.as_ref());
        let failure = input.failure();
        let plan = |way| plan(desired, live, failure.stage, way, &seen.files, aws.now());
        let mut undo = plan(seen.way);
        // Where ECS cannot start tasks, it cannot start those of the last good release again either.
        let keeps_old = failure.against == Against::Platform && undo.way.old_tasks_are_up(live);
        let stops = undo.stops_deployment || keeps_old;
        let by_ecs = stops && stop_deployment(aws, &input).await?;
        if !by_ecs && let Some(way) = registered_again(aws, &input, &undo.way).await? {
            undo = plan(way);
        }
        if let Some(change) = undo.change.as_mut().filter(|_| !by_ecs) {
            change.rollout.deployment = carry_out(aws, change).await?;
        }
        let undone = undo.way.undone(undo.verdict, by_ecs);
        tracing::warn!(reason = failure.reason, undone, "the release is bad");
        if by_ecs || undo.change.is_some() {
            let (release, execution) = (&input.release, &input.execution);
            let report = Report::new(&input.service, release, execution, Stage::RollingBack);
            let report = report.because(&failure.reason);
            aws.events().announce(&report, false).await;
        }
        Ok(Output {
            ingress: undo.ingress,
            again: by_ecs && undo.way.sends_section(),
            action: if by_ecs {
                Action::LeftToEcs
            } else {
                undo.way.action()
            },
            verdict: undo.verdict,
            rollout: undo.change.map(|change| change.rollout),
            diagnosis: diagnosis(&input, failure, live, seen.stopped_tasks, undone),
        })
    }
}

/// What is known of a bad release and of its service.
struct Observation {
    desired: Versioned<DesiredState>,
    live: Option<LiveService>,
    way: Way,
    files: Files,
    stopped_tasks: Vec<StoppedTask>,
}

/// Reads what the decision and the diagnosis need.
async fn observe(
    aws: &Aws,
    input: &Input,
    desired: Versioned<DesiredState>,
) -> Result<Observation, Fault> {
    let live = changed_service(aws, input).await?;
    let (provenance, runs) = provenance(aws, input, &desired, live.as_ref()).await?;
    let way = way_back(&desired, live.as_ref(), input.failure().stage, &provenance);
    let changes_nothing = matches!(way, Way::Nothing | Way::Gone | Way::LeaveToEcs { .. });
    if changes_nothing && input.course.rollout.is_none() && may_be_unseen(&desired, aws.now()) {
        return Err(Fault::unseen(&input.service));
    }
    let good = desired.last_good.as_ref();
    let stopped_tasks = match &live {
        Some(_) => {
            let since = input.release.created_at;
            let good = good.map(|good| &*good.task_definition.arn);
            aws.ecs().stopped_tasks(&input.service, since, good).await?
        }
        None => Vec::new(),
    };
    let numbers = match &live {
        _ if matches!(way, Way::LeaveForeign { .. }) => BTreeSet::new(),
        Some(live) if way.sends_section() => {
            let known = [Some(input.release.number), good.map(|good| good.number)];
            given_by(live, runs, &passed_over(&desired), &known)
        }
        _ => passed_over(&desired),
    };
    let given = aws.state().files_of(&desired, &numbers).await?;
    let files = files(aws, input, good, &way, given).await?;
    Ok(Observation {
        desired,
        live,
        way,
        files,
        stopped_tasks,
    })
}

/// The service files that the roll-back needs. What a foreign service has at Elastic Load Balancing is left alone.
async fn files(
    aws: &Aws,
    input: &Input,
    good: Option<&GoodRelease>,
    way: &Way,
    given: Vec<ServiceFile>,
) -> Result<Files, Fault> {
    let content = &input.release.content.file;
    let is_same = good.is_some_and(|good| good.content.file == *content);
    let bad = if is_same || matches!(way, Way::LeaveForeign { .. }) {
        None
    } else {
        Some(aws.state().file(content).await?)
    };
    let has_ingress = bad.iter().chain(&given).any(|file| file.ingress.is_some());
    let good = match good.filter(|_| way.sends_section() || has_ingress) {
        Some(good) => Some(aws.state().file(&good.content.file).await?),
        None => None,
    };
    let good = match good {
        Some(good) if way.sends_section() => Some(registered(aws, good).await?),
        good => good,
    };
    Ok(Files {
        good,
        bad,
        given,
        balancer: None,
    })
}

/// The file, with its tasks registered in the Cloud Map service that it names.
async fn registered(aws: &Aws, file: ServiceFile) -> Result<ServiceFile, Fault> {
    // A roll-back without the registration is better than none.
    let registry = match aws.cloud_map().arn_of(file.discovery.as_ref()).await {
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "the service's registration is left as it is");
            None
        }
        other => other?,
    };
    Ok(file.registered_in(registry.as_deref()))
}

/// The same way back with its content registered again, if ECS starts no tasks of its revision: somebody deregistered or
/// deleted that. The desired state says so before the service is given the new one, which would be a foreign revision to an
/// execution that takes over.
async fn registered_again(aws: &Aws, input: &Input, way: &Way) -> Result<Option<Way>, Fault> {
    match way {
        Way::Revert {
            good,
            apply_service,
        } => {
            let renewed = good_registered_again(aws, input, good).await?;
            Ok(renewed.map(|task_definition| Way::Revert {
                good: GoodRelease {
                    task_definition,
                    ..good.clone()
                },
                apply_service: *apply_service,
            }))
        }
        Way::RevertTo {
            task_definition, ..
        } => copied(aws, input, task_definition).await,
        Way::LeaveToEcs { .. }
        | Way::Stop
        | Way::Nothing
        | Way::Gone
        | Way::LeaveForeign { .. } => Ok(None),
    }
}

/// The revision as which the last good release was registered again; none if ECS gives its own to services.
async fn good_registered_again(
    aws: &Aws,
    input: &Input,
    good: &GoodRelease,
) -> Result<Option<TaskDefinition>, Fault> {
    let arn = &good.task_definition.arn;
    if aws.ecs().is_active(arn).await? {
        return Ok(None);
    }
    let file = aws.state().file(&good.content.file).await?;
    // What the release was made for is in no revision.
    let release = Release {
        number: good.number,
        content: good.content.clone(),
        ..input.release.clone()
    };
    let registration = if file.owns_task_definition() {
        render(&file, &release, &input.service)?
    } else {
        let revision = aws.descriptions().task_definition(arn).await?;
        render_live(&revision, &file, &release, &input.service)?
    };
    let task_definition = register(aws, registration, good.number, true).await?;
    note(aws, input, |desired| {
        desired.renew_good(good.number, &task_definition);
    })
    .await?;
    tracing::warn!(
        gone = arn,
        arn = task_definition.arn,
        "registered the last good release again"
    );
    Ok(Some(task_definition))
}

/// The way back to a copy of a revision that Landfall did not register; none if ECS gives the revision itself to services.
/// What was deregistered can still be described
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html>).
async fn copied(aws: &Aws, input: &Input, gone: &str) -> Result<Option<Way>, Fault> {
    if aws.ecs().is_active(gone).await? {
        return Ok(None);
    }
    let revision = aws.descriptions().task_definition(gone).await?;
    let number = input.release.number;
    let registration = copy(&revision, number, &input.service);
    let TaskDefinition { arn, .. } = register(aws, registration, number, true).await?;
    note(aws, input, |desired| desired.renew_way_back(&arn)).await?;
    tracing::warn!(gone, arn, "registered a copy of the revision to go back to");
    Ok(Some(Way::RevertTo {
        task_definition: arn,
        copy_of: Some(gone.to_owned()),
    }))
}

/// Notes in the desired state what was registered again, while this execution holds the claim.
async fn note(aws: &Aws, input: &Input, renew: impl Fn(&mut DesiredState)) -> Result<(), Fault> {
    let renew = &renew;
    let note = |read: Versioned<DesiredState>| async move {
        read.refuse_unclaimed(&input.execution, input.release.number)?;
        let mut desired = read.into_value();
        renew(&mut desired);
        Ok(Change::Write(Box::new(desired), ()))
    };
    aws.state().change(&input.service, note).await.map(drop)
}

/// Makes ECS end the deployment that is under way; answers whether it will.
///
/// # Errors
/// As ECS answers; not transient any more after [`TRIES_TO_STOP`].
async fn stop_deployment(aws: &Aws, input: &Input) -> Result<bool, Fault> {
    match try_to_stop(aws, input).await {
        Err(fault) if fault.is_transient() && input.retries >= TRIES_TO_STOP => {
            tracing::warn!(reason = %fault, "goes back without ending the deployment");
            Ok(false)
        }
        stopped => stopped,
    }
}

async fn try_to_stop(aws: &Aws, input: &Input) -> Result<bool, Fault> {
    let newest = newest_deployment(aws, input).await?;
    let newest = newest.filter(|newest| newest.status == ServiceDeploymentStatus::InProgress);
    match newest {
        Some(newest) => aws.ecs().stop_service_deployment(&newest.arn).await,
        None => Ok(false),
    }
}

/// The newest service deployment since the release was made.
async fn newest_deployment(
    aws: &Aws,
    input: &Input,
) -> Result<Option<LiveServiceDeployment>, Fault> {
    let since = input.release.created_at;
    aws.ecs()
        .newest_service_deployment(&input.service, since, false)
        .await
}

/// The service, as it is since the release changed it.
///
/// # Errors
/// Transient while ECS still answers as before that: the way back from there would be none.
async fn changed_service(aws: &Aws, input: &Input) -> Result<Option<LiveService>, Fault> {
    let live = aws.ecs().service(&input.service).await?;
    let Some(rollout) = input.course.rollout.as_ref() else {
        return Ok(live);
    };
    let shows_it = match &live {
        _ if !rollout.may_be_unseen(aws.now()) => true,
        None => false,
        Some(live) if rollout.is_before(live, aws.now()) => {
            let newest = newest_deployment(aws, input).await?;
            newest.is_some_and(|newest| {
                newest.status.is_rollback() && !rollout.is_newer_than(&newest)
            })
        }
        Some(_) => true,
    };
    if shows_it {
        Ok(live)
    } else {
        Err(Fault::unseen(&input.service))
    }
}

/// Whether the service runs tasks of an earlier release that nobody will judge, and that fail or do not come up.
///
/// # Errors
/// Transient for two minutes while these tasks have neither come up nor failed.
async fn fails(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: &LiveService,
    provenance: &Provenance,
) -> Result<bool, Fault> {
    if !inherits_unjudged(desired, live, input.failure().stage, provenance) {
        return Ok(false);
    }
    let ended = aws.ecs().ended_tasks(&input.service).await?;
    match stands(live, &ended) {
        Some(stands) => Ok(!stands),
        None if was_claimed_lately(desired, aws.now()) => Err(Fault::transient(format!(
            "the tasks that an earlier release gave {} have neither come up nor failed yet",
            input.service
        ))),
        None => Ok(true),
    }
}

/// What the service runs and ran before, and the number of the release that the revision was registered for that it runs.
async fn provenance(
    aws: &Aws,
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
) -> Result<(Provenance, Option<u64>), Fault> {
    let Some((live, primary)) = live.and_then(|live| Some((live, live.primary()?))) else {
        return Ok((Provenance::default(), None));
    };
    let mut revision = Revision::new(&primary.task_definition);
    let file = &input.release.content.file;
    let (state, ecs) = (aws.state(), aws.ecs());
    let whose = drift::whose(state, ecs, desired, live, &mut revision, file).await?;
    let way_back = match (whose, &desired.last_good, &desired.accepted) {
        (Whose::OurAttempt, None, None) => aws.state().adopted(&input.service).await?,
        (Whose::OurAttempt, None, Some(accepted)) => Some(accepted.clone()),
        _ => None,
    };
    let mut provenance = Provenance {
        whose: Some(whose),
        way_back,
        fails: false,
    };
    provenance.fails = fails(aws, input, desired, live, &provenance).await?;
    Ok((provenance, revision.release()))
}

fn diagnosis(
    input: &Input,
    failure: Failure,
    live: Option<&LiveService>,
    mut stopped_tasks: Vec<StoppedTask>,
    undone: String,
) -> Diagnosis {
    stopped_tasks.truncate(STOPPED_TASKS);
    let events = live
        .into_iter()
        .flat_map(|live| &live.events)
        .filter(|(at, _)| *at >= input.release.created_at);
    Diagnosis {
        against: Some(failure.against),
        stopped_tasks,
        service_events: events
            .take(SERVICE_EVENTS)
            .map(|(_, message)| message.clone())
            .collect(),
        probe: failure.probe,
        task: failure.task,
        undone,
    }
}
