//! The Lambda Runtime API, as one process of one function sees it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};

use super::error::FunctionError;
use crate::world::World;

/// The largest answer of a synchronous invocation (6 MB).
const ANSWER_LIMIT: usize = 6 * 1024 * 1024;

type Answer = oneshot::Sender<Result<Value, FunctionError>>;

/// An invocation on its way to the process.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) payload: Vec<u8>,
    /// Sent to when the process has taken the job.
    pub(super) taken: oneshot::Sender<()>,
    /// Takes the answer.
    pub(super) answer: Answer,
}

/// What the handlers share.
pub(super) struct RuntimeApi {
    world: Arc<World>,
    arn: String,
    timeout: Duration,
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>,
    /// Whether the process waits for an invocation.
    waits: watch::Sender<bool>,
    /// Invocations that the process has taken and not answered.
    open: Mutex<BTreeMap<String, Answer>>,
}

impl RuntimeApi {
    pub(super) fn new(
        world: Arc<World>,
        arn: String,
        timeout: Duration,
        queue: mpsc::UnboundedReceiver<Job>,
        waits: watch::Sender<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            world,
            arn,
            timeout,
            queue: tokio::sync::Mutex::new(queue),
            waits,
            open: Mutex::default(),
        })
    }

    fn answer(&self, request_id: &str) -> Option<Answer> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(request_id)
    }
}

/// Serves until the task is aborted.
pub(super) async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{request_id}/response",
            post(response),
        )
        .route(
            "/2018-06-01/runtime/invocation/{request_id}/error",
            post(error),
        )
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(ANSWER_LIMIT))
        .with_state(api);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the Lambda Runtime API stopped");
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    api.waits.send_replace(true);
    let Some(job) = api.queue.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    api.waits.send_replace(false);
    // Nobody waits for it any more if this fails; the process works on it all the same.
    let _ = job.taken.send(());
    let deadline = api.world.now().as_millisecond()
        + i64::try_from(api.timeout.as_millis()).unwrap_or(i64::MAX / 2);
    let root = format!("{:08x}-{}", api.world.now().as_second(), api.world.hex(24));
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", job.request_id.clone()),
        ("Lambda-Runtime-Deadline-Ms", deadline.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", api.arn.clone()),
        (
            "Lambda-Runtime-Trace-Id",
            format!("Root=1-{root};Parent={};Sampled=0", api.world.hex(16)),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    api.open
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(job.request_id, job.answer);
    (headers, job.payload).into_response()
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    let Some(answer) = api.answer(&request_id) else {
        return unknown(&request_id);
    };
    let result = if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            FunctionError::new(
                "Runtime.MalformedHandlerResponse",
                format!("the function's answer is not JSON: {error}"),
            )
        })
    };
    // Fails when the invocation has timed out meanwhile.
    let _ = answer.send(result);
    accepted()
}

async fn error(
    State(api): State<Arc<RuntimeApi>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(answer) = api.answer(&request_id) else {
        return unknown(&request_id);
    };
    let mut error = FunctionError::reported(&body);
    if error.error_type.is_none() {
        error.error_type = error_type_header(&headers);
    }
    let _ = answer.send(Err(error));
    accepted()
}

/// The process cannot start to work: whoever waits for it gets this error, and the process is not used again.
async fn init_error(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> Response {
    if let Some(job) = api.queue.lock().await.recv().await {
        let reported = FunctionError::reported(&body);
        let message = match &reported.error_type {
            Some(name) => format!("{name}: {}", reported.message),
            None => reported.message,
        };
        let _ = job
            .answer
            .send(Err(FunctionError::new("Runtime.InitError", message)));
    }
    accepted()
}

fn error_type_header(headers: &HeaderMap) -> Option<String> {
    headers
        .get("Lambda-Runtime-Function-Error-Type")?
        .to_str()
        .ok()
        .map(str::to_owned)
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum_json(&json!({"status": "OK"}))).into_response()
}

fn unknown(request_id: &str) -> Response {
    let message = format!("Invalid request ID: {request_id} is not being worked on");
    let body = json!({"errorMessage": message, "errorType": "InvalidRequestID"});
    (StatusCode::BAD_REQUEST, axum_json(&body)).into_response()
}

fn axum_json(body: &Value) -> ([(&'static str, &'static str); 1], String) {
    ([("Content-Type", "application/json")], body.to_string())
}
