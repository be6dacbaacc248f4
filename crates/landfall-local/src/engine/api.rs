//! The operations of Step Functions' API.
//!
//! Names, limits and errors are those of the API model (2016-11-23).

use std::sync::{Arc, PoisonError};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    PAYLOAD_LIMIT, StepFunctions,
    execution::{End, Execution, Record, Status, seconds},
    failure::Failure,
};
use crate::cloud::{
    api::{Api, UNKNOWN_OPERATION},
    fault::Fault,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartExecution {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeExecution {
    execution_arn: String,
    included_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListExecutions {
    state_machine_arn: String,
    status_filter: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetExecutionHistory {
    execution_arn: String,
    max_results: Option<usize>,
    #[serde(default)]
    reverse_order: bool,
    next_token: Option<String>,
    include_execution_data: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopExecution {
    execution_arn: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedriveExecution {
    execution_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendTaskSuccess {
    task_token: String,
    output: String,
}

/// What is played.
pub(crate) const API: Api<StepFunctions> = Api {
    service: "states",
    title: "Step Functions",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("StartExecution", |api, input| {
            api.start_execution(read(input)?)
        }),
        ("DescribeExecution", |api, input| {
            api.describe_execution(&read(input)?)
        }),
        ("ListExecutions", |api, input| {
            api.list_executions(&read(input)?)
        }),
        ("GetExecutionHistory", |api, input| {
            api.get_execution_history(&read(input)?)
        }),
        ("StopExecution", |api, input| {
            api.stop_execution(read(input)?)
        }),
        ("RedriveExecution", |api, input| {
            api.redrive_execution(&read(input)?)
        }),
        ("SendTaskSuccess", |api, input| {
            api.send_task_success(&read(input)?)
        }),
        ("ListStateMachines", |api, _| Ok(api.list_state_machines())),
    ],
};

impl StepFunctions {
    /// Answers one operation of the API. `input` and the answer are the operation's JSON.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    fn start_execution(&self, request: StartExecution) -> Result<Value, Fault> {
        let machine = self.machine(&request.state_machine_arn)?;
        let name = match request.name {
            Some(name) if valid_name(&name) => name,
            Some(name) => {
                return Err(Fault::client(
                    "InvalidName",
                    format!("Invalid Name: '{name}'"),
                ));
            }
            None => self.engine.world.uuid(),
        };
        let text = request.input.unwrap_or_else(|| "{}".into());
        limited("input", &text)?;
        let input: Value = serde_json::from_str(&text).map_err(|error| {
            Fault::client(
                "InvalidExecutionInput",
                format!("Invalid State Machine Execution Input: '{error}'"),
            )
        })?;
        let arn = self
            .engine
            .world
            .arn("states", &format!("execution:{}:{name}", machine.name));
        let now = self.engine.world.now().as_millisecond();
        let execution = {
            let mut executions = self.engine.executions();
            if let Some(known) = executions.by_arn.get(&arn) {
                let known = known.record();
                if known.status == Status::Running && known.input == text {
                    return Ok(json!({"executionArn": arn, "startDate": seconds(known.started)}));
                }
                return Err(Fault::client(
                    "ExecutionAlreadyExists",
                    format!("Execution Already Exists: '{arn}'"),
                ));
            }
            let mut record = Record {
                arn: arn.clone(),
                state_machine_arn: request.state_machine_arn,
                name,
                input: text,
                order: executions.next_order,
                status: Status::Running,
                started: now,
                stopped: None,
                output: None,
                failure: None,
                history: Vec::new(),
                transitions: 0,
                redrives: 0,
            };
            let details = json!({
                "input": record.input,
                "inputDetails": {"truncated": false},
                "roleArn": self.engine.role_arn(),
            });
            let started = record.append(
                now,
                0,
                "ExecutionStarted",
                Some(("executionStartedEventDetails", details)),
            );
            debug_assert!(
                started.is_ok(),
                "a new execution runs and its history is empty"
            );
            executions.next_order += 1;
            let execution = Arc::new(Execution::new(record));
            executions.by_arn.insert(arn.clone(), execution.clone());
            execution
        };
        let change = execution.record().status_change();
        self.engine.announce(&execution, change);
        self.spawn(&machine, &execution, input, None);
        Ok(json!({"executionArn": arn, "startDate": seconds(now)}))
    }

    fn describe_execution(&self, request: &DescribeExecution) -> Result<Value, Fault> {
        let execution = self.engine.execution(&request.execution_arn)?;
        let with_data = request.included_data.as_deref() != Some("METADATA_ONLY");
        let description = execution.record().describe(with_data);
        Ok(description)
    }

    fn list_executions(&self, request: &ListExecutions) -> Result<Value, Fault> {
        self.machine(&request.state_machine_arn)?;
        let before = match &request.next_token {
            None => u64::MAX,
            Some(token) => page_token(token)?,
        };
        let size = page_size(request.max_results)?;
        let executions: Vec<Arc<Execution>> =
            self.engine.executions().by_arn.values().cloned().collect();
        let mut items: Vec<_> = executions
            .iter()
            .filter_map(|execution| {
                let record = execution.record();
                let wanted = record.state_machine_arn == request.state_machine_arn
                    && request
                        .status_filter
                        .as_deref()
                        .is_none_or(|status| status == record.status.name())
                    && record.order < before;
                wanted.then(|| (record.order, record.list_item()))
            })
            .collect();
        items.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        let more = items.len() > size;
        items.truncate(size);
        let last = items.last().map(|(order, _)| *order);
        let mut answer =
            json!({"executions": items.into_iter().map(|(_, item)| item).collect::<Vec<_>>()});
        if let Some(last) = last.filter(|_| more) {
            answer["nextToken"] = format!("{last:016x}").into();
        }
        Ok(answer)
    }

    fn get_execution_history(&self, request: &GetExecutionHistory) -> Result<Value, Fault> {
        let execution = self.engine.execution(&request.execution_arn)?;
        let start = match &request.next_token {
            None => 0,
            Some(token) => usize::try_from(page_token(token)?).unwrap_or(usize::MAX),
        };
        let size = page_size(request.max_results)?;
        let record = execution.record();
        let total = record.history.len();
        let mut events: Vec<Value> = if request.reverse_order {
            record
                .history
                .iter()
                .rev()
                .skip(start)
                .take(size)
                .cloned()
                .collect()
        } else {
            record
                .history
                .iter()
                .skip(start)
                .take(size)
                .cloned()
                .collect()
        };
        drop(record);
        if request.include_execution_data == Some(false) {
            events.iter_mut().for_each(without_data);
        }
        let end = start.saturating_add(events.len());
        let mut answer = json!({"events": events});
        if end < total {
            answer["nextToken"] = format!("{end:016x}").into();
        }
        Ok(answer)
    }

    fn stop_execution(&self, request: StopExecution) -> Result<Value, Fault> {
        let execution = self.engine.execution(&request.execution_arn)?;
        let failure = Failure {
            error: request.error,
            cause: request.cause,
        };
        self.engine.end(&execution, End::Aborted(failure));
        if let Some(interpreter) = execution
            .interpreter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            interpreter.abort();
        }
        let stopped = execution.record().stopped.map(seconds);
        Ok(json!({"stopDate": stopped}))
    }

    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html>
    fn redrive_execution(&self, request: &RedriveExecution) -> Result<Value, Fault> {
        let execution = self.engine.execution(&request.execution_arn)?;
        let machine = self.machine(&execution.record().state_machine_arn.clone())?;
        let now = self.engine.world.now().as_millisecond();
        let redriven = execution.record().redrive(now);
        let Some(place) = redriven else {
            let message = format!("Execution is not redrivable: '{}'", request.execution_arn);
            return Err(Fault::client("ExecutionNotRedrivable", message));
        };
        execution.ended.send_replace(false);
        let (change, input) = {
            let record = execution.record();
            (record.status_change(), record.input.clone())
        };
        self.engine.announce(&execution, change);
        let input = serde_json::from_str(&input).unwrap_or_default();
        self.spawn(&machine, &execution, input, Some(place));
        Ok(json!({"redriveDate": seconds(now)}))
    }

    fn send_task_success(&self, request: &SendTaskSuccess) -> Result<Value, Fault> {
        limited("output", &request.output)?;
        let output = serde_json::from_str(&request.output).map_err(|error| {
            Fault::client("InvalidOutput", format!("Invalid Output: '{error}'"))
        })?;
        self.engine.tokens.succeed(&request.task_token, output)?;
        Ok(json!({}))
    }

    fn list_state_machines(&self) -> Value {
        let machines = self.engine.machines();
        let list: Vec<Value> = machines
            .iter()
            .map(|(arn, machine)| {
                json!({
                    "stateMachineArn": arn,
                    "name": machine.name,
                    "type": "STANDARD",
                    "creationDate": seconds(machine.created),
                })
            })
            .collect();
        json!({"stateMachines": list})
    }

    fn machine(&self, arn: &str) -> Result<super::Machine, Fault> {
        if !arn.starts_with("arn:") || !arn.contains(":stateMachine:") {
            return Err(Fault::client("InvalidArn", format!("Invalid Arn: '{arn}'")));
        }
        self.engine.machines().get(arn).cloned().ok_or_else(|| {
            Fault::client(
                "StateMachineDoesNotExist",
                format!("State Machine Does Not Exist: '{arn}'"),
            )
        })
    }
}

fn read<T: DeserializeOwned>(input: &Value) -> Result<T, Fault> {
    T::deserialize(input).map_err(|error| Fault::client("ValidationException", error.to_string()))
}

/// 1 to 80 characters, none of those that the API model forbids.
fn valid_name(name: &str) -> bool {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || r##"<>{}[]?*"#%\^|~`$&,;:/"##.contains(c);
    (1..=80).contains(&name.chars().count()) && !name.contains(forbidden)
}

fn limited(field: &str, text: &str) -> Result<(), Fault> {
    if text.len() <= PAYLOAD_LIMIT {
        return Ok(());
    }
    Err(Fault::client(
        "ValidationException",
        format!(
            "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must have length less than \
             or equal to {PAYLOAD_LIMIT}"
        ),
    ))
}

fn page_size(asked: Option<usize>) -> Result<usize, Fault> {
    match asked {
        None | Some(0) => Ok(100),
        Some(size) if size <= 1000 => Ok(size),
        Some(_) => Err(Fault::client(
            "ValidationException",
            "maxResults must be less than or equal to 1000",
        )),
    }
}

fn page_token(token: &str) -> Result<u64, Fault> {
    u64::from_str_radix(token, 16)
        .map_err(|_| Fault::client("InvalidToken", format!("Invalid Token: '{token}'")))
}

/// Takes inputs and outputs out of a history event (`includeExecutionData: false`).
fn without_data(event: &mut Value) {
    for details in event
        .as_object_mut()
        .into_iter()
        .flat_map(|event| event.values_mut())
        .filter_map(Value::as_object_mut)
    {
        for data in ["input", "output", "parameters"] {
            details.shift_remove(data);
        }
    }
}
