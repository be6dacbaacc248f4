//! The SDK's connection to the embedded cloud: no socket, but every fault that a network and AWS can have.

use std::{
    fmt, future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::TimeSource};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use landfall_local::{cloud::Cloud, world::World};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    fault::{Fault, Faults, Made, PROBE},
    invocation::{CURRENT, Invocation},
    journal::Journal,
    web,
    witness::{Asked, Witness},
};

/// The longest time, in milliseconds, in which a service has its probe, and in which the answer is back.
const SERVICE_TAKES: u64 = 60;

/// How the functions of one run reach the embedded cloud.
#[derive(Clone)]
pub struct Wire {
    /// The embedded cloud.
    pub cloud: Arc<Cloud>,
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// The diary.
    pub journal: Arc<Journal>,
    /// Who remembers every change.
    pub witness: Arc<Witness>,
    /// Whether S3 is asked to write whatever was written meanwhile: the guard that everything rests on is left out, to
    /// see that it is missed.
    pub unconditional: bool,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wire")
    }
}

#[derive(Debug)]
struct WorldTime(Arc<World>);

impl TimeSource for WorldTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

/// An SDK configuration whose requests go to the embedded cloud in this process, on tokio's clock. Timeouts are those of
/// the functions in AWS; backoff has no jitter, which would come from a random number that no seed repeats.
pub fn sdk(wire: Wire) -> SdkConfig {
    let world = wire.cloud.world.clone();
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(15))
        .operation_timeout(Duration::from_secs(25))
        .build();
    let credentials = Credentials::new("simulation", "simulation", None, None, "simulation");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(world.region.clone()))
        .endpoint_url("http://127.0.0.1:4599")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_use_static_exponential_base(true))
        .timeout_config(timeouts)
        .sleep_impl(TokioSleep::new())
        .time_source(WorldTime(world))
        .http_client(wire)
        .build()
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map_err(ConnectorError::user)?
                .to_bytes();
            let response = wire.carry(Request::from_parts(parts, body)).await?;
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl Wire {
    async fn carry(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, ConnectorError> {
        let Ok(caller) = CURRENT.try_with(Clone::clone) else {
            // Whoever looks on from outside meets no faults.
            return Ok(self.cloud.handle(request).await);
        };
        let call = Call::of(&request);
        if self.unconditional {
            request.headers_mut().remove("if-match");
            request.headers_mut().remove("if-none-match");
        }
        let api = api(&request);
        let fault = self.faults.next(Made {
            name: format!("{} {}", caller.function, call.kind()),
            api: api.clone(),
            in_execution: caller.execution.is_some(),
        });
        if let Some(fault) = fault {
            self.journal
                .note(&caller.name(), format!("{} ⚡ {fault:?}", call.name));
        }
        // AWS may be slow. A service that answers its own probe so slowly is bad.
        let pause = || match (self.faults.latency(), call.protocol) {
            (took, Protocol::Web) => Duration::from_millis(took.min(SERVICE_TAKES)),
            (took, _) => Duration::from_millis(took),
        };
        sleep(pause()).await;
        match fault {
            Some(Fault::Throttled) => return Ok(call.refusal(&THROTTLED)),
            Some(Fault::ServerError | Fault::Away) => return Ok(call.refusal(&SERVER_ERROR)),
            Some(Fault::Denied) => return Ok(call.refusal(&DENIED)),
            Some(Fault::TooManyRegistrations) => {
                return Ok(call.refusal(&TOO_MANY_REGISTRATIONS));
            }
            Some(Fault::Aborted) => {
                let stopped = caller.execution.as_deref().unwrap_or_default();
                let input = json!({ "executionArn": stopped });
                // It may have ended by itself meanwhile.
                let _ = self.cloud.executions.call("StopExecution", input).await;
            }
            Some(Fault::Conflict) => return Ok(call.refusal(&CONFLICT)),
            Some(Fault::LostBefore) => return Err(lost()),
            Some(Fault::KilledBefore) => return killed(&caller).await,
            Some(Fault::LostAfter | Fault::KilledAfter) | None => {}
        }
        let seen = self
            .witness
            .before(&self.cloud, &caller, &call.asked(&api), request.body())
            .await;
        let response = match call.protocol {
            Protocol::Web => web::answer(&self.cloud, &request).await,
            _ => self.cloud.handle(request).await,
        };
        self.witness.after(seen, &response);
        if call.changes() {
            self.journal.note(
                &caller.name(),
                format!("{} {}", call.name, response.status().as_u16()),
            );
        }
        sleep(pause()).await;
        match fault {
            Some(Fault::LostAfter) => Err(lost()),
            Some(Fault::KilledAfter) => killed(&caller).await,
            _ => Ok(response),
        }
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection was reset".into())
}

/// Never answers: the invocation is dropped.
async fn killed(caller: &Invocation) -> Result<Response<Bytes>, ConnectorError> {
    caller.kill.notify_one();
    future::pending().await
}

/// A request, as far as the wire must understand it.
struct Call {
    name: String,
    protocol: Protocol,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    S3,
    Query,
    /// A request to a service, and not to AWS.
    Web,
}

/// One refusal in the words of the JSON services, of S3, and of Elastic Load Balancing
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>).
struct Refused {
    json: (u16, &'static str),
    s3: (u16, &'static str),
    query: (u16, &'static str),
    message: &'static str,
}

const BY_PLAN: &str = "by the plan of faults";

const THROTTLED: Refused = Refused {
    json: (400, "ThrottlingException"),
    s3: (503, "SlowDown"),
    query: (400, "ThrottlingException"),
    message: BY_PLAN,
};
const SERVER_ERROR: Refused = Refused {
    json: (500, "InternalServerError"),
    s3: (500, "InternalError"),
    query: (500, "InternalFailure"),
    message: BY_PLAN,
};
const DENIED: Refused = Refused {
    json: (400, "AccessDeniedException"),
    s3: (403, "AccessDenied"),
    query: (400, "AccessDeniedException"),
    message: BY_PLAN,
};
/// <https://github.com/aws/containers-roadmap/issues/1010>
const TOO_MANY_REGISTRATIONS: Refused = Refused {
    json: (400, "ClientException"),
    s3: (503, "SlowDown"),
    query: (400, "ThrottlingException"),
    message: "Too many concurrent attempts to create a new revision of the specified family.",
};

/// Of a conditional write beside which another one was under way: it has to be tried again
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
const CONFLICT: Refused = Refused {
    json: (400, "ClientException"),
    s3: (409, "ConditionalRequestConflict"),
    query: (400, "ThrottlingException"),
    message: BY_PLAN,
};

/// The service whose API a request is for, as the scope of its signature names it: date, Region, service
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>).
fn api(request: &Request<Bytes>) -> String {
    let signature = request.headers().get("authorization");
    let signature = signature.and_then(|signature| signature.to_str().ok());
    let scope = signature.and_then(|signature| signature.split('/').nth(3));
    scope.unwrap_or_default().to_owned()
}

/// The operation of a request in the protocol `awsQuery`, whose form begins with it.
fn action(request: &Request<Bytes>) -> Option<String> {
    let form = std::str::from_utf8(request.body()).ok()?;
    let operation = form.strip_prefix("Action=")?.split('&').next()?;
    (request.uri().path() == "/").then(|| operation.to_owned())
}

impl Call {
    fn of(request: &Request<Bytes>) -> Self {
        if !request.headers().contains_key("authorization") {
            return Self {
                name: PROBE.into(),
                protocol: Protocol::Web,
            };
        }
        let target = request
            .headers()
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok());
        match target.and_then(|target| target.rsplit('.').next()) {
            Some(operation) => Self {
                name: operation.into(),
                protocol: Protocol::Json,
            },
            None => match action(request) {
                Some(operation) => Self {
                    name: operation,
                    protocol: Protocol::Query,
                },
                None => Self {
                    name: format!("{} {}", request.method(), request.uri().path()),
                    protocol: Protocol::S3,
                },
            },
        }
    }

    /// The operation, and for S3 the kind of object, without names that differ from run to run.
    fn kind(&self) -> String {
        const OBJECTS: [(&str, &str); 13] = [
            ("/desired.json", "desired state"),
            ("/token.json", "task token"),
            ("/tasks.json", "task runs"),
            ("/adopted.json", "adopted revision"),
            ("/releases/", "record"),
            ("/files/", "accepted file"),
            ("/placeholders/", "placeholders"),
            ("/sources/", "source"),
            ("/follows/", "follower"),
            ("/unproven/", "unproven release"),
            ("/sweep/", "sweep memory"),
            ("/landfall-config/status/", "status"),
            ("/landfall-config/services/", "service file"),
        ];
        match self.protocol {
            Protocol::Json | Protocol::Query | Protocol::Web => return self.name.clone(),
            Protocol::S3 => {}
        }
        let method = self.name.split(' ').next().unwrap_or_default();
        let object = OBJECTS.iter().find(|(part, _)| self.name.contains(part));
        format!("{method} {}", object.map_or("list", |(_, kind)| kind))
    }

    /// What the witness needs to know.
    fn asked<'a>(&'a self, api: &'a str) -> Asked<'a> {
        Asked {
            api,
            operation: &self.name,
            changes: self.changes(),
        }
    }

    fn changes(&self) -> bool {
        const READS: [&str; 5] = ["GET", "HEAD", "Describe", "List", "Batch"];
        !READS.iter().any(|verb| self.name.starts_with(verb))
    }

    fn refusal(&self, refused: &Refused) -> Response<Bytes> {
        let message = refused.message;
        let xml = |code| format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let (status, body) = match self.protocol {
            Protocol::Json => {
                let (status, code) = refused.json;
                let body = format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}");
                (status, body)
            }
            Protocol::S3 => (refused.s3.0, xml(refused.s3.1)),
            Protocol::Web => (refused.s3.0, message.to_owned()),
            Protocol::Query => {
                let (status, code) = refused.query;
                (
                    status,
                    format!("<ErrorResponse>{}</ErrorResponse>", xml(code)),
                )
            }
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() =
            http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}
