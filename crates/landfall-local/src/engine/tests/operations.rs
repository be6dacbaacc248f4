//! The API's own rules: names, idempotency, pages, stopping, restarting, events.

use super::*;

/// A state machine that waits as long as its input says.
fn pause() -> Stage {
    Stage::new(machine(
        json!({"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"}),
    ))
}

fn a_minute() -> Value {
    json!({"seconds": 60})
}

#[tokio::test(start_paused = true)]
async fn a_name_starts_one_execution_however_often_it_is_sent() {
    let stage = pause();
    let request = |input: &str| json!({"stateMachineArn": stage.machine, "name": "web-hello-7", "input": input});
    let first = stage
        .call("StartExecution", request("{\"seconds\":60}"))
        .await
        .unwrap();
    assert_eq!(
        first["executionArn"],
        "arn:aws:states:eu-west-1:000000000000:execution:release:web-hello-7"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        stage
            .call("StartExecution", request("{\"seconds\":60}"))
            .await
            .unwrap(),
        first
    );
    let other = stage
        .call("StartExecution", request("{}"))
        .await
        .unwrap_err();
    assert_eq!(other.code, "ExecutionAlreadyExists");
    stage
        .engine
        .ended(first["executionArn"].as_str().unwrap())
        .await
        .unwrap();
    let closed = stage
        .call("StartExecution", request("{\"seconds\":60}"))
        .await
        .unwrap_err();
    assert_eq!(closed.code, "ExecutionAlreadyExists");
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_get_the_api_models_errors() {
    let stage = pause();
    let machine = stage.machine.clone();
    for (operation, input, code) in [
        (
            "StartExecution",
            json!({"stateMachineArn": machine, "name": "web/hello"}),
            "InvalidName",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": machine, "name": "x".repeat(81)}),
            "InvalidName",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": machine, "input": "{"}),
            "InvalidExecutionInput",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": machine, "input": " ".repeat(262_145)}),
            "ValidationException",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": format!("{machine}x")}),
            "StateMachineDoesNotExist",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": "release"}),
            "InvalidArn",
        ),
        ("StartExecution", json!({}), "ValidationException"),
        (
            "DescribeExecution",
            json!({"executionArn": "arn:aws:states:x:y:execution:a:b"}),
            "ExecutionDoesNotExist",
        ),
        (
            "DescribeExecution",
            json!({"executionArn": "b"}),
            "InvalidArn",
        ),
        (
            "ListExecutions",
            json!({"stateMachineArn": machine, "nextToken": "?"}),
            "InvalidToken",
        ),
        (
            "SendTaskSuccess",
            json!({"taskToken": "a", "output": "{"}),
            "InvalidOutput",
        ),
        (
            "SendTaskSuccess",
            json!({"taskToken": "a", "output": "{}"}),
            "InvalidToken",
        ),
        ("CreateStateMachine", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(
            stage.call(operation, input.clone()).await.unwrap_err().code,
            code,
            "{operation} {input}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_newest_first_and_can_be_filtered() {
    let stage = pause();
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(stage.start(a_minute()).await);
    }
    stage
        .call("StopExecution", json!({"executionArn": started[1]}))
        .await
        .unwrap();
    let mut listed = Vec::new();
    let mut request =
        json!({"stateMachineArn": stage.machine, "statusFilter": "RUNNING", "maxResults": 3});
    loop {
        let page = stage.call("ListExecutions", request.clone()).await.unwrap();
        listed.extend(
            page["executions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|each| each["executionArn"].clone()),
        );
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(listed, [4, 3, 2, 0].map(|index| json!(started[index])));

    tokio::time::sleep(Duration::from_millis(1)).await;
    let history =
        json!({"executionArn": started[0], "maxResults": 1, "includeExecutionData": false});
    let page = stage
        .call("GetExecutionHistory", history.clone())
        .await
        .unwrap();
    assert_eq!(
        page["events"][0]["executionStartedEventDetails"].get("input"),
        None
    );
    let mut next = history;
    next["nextToken"] = page["nextToken"].clone();
    let page = stage.call("GetExecutionHistory", next).await.unwrap();
    assert_eq!(page["events"][0]["type"], "WaitStateEntered");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_goes_on_where_it_stopped_when_it_is_redriven_and_no_other_does() {
    let stage = pause();
    let arn = stage.start(a_minute()).await;
    let redrive = json!({"executionArn": arn});
    let refused = stage.call("RedriveExecution", redrive.clone()).await;
    assert_eq!(refused.unwrap_err().code, "ExecutionNotRedrivable");

    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.call("StopExecution", redrive.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let described = stage.call("DescribeExecution", redrive.clone()).await;
    assert_eq!(described.unwrap()["redriveStatus"], "REDRIVABLE");
    let redriven = stage.call("RedriveExecution", redrive.clone()).await;
    assert_eq!(redriven.unwrap()["redriveDate"], 605.0);
    let described = stage
        .call("DescribeExecution", redrive.clone())
        .await
        .unwrap();
    assert_eq!(
        (
            &described["status"],
            &described["redriveCount"],
            &described["startDate"]
        ),
        (&json!("RUNNING"), &json!(1), &json!(0.0))
    );
    assert_eq!(described.get("stopDate"), None);

    let ended = stage.engine.ended(&arn).await.unwrap();
    assert_eq!(
        (&ended["status"], &ended["stopDate"]),
        (&json!("SUCCEEDED"), &json!(665.0))
    );
    let history = stage
        .call("GetExecutionHistory", redrive.clone())
        .await
        .unwrap();
    let events = history["events"].as_array().unwrap().iter();
    let types: Vec<_> = events
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let at = types
        .iter()
        .position(|kind| *kind == "ExecutionRedriven")
        .unwrap();
    assert_eq!(types[at - 1], "ExecutionAborted");
    assert_eq!(types[at + 1], "WaitStateEntered");
    let refused = stage.call("RedriveExecution", redrive).await;
    assert_eq!(refused.unwrap_err().code, "ExecutionNotRedrivable");
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_was_stopped_more_than_14_days_ago_is_not_redriven() {
    let stage = pause();
    let arn = stage.start(a_minute()).await;
    let redrive = json!({"executionArn": arn});
    stage.call("StopExecution", redrive.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(14 * 86_400 + 1)).await;
    let refused = stage.call("RedriveExecution", redrive).await;
    assert_eq!(refused.unwrap_err().code, "ExecutionNotRedrivable");
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_an_execution_at_once_and_tells_the_bus() {
    let mut stage = pause();
    let arn = stage.start(a_minute()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stop = json!({"executionArn": arn, "error": "Stopped", "cause": "by hand"});
    stage.call("StopExecution", stop.clone()).await.unwrap();
    let description = stage
        .call("DescribeExecution", json!({"executionArn": arn}))
        .await
        .unwrap();
    assert_eq!(
        (&description["status"], &description["stopDate"]),
        (&json!("ABORTED"), &json!(5.0))
    );
    stage.call("StopExecution", stop).await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;

    let started = stage.events.recv().await.unwrap();
    assert_eq!(started["source"], "aws.states");
    assert_eq!(
        started["detail-type"],
        "Step Functions Execution Status Change"
    );
    assert_eq!(
        (&started["detail"]["status"], &started["detail"]["stopDate"]),
        (&json!("RUNNING"), &Value::Null)
    );
    let ended = stage.events.recv().await.unwrap();
    assert_eq!(ended["resources"], json!([arn]));
    assert_eq!(ended["detail"]["status"], "ABORTED");
    assert_eq!(ended["detail"]["stopDate"], 5000);
    assert_eq!(ended["detail"]["input"], "{\"seconds\":60}");
    assert_eq!(ended["detail"]["error"], "Stopped");
    assert!(stage.events.try_recv().is_err(), "one end, one event");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_finished_executions_stand_and_running_ones_are_aborted_aloud() {
    let stage = pause();
    let finished = stage.run(a_minute()).await;
    let running = stage.start(a_minute()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let snapshot = stage.engine.snapshot();

    let mut after = pause();
    after.engine.restore(snapshot).unwrap();
    let again = json!({"executionArn": finished["executionArn"]});
    assert_eq!(
        after.call("DescribeExecution", again).await.unwrap()["status"],
        "SUCCEEDED"
    );
    assert_eq!(
        after.engine.ended(&running).await.unwrap()["status"],
        "ABORTED"
    );
    let event = after.events.recv().await.unwrap();
    assert_eq!(
        (&event["detail"]["executionArn"], &event["detail"]["status"]),
        (&json!(running), &json!("ABORTED"))
    );
    let history = json!({"executionArn": running, "reverseOrder": true});
    let history = after.call("GetExecutionHistory", history).await.unwrap();
    assert_eq!(history["events"][0]["type"], "ExecutionAborted");
    assert_eq!(history["events"][1]["type"], "WaitStateEntered");
    let newest = after.start(a_minute()).await;
    let list = after
        .call("ListExecutions", json!({"stateMachineArn": after.machine}))
        .await
        .unwrap();
    assert_eq!(list["executions"][0]["executionArn"], newest);
}

#[tokio::test(start_paused = true)]
async fn state_machines_are_listed() {
    let stage = pause();
    let list = stage.call("ListStateMachines", json!({})).await.unwrap();
    assert_eq!(list["stateMachines"][0]["stateMachineArn"], stage.machine);
}
