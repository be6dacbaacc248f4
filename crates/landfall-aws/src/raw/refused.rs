//! What a service says when it refuses: code and message, in JSON or XML.

use std::fmt;

use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use quick_xml::{Reader, events::Event};
use serde_json::Value;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refused(ErrorMetadata);

impl Refused {
    /// Reads an answer that is no success. The JSON protocols tell the code in `X-Amzn-Errortype` or `__type`, perhaps
    /// behind a namespace and `#`, perhaps followed by `:` and a URL
    /// (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>).
    pub(super) fn of(response: &Response) -> Self {
        let body = response.body().bytes().unwrap_or_default();
        let (mut code, message) = match serde_json::from_slice::<Value>(body) {
            Ok(body) => {
                let text = |names: [&str; 2]| {
                    let found = names.iter().find_map(|name| body.get(name)?.as_str());
                    found.map(str::to_owned)
                };
                (text(["__type", "code"]), text(["message", "Message"]))
            }
            Err(_) => from_xml(body),
        };
        if let Some(header) = response.headers().get("x-amzn-errortype") {
            code = Some(header.to_owned());
        }
        let mut metadata = ErrorMetadata::builder();
        if let Some(code) = code {
            let code = code.split(':').next().unwrap_or_default();
            metadata = metadata.code(code.rsplit('#').next().unwrap_or_default());
        }
        if let Some(message) = message {
            metadata = metadata.message(message);
        }
        Self(metadata.build())
    }
}

/// The first `Code` and the first `Message`: `ErrorResponse/Error` in the one Query protocol, `Response/Errors/Error` in
/// EC2's.
fn from_xml(body: &[u8]) -> (Option<String>, Option<String>) {
    let (mut code, mut message) = (None, None);
    let mut reader = Reader::from_reader(body);
    let mut element = Vec::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => element = start.name().as_ref().to_vec(),
            Event::Text(text) => {
                let text = text.decode().ok().map(|text| text.into_owned());
                match element.as_slice() {
                    b"Code" if code.is_none() => code = text,
                    b"Message" if message.is_none() => message = text,
                    _ => {}
                }
            }
            Event::End(_) => element.clear(),
            Event::Eof => break,
            _ => {}
        }
    }
    (code, message)
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Refused {}
