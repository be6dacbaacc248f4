//! The embedded engine: runs state machines of the Amazon States Language as Step Functions Standard does.
//!
//! It runs what `statemachine/release.asl.json` uses ([`language`] lists it): Task (Lambda functions, directly or through
//! `lambda:invoke` with a task token), Choice, Wait, Succeed and Fail states with JSONPath. Whatever else a definition asks for
//! is refused when it is loaded ([`LoadError`] names state and field), never ignored; so is one that leaves out what the
//! state machine always says, such as `ResultPath`. Not in the history: `…StateAborted` events.

pub mod asl;
pub mod choice;
pub mod failure;
pub mod language;
pub mod load;
pub mod path;
pub mod route;
pub mod template;

mod api;
mod data;
mod execution;
mod fields;
mod flow;
mod handlers;
mod interpreter;
mod load_error;
mod task;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use self::api::API;
use self::{
    asl::Definition,
    execution::{End, Execution, Place, Record},
    failure::Failure,
    interpreter::Interpreter,
    token::Tokens,
};
pub use self::{
    execution::{HISTORY_LIMIT, Status},
    load_error::LoadError,
};
use crate::{
    cloud::{bus::Bus, fault::Fault},
    lambda::Functions,
    world::World,
};

/// Bytes of JSON that a state, a task or an execution may take or give
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const PAYLOAD_LIMIT: usize = 262_144;

/// Is called with the ARN of an execution and the name of the state that it enters, before the state does anything.
pub type StateWatch = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Step Functions on this machine. Clones share one state.
#[derive(Clone)]
pub struct StepFunctions {
    engine: Arc<Engine>,
}

struct Engine {
    world: Arc<World>,
    bus: Bus,
    functions: Functions,
    tokens: Tokens,
    machines: Mutex<BTreeMap<String, Machine>>,
    executions: Mutex<Executions>,
    watch: OnceLock<StateWatch>,
}

#[derive(Clone)]
struct Machine {
    name: String,
    definition: Arc<Definition>,
    /// Milliseconds since the Unix epoch.
    created: i64,
}

#[derive(Default)]
struct Executions {
    by_arn: BTreeMap<String, Arc<Execution>>,
    next_order: u64,
}

impl StepFunctions {
    /// An engine without state machines, whose Task states call `functions`.
    pub fn new(world: Arc<World>, bus: Bus, functions: Functions) -> Self {
        Self {
            engine: Arc::new(Engine {
                world,
                bus,
                functions,
                tokens: Tokens::default(),
                machines: Mutex::default(),
                executions: Mutex::default(),
                watch: OnceLock::new(),
            }),
        }
    }

    /// From now on `watch` is called for every state that an execution enters. A watch that stops the execution there keeps
    /// the state from doing anything. There is one watch: a second one is not heard.
    pub fn watch_states(&self, watch: StateWatch) {
        let _ = self.engine.watch.set(watch);
    }

    /// Loads `definition` (JSON text) under `name` and answers the state machine's ARN. A state machine of that name is
    /// replaced; its executions go on with the definition they started with.
    pub fn create_state_machine(&self, name: &str, definition: &str) -> Result<String, LoadError> {
        let loaded = load::load(definition)?;
        let arn = self
            .engine
            .world
            .arn("states", &format!("stateMachine:{name}"));
        let machine = Machine {
            name: name.to_owned(),
            definition: Arc::new(loaded),
            created: self.engine.world.now().as_millisecond(),
        };
        self.engine.machines().insert(arn.clone(), machine);
        Ok(arn)
    }

    /// How many state transitions the execution has cost so far: AWS counts each state entered and each retry. Nothing if
    /// there is no such execution.
    pub fn transitions(&self, execution_arn: &str) -> Option<u64> {
        let execution = self
            .engine
            .executions()
            .by_arn
            .get(execution_arn)
            .cloned()?;
        let transitions = execution.record().transitions;
        Some(transitions)
    }

    /// Waits until the execution has ended and answers what DescribeExecution answers then. Nothing if there is no such
    /// execution.
    pub async fn ended(&self, execution_arn: &str) -> Option<Value> {
        let execution = self
            .engine
            .executions()
            .by_arn
            .get(execution_arn)
            .cloned()?;
        // The sender lives in `execution`, so this wait cannot fail.
        let _ = execution.ended.subscribe().wait_for(|ended| *ended).await;
        let description = execution.record().describe(true);
        Some(description)
    }

