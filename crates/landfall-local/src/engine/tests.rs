//! Executions from start to end, with functions inside this process and a paused clock.
#![allow(clippy::unwrap_used)]

mod limits;
mod operations;
mod refusals;
mod waiting;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{StepFunctions, load::load};
use crate::{
    cloud::{bus::Bus, fault::Fault},
    lambda::{Function, FunctionError, Functions, Program, Settings},
    world::World,
};

/// An engine with one state machine, and the events it emitted.
struct Stage {
    engine: StepFunctions,
    functions: Functions,
    machine: String,
    events: UnboundedReceiver<Value>,
}

impl Stage {
    fn new(definition: Value) -> Self {
        let world = Arc::new(World::new(
            "000000000000",
            "eu-west-1",
            Timestamp::UNIX_EPOCH,
            7,
        ));
        let (bus, events) = Bus::new(world.clone());
        let (logs, _) = unbounded_channel();
        let functions = Functions::new(world.clone(), Settings::new("http://127.0.0.1:4599", logs));
        let engine = StepFunctions::new(world, bus, functions.clone());
        let machine = engine
            .create_state_machine("release", &definition.to_string())
            .unwrap();
        Self {
            engine,
            functions,
            machine,
            events,
        }
    }

    /// Registers a function that answers from a closure; `delay` is how long it works.
    fn function(
        &self,
        name: &str,
        delay: Duration,
        answer: impl Fn(Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) {
        let answer = Arc::new(answer);
        self.functions.register(Function {
            name: name.into(),
            program: Program::Inline(Arc::new(move |payload| {
                let answer = answer.clone();
                Box::pin(async move {
                    tokio::time::sleep(delay).await;
                    answer(payload)
                })
            })),
            timeout: Duration::from_secs(30),
            memory_size: 128,
        });
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        self.engine.call(operation, input).await
    }

    /// Starts an execution and answers its ARN.
    async fn start(&self, input: Value) -> String {
        let started = self
            .call(
                "StartExecution",
                json!({"stateMachineArn": self.machine, "input": input.to_string()}),
            )
            .await
            .unwrap();
        started["executionArn"].as_str().unwrap().to_owned()
    }

    /// Runs an execution to its end: its description, with the output parsed.
    async fn run(&self, input: Value) -> Value {
        let arn = self.start(input).await;
        let mut description = self.engine.ended(&arn).await.unwrap();
        if let Some(output) = description["output"].as_str() {
            description["output"] = serde_json::from_str(output).unwrap();
        }
        description
    }

    async fn history(&self, description: &Value) -> Vec<Value> {
        let request = json!({"executionArn": description["executionArn"], "maxResults": 1000});
        self.call("GetExecutionHistory", request).await.unwrap()["events"]
            .as_array()
            .unwrap()
            .clone()
    }
}

fn types(history: &[Value]) -> Vec<&str> {
    history
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

const CLAIM: &str = "arn:aws:lambda:eu-west-1:000000000000:function:claim";

/// `fields`, and `more` of them.
fn extended(mut fields: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("{more} is not an object");
    };
    fields.as_object_mut().unwrap().extend(more);
    fields
}

/// A state machine with the state `Only`, which may lead to `Done`.
fn machine(only: Value) -> Value {
    json!({"StartAt": "Only", "TimeoutSeconds": 3600, "States": {"Only": only, "Done": {"Type": "Succeed"}}})
}

/// A state that calls the function `claim`, and what else it has.
fn claim(more: Value) -> Value {
    let task = json!({"Type": "Task", "Resource": CLAIM, "Parameters": {}, "ResultPath": "$", "Next": "Done"});
    extended(task, more)
}

/// An element of `Catch` that catches everything.
fn catch_all(result_path: &str) -> Value {
    json!([{"ErrorEquals": ["States.ALL"], "ResultPath": result_path, "Next": "Done"}])
}

/// An element of `Retry`.
fn retrier(more: Value) -> Value {
    let retrier = json!({"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 3});
    extended(retrier, more)
}

#[tokio::test(start_paused = true)]
async fn data_goes_through_every_kind_of_state_as_the_paths_say() {
    let stage = Stage::new(
        json!({"StartAt": "Claim", "TimeoutSeconds": 3600, "States": {
            "Claim": claim(json!({"Parameters": {"service.$": "$.service", "run.$": "$$.Execution.Id"},
                                  "ResultSelector": {"release.$": "$.number"}, "ResultPath": "$.claim", "Next": "Which"})),
            "Which": {"Type": "Choice", "Default": "Lost",
                      "Choices": [{"Variable": "$.claim.release", "NumericGreaterThan": 1, "Next": "Pause"}]},
            "Pause": {"Type": "Wait", "SecondsPath": "$.pause", "Next": "Keep"},
            "Keep": claim(json!({"Parameters": {"service": "web/hello"}, "ResultPath": "$.kept.answer"})),
            "Done": {"Type": "Succeed"},
            "Lost": {"Type": "Fail", "ErrorPath": "$.service", "CausePath": "$.service"},
        }}),
    );
    stage.function("claim", Duration::ZERO, |payload| {
        assert_eq!(payload["service"], "web/hello");
        Ok(json!({"number": 2, "run": payload["run"]}))
    });
    let started = tokio::time::Instant::now();
    let ended = stage
        .run(json!({"service": "web/hello", "pause": 40}))
        .await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(started.elapsed(), Duration::from_secs(40));
    assert_eq!(
        ended["output"],
        json!({"service": "web/hello", "pause": 40, "claim": {"release": 2},
               "kept": {"answer": {"number": 2, "run": null}}})
    );

    let history = stage.history(&ended).await;
    let called = [
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
    ];
    let between = [
        "ChoiceStateEntered",
        "ChoiceStateExited",
        "WaitStateEntered",
        "WaitStateExited",
    ];
    let end = [
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(
        types(&history),
        [&["ExecutionStarted"][..], &called, &between, &called, &end].concat()
    );
    let succeeded = &history[4]["lambdaFunctionSucceededEventDetails"]["output"];
    let answer: Value = serde_json::from_str(succeeded.as_str().unwrap()).unwrap();
    assert_eq!(answer["run"], ended["executionArn"]);
    let arn = ended["executionArn"].as_str().unwrap();
    assert_eq!(stage.engine.transitions(arn), Some(5));
}

#[tokio::test(start_paused = true)]
async fn retries_wait_longer_each_time_and_count_as_transitions() {
    let stage = Stage::new(machine(claim(json!({
        "Parameters": {"retry.$": "$$.State.RetryCount"},
        "Retry": [retrier(json!({"ErrorEquals": ["Other"], "MaxAttempts": 0})), retrier(json!({"MaxDelaySeconds": 10}))],
    }))));
    stage.function("claim", Duration::ZERO, |payload| {
        match payload["retry"].as_u64() {
            Some(3) => Ok(json!("at last")),
            _ => Err(FunctionError::new("Throttled", "slow down")),
        }
    });
    let started = tokio::time::Instant::now();
    let ended = stage.run(json!({})).await;
    assert_eq!(ended["output"], "at last");
    assert_eq!(started.elapsed(), Duration::from_secs(2 + 6 + 10));
    assert_eq!(
        stage
            .engine
            .transitions(ended["executionArn"].as_str().unwrap()),
        Some(5)
    );
    let history = stage.history(&ended).await;
    assert_eq!(
        types(&history)[1..5],
        [
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionFailed"
        ],
        "a retry schedules again without entering again"
    );
    assert_eq!(types(&history)[5], "LambdaFunctionScheduled");
    assert_eq!(
        history[4]["lambdaFunctionFailedEventDetails"]["error"],
        "Throttled"
    );
}

#[tokio::test(start_paused = true)]
async fn full_jitter_only_ever_shortens_the_wait() {
    let stage = Stage::new(machine(claim(
        json!({"Retry": [retrier(json!({"IntervalSeconds": 100, "MaxAttempts": 1, "JitterStrategy": "FULL"}))]}),
    )));
    stage.function("claim", Duration::ZERO, |_| {
        Err(FunctionError::new("Throttled", ""))
    });
    let mut waits = BTreeSet::new();
    for _ in 0..5 {
        let started = tokio::time::Instant::now();
        assert_eq!(stage.run(json!({})).await["error"], "Throttled");
        waits.insert(started.elapsed());
    }
    assert_eq!(waits.len(), 5, "the waits differ");
    assert!(
        waits.iter().all(|wait| *wait < Duration::from_secs(100)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caught_error_is_put_beside_the_states_input() {
    let stage = Stage::new(machine(claim(json!({"Catch": [
        {"ErrorEquals": ["Rejected"], "ResultPath": null, "Next": "Done"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Done"},
    ]}))));
    stage.function("claim", Duration::ZERO, |_| {
        Err(FunctionError {
            error_type: Some("Broken".into()),
            message: "it broke".into(),
            more: json!({"stackTrace": []}).as_object().unwrap().clone(),
        })
    });
    let output = &stage.run(json!({"service": "web/hello"})).await["output"];
    assert_eq!(output["service"], "web/hello");
    assert_eq!(output["failure"]["Error"], "Broken");
    let cause: Value = serde_json::from_str(output["failure"]["Cause"].as_str().unwrap()).unwrap();
    assert_eq!(
        cause,
        json!({"errorType": "Broken", "errorMessage": "it broke", "stackTrace": []})
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_dies_nameless_is_lambda_unknown() {
    let stage = Stage::new(machine(claim(json!({}))));
    stage.function("claim", Duration::ZERO, |_| {
        Err(FunctionError {
            error_type: None,
            message: "gone".into(),
            more: serde_json::Map::new(),
        })
    });
    let ended = stage.run(json!({})).await;
    assert_eq!(ended["error"], "Lambda.Unknown");
    assert!(
        ended["cause"]
            .as_str()
            .unwrap()
            .ends_with(r#"Returned payload: {"errorMessage":"gone"}"#)
    );

    stage.functions.register(Function {
        name: "claim".into(),
        program: Program::Inline(Arc::new(|_| Box::pin(std::future::pending()))),
        timeout: Duration::from_secs(3),
        memory_size: 128,
    });
    assert_eq!(stage.run(json!({})).await["error"], "Sandbox.Timedout");
}

#[tokio::test(start_paused = true)]
async fn a_fail_state_reads_its_error_and_its_cause() {
    let stage = Stage::new(
        json!({"StartAt": "Bad", "TimeoutSeconds": 3600, "States": {"Bad": {
            "Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}}}),
    );
    let ended = stage
        .run(json!({"error": {"Error": "Broken", "Cause": "it broke"}}))
        .await;
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Broken"), &json!("it broke"))
    );
    let ended = stage.run(json!({"error": {"Error": 5}})).await;
    assert_eq!(ended["error"], "States.Runtime");
}
