//! A web server that answers with one greeting.

use std::convert::Infallible;

use clap::Args;
use http::Response;
use http_body_util::Full;
use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use miette::{IntoDiagnostic, Result, WrapErr};
use tokio::net::TcpListener;

/// What it says.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The body of every answer.
    greeting: String,
}

/// Serves on `PORT`, or 8080, until the process ends.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(8080);
    let listener = TcpListener::bind(("0.0.0.0", port)).await.into_diagnostic();
    let listener = listener.wrap_err_with(|| format!("cannot listen on port {port}"))?;
    let greeting = Bytes::from(arguments.greeting);
    loop {
        let (stream, _) = listener.accept().await.into_diagnostic()?;
        let greeting = greeting.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |_| {
                let greeting = greeting.clone();
                async move { Ok::<_, Infallible>(Response::new(Full::new(greeting))) }
            });
            // A client that goes away is no concern of the server's.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
