//! What Task states call: functions, directly, through `lambda:invoke`, or through `lambda:invoke` with a task token.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    asl::{Resource, Task},
    data::{read_seconds, within_limit},
    execution::failure_details,
    failure::{Failure, HEARTBEAT_TIMEOUT, TIMEOUT},
    interpreter::{Interpreter, Line, Visit},
    token::{Signal, Waiting},
};
use crate::lambda::FunctionError;

/// The limits of one attempt.
struct Limits {
    timeout: Option<u64>,
    heartbeat: Option<u64>,
}

impl From<FunctionError> for Failure {
    /// The function's `errorType` is the error name; without one Step Functions says `Lambda.Unknown`
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
    fn from(error: FunctionError) -> Self {
        match &error.error_type {
            Some(name) => Self::new(name.clone(), error.payload().to_string()),
            None => Self::new(
                "Lambda.Unknown",
                format!(
                    "The cause could not be determined because Lambda did not return an error type. Returned payload: {}",
                    error.payload()
                ),
            ),
        }
    }
}

impl Interpreter {
    /// One attempt of a Task state: its raw result.
    pub(super) async fn run_task(
        &self,
        task: &Task,
        visit: &Visit<'_>,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let limits = Limits {
            timeout: task
                .timeout
                .as_ref()
                .map(|limit| read_seconds(limit, "TimeoutSecondsPath", visit))
                .transpose()?,
            heartbeat: task
                .heartbeat
                .as_ref()
                .map(|limit| read_seconds(limit, "HeartbeatSecondsPath", visit))
                .transpose()?,
        };
        match &task.resource {
            Resource::Function(arn) => {
                let payload = self.parameters(task, visit)?;
                self.call_function(arn, payload, &limits, line).await
            }
            Resource::Invoke => {
                let parameters = self.parameters(task, visit)?;
                self.invoke(parameters, &limits, line).await
            }
            Resource::InvokeWithToken => {
                let waiting = self.tokens.open(&self.world);
                let mut context = visit.context.clone();
                context["Task"] = json!({"Token": waiting.token});
                let visit = Visit { context, ..*visit };
                let parameters = self.parameters(task, &visit)?;
                self.invoke_and_wait(parameters, &limits, waiting, line)
                    .await
            }
        }
    }

    fn parameters(&self, task: &Task, visit: &Visit<'_>) -> Result<Value, Failure> {
        let parameters = match &task.shape.parameters {
            Some(parameters) => parameters.fill(self.scope(visit))?,
            None => visit.effective.clone(),
        };
        within_limit(&parameters, visit.name)?;
        Ok(parameters)
    }

    /// A function's ARN as the resource: history has its own event types for this.
    async fn call_function(
        &self,
        arn: &str,
        payload: Value,
        limits: &Limits,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let mut scheduled = json!({"resource": arn, "input": payload.to_string(), "inputDetails": {"truncated": false}});
        if let Some(limit) = limits.timeout {
            scheduled["timeoutInSeconds"] = limit.into();
        }
        let details = Some(("lambdaFunctionScheduledEventDetails", scheduled));
        *line = self.append(*line, "LambdaFunctionScheduled", details)?;
        *line = self.append(*line, "LambdaFunctionStarted", None)?;
        match within(limits.timeout, self.functions.invoke(arn, payload)).await {
            Ok(Ok(answer)) => {
                let details =
                    json!({"output": answer.to_string(), "outputDetails": {"truncated": false}});
                let details = Some(("lambdaFunctionSucceededEventDetails", details));
                *line = self.append(*line, "LambdaFunctionSucceeded", details)?;
                Ok(answer)
            }
            Ok(Err(error)) => {
                let failure = Failure::from(error);
                let details = Some((
                    "lambdaFunctionFailedEventDetails",
                    failure_details(&failure),
                ));
                *line = self.append(*line, "LambdaFunctionFailed", details)?;
                Err(failure)
            }
            Err(failure) => {
                let details = Some((
                    "lambdaFunctionTimedOutEventDetails",
                    failure_details(&failure),
                ));
                *line = self.append(*line, "LambdaFunctionTimedOut", details)?;
                Err(failure)
            }
        }
    }

    /// `arn:aws:states:::lambda:invoke`.
    async fn invoke(
        &self,
        parameters: Value,
        limits: &Limits,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let events = TaskEvents {
            interpreter: self,
            resource: "invoke",
        };
        events.scheduled(&parameters, limits, line)?;
        let (name, payload) = invocation(parameters)?;
        match within(limits.timeout, self.functions.invoke(&name, payload)).await {
            Ok(Ok(answer)) => {
                let result = lambda_answer(answer);
                events.output("TaskSucceeded", "taskSucceededEventDetails", &result, line)?;
                Ok(result)
            }
            Ok(Err(error)) => events.failed(error.into(), line),
            Err(failure) => events.timed_out(failure, line),
        }
    }

    /// `arn:aws:states:::lambda:invoke.waitForTaskToken`: the state ends with the first success or failure sent for its token,
    /// with the function's own error, or at a limit, whichever comes first. A signal that was accepted always counts.
    async fn invoke_and_wait(
        &self,
        parameters: Value,
        limits: &Limits,
        mut waiting: Waiting,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let events = TaskEvents {
            interpreter: self,
            resource: "invoke.waitForTaskToken",
        };
        events.scheduled(&parameters, limits, line)?;
        let (name, payload) = invocation(parameters)?;
        let mut submitted = false;
        let mut invocation = Box::pin(self.functions.invoke(&name, payload));
        let times_out = limits
            .timeout
            .map(|limit| Instant::now() + Duration::from_secs(limit));
        let heartbeat = limits.heartbeat.map(Duration::from_secs);
        let mut goes_silent = heartbeat.map(|limit| Instant::now() + limit);
        loop {
            let ending = tokio::select! {
                biased;
                signal = waiting.next() => Ok(signal),
                answer = &mut invocation, if !submitted => match answer {
                    Ok(answer) => {
                        submitted = true;
                        let answer = lambda_answer(answer);
                        events.output("TaskSubmitted", "taskSubmittedEventDetails", &answer, line)?;
                        continue;
                    }
                    Err(error) => Err(Failure::from(error)),
                },
                () = at(times_out) => Err(Failure::new(TIMEOUT, "")),
                () = at(goes_silent) => Err(Failure::new(HEARTBEAT_TIMEOUT, "")),
            };
            let ending = match ending {
                Err(failure) => waiting.close().ok_or(failure),
                signal => signal,
            };
            match ending {
                Ok(Signal::Heartbeat) => {
                    goes_silent = heartbeat.map(|limit| Instant::now() + limit)
                }
                Ok(Signal::Success(output)) => {
                    events.output("TaskSucceeded", "taskSucceededEventDetails", &output, line)?;
                    return Ok(output);
                }
                Ok(Signal::Failure(failure)) => return events.failed(failure, line),
                Err(failure) if matches!(failure.error.as_str(), TIMEOUT | HEARTBEAT_TIMEOUT) => {
                    return events.timed_out(failure, line);
                }
                Err(failure) => return events.failed(failure, line),
            }
        }
    }
}

