//! The embedded cloud on a loopback port.

use std::{convert::Infallible, future::Future, io, net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, time};

use crate::cloud::Cloud;

/// The largest request body, in bytes.
const LARGEST_BODY: usize = 64 * 1024 * 1024;
/// How long open requests may go on after the stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the endpoint cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody listens there.
    #[error(
        "port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The system refused otherwise.
    #[error("cannot listen on 127.0.0.1:{port}: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// What it said.
        reason: io::Error,
    },
}

/// Takes a port on the loopback interface; 0 takes any that is free.
pub async fn bind(port: u16) -> Result<TcpListener, ServeError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortTaken { port },
            _ => ServeError::Listen { port, reason },
        })
}

/// Answers requests until `stop` is done; then finishes those that are open, for five seconds at most.
pub async fn serve(cloud: Arc<Cloud>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: without a pause this would spin.
                    tracing::warn!(%error, "a connection was not accepted");
                    time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let cloud = cloud.clone();
        let answer = service_fn(move |request| answer(cloud.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answer);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    if time::timeout(PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still open at the end");
    }
}

async fn answer(
    cloud: Arc<Cloud>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let response = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => {
            cloud
                .handle(Request::from_parts(parts, body.to_bytes()))
                .await
        }
        Err(error) => {
            let mut response = Response::new(Bytes::from(format!(
                "The request body was not read: {error}. Its limit is 64 MiB.\n"
            )));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            response
        }
    };
    Ok(response.map(Full::new))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
    };

    use super::*;
    use crate::world::World;

    #[tokio::test]
    async fn a_client_that_waits_for_100_continue_is_answered_and_the_stop_is_orderly() {
        let world = Arc::new(World::new(
            "000000000000",
            "eu-west-1",
            Timestamp::UNIX_EPOCH,
            1,
        ));
        let cloud = Cloud::open(world, crate::cloud::Settings::new("http://127.0.0.1", None))
            .await
            .unwrap();
        cloud.s3.ensure_bucket("config");
        let listener = bind(0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = bind(address.port()).await.unwrap_err();
        assert!(
            taken
                .to_string()
                .contains(&format!("port {}", address.port())),
            "{taken}"
        );
        assert!(taken.to_string().contains("--port"), "{taken}");

        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(cloud.clone(), listener, async {
            let _ = stopped.await;
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = "PUT /config/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut buffer = [0; 1024];
        let length = client.read(&mut buffer).await.unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 100 Continue\r\n"));
        client.write_all(b"Hello").await.unwrap();
        let length = client.read(&mut buffer).await.unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
        stop.send(()).unwrap();
        server.await.unwrap();
    }
}
