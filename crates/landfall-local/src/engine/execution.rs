//! One execution: what it was given, where it stands and its history as GetExecutionHistory tells it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::{sync::watch, task::AbortHandle};

use super::failure::{Failure, TIMEOUT};

/// AWS ends an execution whose history would grow beyond this
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html>).
pub const HISTORY_LIMIT: usize = 25_000;

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It goes on.
    Running,
    /// It came to an end state.
    Succeeded,
    /// A state failed and nothing caught it.
    Failed,
    /// It took longer than the state machine's `TimeoutSeconds`.
    TimedOut,
    /// StopExecution ended it, or the engine that ran it is gone.
    Aborted,
}

impl Status {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// How an execution ends.
#[derive(Clone, Debug)]
pub(super) enum End {
    Succeeded(Value),
    Failed(Failure),
    TimedOut,
    Aborted(Failure),
}

/// Everything about an execution that outlives the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) arn: String,
    pub(super) state_machine_arn: String,
    pub(super) name: String,
    /// The input as it was given: JSON text.
    pub(super) input: String,
    /// Executions are listed by this, newest first.
    pub(super) order: u64,
    pub(super) status: Status,
    /// Milliseconds since the Unix epoch.
    pub(super) started: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) stopped: Option<i64>,
    pub(super) output: Option<String>,
    pub(super) failure: Option<Failure>,
    pub(super) history: Vec<Value>,
    pub(super) transitions: u64,
    /// How often it was redriven.
    #[serde(default)]
    pub(super) redrives: u64,
}

/// For how many milliseconds after its end an execution can be redriven: 14 days
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>).
const REDRIVABLE_FOR: i64 = 14 * 86_400_000;

/// Where an execution goes on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The state's name.
    pub(super) state: String,
    /// What the state is given.
    pub(super) input: Value,
}

impl Record {
    /// Fails when the execution has ended.
    pub(super) fn running(&self) -> Result<(), Failure> {
        match self.status {
            Status::Running => Ok(()),
            _ => Err(Failure::runtime("The execution has ended.")),
        }
    }

    /// Appends an event and answers its id. Fails when the execution has ended or its history is full.
    pub(super) fn append(
        &mut self,
        now: i64,
        previous: u64,
        kind: &str,
        details: Option<(&str, Value)>,
    ) -> Result<u64, Failure> {
        self.running()?;
        if self.history.len() + 1 >= HISTORY_LIMIT {
            return Err(Failure::runtime(format!(
                "The execution reached the maximum number of history events ({HISTORY_LIMIT})."
            )));
        }
        Ok(self.push(now, previous, kind, details))
    }

    fn push(&mut self, now: i64, previous: u64, kind: &str, details: Option<(&str, Value)>) -> u64 {
        let id = self.history.len() as u64 + 1;
        let mut event = Map::new();
        event.insert("timestamp".into(), seconds(now));
        event.insert("type".into(), kind.into());
        event.insert("id".into(), id.into());
        event.insert("previousEventId".into(), previous.into());
        if let Some((name, details)) = details {
            event.insert(name.into(), details);
        }
        self.history.push(Value::Object(event));
        id
    }

    /// Ends the execution unless it has ended; answers whether it did.
    pub(super) fn end(&mut self, now: i64, end: End) -> bool {
        if self.status != Status::Running {
            return false;
        }
        let previous = self.history.len() as u64;
        match end {
            End::Succeeded(output) => {
                let output = output.to_string();
                let details = json!({"output": output, "outputDetails": {"truncated": false}});
                self.push(
                    now,
                    previous,
                    "ExecutionSucceeded",
                    Some(("executionSucceededEventDetails", details)),
                );
                self.output = Some(output);
                self.status = Status::Succeeded;
            }
            End::Failed(failure) => {
                let details = failure_details(&failure);
                self.push(
                    now,
                    previous,
                    "ExecutionFailed",
                    Some(("executionFailedEventDetails", details)),
                );
                self.failure = Some(failure);
                self.status = Status::Failed;
            }
            End::TimedOut => {
                let failure = Failure::new(TIMEOUT, "");
                let details = failure_details(&failure);
                self.push(
                    now,
                    previous,
                    "ExecutionTimedOut",
                    Some(("executionTimedOutEventDetails", details)),
                );
                self.failure = Some(failure);
                self.status = Status::TimedOut;
            }
            End::Aborted(failure) => {
                let details = failure_details(&failure);
                self.push(
                    now,
                    previous,
                    "ExecutionAborted",
                    Some(("executionAbortedEventDetails", details)),
                );
                self.failure = Some(failure);
                self.status = Status::Aborted;
            }
        }
        self.stopped = Some(now);
        true
    }

