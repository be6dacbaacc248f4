//! AWS JSON 1.0 and 1.1: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::cloud::fault::Fault;

/// The minor version of the protocol; it shows in the content type only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `application/x-amz-json-1.0`
    V1_0,
    /// `application/x-amz-json-1.1`
    V1_1,
}

impl Version {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        })
    }
}

/// The operation's input. An empty body is an empty input.
pub fn parse(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    let input: Value = serde_json::from_slice(body).map_err(|error| {
        Fault::client(
            "SerializationException",
            format!("the request body is not JSON: {error}"),
        )
    })?;
    if !input.is_object() {
        return Err(Fault::client(
            "SerializationException",
            "the request body must be a JSON object",
        ));
    }
    Ok(input)
}

/// The answer to an operation.
pub fn answer(version: Version, request_id: &str, result: Result<Value, Fault>) -> Response<Bytes> {
    let (status, code, body) = match result {
        Ok(Value::Null) => (200, None, json!({})),
        Ok(output) => (200, None, output),
        Err(fault) => (
            fault.status,
            Some(fault.code.clone()),
            json!({ "__type": fault.code, "message": fault.message }),
        ),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, version.content_type());
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(Ok(code)) = code.as_deref().map(HeaderValue::from_str) {
        headers.insert("x-amzn-errortype", code);
    }
    response
}
