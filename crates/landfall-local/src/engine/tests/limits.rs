//! What ends an execution that asks for too much.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_loop_ends_when_its_history_is_full() {
    let stage = Stage::new(machine(
        json!({"Type": "Choice", "Default": "Only", "Choices": [
            {"Variable": "$.stop", "BooleanEquals": true, "Next": "Done"},
        ]}),
    ));
    let ended = stage.run(json!({"stop": false})).await;
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
    let stage = Stage::new(machine(claim(json!({"Catch": catch_all("$")}))));
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
    let wait = machine(json!({"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"}));
    let stage = Stage::new(extended(wait, json!({"TimeoutSeconds": 30})));
    let ended = stage.run(json!({"seconds": 31})).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("TIMED_OUT"), &json!("States.Timeout"))
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_fit_the_definition_ends_the_execution_uncaught() {
    let stage = |more: Value| {
        Stage::new(machine(extended(
            claim(json!({"Catch": catch_all("$")})),
            more,
        )))
    };
    for broken in [
        json!({"Parameters": {"a.$": "$.absent"}}),
        json!({"ResultSelector": {"a.$": "$.absent"}}),
    ] {
        let stage = stage(broken.clone());
        stage.function("claim", Duration::ZERO, |_| Ok(json!({})));
        assert_eq!(
            stage.run(json!({})).await["error"],
            "States.Runtime",
            "{broken}"
        );
    }
    let stage = stage(json!({"ResultPath": "$.text.inside"}));
    stage.function("claim", Duration::ZERO, |_| Ok(json!({})));
    assert_eq!(
        stage.run(json!({"text": "scalar"})).await["output"]["Error"],
        "States.ResultPathMatchFailure"
    );
}
