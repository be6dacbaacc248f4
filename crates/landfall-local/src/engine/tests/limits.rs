//! What ends an execution that asks for too much.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_loop_ends_when_its_history_is_full() {
    let stage = Stage::new(json!({"StartAt": "Again", "States": {
        "Again": {"Type": "Pass", "Next": "Decide"},
        "Decide": {"Type": "Choice", "Default": "Again", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "Stop"}]},
        "Stop": {"Type": "Succeed"},
    }}));
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.Runtime"))
    );
    let last =
        json!({"executionArn": ended["executionArn"], "reverseOrder": true, "maxResults": 1});
    let last = stage.call("GetExecutionHistory", last).await.unwrap();
    assert_eq!(last["events"][0]["id"], super::super::HISTORY_LIMIT);
    assert_eq!(last["events"][0]["type"], "ExecutionFailed");
}

#[tokio::test(start_paused = true)]
async fn a_payload_over_256_kib_is_not_caught_by_states_all() {
    let stage = Stage::new(json!({"StartAt": "Claim", "States": {
        "Claim": {"Type": "Task", "Resource": CLAIM, "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]},
        "Done": {"Type": "Succeed"},
    }}));
    stage.function("claim", Duration::ZERO, |_| Ok(json!("x".repeat(262_143))));
    assert_eq!(
        stage.run(json!({})).await["error"],
        "States.DataLimitExceeded"
    );
    stage.function("claim", Duration::ZERO, |_| Ok(json!("x".repeat(262_142))));
    assert_eq!(stage.run(json!({})).await["status"], "SUCCEEDED");
}

#[tokio::test(start_paused = true)]
async fn an_execution_over_its_timeout_is_timed_out_not_failed() {
    let stage = Stage::new(json!({"StartAt": "Wait", "TimeoutSeconds": 30, "States": {
        "Wait": {"Type": "Wait", "Seconds": 31, "End": true}}}));
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("TIMED_OUT"), &json!("States.Timeout"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_function_times_out_its_state_but_goes_on_itself() {
    let stage = Stage::new(json!({"StartAt": "Claim", "States": {
        "Claim": {"Type": "Task", "Resource": CLAIM, "TimeoutSeconds": 4, "End": true}}}));
    let finished = Arc::new(Mutex::new(false));
    let flag = finished.clone();
    stage.function("claim", Duration::from_secs(10), move |_| {
        *flag.lock().unwrap() = true;
        Ok(Value::Null)
    });
    let ended = stage.run(json!({})).await;
    assert_eq!(ended["error"], "States.Timeout");
    assert!(types(&stage.history(&ended).await).contains(&"LambdaFunctionTimedOut"));
    assert!(!*finished.lock().unwrap());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(
        *finished.lock().unwrap(),
        "Lambda does not know that nobody waits"
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_fit_the_definition_ends_the_execution_uncaught() {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Done"}]);
    let claim = |more: Value| {
        let mut state = json!({"Type": "Task", "Resource": CLAIM, "Next": "Done", "Catch": catch});
        state
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Stage::new(
            json!({"StartAt": "Claim", "States": {"Claim": state, "Done": {"Type": "Succeed"}}}),
        )
    };
    for broken in [
        json!({"InputPath": "$.absent"}),
        json!({"Parameters": {"a.$": "$.absent"}}),
        json!({"ResultSelector": {"a.$": "$.absent"}}),
    ] {
        let stage = claim(broken.clone());
        stage.function("claim", Duration::ZERO, |_| Ok(json!({})));
        assert_eq!(
            stage.run(json!({})).await["error"],
            "States.Runtime",
            "{broken}"
        );
    }
    let stage = claim(json!({"ResultPath": "$.text.inside"}));
    stage.function("claim", Duration::ZERO, |_| Ok(json!({})));
    assert_eq!(
        stage.run(json!({"text": "scalar"})).await["output"]["Error"],
        "States.ResultPathMatchFailure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_choice_without_a_way_out_fails() {
    let stage = Stage::new(json!({"StartAt": "Which", "States": {
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericGreaterThan": 5, "Next": "Done"}]},
        "Done": {"Type": "Succeed"}}}));
    assert_eq!(
        stage.run(json!({"a": 2})).await["error"],
        "States.NoChoiceMatched"
    );
}
