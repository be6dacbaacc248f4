//! Step `RunTask`: one look at the one-off tasks before or after a rollout; the next of them is started.
//!
//! In: `Input`, again and again until all have run. Out: `Output`, how they stand.
//! Fails with `Transient`, which the state machine retries, or `Refused`, which rejects the release.

use landfall::{
    live::{Placement, TaskStatus},
    service_file::{OneOffTask, Phase, ServiceFile},
    stage::{Report, Stage},
    step::run_task::{
        Ended, Input, Next, Observation, Output, Run, Runs, awaited, body, judge, listed, lost,
        next, not_found, not_placed, refused, waiting,
    },
};
use landfall_aws::{
    Aws, Fault,
    bucket::WriteOutcome,
    function::{Function, step_span},
};

/// Runs the one-off tasks of a release.
#[derive(Debug)]
pub struct RunTask;

/// The notes about tasks as they were read.
struct Notes {
    runs: Runs,
    etag: Option<String>,
}

impl Function for RunTask {
    const NAME: &'static str = "run-task";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Looks at the task that runs, and starts the next one when it has ended.
    ///
    /// # Errors
    /// Refused as ECS refuses a task before the rollout; transient if another invocation of this step is at work.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let output = look_at_tasks(aws, &input).await?;
        Ok(input.carried_on(output))
    }
}

/// One look; starts the next task when one has ended.
async fn look_at_tasks(aws: &Aws, input: &Input) -> Result<Output, Fault> {
    let desired = aws.state().read(&input.service).await?;
    let file = aws.state().file(&input.release.content.file).await?;
    let mut noted_now = None;
    loop {
        let mut notes = notes(aws, input).await?;
        let step = next(input, input.tasks(&file), &notes.runs, &desired);
        match step {
            Next::Answer(output) => {
                tracing::info!(phase = ?input.phase, outcome = ?output.outcome, reason = output.reason, "looked at the tasks");
                return Ok(*output);
            }
            Next::Await(run) => match await_earlier(aws, input, run).await? {
                Some(output) => return Ok(output),
                None => {
                    notes.runs = Runs::none(input.release.number);
                    keep(aws, input, &notes).await?;
                }
            },
            Next::Start(task) => {
                let key = input.key(task);
                let run = input.run(task, aws.now());
                notes.runs.note(input.release.number, key.clone(), run);
                keep(aws, input, &notes).await?;
                noted_now = Some(key);
            }
            Next::Find(task, run) => {
                let (task, run) = (task.clone(), run.clone());
                let is_new = noted_now.take() == Some(input.key(&task));
                if let Some(output) = find(aws, input, &file, &task, run, is_new, notes).await? {
                    return Ok(output);
                }
            }
            Next::Look(task, run, arn) => {
                let (task, run, arn) = (task.clone(), run.clone(), arn.to_owned());
                if let Some(output) = look(aws, input, &file, &task, run, &arn, notes).await? {
                    return Ok(output);
                }
            }
        }
    }
}

async fn notes(aws: &Aws, input: &Input) -> Result<Notes, Fault> {
    let (runs, etag) = aws.state().task_runs(&input.service).await?;
    Ok(Notes {
        runs: runs.unwrap_or_else(|| Runs::none(input.release.number)),
        etag,
    })
}

async fn keep(aws: &Aws, input: &Input, notes: &Notes) -> Result<(), Fault> {
    let etag = notes.etag.as_deref();
    match aws
        .state()
        .put_task_runs(&input.service, &notes.runs, etag)
        .await?
    {
        WriteOutcome::Done => Ok(()),
        WriteOutcome::Conflict => Err(Fault::transient(
            "another invocation looks at the tasks of this service",
        )),
    }
}

async fn keep_run(
    aws: &Aws,
    input: &Input,
    task: &OneOffTask,
    run: Run,
    mut notes: Notes,
) -> Result<(), Fault> {
    notes.runs.note(input.release.number, input.key(task), run);
    keep(aws, input, &notes).await
}

/// The answer while the task of an earlier release still runs; none once it has ended.
async fn await_earlier(aws: &Aws, input: &Input, run: &Run) -> Result<Option<Output>, Fault> {
    let arn = match &run.task {
        Some(arn) => Some(arn.clone()),
        None => started(aws, input, run).await?,
    };
    let live = match &arn {
        Some(arn) => aws.ecs().task(&input.cluster, arn).await?,
        None => None,
    };
    let now = aws.now();
    let Some(why) = awaited(run, live.as_ref(), now) else {
        return Ok(None);
    };
    if let (Some(arn), Some(live)) = (&arn, &live)
        && now >= run.deadline
        && live.desired_status != TaskStatus::Stopped
    {
        let reason = "Landfall: it did not end in time";
        aws.ecs().stop_task(&input.cluster, arn, reason).await?;
    }
    Ok(Some(waiting(run, why, now)))
}