/// The history events of service integrations, which all carry the resource.
struct TaskEvents<'a> {
    interpreter: &'a Interpreter,
    resource: &'static str,
}

impl TaskEvents<'_> {
    fn details(&self, more: Value) -> Value {
        let mut details = json!({"resourceType": "lambda", "resource": self.resource});
        if let (Some(details), Value::Object(more)) = (details.as_object_mut(), more) {
            details.extend(more);
        }
        details
    }

    fn scheduled(
        &self,
        parameters: &Value,
        limits: &Limits,
        line: &mut Line,
    ) -> Result<(), Failure> {
        let mut details =
            json!({"region": self.interpreter.world.region, "parameters": parameters.to_string()});
        if let Some(limit) = limits.timeout {
            details["timeoutInSeconds"] = limit.into();
        }
        if let Some(limit) = limits.heartbeat {
            details["heartbeatInSeconds"] = limit.into();
        }
        let scheduled = Some(("taskScheduledEventDetails", self.details(details)));
        *line = self.interpreter.append(*line, "TaskScheduled", scheduled)?;
        let started = Some(("taskStartedEventDetails", self.details(json!({}))));
        *line = self.interpreter.append(*line, "TaskStarted", started)?;
        Ok(())
    }

    fn output(
        &self,
        kind: &str,
        member: &str,
        output: &Value,
        line: &mut Line,
    ) -> Result<(), Failure> {
        let details = json!({"output": output.to_string(), "outputDetails": {"truncated": false}});
        *line = self
            .interpreter
            .append(*line, kind, Some((member, self.details(details))))?;
        Ok(())
    }

    fn failed(&self, failure: Failure, line: &mut Line) -> Result<Value, Failure> {
        let details = Some((
            "taskFailedEventDetails",
            self.details(failure_details(&failure)),
        ));
        *line = self.interpreter.append(*line, "TaskFailed", details)?;
        Err(failure)
    }

    fn timed_out(&self, failure: Failure, line: &mut Line) -> Result<Value, Failure> {
        let details = Some((
            "taskTimedOutEventDetails",
            self.details(failure_details(&failure)),
        ));
        *line = self.interpreter.append(*line, "TaskTimedOut", details)?;
        Err(failure)
    }
}

/// `FunctionName` and `Payload` of `lambda:invoke`.
fn invocation(mut parameters: Value) -> Result<(String, Value), Failure> {
    let payload = parameters
        .get_mut("Payload")
        .map_or_else(|| json!({}), Value::take);
    match parameters.get("FunctionName") {
        Some(Value::String(name)) => Ok((name.clone(), payload)),
        other => Err(Failure::runtime(format!(
            "FunctionName must be a string, not {}",
            other.unwrap_or(&Value::Null)
        ))),
    }
}

/// Lambda's answer as Step Functions hands it on.
fn lambda_answer(payload: Value) -> Value {
    json!({"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200})
}

async fn within<T>(limit: Option<u64>, work: impl Future<Output = T>) -> Result<T, Failure> {
    match limit {
        None => Ok(work.await),
        Some(limit) => timeout(Duration::from_secs(limit), work)
            .await
            .map_err(|_| Failure::new(TIMEOUT, "")),
    }
}

/// Ends at the given moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