    /// All executions, for [`Self::restore`]. State machines are not in it: they come from the installation.
    pub fn snapshot(&self) -> Value {
        let executions = self.engine.executions();
        let records: Vec<Value> = executions
            .by_arn
            .values()
            .map(|execution| json!(*execution.record()))
            .collect();
        json!({"executions": records, "nextOrder": executions.next_order})
    }

    /// Brings executions back. Those that were running end as ABORTED, with their event: what ran them is gone.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Snapshot {
            executions: Vec<Record>,
            next_order: u64,
        }
        let snapshot: Snapshot = serde_json::from_value(snapshot)?;
        let mut interrupted = Vec::new();
        {
            let mut executions = self.engine.executions();
            executions.next_order = executions.next_order.max(snapshot.next_order);
            for record in snapshot.executions {
                let arn = record.arn.clone();
                let running = record.status == Status::Running;
                let execution = Arc::new(Execution::new(record));
                if running {
                    interrupted.push(execution.clone());
                }
                executions.by_arn.insert(arn, execution);
            }
        }
        for execution in interrupted {
            let cause =
                "The embedded engine that ran this execution stopped. Start a new execution.";
            self.engine.end(
                &execution,
                End::Aborted(Failure::new("Landfall.EngineStopped", cause)),
            );
        }
        Ok(())
    }

    /// Starts the interpreter of an execution, whose own input is `input`, at its first state or where it is redriven.
    fn spawn(
        &self,
        machine: &Machine,
        execution: &Arc<Execution>,
        input: Value,
        redriven: Option<Place>,
    ) {
        let engine = self.engine.clone();
        let definition = machine.definition.clone();
        let (arn, started) = {
            let record = execution.record();
            (record.arn.clone(), record.started)
        };
        let started = Timestamp::from_millisecond(started).unwrap_or(Timestamp::UNIX_EPOCH);
        let started = started.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let context = json!({"Execution": {"Id": arn, "Input": input, "StartTime": started}});
        let from = redriven.unwrap_or_else(|| Place {
            state: definition.start_at.clone(),
            input,
        });
        let interpreter = Interpreter {
            world: engine.world.clone(),
            functions: engine.functions.clone(),
            tokens: engine.tokens.clone(),
            execution: execution.clone(),
            watch: engine.watch.get().cloned(),
            context,
        };
        let task = tokio::spawn(async move {
            let run = interpreter.run(&definition, from);
            let end = match tokio::time::timeout(definition.timeout, run).await {
                Ok(Ok(output)) => End::Succeeded(output),
                Ok(Err(failure)) => End::Failed(failure),
                Err(_) => End::TimedOut,
            };
            engine.end(&interpreter.execution, end);
        });
        *execution
            .interpreter
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }
}

impl Engine {
    fn machines(&self) -> MutexGuard<'_, BTreeMap<String, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn executions(&self) -> MutexGuard<'_, Executions> {
        self.executions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role/landfall-release", self.world.account)
    }

    fn execution(&self, arn: &str) -> Result<Arc<Execution>, Fault> {
        if !arn.starts_with("arn:") || !arn.contains(":execution:") {
            return Err(Fault::client("InvalidArn", format!("Invalid Arn: '{arn}'")));
        }
        self.executions().by_arn.get(arn).cloned().ok_or_else(|| {
            Fault::client(
                "ExecutionDoesNotExist",
                format!("Execution Does Not Exist: '{arn}'"),
            )
        })
    }

    /// Ends an execution unless it has ended, and announces it.
    fn end(&self, execution: &Execution, end: End) {
        let change = {
            let mut record = execution.record();
            if !record.end(self.world.now().as_millisecond(), end) {
                return;
            }
            record.status_change()
        };
        self.announce(execution, change);
        execution.ended.send_replace(true);
    }

    fn announce(&self, execution: &Execution, change: Value) {
        let arn = execution.record().arn.clone();
        self.bus.emit(
            "aws.states",
            "Step Functions Execution Status Change",
            &[arn],
            change,
        );
    }
}
