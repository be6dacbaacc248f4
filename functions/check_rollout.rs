//! Step `CheckRollout`: one look at a rollout in ECS. With a task token, the token is stored before the look, and the
//! execution sleeps on it. Without one, a pause that has begun or ended is noted and announced, and that a release is rolled out
//! is announced.
//!
//! In: `Input`, from `UpdateService` and `RollBack`, on every wake-up. Out: `Output`, how the rollout stands.
//! Fails with `Transient`, which the state machine retries; whatever else it fails with, the release is undecided.

use landfall::{
    desired::DesiredState,
    live::HookAction,
    pause::Pause,
    stage::{Report, Stage},
    step::check_rollout::{
        Input, Outcome, Output, Purpose, Sleeper, depends_on_tasks, look, look_at_tasks,
    },
    versioned::Versioned,
};
use landfall_aws::{
    Aws, Fault,
    events::RELEASE_PAUSED,
    function::{Function, step_span},
    state_bucket::Change,
    status_file::StatusFile,
};

/// Looks at a rollout.
#[derive(Debug)]
pub struct CheckRollout;

impl Function for CheckRollout {
    const NAME: &'static str = "check-rollout";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Answers how the rollout stands. Given a task token, the execution goes to sleep: the token is stored first, and
    /// if the look then shows that there is nothing to sleep for, it is used at once.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        if let Some(task_token) = &input.task_token {
            let sleeper = Sleeper {
                execution: input.execution.clone(),
                task_token: task_token.clone(),
            };
            aws.state().put_sleeper(&input.service, &sleeper).await?;
        }
        let read = aws.state().read(&input.service).await?;
        let live = aws.ecs().service(&input.service).await?;
        let newest = match live {
            Some(ref live) => {
                let in_stages = live.pace_seconds > 0 || live.pauses;
                aws.ecs()
                    .newest_service_deployment(&input.service, input.release.created_at, in_stages)
                    .await?
            }
            None => None,
        };
        let (live, newest) = (live.as_ref(), newest.as_ref());
        let mut output = look(&input, &read, live, newest, aws.now());
        if depends_on_tasks(live, &output) {
            let ended = aws.ecs().ended_tasks(&input.service).await?;
            output = look_at_tasks(&input, &read, live, newest, Some(&ended), aws.now());
        }
        tracing::info!(purpose = ?input.purpose, outcome = ?output.outcome, reason = output.reason, "looked at the rollout");
        match &input.task_token {
            Some(_) if input.sleeps_on(&output) => {}
            Some(task_token) => aws.executions().wake(task_token).await?,
            None => {
                act_on_pause(aws, &input, read, &output).await?;
                if input.purpose == Purpose::Release && output.outcome == Outcome::Steady {
                    let (release, execution) = (&input.release, &input.execution);
                    let report = Report::new(&input.service, release, execution, Stage::Verifying);
                    aws.events().announce(&report, false).await;
                }
            }
        }
        Ok(output)
    }
}

/// Notes and announces a pause that has begun, or notes that it has ended. On the way back Landfall ends it.
async fn act_on_pause(
    aws: &Aws,
    input: &Input,
    read: Versioned<DesiredState>,
    output: &Output,
) -> Result<(), Fault> {
    if let Some(pause) = input.to_continue(output) {
        go_on(aws, pause).await?;
    }
    let pause = output.pause.as_ref();
    let pause = pause.filter(|_| input.purpose == Purpose::Release);
    if !read.into_value().note_pause(input.release.number, pause) {
        return Ok(());
    }
    // The announcement comes first: an execution that takes over after the note would not send it.
    if let Some(pause) = pause {
        let report = pause.report(&input.service, &input.release);
        tracing::info!(message = report.message, "paused");
        aws.events().put(RELEASE_PAUSED, &report).await?;
    }
    let note = |read: Versioned<DesiredState>| async move {
        let mut noted = read.into_value();
        let is_mine = noted.is_claimed_by(&input.execution, input.release.number);
        Ok(
            if is_mine && noted.note_pause(input.release.number, pause) {
                Change::Write(Box::new(noted), ())
            } else {
                Change::Leave(())
            },
        )
    };
    let (noted, ()) = aws.state().change(&input.service, note).await?;
    StatusFile::update(aws.files(), &noted).await
}

/// Continues a deployment that goes back. If ECS refuses that, the hook may have ended meanwhile; the next look finds out, and
/// whoever may continue it can still do so.
async fn go_on(aws: &Aws, pause: &Pause) -> Result<(), Fault> {
    for hook in &pause.hooks {
        let continued = aws.ecs().continue_service_deployment(
            &pause.deployment,
            &hook.id,
            &HookAction::Continue,
        );
        match continued.await {
            Err(fault) if fault.is_refused() => {
                tracing::error!(reason = %fault, hook = hook.id, "the way back waits at a pause hook");
            }
            other => other?,
        }
    }
    Ok(())
}
