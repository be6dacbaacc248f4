//! Step `CheckRollout`: what ECS says of a rollout; with a task token, it first stores the token to sleep on.
//!
//! In: `Input`, from `UpdateService` and `RollBack`, on every wake-up. Out: `Output`, how the rollout stands.
//! Fails with `Transient`, which the state machine retries.

use landfall::step::check_rollout::{Input, Outcome, Output, Sleeper, look};
use landfall_aws::{
    Fault,
    clock::Clock,
    config::{SdkConfig, Surroundings},
    ecs::Ecs,
    lambda::step_span,
    sfn::StepFunctions,
    state_bucket::StateBucket,
};

/// Looks at a rollout.
#[derive(Debug)]
pub struct CheckRollout {
    state: StateBucket,
    ecs: Ecs,
    executions: StepFunctions,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl CheckRollout {
    /// The step in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The step in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            ecs: Ecs::new(&surroundings.sdk),
            executions: StepFunctions::new(&surroundings.sdk),
            clock: surroundings.clock(),
        }
    }

    /// Answers how the rollout stands. Given a task token, the execution goes to sleep: the token is stored first, and
    /// if the look then shows that there is nothing to sleep for, it is used at once.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        if let Some(task_token) = &input.task_token {
            let sleeper = Sleeper {
                execution: input.execution.clone(),
                task_token: task_token.clone(),
            };
            self.state.put_sleeper(&input.service, &sleeper).await?;
        }
        let read = self.state.read(&input.service).await?;
        let live = self.ecs.service(&input.service).await?;
        let newest = match live {
            Some(ref live) => {
                let may_bake = live.pace_seconds > 0;
                self.ecs
                    .newest_service_deployment(&input.service, may_bake)
                    .await?
            }
            None => None,
        };
        let output = look(
            &input,
            &read.desired,
            live.as_ref(),
            newest.as_ref(),
            self.clock.now(),
        );
        tracing::info!(purpose = ?input.purpose, outcome = ?output.outcome, reason = output.reason, "looked at the rollout");
        if let Some(task_token) = &input.task_token
            && output.outcome != Outcome::InProgress
        {
            self.executions.wake(task_token).await?;
        }
        Ok(output)
    }
}