/// The task that was started for this run, if ECS knows of one.
async fn started(aws: &Aws, input: &Input, run: &Run) -> Result<Option<String>, Fault> {
    aws.ecs()
        .task_started_by(&input.cluster, &run.started_by, run.family())
        .await
}

/// Announces that a task was started. A release begins with its first task before the rollout.
async fn announce(aws: &Aws, input: &Input, file: &ServiceFile, task: &OneOffTask) {
    let (release, stage) = (&input.release, Stage::of(input.phase));
    let report = Report::new(&input.service, release, &input.execution, stage);
    let first = input.tasks(file).first();
    let is_first = first.is_some_and(|first| first.name == task.name);
    let begins = input.phase == Phase::Before && is_first;
    aws.events()
        .announce(&report.with_task(&task.name), begins)
        .await;
}

/// Asks ECS for a task, unless an earlier invocation of this step has.
async fn find(
    aws: &Aws,
    input: &Input,
    file: &ServiceFile,
    task: &OneOffTask,
    mut run: Run,
    is_new: bool,
    notes: Notes,
) -> Result<Option<Output>, Fault> {
    let now = aws.now();
    let found = if is_new {
        None
    } else {
        started(aws, input, &run).await?
    };
    if let Some(arn) = found {
        run.task = Some(arn);
        keep_run(aws, input, task, run, notes).await?;
        return Ok(None);
    }
    if let Some(ended) = not_found(input, task, &run, now) {
        return end(aws, input, task, run, ended, notes).await;
    }
    let placed = aws.ecs().run_task(&body(input, file, task, &run)).await;
    match placed {
        Ok(Placement::Placed(arn)) => {
            tracing::info!(task = task.name, arn, "started the task");
            run.task = Some(arn);
            run.asked_at = Some(now);
            let output = waiting(&run, format!("the task `{}` was started", task.name), now);
            keep_run(aws, input, task, run, notes).await?;
            announce(aws, input, file, task).await;
            Ok(Some(output))
        }
        Ok(Placement::NotPlaced(failures)) => {
            if let Some(ended) = not_placed(input, task, &run, &failures, now) {
                return end(aws, input, task, run, ended, notes).await;
            }
            run.refusals += 1;
            let output = waiting(
                &run,
                format!(
                    "there is no room for `{}`: {}",
                    task.name,
                    listed(&failures)
                ),
                now,
            );
            run.is_asked_after(&output, now);
            keep_run(aws, input, task, run, notes).await?;
            Ok(Some(output))
        }
        Err(fault) if fault.is_refused() && input.phase == Phase::After => {
            let ended = refused(input, task, fault.to_string());
            end(aws, input, task, run, ended, notes).await
        }
        Err(fault) => Err(fault),
    }
}

async fn look(
    aws: &Aws,
    input: &Input,
    file: &ServiceFile,
    task: &OneOffTask,
    run: Run,
    arn: &str,
    notes: Notes,
) -> Result<Option<Output>, Fault> {
    let live = aws.ecs().task(&input.cluster, arn).await?;
    let now = aws.now();
    match judge(input, task, &run, arn, live.as_ref(), file, now) {
        Observation::Runs { stop } => {
            if let Some(reason) = stop {
                aws.ecs().stop_task(&input.cluster, arn, &reason).await?;
            }
            let name = &task.name;
            let reason = match live {
                Some(live) => format!("the task `{name}` is {}", live.last_status),
                None => format!("ECS does not show the task `{name}` yet"),
            };
            Ok(Some(waiting(&run, reason, now)))
        }
        Observation::Lost(reason) => {
            tracing::warn!(task = task.name, arn, reason, "the task was lost");
            let mut run = input.again(task, &run, now);
            let reason = format!("the task `{}` is asked for again: {reason}", task.name);
            let output = lost(&run, reason, now);
            run.is_asked_after(&output, now);
            keep_run(aws, input, task, run, notes).await?;
            Ok(Some(output))
        }
        Observation::Ended(ended, others_run) => {
            if others_run {
                let reason = "Landfall: the container that counts has ended";
                aws.ecs().stop_task(&input.cluster, arn, reason).await?;
            }
            end(aws, input, task, run, ended, notes).await
        }
    }
}

async fn end(
    aws: &Aws,
    input: &Input,
    task: &OneOffTask,
    mut run: Run,
    ended: Ended,
    notes: Notes,
) -> Result<Option<Output>, Fault> {
    tracing::info!(
        task = task.name,
        succeeded = ended.succeeded,
        reason = ended.report.reason,
        "the task has ended"
    );
    run.ended = Some(ended);
    keep_run(aws, input, task, run, notes).await?;
    Ok(None)
}
