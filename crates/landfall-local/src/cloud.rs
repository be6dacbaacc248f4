//! The embedded cloud: one HTTP endpoint that answers as AWS does.

pub mod api;
pub mod bus;
pub mod cloud_map;
pub mod cloudformation;
mod dispatch;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
pub mod fault;
pub mod logs;
pub mod operations;
pub mod outage;
mod pages;
mod recording;
pub mod request_log;
pub mod s3;
pub mod scaling;
pub mod ssm;
pub mod store;
pub mod sts;
pub mod wire;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::Value;
use sha2::Digest;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle, time::Instant};

use self::{
    bus::Bus,
    cloud_map::CloudMap,
    cloudformation::CloudFormation,
    ecr::{Ecr, Lookup},
    ecs::{Ecs, EcsSettings, ImageLookup},
    elb::{Elb, ElbSettings},
    events::{Events, dispatcher::Deliver},
    logs::Logs,
    outage::{Outage, Refusal},
    recording::Recording,
    request_log::RequestLog,
    s3::S3,
    scaling::Scaling,
    ssm::Ssm,
    store::{DataDir, Saver, StoreError},
    sts::Sts,
};
use crate::{
    engine::StepFunctions,
    lambda::{self, Functions},
    world::World,
};

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
    /// Clusters, services and tasks.
    pub ecs: Ecs,
    /// Load balancers.
    pub elb: Elb,
    /// How services are scaled.
    pub scaling: Scaling,
    /// Where tasks are found.
    pub cloud_map: CloudMap,
    /// Functions.
    pub functions: Functions,
    /// State machines and their executions.
    pub executions: StepFunctions,
    /// Parameters.
    pub ssm: Ssm,
    /// The exports of stacks.
    pub cloud_formation: CloudFormation,
    sts: Sts,
    /// What was asked, for tests and reports.
    pub requests: RequestLog,
    /// Where services put events.
    pub bus: Bus,
    /// Identity, time and randomness.
    pub world: Arc<World>,
    recording: OnceLock<Recording>,
    page: Option<usize>,
    saver: Option<Arc<Saver>>,
    outages: Arc<[Outage<Refusal>]>,
    began: Instant,
    undelivered: Mutex<Option<UnboundedReceiver<Value>>>,
}

/// What a cloud is made with.
#[derive(Debug)]
pub struct Settings {
    /// Where state is kept; none to forget everything.
    pub data_dir: Option<DataDir>,
    /// The URL at which functions reach this cloud.
    pub endpoint: String,
    /// The pace of ECS.
    pub ecs: EcsSettings,
    /// The pace of load balancers' health checks.
    pub elb: ElbSettings,
    /// How many items a page of a listing has at most; as many as in AWS if this is none.
    pub page: Option<usize>,
    /// When AWS does not answer the functions, counted from the opening of the cloud. Of `lambda`, nobody is invoked.
    pub outages: Vec<Outage<Refusal>>,
}

impl Settings {
    /// A cloud at `endpoint` at the pace of somebody who watches.
    pub fn new(endpoint: &str, data_dir: Option<DataDir>) -> Self {
        Self {
            data_dir,
            endpoint: endpoint.into(),
            ecs: EcsSettings::default(),
            elb: ElbSettings::default(),
            page: None,
            outages: Vec::new(),
        }
    }
}

