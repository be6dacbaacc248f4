//! A listener's data plane: accepts HTTP/1.1 on a loopback port and forwards every request to a target of its own.
//!
//! Each request has its own connection to its target. A kept connection could be closed by a target between two requests,
//! which would cost the second one; and a refused connection can be tried elsewhere with the request still unsent.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderName, LOCATION, SERVER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Inner;
use super::fields::port as port_of;
use super::forwarding::forwarded_groups;
use super::rules::action;
use super::targets::{InFlight, SimulatedTarget};

/// ALB's default idle timeout.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a target may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a load balancer calls itself in what it answers without a target.
const ITSELF: HeaderValue = HeaderValue::from_static("awselb/2.0");

/// A bound listener; it stops accepting when this is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Binds 127.0.0.1:`port` and serves the listener there.
    pub(super) fn bind(inner: &Arc<Inner>, listener: &str, port: u16) -> std::io::Result<Self> {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let inner = Arc::downgrade(inner);
        let listener: Arc<str> = listener.into();
        let accepting = tokio::spawn(async move {
            loop {
                match socket.accept().await {
                    Ok((stream, client)) => {
                        tokio::spawn(converse(
                            inner.clone(),
                            Arc::clone(&listener),
                            stream,
                            client,
                            port,
                        ));
                    }
                    // Out of file descriptors, most likely: accepting again at once would spin.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Ok(Self { accepting })
    }
}

async fn converse(
    inner: Weak<Inner>,
    listener: Arc<str>,
    stream: TcpStream,
    client: SocketAddr,
    port: u16,
) {
    let service = service_fn(move |request| {
        let (inner, listener) = (inner.clone(), Arc::clone(&listener));
        async move {
            let answer = match inner.upgrade() {
                Some(inner) => answer(&inner, &listener, request, client.ip(), port).await,
                None => plain(StatusCode::SERVICE_UNAVAILABLE),
            };
            Ok::<_, Infallible>(answer)
        }
    });
    // A client that goes away in the middle of its own request is no concern of the load balancer.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

pub(super) type Answer = Response<BoxBody<Bytes, hyper::Error>>;

async fn answer(
    inner: &Arc<Inner>,
    listener: &str,
    mut request: Request<Incoming>,
    client: IpAddr,
    port: u16,
) -> Answer {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let path = request.uri().path().to_owned();
    let mut tried = Vec::new();
    let (in_flight, stream) = loop {
        let in_flight = match destination(inner, listener, &host, &path, &tried) {
            Destination::Target(in_flight) => in_flight,
            Destination::LoadBalancer(answer) => return answer,
        };
        if let Some(target) = in_flight.simulated {
            return simulated(target);
        }
        let connecting = TcpStream::connect((in_flight.id.as_str(), in_flight.port));
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => break (in_flight, stream),
            Ok(Err(_)) => tried.push((in_flight.id.clone(), in_flight.port)),
            Err(_) => return plain(StatusCode::GATEWAY_TIMEOUT),
        }
    };
    prepare(&mut request, client, port);
    forward(in_flight, stream, request).await
}

/// Where a request goes.
enum Destination {
    Target(InFlight),
    /// Nowhere: the load balancer answers it itself.
    LoadBalancer(Answer),
}

/// Where a request goes that the targets `tried` have refused. Rule, group and target are chosen at one moment: between two,
/// the requests may have been moved to another group and the targets of this one be gone.
fn destination(
    inner: &Arc<Inner>,
    listener: &str,
    host: &str,
    path: &str,
    tried: &[(String, u16)],
) -> Destination {
    let mut state = inner.lock();
    let Some(action) = action(&state, listener, host, path) else {
        return Destination::LoadBalancer(plain(StatusCode::SERVICE_UNAVAILABLE));
    };
    match action["Type"].as_str() {
        Some("fixed-response") => {
            return Destination::LoadBalancer(fixed(&action["FixedResponseConfig"]));
        }
        Some("redirect") => {
            let port = state.listeners.get(listener).and_then(port_of);
            let answer = redirect(&action["RedirectConfig"], host, port, path);
            return Destination::LoadBalancer(answer);
        }
        _ => {}
    }
    let forwards = action["Type"] == "forward";
    let group = forwards.then(|| weighted_group(inner, &action)).flatten();
    let target = group.and_then(|group| InFlight::begin(inner, &mut state, &group, tried));
    target.map_or_else(
        || {
            Destination::LoadBalancer(plain(if tried.is_empty() {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::BAD_GATEWAY
            }))
        },
        Destination::Target,
    )
}

/// The group of a forward action; among several, drawn by weight.
fn weighted_group(inner: &Inner, action: &Value) -> Option<String> {
    let groups: Vec<&str> = forwarded_groups(action).collect();
    if let [only] = groups.as_slice() {
        return Some((*only).to_owned());
    }
    let weights: Vec<u64> = action["ForwardConfig"]["TargetGroups"]
        .as_array()?
        .iter()
        .map(|tuple| tuple["Weight"].as_u64().unwrap_or(1))
        .collect();
    let draw = u64::from_str_radix(&inner.world.hex(8), 16).ok()?;
    let mut draw = draw.checked_rem(weights.iter().sum())?;
    groups.into_iter().zip(weights).find_map(|(group, weight)| {
        if draw < weight {
            return Some(group.to_owned());
        }
        draw -= weight;
        None
    })
}

/// The answer to a request that no connection brought; only a simulated target can be asked so.
pub(super) fn without_connection(
    inner: &Arc<Inner>,
    listener: &str,
    host: &str,
    path: &str,
) -> Answer {
    match destination(inner, listener, host, path, &[]) {
        Destination::LoadBalancer(answer) => answer,
        Destination::Target(in_flight) => match in_flight.simulated {
            Some(target) => simulated(target),
            None => plain(StatusCode::BAD_GATEWAY),
        },
    }
}

async fn forward(in_flight: InFlight, stream: TcpStream, request: Request<Incoming>) -> Answer {
    let _ = stream.set_nodelay(true);
    let Ok((mut sender, connection)) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await
    else {
        return plain(StatusCode::BAD_GATEWAY);
    };
    tokio::spawn(connection);
    match tokio::time::timeout(IDLE_TIMEOUT, sender.send_request(request)).await {
        Err(_) => plain(StatusCode::GATEWAY_TIMEOUT),
        Ok(Err(_)) => plain(StatusCode::BAD_GATEWAY),
        Ok(Ok(answer)) => {
            let (mut head, body) = answer.into_parts();
            remove_hop_by_hop(&mut head.headers);
            // A target that speaks HTTP/1.0 must not cost the client its connection.
            head.version = http::Version::HTTP_11;
            Response::from_parts(
                head,
                BoxBody::new(CountedBody {
                    body,
                    _in_flight: in_flight,
                }),
            )
        }
    }
}

/// Makes the client's request the load balancer's own: origin form, X-Forwarded headers, no hop-by-hop headers.
fn prepare(request: &mut Request<Incoming>, client: IpAddr, port: u16) {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    if let Ok(uri) = Uri::try_from(path) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = http::Version::HTTP_11;
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    let known = headers
        .get("x-forwarded-for")
        .and_then(|known| known.to_str().ok())
        .map(str::to_owned);
    let forwarded = known.map_or_else(|| client.to_string(), |known| format!("{known}, {client}"));
    for (name, value) in [
        ("x-forwarded-for", forwarded),
        ("x-forwarded-proto", "http".into()),
        ("x-forwarded-port", port.to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        CONNECTION,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
    ] {
        headers.remove(name);
    }
}

/// What a simulated target answers: it has no socket that could be asked.
fn simulated(target: SimulatedTarget) -> Answer {
    if target.health.is_good() {
        Response::new(full(target.says.into()))
    } else {
        plain(StatusCode::BAD_GATEWAY)
    }
}

fn fixed(config: &Value) -> Answer {
    let code = config["StatusCode"]
        .as_str()
        .and_then(|code| code.parse::<u16>().ok())
        .unwrap_or(503);
    let body = config["MessageBody"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut answer = Response::new(full(body));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    answer.headers_mut().insert(SERVER, ITSELF);
    if let Some(kind) = config["ContentType"]
        .as_str()
        .and_then(|kind| HeaderValue::try_from(kind).ok())
    {
        answer.headers_mut().insert(CONTENT_TYPE, kind);
    }
    answer
}

/// The answer of a redirect action, whose parts may name those of the request
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>). Listeners here
/// speak HTTP, and queries are not kept.
fn redirect(config: &Value, host: &str, port: Option<u16>, path: &str) -> Answer {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let port = port.map(|port| port.to_string()).unwrap_or_default();
    let part = |member: &str, usual: &str| {
        let said = config[member].as_str().unwrap_or(usual);
        said.replace("#{protocol}", "http")
            .replace("#{host}", name)
            .replace("#{port}", &port)
            .replace("#{path}", path.trim_start_matches('/'))
    };
    let location = format!(
        "{}://{}:{}{}",
        part("Protocol", "#{protocol}").to_ascii_lowercase(),
        part("Host", "#{host}"),
        part("Port", "#{port}"),
        part("Path", "/#{path}")
    );
    let status = match config["StatusCode"].as_str() {
        Some("HTTP_302") => StatusCode::FOUND,
        _ => StatusCode::MOVED_PERMANENTLY,
    };
    let mut answer = plain(status);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// An error page of the load balancer itself, as ALB writes it.
fn plain(status: StatusCode) -> Answer {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    let mut answer = Response::new(full(page));
    *answer.status_mut() = status;
    answer.headers_mut().insert(SERVER, ITSELF);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    answer
}

fn full(body: String) -> BoxBody<Bytes, hyper::Error> {
    Full::new(Bytes::from(body))
        .map_err(|never| match never {})
        .boxed()
}

/// A target's answer, which counts as in flight until its last byte has been passed on.
struct CountedBody {
    body: Incoming,
    _in_flight: InFlight,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
