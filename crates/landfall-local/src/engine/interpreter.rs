//! Runs a state machine's states, one execution at a time.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    StateWatch,
    asl::{Definition, Fail, Kind, Next, Retrier, Seconds, Shape, State, Task, Text},
    data::{filter, place, read_seconds, within_limit},
    execution::Execution,
    failure::Failure,
    intrinsic::Scope,
    route::{decide, shaped},
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
    /// `Execution` and `StateMachine` of the context object; the rest is added state by state.
    pub(super) context: Value,
}

/// The id of the event that happened last.
pub(super) type Line = u64;

/// A state while it runs.
pub(super) struct Visit<'a> {
    pub(super) name: &'a str,
    /// What the state was given.
    pub(super) input: &'a Value,
    /// The same after `InputPath`.
    pub(super) effective: &'a Value,
    pub(super) context: Value,
    pub(super) retries: u64,
}

impl Interpreter {
    /// Runs to the end and answers the output.
    pub(super) async fn run(
        &self,
        definition: &Definition,
        input: Value,
    ) -> Result<Value, Failure> {
        let mut name = definition.start_at.as_str();
        let mut data = input;
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
        state: &'a State,
        input: Value,
        line: &mut Line,
    ) -> Result<(Value, Option<&'a str>), Failure> {
        let kind = state.kind.name();
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

        let effective = filter(state.input_path.as_ref(), &input, &self.context)?;
        let mut visit = Visit {
            name,
            input: &input,
            effective: &effective,
            context: self.state_context(name),
            retries: 0,
        };
        let (output, next) = match &state.kind {
            Kind::Task(task) => self.with_handlers(task, &mut visit, line).await?,
            Kind::Choice(choice) => (
                effective.clone(),
                Some(decide(choice, name, &effective, &visit.context)?),
            ),
            Kind::Wait(seconds, next) => {
                self.wait(seconds, &visit).await?;
                (effective.clone(), target(next))
            }
            Kind::Pass(pass) => {
                let raw = match (&pass.result, &pass.shape.parameters) {
                    (Some(result), _) => result.clone(),
                    (None, Some(parameters)) => parameters.fill(self.scope(&visit))?,
                    (None, None) => effective.clone(),
                };
                (self.shape(&pass.shape, raw, &visit)?, target(&pass.next))
            }
            Kind::Succeed => (effective.clone(), None),
            Kind::Fail(fail) => return Err(self.fail(fail, &visit)?),
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
    ) -> Result<(Value, Option<&'a str>), Failure> {
        let mut used = vec![0; task.retry.len()];
        loop {
            let failure = match self.attempt(task, visit, line).await {
                Ok(output) => return Ok((output, target(&task.next))),
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
                visit.retries += 1;
                visit.context["State"]["RetryCount"] = visit.retries.into();
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
            return Ok((output, Some(&catcher.next)));
        }
    }

    async fn attempt(
        &self,
        task: &Task,
        visit: &Visit<'_>,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let raw = self.run_task(task, visit, line).await?;
        self.shape(&task.shape, raw, visit)
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

    async fn wait(&self, seconds: &Seconds, visit: &Visit<'_>) -> Result<(), Failure> {
        let seconds = read_seconds(seconds, "SecondsPath", visit)?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(())
    }

    fn fail(&self, fail: &Fail, visit: &Visit<'_>) -> Result<Failure, Failure> {
        let text = |text: &Option<Text>, field: &str| match text {
            None => Ok(String::new()),
            Some(Text::Fixed(text)) => Ok(text.clone()),
            Some(Text::Computed(expression)) => {
                match expression.evaluate(field, self.scope(visit))? {
                    Value::String(text) => Ok(text),
                    other => Err(Failure::runtime(format!(
                        "{field} must be a string, not {other}"
                    ))),
                }
            }
        };
        Ok(Failure {
            error: text(&fail.error, "ErrorPath")?,
            cause: text(&fail.cause, "CausePath")?,
        })
    }

    /// `ResultSelector` and `ResultPath`.
    fn shape(&self, shape: &Shape, raw: Value, visit: &Visit<'_>) -> Result<Value, Failure> {
        within_limit(&raw, visit.name)?;
        shaped(shape, visit.input, raw, &visit.context)
    }

    pub(super) fn scope<'a>(&'a self, visit: &'a Visit<'_>) -> Scope<'a> {
        Scope {
            input: visit.effective,
            context: &visit.context,
        }
    }

    fn state_context(&self, name: &str) -> Value {
        let mut context = self.context.clone();
        let entered = self
            .world
            .now()
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string();
        context["State"] = json!({"EnteredTime": entered, "Name": name, "RetryCount": 0});
        context
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

fn target(next: &Next) -> Option<&str> {
    match next {
        Next::State(name) => Some(name),
        Next::End => None,
    }
}
