//! Step `CheckRollout`: one look at a rollout in ECS. With a task token, the token is stored before the look, and the
//! execution sleeps on it.
//!
//! In: `Input`, from `UpdateService` and `RollBack`, on every wake-up. Out: `Output`, how the rollout stands.
//! Fails with `Transient`, which the state machine retries; whatever else it fails with, the release is undecided.

use landfall::step::check_rollout::{Input, Outcome, Output, Sleeper, look};
use landfall_aws::{
    Aws, Fault,
    function::{Function, step_span},
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
                let may_bake = live.pace_seconds > 0;
                aws.ecs()
                    .newest_service_deployment(&input.service, input.release.created_at, may_bake)
                    .await?
            }
            None => None,
        };
        let output = look(&input, &read, live.as_ref(), newest.as_ref(), aws.now());
        tracing::info!(purpose = ?input.purpose, outcome = ?output.outcome, reason = output.reason, "looked at the rollout");
        if let Some(task_token) = &input.task_token
            && output.outcome != Outcome::InProgress
        {
            aws.executions().wake(task_token).await?;
        }
        Ok(output)
    }
}
