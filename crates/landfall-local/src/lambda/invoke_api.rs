//! Lambda's Invoke operation, so that `aws lambda invoke` works.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Functions;

/// The largest payloads: synchronous and asynchronous.
const SYNCHRONOUS_LIMIT: usize = 6 * 1024 * 1024;
const EVENT_LIMIT: usize = 1024 * 1024;

impl Functions {
    /// Answers `POST /2015-03-31/functions/{name}/invocations`; any other request is an error that says so.
    pub async fn http(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let name = path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"));
        let Some(name) = name.filter(|_| request.method() == Method::POST) else {
            let message = format!(
                "the embedded cloud implements only Invoke of Lambda, not {} {path}",
                request.method()
            );
            return fault(StatusCode::NOT_FOUND, "UnknownOperationException", &message);
        };
        let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
        if !self.exists(&name) {
            let message = format!("Function not found: {}", self.arn(super::name_of(&name)));
            return fault(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
        }
        let kind = match request
            .headers()
            .get("X-Amz-Invocation-Type")
            .map(|value| value.to_str())
        {
            None => "RequestResponse",
            Some(kind) => kind.unwrap_or("?"),
        };
        let limit = if kind == "Event" {
            EVENT_LIMIT
        } else {
            SYNCHRONOUS_LIMIT
        };
        if request.body().len() > limit {
            let message = format!(
                "Request must be smaller than {limit} bytes for the {kind} invocation type"
            );
            return fault(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                &message,
            );
        }
        let payload: Value = if request.body().is_empty() {
            json!({})
        } else {
            match serde_json::from_slice(request.body()) {
                Ok(payload) => payload,
                Err(error) => {
                    let message = format!("Could not parse request body into json: {error}");
                    return fault(
                        StatusCode::BAD_REQUEST,
                        "InvalidRequestContentException",
                        &message,
                    );
                }
            }
        };
        match kind {
            "RequestResponse" => match self.invoke(&name, payload).await {
                Ok(answer) => respond(
                    StatusCode::OK,
                    &[("X-Amz-Executed-Version", "$LATEST")],
                    answer.to_string(),
                ),
                Err(error) if error.is_throttled() => fault(
                    StatusCode::TOO_MANY_REQUESTS,
                    "TooManyRequestsException",
                    &error.message,
                ),
                Err(error) => respond(
                    StatusCode::OK,
                    &[
                        ("X-Amz-Executed-Version", "$LATEST"),
                        ("X-Amz-Function-Error", "Unhandled"),
                    ],
                    error.payload().to_string(),
                ),
            },
            "Event" => {
                self.invoke_async(&name, payload);
                respond(StatusCode::ACCEPTED, &[], String::new())
            }
            "DryRun" => respond(StatusCode::NO_CONTENT, &[], String::new()),
            other => fault(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                &format!("X-Amz-Invocation-Type is RequestResponse, Event or DryRun, not {other}"),
            ),
        }
    }
}

fn fault(status: StatusCode, name: &str, message: &str) -> Response<Bytes> {
    let body = json!({"Type": "User", "Message": message}).to_string();
    respond(status, &[("x-amzn-ErrorType", name)], body)
}

fn respond(status: StatusCode, headers: &[(&'static str, &str)], body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in headers
        .iter()
        .chain(&[("Content-Type", "application/json")])
    {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
