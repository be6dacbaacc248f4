//! Runs a state machine's states, one execution at a time.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, try_join_all};
use serde_json::{Value, json};

use super::{
    StateWatch,
    asl::{
        Choice, Definition, Fail, Flow, Kind, Next, Parallel, Retrier, Shape, State, Task, Text,
        Wait,
    },
    data::{filter, look_up, place, read_seconds, within_limit},
    execution::Execution,
    failure::Failure,
    intrinsic::Scope,
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

/// The id of the event that happened last on this line of the history; branches each have their own.
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
    /// Runs to the end of the flow and answers its output.
    pub(super) async fn run(
        &self,
        definition: &Definition,
        input: Value,
    ) -> Result<Value, Failure> {
        // As in AWS, the first state's event follows event 0, not ExecutionStarted.
        self.run_flow(&definition.flow, input, &mut 0).await
    }

    fn run_flow<'a>(
        &'a self,
        flow: &'a Flow,
        input: Value,
        line: &'a mut Line,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let mut name = flow.start_at.as_str();
            let mut data = input;
            loop {
                let state = flow
                    .states
                    .get(name)
                    .ok_or_else(|| Failure::runtime(format!("no state `{name}`")))?;
                let (output, next) = self.run_state(name, state, data, line).await?;
                match next {
                    Some(next) => name = next,
                    None => return Ok(output),
                }
                data = output;
                // A loop without a task must not keep the thread for itself.
                tokio::task::yield_now().await;
            }
        })
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

        let effective = filter(
            state.input_path.as_ref(),
            &input,
            &self.context,
            "InputPath",
        )?;
        let mut visit = Visit {
            name,
            input: &input,
            effective: &effective,
            context: self.state_context(name),
            retries: 0,
        };
        let (output, next) = match &state.kind {
            Kind::Task(task) => {
                self.with_handlers(Work::Task(task), &mut visit, line)
                    .await?
            }
            Kind::Parallel(parallel) => {
                self.with_handlers(Work::Parallel(parallel), &mut visit, line)
                    .await?
            }
            Kind::Choice(choice) => (
                Outcome::Result(effective.clone()),
                Some(decide(choice, &visit)?),
            ),
            Kind::Wait(wait, next) => {
                self.wait(wait, &visit).await?;
                (Outcome::Result(effective.clone()), target(next))
            }
            Kind::Pass(pass) => {
                let raw = match (&pass.result, &pass.shape.parameters) {
                    (Some(result), _) => result.clone(),
                    (None, Some(parameters)) => parameters.fill(self.scope(&visit))?,
                    (None, None) => effective.clone(),
                };
                (
                    Outcome::Result(self.shape(&pass.shape, raw, &visit)?),
                    target(&pass.next),
                )
            }
            Kind::Succeed => (Outcome::Result(effective.clone()), None),
            Kind::Fail(fail) => return Err(self.fail(fail, &visit)?),
        };
        let output = match output {
            // What a catcher made is the output as it is.
            Outcome::Caught(output) => output,
            Outcome::Result(output) => filter(
                state.output_path.as_ref(),
                &output,
                &visit.context,
                "OutputPath",
            )?,
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

    /// Runs `work` with `Retry` and `Catch`
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
    async fn with_handlers<'a>(
        &self,
        work: Work<'a>,
        visit: &mut Visit<'_>,
        line: &mut Line,
    ) -> Result<(Outcome, Option<&'a str>), Failure> {
        let (retry, catch, next) = match work {
            Work::Task(task) => (&task.retry, &task.catch, &task.next),
            Work::Parallel(parallel) => (&parallel.retry, &parallel.catch, &parallel.next),
        };
        let mut used = vec![0; retry.len()];
        loop {
            let failure = match self.attempt(work, visit, line).await {
                Ok(output) => return Ok((Outcome::Result(output), target(next))),
                Err(failure) => failure,
            };
            let matching = retry
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
            let Some(catcher) = catch
                .iter()
                .find(|catcher| failure.matches(&catcher.errors))
            else {
                return Err(failure);
            };
            let error = json!({"Error": failure.error, "Cause": failure.cause});
            let output = place(catcher.result_path.as_ref(), visit.input, error)?;
            return Ok((Outcome::Caught(output), Some(&catcher.next)));
        }
    }

    async fn attempt(
        &self,
        work: Work<'_>,
        visit: &Visit<'_>,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let (raw, shape) = match work {
            Work::Task(task) => (self.run_task(task, visit, line).await?, &task.shape),
            Work::Parallel(parallel) => (
                self.run_branches(parallel, visit, line).await?,
                &parallel.shape,
            ),
        };
        self.shape(shape, raw, visit)
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

    async fn run_branches(
        &self,
        parallel: &Parallel,
        visit: &Visit<'_>,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let input = match &parallel.shape.parameters {
            Some(parameters) => parameters.fill(self.scope(visit))?,
            None => visit.effective.clone(),
        };
        within_limit(&input, visit.name)?;
        let started = self.append(*line, "ParallelStateStarted", None)?;
        let branches = parallel.branches.iter().map(|branch| {
            let input = input.clone();
            async move {
                let mut line = started;
                self.run_flow(branch, input, &mut line)
                    .await
                    .map(|output| (output, line))
            }
        });
        // The first branch that fails ends the others: their futures are dropped.
        match try_join_all(branches).await {
            Ok(outputs) => {
                let last = outputs
                    .iter()
                    .map(|(_, line)| *line)
                    .max()
                    .unwrap_or(started);
                *line = self.append(last, "ParallelStateSucceeded", None)?;
                Ok(outputs.into_iter().map(|(output, _)| output).collect())
            }
            Err(failure) => {
                *line = self.append(started, "ParallelStateFailed", None)?;
                Err(failure)
            }
        }
    }

    async fn wait(&self, wait: &Wait, visit: &Visit<'_>) -> Result<(), Failure> {
        let until = match wait {
            Wait::For(seconds) => {
                tokio::time::sleep(Duration::from_secs(read_seconds(
                    seconds,
                    "SecondsPath",
                    visit,
                )?))
                .await;
                return Ok(());
            }
            Wait::Until(timestamp) => *timestamp,
            Wait::UntilPath(path) => {
                let value = look_up(path, "TimestampPath", visit)?;
                value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
                    Failure::runtime(format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format \
                         string: {path} == {value}"
                    ))
                })?
            }
        };
        // A moment that has passed is no wait at all.
        let left = Duration::try_from(until.duration_since(self.world.now())).unwrap_or_default();
        tokio::time::sleep(left).await;
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
        let result = match &shape.result_selector {
            Some(selector) => selector.fill(Scope {
                input: &raw,
                context: &visit.context,
                world: &self.world,
            })?,
            None => raw,
        };
        place(shape.result_path.as_ref(), visit.input, result)
    }

    pub(super) fn scope<'a>(&'a self, visit: &'a Visit<'_>) -> Scope<'a> {
        Scope {
            input: visit.effective,
            context: &visit.context,
            world: &self.world,
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

/// What `Retry` and `Catch` stand around.
#[derive(Clone, Copy)]
enum Work<'a> {
    Task(&'a Task),
    Parallel(&'a Parallel),
}

/// What a state made.
enum Outcome {
    /// Its result, which `OutputPath` still filters.
    Result(Value),
    /// What a catcher put together.
    Caught(Value),
}

fn target(next: &Next) -> Option<&str> {
    match next {
        Next::State(name) => Some(name),
        Next::End => None,
    }
}

fn decide<'a>(choice: &'a Choice, visit: &Visit<'_>) -> Result<&'a str, Failure> {
    for (rule, next) in &choice.rules {
        if rule.holds(visit.effective, &visit.context)? {
            return Ok(next);
        }
    }
    choice.default.as_deref().ok_or_else(|| {
        Failure::new(
            "States.NoChoiceMatched",
            format!("Failed to transition out of the state '{}'. The state does not point to a next state.", visit.name),
        )
    })
}
