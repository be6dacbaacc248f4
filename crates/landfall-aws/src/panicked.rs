//! What a process of a function does that panics: it answers `Unexpected` to the invocation, and ends.
//!
//! Nothing is unwound: the release profile aborts, as `cargo lambda` builds every release whose profile does not say otherwise
//! (<https://docs.rs/crate/cargo-lambda-metadata/1.9.1/source/src/cargo/profile.rs>). So the answer is given by a panic hook,
//! which runs before anything ends (<https://doc.rust-lang.org/std/panic/fn.set_hook.html>). Lambda gives an answer to its
//! caller when it comes, and starts the next invocation in a new process (`SendErrorResponse` of
//! <https://github.com/aws/aws-lambda-runtime-interface-emulator>). Were the end of the process to come before the answer there,
//! the invocation would have failed as `Runtime.ExitError`, which the state machine tries again.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    panic::{PanicHookInfo, set_hook},
    process::exit,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lambda_runtime::Diagnostic;

use crate::Fault;

/// How long the Runtime API, which is in the same machine, may take for one step of an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The invocation that a process works on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Current(Arc<Mutex<Option<String>>>);

impl Current {
    /// Notes the id of the invocation that begins; none where one has ended.
    pub(crate) fn is(&self, request_id: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = request_id;
    }

    /// From here on a panic answers the current invocation and ends the process.
    pub(crate) fn answer_if_it_panics(&self) {
        let current = self.0.clone();
        set_hook(Box::new(move |panic| {
            let fault = fault(panic);
            let place = panic.location().map(ToString::to_string);
            tracing::error!(error = fault.name(), place, "{fault}");
            let request_id = current.try_lock().ok().and_then(|current| current.clone());
            if let Some(request_id) = request_id
                && let Err(error) = answer(&request_id, fault)
            {
                tracing::error!(%error, "the Runtime API did not take the answer");
            }
            exit(1);
        }));
    }
}

/// A panic as what the function fails with.
fn fault(panic: &PanicHookInfo<'_>) -> Fault {
    let text = panic.payload_as_str().unwrap_or_default();
    Fault::unexpected(format!("panicked: {text}"))
}

/// Answers an invocation with an error, as the runtime does
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>), by a connection of its own: the
/// runtime's may be in the hands of what panicked.
fn answer(request_id: &str, fault: Fault) -> io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut connection = TcpStream::connect(&api)?;
    connection.set_write_timeout(Some(PATIENCE))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let body = serde_json::to_string(&Diagnostic::from(fault))?;
    write!(
        connection,
        "POST /2018-06-01/runtime/invocation/{request_id}/error HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: unhandled\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    // Once it answers it has read everything.
    connection.read(&mut [0; 64]).map(|_| ())
}
