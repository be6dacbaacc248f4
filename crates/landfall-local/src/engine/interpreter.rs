//! Runs a state machine's states, one execution at a time.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    StateWatch,
    asl::{Definition, Fail, Kind, Retrier, Task},
    data::{place, within_limit},
    execution::{Execution, Place},
    failure::Failure,
    path::{Path, Scope},
    route::{decide, seconds, shaped},
    token::Tokens,
};
use crate::{lambda::Functions, world::World};

/// What one execution needs to run.
pub(super) struct Interpreter {
    pub(super) world: Arc<World>,
    pub(super) functions: Functions,
    pub(super) tokens: Tokens,
    pub(super) execution: Arc<Execution>,
    pub(super) watch: Option<StateWatch>,
    /// `Execution` of the context object; the rest is added state by state.
    pub(super) context: Value,
}

/// The id of the event that happened last.
pub(super) type Line = u64;

/// A state while it runs.
pub(super) struct Visit<'a> {
    pub(super) name: &'a str,
    /// What the state was given.
    pub(super) input: &'a Value,
    pub(super) context: Value,
}

impl Visit<'_> {
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            input: self.input,
            context: &self.context,
        }
    }
}

impl Interpreter {
    /// Runs from a place to the end and answers the output.
    pub(super) async fn run(&self, definition: &Definition, from: Place) -> Result<Value, Failure> {
        let mut name = from.state.as_str();
        let mut data = from.input;
        // As in AWS, the first state's event follows event 0, not ExecutionStarted.
        let mut line = 0;
        loop {
            let state = definition
                .states
                .get(name)
                .ok_or_else(|| Failure::runtime(format!("no state `{name}`")))?;
            let (output, next) = self.run_state(name, state, data, &mut line).await?;
            match next {
                Some(next) => name = next,
                None => return Ok(output),
            }
            data = output;
            // A loop without a task must not keep the thread for itself.
            tokio::task::yield_now().await;
        }
    }

    /// Runs one state: its output, and the state that follows.
    async fn run_state<'a>(
        &self,
        name: &'a str,
        state: &'a Kind,
        input: Value,
        line: &mut Line,
    ) -> Result<(Value, Option<&'a str>), Failure> {
        let kind = state.name();
        self.count_transition();
        let details =
            json!({"name": name, "input": input.to_string(), "inputDetails": {"truncated": false}});
        *line = self.append(
            *line,
            &format!("{kind}StateEntered"),
            Some(("stateEnteredEventDetails", details)),
        )?;
        if let Some(watch) = &self.watch {
            let arn = self.execution.record().arn.clone();
            watch(&arn, name);
            // It may have ended there.
            self.execution.record().running()?;
        }

        let mut context = self.context.clone();
        context["State"] = json!({"RetryCount": 0});
        let mut visit = Visit {
            name,
            input: &input,
            context,
        };
        let (output, next) = match state {
            Kind::Task(task) => {
                let (output, next) = self.with_handlers(task, &mut visit, line).await?;
                (output, Some(next))
            }
            Kind::Choice(choice) => (input.clone(), Some(decide(choice, visit.scope())?)),
            Kind::Wait(wait) => {
                let seconds = seconds(wait, visit.scope())?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                (input.clone(), Some(wait.next.as_str()))
            }
            Kind::Succeed => (input.clone(), None),
            Kind::Fail(fail) => return Err(failure(fail, visit.scope())?),
        };
        within_limit(&output, name)?;
        let details = json!({"name": name, "output": output.to_string(), "outputDetails": {"truncated": false}});
        *line = self.append(
            *line,
            &format!("{kind}StateExited"),
            Some(("stateExitedEventDetails", details)),
        )?;
        Ok((output, next))
    }

    /// Runs a task with `Retry` and `Catch`
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
    async fn with_handlers<'a>(
        &self,
        task: &'a Task,
        visit: &mut Visit<'_>,
        line: &mut Line,
    ) -> Result<(Value, &'a str), Failure> {
        let mut used = vec![0; task.retry.len()];
        let mut retries = 0;
        loop {
            let failure = match self.attempt(task, visit, line).await {
                Ok(output) => return Ok((output, &task.next)),
                Err(failure) => failure,
            };
            let matching = task
                .retry
                .iter()
                .zip(&mut used)
                .find(|(retrier, _)| failure.matches(&retrier.errors));
            if let Some((retrier, used)) = matching
                && *used < retrier.max_attempts
            {
                tokio::time::sleep(self.delay(retrier, *used)).await;
                *used += 1;
                retries += 1;
                visit.context["State"]["RetryCount"] = retries.into();
                self.count_transition();
                continue;
            }
            let Some(catcher) = task
                .catch
                .iter()
                .find(|catcher| failure.matches(&catcher.errors))
            else {
                return Err(failure);
            };
            let error = json!({"Error": failure.error, "Cause": failure.cause});
            let output = place(catcher.result_path.as_ref(), visit.input, error)?;
            return Ok((output, &catcher.next));
        }
    }

    async fn attempt(
        &self,
        task: &Task,
        visit: &Visit<'_>,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let raw = self.run_task(task, visit, line).await?;
        within_limit(&raw, visit.name)?;
        shaped(task, visit.input, raw, &visit.context)
    }

    /// How long to wait before retry number `used + 1`.
    fn delay(&self, retrier: &Retrier, used: u64) -> Duration {
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        // A year is longer than any execution lives; without a bound the number would leave what a Duration holds.
        let longest = retrier.max_delay.unwrap_or(31_536_000) as f64;
        let seconds = (retrier.interval as f64 * retrier.backoff_rate.powi(exponent)).min(longest);
        let share = if retrier.full_jitter {
            self.world.fraction()
        } else {
            1.0
        };
        Duration::from_secs_f64(seconds * share)
    }

    pub(super) fn append(
        &self,
        line: Line,
        kind: &str,
        details: Option<(&str, Value)>,
    ) -> Result<Line, Failure> {
        self.execution
            .record()
            .append(self.world.now().as_millisecond(), line, kind, details)
    }

    fn count_transition(&self) {
        self.execution.record().transitions += 1;
    }
}

/// How a Fail state ends the execution; the error if it cannot tell.
fn failure(fail: &Fail, scope: Scope<'_>) -> Result<Failure, Failure> {
    let text = |path: &Path, field: &str| match path.get(field, scope)? {
        Value::String(text) => Ok(text.clone()),
        other => Err(Failure::runtime(format!(
            "{field} must be a string, not {other}"
        ))),
    };
    Ok(Failure {
        error: text(&fail.error, "ErrorPath")?,
        cause: text(&fail.cause, "CausePath")?,
    })
}
