//! The embedded cloud: one HTTP endpoint that answers as AWS does.

pub mod bus;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
pub mod fault;
pub mod logs;
pub mod request_log;
pub mod s3;
pub mod store;
pub mod sts;
pub mod wire;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, header, request::Parts};
use serde_json::Value;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use self::{
    bus::Bus,
    ecr::Ecr,
    events::{Events, dispatcher::Deliver},
    fault::Fault,
    logs::Logs,
    request_log::{Entry, RequestLog, app_id, subject},
    s3::{S3, S3Request},
    store::{DataDir, Saver, StoreError},
    sts::Sts,
    wire::{
        aws_json, query,
        target::{Target, text},
    },
};
use crate::world::World;

/// All services of one account in one Region, behind one endpoint. It is a pure service: put it behind a TCP listener
/// ([`crate::serve`]), or into the SDK as its HTTP connector.
pub struct Cloud {
    /// Object storage.
    pub s3: S3,
    /// The image registry.
    pub ecr: Ecr,
    /// Rules over events.
    pub events: Events,
    /// Log groups.
    pub logs: Logs,
    sts: Sts,
    /// What was asked, for tests and reports.
    pub requests: RequestLog,
    /// Where services put events.
    pub bus: Bus,
    /// Identity, time and randomness.
    pub world: Arc<World>,
    saver: Option<Saver>,
    undelivered: Mutex<Option<UnboundedReceiver<Value>>>,
}

/// An answer that has been rendered, and what the request log says about it.
struct Answered {
    response: Response<Bytes>,
    service: &'static str,
    operation: String,
    subject: String,
}

impl Cloud {
    /// A cloud as its data dir remembers it; without a data dir an empty one that forgets everything. State is saved
    /// only while [`Cloud::keep_saved`] runs, and by [`Cloud::save`].
    pub fn open(world: Arc<World>, data_dir: Option<DataDir>) -> Result<Arc<Self>, StoreError> {
        let (bus, receiver) = Bus::new(world.clone());
        let folder = |name: &str| data_dir.as_ref().map(|data_dir| data_dir.path().join(name));
        let objects = folder("objects");
        let s3 = S3::new(world.clone(), bus.clone(), objects.as_deref()).map_err(|reason| {
            StoreError::Io {
                path: objects.unwrap_or_default(),
                reason,
            }
        })?;
        let ecr = Ecr::new(world.clone(), bus.clone(), folder("images"));
        let events = Events::new(world.clone(), bus.clone());
        let logs = Logs::new(world.clone());
        let saver = match data_dir {
            None => None,
            Some(data_dir) => {
                restore(&data_dir, "s3", |snapshot| s3.restore(snapshot))?;
                restore(&data_dir, "ecr", |snapshot| ecr.restore(snapshot))?;
                restore(&data_dir, "events", |snapshot| events.restore(snapshot))?;
                restore(&data_dir, "logs", |snapshot| logs.restore(snapshot))?;
                let mut saver = Saver::new(data_dir);
                let (kept_s3, kept_ecr, kept_events, kept_logs) =
                    (s3.clone(), ecr.clone(), events.clone(), logs.clone());
                saver.keep("s3", false, move || kept_s3.snapshot());
                saver.keep("ecr", false, move || kept_ecr.snapshot());
                saver.keep("events", false, move || kept_events.snapshot());
                saver.keep("logs", true, move || kept_logs.snapshot());
                Some(saver)
            }
        };
        Ok(Arc::new(Self {
            sts: Sts::new(world.clone()),
            requests: RequestLog::default(),
            undelivered: Mutex::new(Some(receiver)),
            s3,
            ecr,
            events,
            logs,
            bus,
            world,
            saver,
        }))
    }

    /// Gives every event to the functions that the rules name, from now on; events so far are delivered first. Fails
    /// when somebody does that already.
    pub fn deliver_events(&self, deliver: Deliver) -> io::Result<JoinHandle<()>> {
        let receiver = self
            .undelivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let receiver =
            receiver.ok_or_else(|| io::Error::other("the events are being delivered already"))?;
        Ok(tokio::spawn(
            self.events.clone().dispatch(receiver, deliver),
        ))
    }

    /// Saves changes to the data dir as they come, until the task is aborted.
    pub fn keep_saved(self: &Arc<Self>) -> JoinHandle<()> {
        let cloud = self.clone();
        tokio::spawn(async move {
            if let Some(saver) = &cloud.saver {
                saver.run().await;
            }
        })
    }

    /// Saves everything now.
    pub fn save(&self) -> Result<(), StoreError> {
        self.saver.as_ref().map_or(Ok(()), Saver::save_all)
    }