    /// Takes an execution that ended without success up again, and answers where it goes on: at the state that it entered
    /// last. Nothing if it cannot be redriven.
    pub(super) fn redrive(&mut self, now: i64) -> Option<Place> {
        let is_recent = self.stopped.is_some_and(|end| now - end <= REDRIVABLE_FOR);
        let place = self.redrivable().then(|| self.last_place()).flatten();
        let place = place.filter(|_| is_recent)?;
        self.status = Status::Running;
        self.stopped = None;
        self.failure = None;
        self.redrives += 1;
        let details = json!({"redriveCount": self.redrives});
        self.push(
            now,
            self.history.len() as u64,
            "ExecutionRedriven",
            Some(("executionRedrivenEventDetails", details)),
        );
        Some(place)
    }

    fn redrivable(&self) -> bool {
        !matches!(self.status, Status::Running | Status::Succeeded)
    }

    fn last_place(&self) -> Option<Place> {
        let mut entered = self.history.iter().rev();
        let entered = entered.find_map(|event| event.get("stateEnteredEventDetails"))?;
        Some(Place {
            state: entered["name"].as_str()?.to_owned(),
            input: serde_json::from_str(entered["input"].as_str()?).ok()?,
        })
    }

    /// What DescribeExecution answers.
    pub(super) fn describe(&self, with_data: bool) -> Value {
        let mut answer = self.list_item();
        answer.insert("redriveCount".into(), self.redrives.into());
        if self.redrivable() {
            answer.insert("redriveStatus".into(), "REDRIVABLE".into());
        } else {
            let reason = format!(
                "Execution is {} and cannot be redriven.",
                self.status.name()
            );
            answer.insert("redriveStatus".into(), "NOT_REDRIVABLE".into());
            answer.insert("redriveStatusReason".into(), reason.into());
        }
        if with_data {
            answer.insert("input".into(), self.input.clone().into());
            answer.insert("inputDetails".into(), json!({"included": true}));
            if let Some(output) = &self.output {
                answer.insert("output".into(), output.clone().into());
                answer.insert("outputDetails".into(), json!({"included": true}));
            }
        }
        if let Some(failure) = &self.failure
            && let Value::Object(details) = failure_details(failure)
        {
            answer.extend(details);
        }
        Value::Object(answer)
    }

    /// What ListExecutions answers about it.
    pub(super) fn list_item(&self) -> Map<String, Value> {
        let mut item = Map::new();
        item.insert("executionArn".into(), self.arn.clone().into());
        item.insert(
            "stateMachineArn".into(),
            self.state_machine_arn.clone().into(),
        );
        item.insert("name".into(), self.name.clone().into());
        item.insert("status".into(), self.status.name().into());
        item.insert("startDate".into(), seconds(self.started));
        if let Some(stopped) = self.stopped {
            item.insert("stopDate".into(), seconds(stopped));
        }
        item
    }

    /// The detail of a "Step Functions Execution Status Change" event
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>): dates in milliseconds; input
    /// and output are left out when they are over 248 KiB together.
    pub(super) fn status_change(&self) -> Value {
        const INCLUDED: usize = 248 * 1024;
        let output_length = self.output.as_ref().map_or(0, String::len);
        let included = self.input.len() + output_length <= INCLUDED;
        json!({
            "executionArn": self.arn,
            "stateMachineArn": self.state_machine_arn,
            "name": self.name,
            "status": self.status.name(),
            "startDate": self.started,
            "stopDate": self.stopped,
            "input": included.then_some(&self.input),
            "output": self.output.as_ref().filter(|_| included),
            "inputDetails": {"included": included},
            "outputDetails": self.output.as_ref().map(|_| json!({"included": included})),
            "error": self.failure.as_ref().map(|failure| &failure.error),
            "cause": self.failure.as_ref().map(|failure| &failure.cause).filter(|cause| !cause.is_empty()),
        })
    }
}

/// Milliseconds as the JSON protocols write a timestamp: seconds with a fraction.
pub(super) fn seconds(milliseconds: i64) -> Value {
    json!(milliseconds as f64 / 1000.0)
}

/// `error` and `cause` as history events and DescribeExecution have them; an empty text is left out.
pub(super) fn failure_details(failure: &Failure) -> Value {
    let texts = [("error", &failure.error), ("cause", &failure.cause)];
    texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .collect()
}

/// An execution in this engine.
#[derive(Debug)]
pub(super) struct Execution {
    record: Mutex<Record>,
    /// Becomes true when the execution has ended.
    pub(super) ended: watch::Sender<bool>,
    /// Stops the interpreter's task; nothing for an execution of an earlier engine.
    pub(super) interpreter: Mutex<Option<AbortHandle>>,
}

impl Execution {
    pub(super) fn new(record: Record) -> Self {
        let ended = watch::Sender::new(record.status != Status::Running);
        Self {
            record: Mutex::new(record),
            ended,
            interpreter: Mutex::new(None),
        }
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
