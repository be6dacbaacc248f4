//! What Task states call: functions, directly, or through `lambda:invoke` with a task token.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{self, Instant};

use super::{
    asl::{Resource, Task},
    data::within_limit,
    execution::failure_details,
    failure::{Failure, TIMEOUT},
    interpreter::{Interpreter, Line, Visit},
    route,
    token::Waiting,
};
use crate::lambda::FunctionError;

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
        match &task.resource {
            Resource::Function(arn) => {
                let payload = parameters(task, visit)?;
                self.call_function(arn, payload, line).await
            }
            Resource::InvokeWithToken { timeout } => {
                let timeout = route::timeout(timeout, visit.scope())?;
                let waiting = self.tokens.open(&self.world);
                let mut context = visit.context.clone();
                context["Task"] = json!({"Token": waiting.token});
                let visit = Visit { context, ..*visit };
                let parameters = parameters(task, &visit)?;
                self.invoke_and_wait(parameters, timeout, waiting, line)
                    .await
            }
        }
    }

    /// A function's ARN as the resource: history has its own event types for this.
    async fn call_function(
        &self,
        arn: &str,
        payload: Value,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let scheduled = json!({"resource": arn, "input": payload.to_string(), "inputDetails": {"truncated": false}});
        let details = Some(("lambdaFunctionScheduledEventDetails", scheduled));
        *line = self.append(*line, "LambdaFunctionScheduled", details)?;
        *line = self.append(*line, "LambdaFunctionStarted", None)?;
        match self.functions.invoke(arn, payload).await {
            Ok(answer) => {
                let details =
                    json!({"output": answer.to_string(), "outputDetails": {"truncated": false}});
                let details = Some(("lambdaFunctionSucceededEventDetails", details));
                *line = self.append(*line, "LambdaFunctionSucceeded", details)?;
                Ok(answer)
            }
            Err(error) => {
                let failure = Failure::from(error);
                let details = Some((
                    "lambdaFunctionFailedEventDetails",
                    failure_details(&failure),
                ));
                *line = self.append(*line, "LambdaFunctionFailed", details)?;
                Err(failure)
            }
        }
    }

    /// `arn:aws:states:::lambda:invoke.waitForTaskToken`: the state ends with the output that is sent with its token, with
    /// the function's own error, or at its limit, whichever comes first. An output that was accepted always counts.
    async fn invoke_and_wait(
        &self,
        parameters: Value,
        timeout: u64,
        mut waiting: Waiting,
        line: &mut Line,
    ) -> Result<Value, Failure> {
        let events = TaskEvents { interpreter: self };
        events.scheduled(&parameters, timeout, line)?;
        let (name, payload) = invocation(parameters)?;
        let mut submitted = false;
        let mut invocation = Box::pin(self.functions.invoke(&name, payload));
        let times_out = Instant::now() + Duration::from_secs(timeout);
        loop {
            let ending = tokio::select! {
                biased;
                output = waiting.output() => Ok(output),
                answer = &mut invocation, if !submitted => match answer {
                    Ok(answer) => {
                        submitted = true;
                        let answer = lambda_answer(answer);
                        events.output("TaskSubmitted", "taskSubmittedEventDetails", &answer, line)?;
                        continue;
                    }
                    Err(error) => Err(Failure::from(error)),
                },
                () = time::sleep_until(times_out) => Err(Failure::new(TIMEOUT, "")),
            };
            let ending = match ending {
                Err(failure) => waiting.close().ok_or(failure),
                output => output,
            };
            return match ending {
                Ok(output) => {
                    events.output("TaskSucceeded", "taskSucceededEventDetails", &output, line)?;
                    Ok(output)
                }
                Err(failure) if failure.error == TIMEOUT => events.timed_out(failure, line),
                Err(failure) => events.failed(failure, line),
            };
        }
    }
}

/// The history events of the service integration, which all carry its name.
struct TaskEvents<'a> {
    interpreter: &'a Interpreter,
}

impl TaskEvents<'_> {
    fn details(&self, more: Value) -> Value {
        let mut details = json!({"resourceType": "lambda", "resource": "invoke.waitForTaskToken"});
        if let (Some(details), Value::Object(more)) = (details.as_object_mut(), more) {
            details.extend(more);
        }
        details
    }

    fn scheduled(&self, parameters: &Value, timeout: u64, line: &mut Line) -> Result<(), Failure> {
        let details = json!({
            "region": self.interpreter.world.region,
            "parameters": parameters.to_string(),
            "timeoutInSeconds": timeout,
        });
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

/// What a task is given.
fn parameters(task: &Task, visit: &Visit<'_>) -> Result<Value, Failure> {
    let parameters = task.parameters.fill(visit.scope())?;
    within_limit(&parameters, visit.name)?;
    Ok(parameters)
}

/// `FunctionName` and `Payload` of `lambda:invoke`.
fn invocation(mut parameters: Value) -> Result<(String, Value), Failure> {
    let payload = parameters["Payload"].take();
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