impl Cloud {
    /// A cloud as its data dir remembers it; without a data dir an empty one that forgets everything. State is saved
    /// only while [`Cloud::keep_saved`] runs, and by [`Cloud::save`].
    ///
    /// # Errors
    /// When the data dir cannot be used, or holds something that was not saved by a cloud.
    pub async fn open(world: Arc<World>, settings: Settings) -> Result<Arc<Self>, StoreError> {
        let (bus, undelivered) = Bus::new(world.clone());
        let data_dir = settings.data_dir;
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
        let ssm = Ssm::new(world.clone());
        let elb = Elb::new(world.clone(), settings.elb);
        let ecs = {
            let (ecr, logs) = (ecr.clone(), logs.clone());
            let images = Arc::new(move |reference: &str| image(&ecr, reference));
            let lines = Arc::new(move |line: ecs::LogLine| {
                logs.append(&line.group, &line.stream, &line.message);
            });
            Ecs::new(
                world.clone(),
                bus.clone(),
                elb.clone(),
                images,
                lines,
                settings.ecs,
            )
        };
        let scaling = Scaling::new(world.clone(), ecs.clone());
        let cloud_map = CloudMap::new(world.clone(), ecs.clone());
        let functions = {
            let (lines, mut written) = tokio::sync::mpsc::unbounded_channel::<lambda::LogLine>();
            let logs = logs.clone();
            tokio::spawn(async move {
                while let Some(line) = written.recv().await {
                    let group = format!("/aws/lambda/{}", line.function);
                    logs.append(&group, &line.stream, &line.message);
                }
            });
            Functions::new(
                world.clone(),
                lambda::Settings::new(&settings.endpoint, lines),
            )
        };
        let outages: Arc<[_]> = settings.outages.into();
        let began = Instant::now();
        if !outages.is_empty() {
            let outages = outages.clone();
            functions.throttle(Arc::new(move || {
                refusal(&outages, "lambda", "Invoke", began.elapsed()).is_some()
            }));
        }
        let executions = StepFunctions::new(world.clone(), bus.clone(), functions.clone());
        let saver = match data_dir {
            None => None,
            Some(data_dir) => {
                restore(&data_dir, "s3", |snapshot| s3.restore(snapshot))?;
                restore(&data_dir, "ecr", |snapshot| ecr.restore(snapshot))?;
                restore(&data_dir, "events", |snapshot| events.restore(snapshot))?;
                restore(&data_dir, "logs", |snapshot| logs.restore(snapshot))?;
                restore(&data_dir, "ssm", |snapshot| ssm.restore(snapshot))?;
                restore(&data_dir, "elasticloadbalancing", |snapshot| {
                    elb.restore(snapshot)
                })?;
                restore(&data_dir, "ecs", |snapshot| ecs.restore(snapshot))?;
                restore(&data_dir, "application-autoscaling", |snapshot| {
                    scaling.restore(snapshot)
                })?;
                restore(&data_dir, "servicediscovery", |snapshot| {
                    cloud_map.restore(snapshot)
                })?;
                restore(&data_dir, "lambda", |snapshot| functions.restore(snapshot))?;
                restore(&data_dir, "states", |snapshot| executions.restore(snapshot))?;
                let mut saver = Saver::new(data_dir);
                saver.keep("s3", false, {
                    let s3 = s3.clone();
                    move || s3.snapshot()
                });
                saver.keep("ecr", false, {
                    let ecr = ecr.clone();
                    move || ecr.snapshot()
                });
                saver.keep("events", false, {
                    let events = events.clone();
                    move || events.snapshot()
                });
                saver.keep("ssm", false, {
                    let ssm = ssm.clone();
                    move || ssm.snapshot()
                });
                saver.keep("logs", true, {
                    let logs = logs.clone();
                    move || logs.snapshot()
                });
                saver.keep("elasticloadbalancing", true, {
                    let elb = elb.clone();
                    move || elb.snapshot()
                });
                saver.keep("ecs", true, {
                    let ecs = ecs.clone();
                    move || ecs.snapshot()
                });
                saver.keep("application-autoscaling", false, {
                    let scaling = scaling.clone();
                    move || scaling.snapshot()
                });
                saver.keep("servicediscovery", false, {
                    let cloud_map = cloud_map.clone();
                    move || cloud_map.snapshot()
                });
                saver.keep("lambda", true, {
                    let functions = functions.clone();
                    move || functions.snapshot()
                });
                saver.keep("states", true, {
                    let executions = executions.clone();
                    move || executions.snapshot()
                });
                Some(Arc::new(saver))
            }
        };
        Ok(Arc::new(Self {
            sts: Sts::new(world.clone()),
            cloud_formation: CloudFormation::new(world.clone(), settings.page),
            requests: RequestLog::default(),
            recording: OnceLock::new(),
            undelivered: Mutex::new(Some(undelivered)),
            ssm,
            s3,
            ecr,
            events,
            logs,
            ecs,
            elb,
            scaling,
            cloud_map,
            functions,
            executions,
            bus,
            world,
            page: settings.page,
            saver,
            outages,
            began,
        }))
    }

    /// What a function gets instead of an answer just now, if the service is away.
    fn refuses(&self, api: &str, operation: &str) -> Option<Refusal> {
        refusal(&self.outages, api, operation, self.began.elapsed())
    }

    /// From now on every request of a function is written to the file at `path` as well, for `tests/permissions`.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub fn record_requests_in(&self, path: &Path) -> io::Result<()> {
        let recording = Recording::open(path)?;
        // There is one recording: a second one changes nothing.
        let _ = self.recording.set(recording);
        Ok(())
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
    pub fn keep_saved(&self) -> JoinHandle<()> {
        let saver = self.saver.clone();
        tokio::spawn(async move {
            if let Some(saver) = saver {
                saver.run().await;
            }
        })
    }

    /// Saves everything now.
    pub fn save(&self) -> Result<(), StoreError> {
        self.saver.as_ref().map_or(Ok(()), |saver| saver.save_all())
    }
}

fn refusal(
    outages: &[Outage<Refusal>],
    api: &str,
    operation: &str,
    at: Duration,
) -> Option<Refusal> {
    let mut outages = outages.iter();
    let hits = outages.find(|outage| outage.hits(api, operation, at));
    hits.map(|outage| outage.fault)
}

fn image(ecr: &Ecr, reference: &str) -> ImageLookup {
    match ecr.lookup(reference) {
        Lookup::Found {
            digest,
            local: Some(local),
        } => ImageLookup::Local {
            digest,
            directory: local.directory,
            command: local.command,
        },
        Lookup::Found {
            digest,
            local: None,
        } => ImageLookup::Simulated { digest },
        Lookup::Missing => ImageLookup::Missing,
        // There is no network to pull it over: it runs as something that does nothing.
        Lookup::Elsewhere => ImageLookup::Simulated {
            digest: format!("sha256:{}", hex::encode(sha2::Sha256::digest(reference))),
        },
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

#[cfg(test)]
mod tests;