    /// Answers one request as AWS would.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let answered = match Target::of(&parts, &body) {
            Target::Json {
                prefix,
                operation,
                version,
            } => self.json(&prefix, operation, version, &body).await,
            Target::Query {
                api_version,
                operation,
                fields,
            } => self.query(&api_version, operation, &fields).await,
            Target::Lambda => self.lambda(&parts).await,
            Target::S3 => self.object_storage(&parts, body).await,
        };
        if let Some(saver) = self.saver.as_ref().filter(|_| changes(&answered.operation)) {
            saver.mark(answered.service);
        }
        self.requests.record(Entry {
            at: self.world.now(),
            service: answered.service.into(),
            operation: answered.operation,
            app: text(&parts.headers, header::USER_AGENT.as_str()).and_then(app_id),
            subject: answered.subject,
            status: answered.response.status().as_u16(),
        });
        answered.response
    }

    async fn json(
        &self,
        prefix: &str,
        operation: String,
        version: aws_json::Version,
        body: &[u8],
    ) -> Answered {
        let input = aws_json::parse(body);
        let subject = input.as_ref().map(subject).unwrap_or_default();
        let (service, result) = match (prefix, input) {
            (_, Err(fault)) => ("unknown", Err(fault)),
            ("AmazonEC2ContainerRegistry_V20150921", Ok(input)) => {
                ("ecr", self.ecr.call(&operation, input).await)
            }
            ("AWSEvents", Ok(input)) => ("events", self.events.call(&operation, input).await),
            ("Logs_20140328", Ok(input)) => ("logs", self.logs.call(&operation, input).await),
            (other, Ok(_)) => {
                let message = format!(
                    "The embedded cloud does not play the service behind X-Amz-Target {other}."
                );
                (
                    "unknown",
                    Err(Fault::client("UnknownOperationException", message)),
                )
            }
        };
        let response = aws_json::answer(version, &self.world.uuid(), result);
        Answered {
            response,
            service,
            operation,
            subject,
        }
    }

    async fn query(
        &self,
        api_version: &str,
        operation: String,
        fields: &[(String, String)],
    ) -> Answered {
        let input = query::parse(fields);
        let subject = subject(&input);
        let (service, namespace, result) = match api_version {
            "2011-06-15" => (
                "sts",
                "https://sts.amazonaws.com/doc/2011-06-15/",
                self.sts.call(&operation, input).await,
            ),
            other => {
                let message = format!(
                    "The embedded cloud does not play the API of version {other} ({operation})."
                );
                ("unknown", "", Err(Fault::client("InvalidAction", message)))
            }
        };
        let response = query::answer(namespace, &operation, &self.world.uuid(), result);
        Answered {
            response,
            service,
            operation,
            subject,
        }
    }

    async fn lambda(&self, parts: &Parts) -> Answered {
        let subject = parts.uri.path().to_owned();
        let message = "The embedded cloud has no functions.";
        let fault = Fault::client("ResourceNotFoundException", message).with_status(404);
        let response = aws_json::answer(aws_json::Version::V1_1, &self.world.uuid(), Err(fault));
        Answered {
            response,
            service: "lambda",
            operation: "Invoke".into(),
            subject,
        }
    }

    async fn object_storage(&self, parts: &Parts, body: Bytes) -> Answered {
        match S3Request::parse(parts, body) {
            Ok(request) => {
                let subject = match (&request.bucket, &request.key) {
                    (Some(bucket), Some(key)) => format!("{bucket}/{key}"),
                    (bucket, _) => bucket.clone().unwrap_or_default(),
                };
                let response = self.s3.handle(&request).await;
                Answered {
                    response,
                    service: "s3",
                    operation: request.operation().into(),
                    subject,
                }
            }
            Err(fault) => {
                let subject = parts.uri.path().to_owned();
                let response = s3::refuse(&fault, &self.world.hex(16));
                Answered {
                    response,
                    service: "s3",
                    operation: parts.method.to_string(),
                    subject,
                }
            }
        }
    }
}

fn restore(
    data_dir: &DataDir,
    service: &str,
    take: impl FnOnce(Value) -> Result<(), serde_json::Error>,
) -> Result<(), StoreError> {
    match data_dir.read(service)? {
        Some(snapshot) => take(snapshot).map_err(|reason| data_dir.damaged(service, reason)),
        None => Ok(()),
    }
}

/// Whether an operation can change anything, by AWS's naming.
fn changes(operation: &str) -> bool {
    const READS: [&str; 6] = ["Get", "List", "Describe", "Head", "BatchGet", "BatchCheck"];
    !READS.iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod tests;
