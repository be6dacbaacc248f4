//! Real processes on the real clock: a Python program plays the function.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

struct Stage {
    functions: Functions,
    logs: UnboundedReceiver<LogLine>,
}

fn stage(timeout: Duration, environment: &[(&str, &str)]) -> Stage {
    let world = Arc::new(World::new("000000000000", "eu-west-1", Timestamp::now(), 7));
    let (sender, logs) = unbounded_channel();
    let mut settings = Settings::new("http://127.0.0.1:4599", sender);
    settings.retry_delays = vec![Duration::from_millis(10), Duration::from_millis(20)];
    let functions = Functions::new(world, settings);
    functions.register(Function {
        name: "claim-release".into(),
        program: Program::Process {
            path: concat!(env!("CARGO_MANIFEST_DIR"), "/src/lambda/tests/function.py").into(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        },
        timeout,
        memory_size: 256,
    });
    Stage { functions, logs }
}

fn patient() -> Stage {
    stage(
        Duration::from_secs(20),
        &[
            ("STATE_BUCKET", "landfall-state"),
            ("AWS_ENDPOINT_URL_S3", "http://s3"),
        ],
    )
}

const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:claim-release";

#[tokio::test]
async fn a_function_finds_lambdas_environment_and_its_process_is_used_again() {
    let mut stage = patient();
    let first = stage.functions.invoke(ARN, json!({"n": 1})).await.unwrap();
    let second = stage
        .functions
        .invoke("claim-release", json!({"n": 2}))
        .await
        .unwrap();
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(second["event"], json!({"n": 2}));
    assert_eq!(first["arn"], ARN);
    let left = first["milliseconds_left"].as_f64().unwrap();
    assert!((15_000.0..=20_000.0).contains(&left), "{left}");
    assert!(first["trace"].as_str().unwrap().starts_with("Root=1-"));
    assert_eq!(first["unknown_request"], 400);
    let environment = &first["environment"];
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "claim-release"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4599"),
        ("AWS_ENDPOINT_URL_S3", "http://s3"),
        ("AWS_SDK_UA_APP_ID", "claim-release"),
        ("STATE_BUCKET", "landfall-state"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    let line = stage.logs.recv().await.unwrap();
    assert_eq!(
        (line.function.as_str(), line.message.as_str()),
        ("claim-release", "working on {\"n\": 1}")
    );
    assert!(line.stream.contains("[$LATEST]"), "{}", line.stream);
}

#[tokio::test]
async fn a_busy_process_does_not_hold_up_the_next_invocation() {
    let stage = patient();
    let slow = json!({"seconds": 0.5});
    let (first, second) = tokio::join!(
        stage.functions.invoke(ARN, slow.clone()),
        stage.functions.invoke(ARN, slow.clone())
    );
    let busy = [
        first.unwrap()["pid"].clone(),
        second.unwrap()["pid"].clone(),
    ];
    assert_ne!(busy[0], busy[1]);
    let later = stage.functions.invoke(ARN, json!({})).await.unwrap();
    assert!(busy.contains(&later["pid"]), "both are warm now");
}

#[tokio::test]
async fn a_process_of_a_replaced_function_is_not_used_again() {
    let stage = patient();
    let functions = stage.functions.clone();
    let old = tokio::spawn(async move { functions.invoke(ARN, json!({"seconds": 0.5})).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let function = lock(&stage.functions.inner.functions)["claim-release"].clone();
    stage.functions.register(Function::clone(&function));
    let old = old.await.unwrap().unwrap();
    let new = stage.functions.invoke(ARN, json!({})).await.unwrap();
    assert_ne!(old["pid"], new["pid"]);
}

#[tokio::test]
async fn an_error_keeps_its_type_and_the_process_lives_on() {
    let stage = patient();
    let before = stage.functions.invoke(ARN, json!({})).await.unwrap();
    let error = stage
        .functions
        .invoke(ARN, json!({"do": "fail"}))
        .await
        .unwrap_err();
    assert_eq!(error.error_type.as_deref(), Some("Transient"));
    assert_eq!(
        error.payload(),
        json!({"errorType": "Transient", "errorMessage": "try again", "stackTrace": ["a"]})
    );
    let after = stage.functions.invoke(ARN, json!({})).await.unwrap();
    assert_eq!(before["pid"], after["pid"]);
}

#[tokio::test]
async fn a_process_that_dies_fails_its_invocation_and_is_replaced() {
    let mut stage = patient();
    let error = stage
        .functions
        .invoke(ARN, json!({"do": "die"}))
        .await
        .unwrap_err();
    assert_eq!(error.error_type.as_deref(), Some("Runtime.ExitError"));
    assert!(
        error
            .message
            .ends_with("Error: Runtime exited with error: exit status 3"),
        "{}",
        error.message
    );
    let lines: Vec<String> = std::iter::from_fn(|| stage.logs.try_recv().ok())
        .map(|line| line.message)
        .collect();
    assert!(lines.contains(&"last words".to_owned()), "{lines:?}");
    stage.functions.invoke(ARN, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_process_that_takes_too_long_is_killed() {
    let stage = stage(Duration::from_secs(1), &[]);
    let pid = stage.functions.invoke(ARN, json!({})).await.unwrap()["pid"]
        .as_u64()
        .unwrap();
    let started = Instant::now();
    let error = stage
        .functions
        .invoke(ARN, json!({"seconds": 60}))
        .await
        .unwrap_err();
    assert_eq!(error.error_type.as_deref(), Some("Sandbox.Timedout"));
    assert!(
        error.message.ends_with("Task timed out after 1.00 seconds"),
        "{}",
        error.message
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    let gone = async {
        while std::path::Path::new(&format!("/proc/{pid}")).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone)
        .await
        .expect("the process is gone");
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let stage = stage(Duration::from_secs(20), &[("REFUSE_TO_START", "yes")]);
    let error = stage.functions.invoke(ARN, json!({})).await.unwrap_err();
    assert_eq!(error.error_type.as_deref(), Some("Runtime.InitError"));
    assert_eq!(error.message, "NoConfiguration: CONFIG_BUCKET is not set");

    stage.functions.register(Function {
        name: "absent".into(),
        program: Program::Process {
            path: "/nowhere/absent".into(),
            environment: BTreeMap::new(),
        },
        timeout: Duration::from_secs(1),
        memory_size: 128,
    });
    let error = stage
        .functions
        .invoke("absent", json!({}))
        .await
        .unwrap_err();
    assert_eq!(
        error.error_type.as_deref(),
        Some("Runtime.InvalidEntrypoint")
    );
    assert!(
        error.message.contains("/nowhere/absent"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn an_event_is_tried_three_times_and_then_kept() {
    let mut stage = patient();
    stage
        .functions
        .invoke_async("claim-release", json!({"do": "fail"}));
    let letters = async {
        while stage.functions.dead_letters().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), letters)
        .await
        .unwrap();
    let letter = stage.functions.dead_letters().remove(0);
    assert_eq!(
        (letter.function.as_str(), letter.attempts),
        ("claim-release", 3)
    );
    assert_eq!(letter.event, json!({"do": "fail"}));
    assert_eq!(letter.error.error_type.as_deref(), Some("Transient"));
    let lines = std::iter::from_fn(|| stage.logs.try_recv().ok());
    let requests = lines.filter(|line| line.message.starts_with("request "));
    let requests: Vec<_> = requests.map(|line| line.message).collect();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|id| *id == requests[0]), "{requests:?}");

    let after = patient().functions;
    after.restore(stage.functions.snapshot()).unwrap();
    assert_eq!(after.dead_letters(), [letter]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_event_waits_and_loses_none_of_its_attempts() {
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::UNIX_EPOCH,
        7,
    ));
    let (sender, _) = unbounded_channel();
    let functions = Functions::new(world, Settings::new("http://127.0.0.1:4599", sender));
    let began = tokio::time::Instant::now();
    let throttled = Duration::from_secs(1200);
    functions.throttle(Arc::new(move || began.elapsed() < throttled));
    let tried = Arc::new(Mutex::new(Vec::new()));
    let noted = tried.clone();
    functions.register(Function {
        name: "image-pushed".into(),
        program: Program::Inline(Arc::new(move |_| {
            noted.lock().unwrap().push(began.elapsed());
            Box::pin(async { Err(FunctionError::new("Transient", "not today")) })
        })),
        timeout: Duration::from_secs(30),
        memory_size: 256,
    });
    let refused = functions
        .invoke("image-pushed", json!({}))
        .await
        .unwrap_err();
    let name = refused.error_type.as_deref();
    assert_eq!(name, Some("Lambda.TooManyRequestsException"));
    let answer = post(&functions, "image-pushed", "RequestResponse", "{}").await;
    assert_eq!(answer.status(), 429);
    functions.invoke_async("image-pushed", json!({}));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(functions.dead_letters()[0].attempts, 3);
    let tried = tried.lock().unwrap();
    assert_eq!(tried.len(), 3);
    assert!((throttled..throttled + Duration::from_secs(300)).contains(&tried[0]));
}

async fn post(functions: &Functions, name: &str, kind: &str, body: &str) -> Response<Bytes> {
    let request = Request::post(format!("/2015-03-31/functions/{name}/invocations"))
        .header("X-Amz-Invocation-Type", kind)
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    functions.http(request).await
}

#[tokio::test]
async fn lambdas_invoke_operation_answers_as_aws_does() {
    let Stage { functions, .. } = patient();
    let answer = post(&functions, "claim-release", "RequestResponse", "{\"n\":1}").await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers().get("X-Amz-Function-Error")
        ),
        (200, None)
    );
    assert_eq!(
        serde_json::from_slice::<Value>(answer.body()).unwrap()["event"],
        json!({"n": 1})
    );

    let encoded = ARN.replace(':', "%3A");
    let failed = post(&functions, &encoded, "RequestResponse", "{\"do\":\"fail\"}").await;
    assert_eq!(failed.status(), 200);
    assert_eq!(failed.headers()["X-Amz-Function-Error"], "Unhandled");
    assert_eq!(
        serde_json::from_slice::<Value>(failed.body()).unwrap()["errorType"],
        "Transient"
    );

    assert_eq!(
        post(&functions, "claim-release", "Event", "{}")
            .await
            .status(),
        202
    );
    for (name, kind, body, status, error) in [
        (
            "nobody",
            "RequestResponse",
            "{}",
            404,
            "ResourceNotFoundException",
        ),
        (
            "claim-release",
            "RequestResponse",
            "{",
            400,
            "InvalidRequestContentException",
        ),
        (
            "claim-release",
            "Sometime",
            "{}",
            400,
            "InvalidParameterValueException",
        ),
        (
            "claim-release",
            "Event",
            &format!("\"{}\"", "x".repeat(1_048_576)),
            413,
            "RequestTooLargeException",
        ),
    ] {
        let answer = post(&functions, name, kind, body).await;
        assert_eq!(answer.status(), status, "{name} {kind}");
        assert_eq!(answer.headers()["x-amzn-ErrorType"], error);
    }
}
