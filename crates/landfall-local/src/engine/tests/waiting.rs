//! Task tokens and timeouts.

use super::*;

/// A state that hands its token to the function `wait`, and waits for 300 seconds.
fn waiting() -> Stage {
    Stage::new(machine(claim(json!({
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 300,
        "Parameters": {"FunctionName": "wait", "Payload": {"token.$": "$$.Task.Token"}},
    }))))
}

impl Stage {
    /// Registers the function `wait`, which keeps the token it is given where the test finds it.
    fn keep_token(&self) -> Arc<Mutex<String>> {
        let token = Arc::new(Mutex::new(String::new()));
        let keeper = token.clone();
        self.function("wait", Duration::ZERO, move |payload| {
            *keeper.lock().unwrap() = payload["token"].as_str().unwrap().to_owned();
            Ok(json!("noted"))
        });
        token
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_sleeps_until_its_token_comes_back_and_takes_what_comes_with_it() {
    let stage = waiting();
    let token = stage.keep_token();
    let arn = stage.start(json!({})).await;
    tokio::time::sleep(Duration::from_secs(200)).await;
    let token = token.lock().unwrap().clone();
    stage
        .call(
            "SendTaskSuccess",
            json!({"taskToken": token, "output": "{\"woken\":true}"}),
        )
        .await
        .unwrap();
    let ended = stage.engine.ended(&arn).await.unwrap();
    assert_eq!(ended["output"], "{\"woken\":true}");
    let history = stage.history(&ended).await;
    assert_eq!(
        types(&history)[2..6],
        [
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded"
        ]
    );
    assert_eq!(
        history[2]["taskScheduledEventDetails"]["timeoutInSeconds"],
        300
    );
    let late = stage
        .call(
            "SendTaskSuccess",
            json!({"taskToken": token, "output": "1"}),
        )
        .await
        .unwrap_err();
    assert_eq!(late.code, "TaskTimedOut");
}

#[tokio::test(start_paused = true)]
async fn slowness_ends_a_waiting_state_by_its_own_name() {
    let stage = waiting();
    let token = stage.keep_token();
    let started = tokio::time::Instant::now();
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.Timeout"))
    );
    assert_eq!(started.elapsed(), Duration::from_secs(300));
    assert!(types(&stage.history(&ended).await).contains(&"TaskTimedOut"));
    let late = json!({"taskToken": *token.lock().unwrap(), "output": "1"});
    let late = stage.call("SendTaskSuccess", late).await.unwrap_err();
    assert_eq!(late.code, "TaskTimedOut");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_returns_before_its_function_does_still_counts() {
    let stage = waiting();
    let engine = stage.engine.clone();
    stage.function("wait", Duration::from_secs(20), |_| {
        Err(FunctionError::new("TooLate", "the state is over"))
    });
    stage.functions.register(Function {
        name: "wait".into(),
        timeout: Duration::from_secs(30),
        memory_size: 128,
        program: Program::Inline(Arc::new(move |payload| {
            let engine = engine.clone();
            Box::pin(async move {
                let done = json!({"taskToken": payload["token"], "output": "\"early\""});
                engine.call("SendTaskSuccess", done).await.unwrap();
                tokio::time::sleep(Duration::from_secs(20)).await;
                Err(FunctionError::new("TooLate", "the state is over"))
            })
        })),
    });
    let ended = stage.run(json!({})).await;
    assert_eq!(ended["output"], "early", "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_ends_the_wait_at_once() {
    let stage = waiting();
    stage.function("wait", Duration::from_secs(2), |_| {
        Err(FunctionError::new("Refused", "no"))
    });
    let started = tokio::time::Instant::now();
    assert_eq!(stage.run(json!({})).await["error"], "Refused");
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn how_long_a_state_waits_may_stand_in_its_input() {
    let state = |path: &str| {
        Stage::new(machine(claim(json!({
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSecondsPath": path,
            "Parameters": {"FunctionName": "wait", "Payload": {"token.$": "$$.Task.Token"}},
        }))))
    };
    for (path, seconds, error) in [
        ("$.look.waitSeconds", 3600, "States.Timeout"),
        ("$.look.never", 0, "States.Runtime"),
        ("$.look.words", 0, "States.Runtime"),
        ("$.look.none", 0, "States.Runtime"),
    ] {
        let stage = state(path);
        stage.keep_token();
        let started = tokio::time::Instant::now();
        let input = json!({"look": {"waitSeconds": 3600, "words": "long", "none": 0}});
        let ended = stage.run(input).await;
        assert_eq!(ended["error"], error, "{path}");
        assert_eq!(started.elapsed(), Duration::from_secs(seconds), "{path}");
    }
}
