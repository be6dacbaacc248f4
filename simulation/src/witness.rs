//! Who changed what in AWS, while who held the claim; and which verdicts were announced.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use landfall::{
    desired::DesiredState,
    hold::Hold,
    keys,
    record::{Record, Verdict},
    service_id::ServiceId,
};
use landfall_local::{cloud::Cloud, local::STATE_BUCKET};
use serde_json::{Value, json};

use crate::invocation::Invocation;

/// A change to a service in ECS.
#[derive(Clone, Debug)]
pub struct Change {
    /// The service.
    pub service: ServiceId,
    /// The function that made it.
    pub function: String,
    /// The execution that the function worked for.
    pub execution: Option<String>,
    /// The release that it worked on.
    pub release: Option<u64>,
    /// Whether that execution was running.
    pub alive: bool,
    /// The revision that it gave the service.
    pub task_definition: Option<String>,
    /// Why the service was on hold, if the change was for a release that the hold kept from beginning.
    pub held: Option<Hold>,
    /// The foreign revision that it took the place of, although it had been there for longer than a function works, and nobody
    /// had resumed the service.
    pub overwrote: Option<String>,
    /// The HTTP status of ECS's answer.
    pub status: u16,
    /// How many verdicts had been announced before.
    pub announced: usize,
}

/// A call that changes anything in the services that run releases: ECS, load balancing, scaling, discovery, logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The function and the call, e.g. `run-task RunTask`.
    pub name: String,
    /// The service that the function worked on; none for a trigger.
    pub service: Option<ServiceId>,
    /// The execution that the function worked for.
    pub execution: Option<String>,
    /// Who held the service's claim.
    pub claim: Option<String>,
}

/// A request, as far as the witness has to know it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The service whose API it is for, as signatures name it.
    pub api: &'a str,
    /// The operation; of S3 the method and the path.
    pub operation: &'a str,
    /// Whether it can change anything.
    pub changes: bool,
}

/// A verdict that was put on the event bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The service.
    pub service: ServiceId,
    /// The release.
    pub number: u64,
    /// Its verdict.
    pub verdict: Verdict,
}

/// A task that ran alone, as ECS was asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The service.
    pub service: Option<ServiceId>,
    /// The release that it was for.
    pub release: Option<u64>,
    /// What it was asked for by: the same for every request that means the same task of one release.
    pub started_by: String,
    /// Its ARN.
    pub task: String,
    /// Tasks of the same family that still ran when this one was asked for.
    pub beside: Vec<String>,
}

/// What a call will have been, once it is answered.
#[derive(Debug)]
pub enum Seen {
    /// Nothing that matters.
    Nothing,
    /// A change to a service.
    Change(Change),
    /// Verdicts.
    Announced(Vec<Announced>),
    /// A task, of which the ARN is not known yet.
    Task(Ran),
    /// A desired state that is written.
    Desired(Box<DesiredState>, Timestamp),
}

/// Remembers what the invariants are asked about.
#[derive(Debug, Default)]
pub struct Witness {
    changes: Mutex<Vec<Change>>,
    announced: Mutex<Vec<Announced>>,
    ran: Mutex<Vec<Ran>>,
    touches: Mutex<Vec<Touch>>,
    /// Service and release → when it was first claimed.
    begun: Mutex<Begun>,
}

/// Service and release → when it was first claimed.
type Begun = BTreeMap<(ServiceId, u64), Timestamp>;

/// The APIs of the services that run releases. What Landfall keeps for itself, and its events, are no changes to a service.
const RUNNING: [&str; 5] = [
    "ecs",
    "elasticloadbalancing",
    "application-autoscaling",
    "servicediscovery",
    "logs",
];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Witness {
    /// Looks at a call just before it takes effect.
    pub async fn before(
        &self,
        cloud: &Arc<Cloud>,
        caller: &Invocation,
        asked: &Asked<'_>,
        body: &Bytes,
    ) -> Seen {
        if asked.changes && RUNNING.contains(&asked.api) {
            let touch = touch(cloud, caller, asked.operation).await;
            lock(&self.touches).push(touch);
        }
        match (asked.api, asked.operation) {
            ("ecs", "CreateService" | "UpdateService") => {
                match self.change(cloud, caller, body).await {
                    Some(change) => Seen::Change(change),
                    None => Seen::Nothing,
                }
            }
            (_, "PutEvents") => Seen::Announced(verdicts(body)),
            (_, "RunTask") => Seen::Task(task(cloud, caller, body).await),
            ("s3", written)
                if written.starts_with("PUT ") && written.ends_with("/desired.json") =>
            {
                match serde_json::from_slice(body) {
                    Ok(desired) => Seen::Desired(desired, cloud.world.now()),
                    Err(_) => Seen::Nothing,
                }
            }
            _ => Seen::Nothing,
        }
    }

    /// Remembers the call with its answer.
    pub fn after(&self, seen: Seen, response: &Response<Bytes>) {
        let status = response.status().as_u16();
        match seen {
            Seen::Nothing => {}
            Seen::Change(change) => lock(&self.changes).push(Change { status, ..change }),
            Seen::Announced(announced) if status < 300 => lock(&self.announced).extend(announced),
            Seen::Desired(desired, at) if status < 300 => {
                if let Some(claim) = &desired.claim {
                    let release = (desired.service.clone(), claim.release);
                    lock(&self.begun).entry(release).or_insert(at);
                }
            }
            Seen::Announced(_) | Seen::Desired(..) => {}
            Seen::Task(mut ran) => {
                let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
                if let Some(task) = answer["tasks"][0]["taskArn"].as_str() {
                    ran.beside.retain(|other| other != task);
                    ran.task = task.into();
                    lock(&self.ran).push(ran);
                }
            }
        }
    }

    /// The tasks that ran alone so far, oldest first, once for each request.
    pub fn ran(&self) -> Vec<Ran> {
        lock(&self.ran).clone()
    }

    /// The changes so far, oldest first, also those that ECS refused.
    pub fn changes(&self) -> Vec<Change> {
        lock(&self.changes).clone()
    }

    /// Every call that could change anything, oldest first, also those that were refused.
    pub fn touches(&self) -> Vec<Touch> {
        lock(&self.touches).clone()
    }

    /// The verdicts so far, oldest first.
    pub fn announced(&self) -> Vec<Announced> {
        lock(&self.announced).clone()
    }

    async fn change(&self, cloud: &Cloud, caller: &Invocation, body: &Bytes) -> Option<Change> {
        let input: Value = serde_json::from_slice(body).ok()?;
        let name = input["service"]
            .as_str()
            .or(input["serviceName"].as_str())?;
        let cluster = input["cluster"].as_str()?.rsplit('/').next()?;
        let service = ServiceId::new(cluster, name).ok()?;
        let alive = match &caller.execution {
            Some(execution) => is_running(cloud, execution).await,
            None => false,
        };
        let desired = desired(cloud, &service).await;
        let theirs = primary(cloud, &input["cluster"], &input["service"]).await;
        let now = cloud.world.epoch_seconds();
        let theirs = theirs.filter(|theirs| {
            is_foreign(&theirs.revision) && now - theirs.since > LONGEST_INVOCATION
        });
        let overwrote = match theirs.map(|theirs| theirs.revision) {
            Some(revision) if !may_replace(cloud, &service, desired.as_ref(), &revision).await => {
                Some(revision)
            }
            _ => None,
        };
        let held = desired.and_then(|desired| violated_hold(&desired, &lock(&self.begun)));
        Some(Change {
            overwrote,
            held,
            service,
            function: caller.function.clone(),
            execution: caller.execution.clone(),
            release: caller.release,
            alive,
            task_definition: input["taskDefinition"].as_str().map(str::to_owned),
            status: 0,
            announced: self.announced().len(),
        })
    }
}

/// How long, in seconds, a function may work that changes a service: what came since then it cannot have seen.
const LONGEST_INVOCATION: f64 = 30.0;

/// A call that changes something, and who holds the claim just before it.
async fn touch(cloud: &Cloud, caller: &Invocation, operation: &str) -> Touch {
    let desired = match &caller.service {
        Some(service) => desired(cloud, service).await,
        None => None,
    };
    let claim = desired.and_then(|desired| desired.claim);
    Touch {
        name: format!("{} {operation}", caller.function),
        service: caller.service.clone(),
        execution: caller.execution.clone(),
        claim: claim.map(|claim| claim.execution),
    }
}

/// What the docs name: an operator resumed the service with that revision in it, or it is what a foreign service ran
/// when its first service file came, noted as the way back, and nothing has been good since.
async fn may_replace(
    cloud: &Cloud,
    service: &ServiceId,
    desired: Option<&DesiredState>,
    revision: &str,
) -> bool {
    let Some(desired) = desired else { return false };
    if desired.accepted.as_deref() == Some(revision) {
        return true;
    }
    let noted = object(cloud, STATE_BUCKET, &keys::adopted(service)).await;
    let noted: Value = serde_json::from_slice(&noted.unwrap_or_default()).unwrap_or_default();
    desired.last_good.is_none() && noted["taskDefinition"] == revision
}

/// Whether a revision is a foreign one.
pub fn is_foreign(revision: &str) -> bool {
    revision.contains(FOREIGN)
}

/// The family of the foreign revisions, as it stands in their ARNs.
const FOREIGN: &str = ":task-definition/foreign:";

/// What a service is heading for, as reads show it.
struct Primary {
    revision: String,
    /// Since when, in seconds since 1970.
    since: f64,
}

async fn primary(cloud: &Cloud, cluster: &Value, service: &Value) -> Option<Primary> {
    let input = json!({ "cluster": cluster, "services": [service] });
    let answer = cloud.ecs.call("DescribeServices", input).await.ok()?;
    let deployments = answer["services"][0]["deployments"].as_array()?;
    let mut primary = deployments
        .iter()
        .filter(|deployment| deployment["status"] == "PRIMARY");
    let primary = primary.next()?;
    Some(Primary {
        revision: primary["taskDefinition"].as_str()?.to_owned(),
        since: primary["createdAt"].as_f64()?,
    })
}

/// An operator who finds the desired state changed meanwhile decides again, with the time that it was before.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// The hold that ought to have kept anybody from changing the service: the claimed release was not begun when the hold
/// came, nor did it take the place of one that was.
fn violated_hold(desired: &DesiredState, begun: &Begun) -> Option<Hold> {
    let hold = desired.hold.as_ref()?;
    let was_begun = |release: u64| {
        let at = begun.get(&(desired.service.clone(), release));
        at.is_some_and(|at| *at <= hold.since + SAME_MOMENT)
    };
    let claimed = desired.claim.as_ref().map(|claim| claim.release);
    let took_over = desired.concluded.as_ref().is_some_and(|concluded| {
        concluded.verdict == Verdict::Superseded && was_begun(concluded.number)
    });
    let by_hand = hold.at.map(|at| at.release);
    let may = claimed.is_some_and(|release| was_begun(release) || took_over)
        || claimed.is_some() && claimed == by_hand;
    (!may).then(|| hold.clone())
}

/// A request for a task that runs alone, and what runs alone of the same family.
async fn task(cloud: &Cloud, caller: &Invocation, body: &Bytes) -> Ran {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let revision = input["taskDefinition"].as_str().unwrap_or_default();
    let family = revision.rsplit('/').next().unwrap_or_default();
    let family = family.split(':').next().unwrap_or_default();
    let listed = json!({ "cluster": input["cluster"], "family": family });
    let tasks = cloud
        .ecs
        .call("ListTasks", listed)
        .await
        .unwrap_or_default();
    let described = json!({ "cluster": input["cluster"], "tasks": tasks["taskArns"] });
    let tasks = cloud
        .ecs
        .call("DescribeTasks", described)
        .await
        .unwrap_or_default();
    let alone = tasks["tasks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|task| {
            task["startedBy"]
                .as_str()
                .is_some_and(|started_by| started_by.starts_with("landfall/"))
        });
    let running = alone.filter_map(|task| task["taskArn"].as_str().map(str::to_owned));
    Ran {
        service: caller.service.clone(),
        release: caller.release,
        started_by: input["startedBy"].as_str().unwrap_or_default().into(),
        task: String::new(),
        beside: running.collect(),
    }
}

async fn is_running(cloud: &Cloud, execution: &str) -> bool {
    let input = json!({ "executionArn": execution });
    let answer = cloud.executions.call("DescribeExecution", input).await;
    answer.is_ok_and(|answer| answer["status"] == "RUNNING")
}

/// The desired state of a service, past all faults.
pub async fn desired(cloud: &Cloud, service: &ServiceId) -> Option<DesiredState> {
    let body = object(cloud, STATE_BUCKET, &keys::desired(service)).await?;
    serde_json::from_slice(&body).ok()
}

/// The record of a release, past all faults.
pub async fn record(cloud: &Cloud, service: &ServiceId, number: u64) -> Option<Record> {
    let body = object(cloud, STATE_BUCKET, &keys::record(service, number)).await?;
    serde_json::from_slice(&body).ok()
}

async fn object(cloud: &Cloud, bucket: &str, key: &str) -> Option<Bytes> {
    let request = Request::get(format!("http://127.0.0.1:4599/{bucket}/{key}"))
        .header("host", "127.0.0.1:4599")
        .body(Bytes::new())
        .ok()?;
    let response = cloud.handle(request).await;
    response.status().is_success().then(|| response.into_body())
}

fn verdicts(body: &Bytes) -> Vec<Announced> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = input["Entries"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| serde_json::from_str::<Record>(entry["Detail"].as_str()?).ok())
        .map(|record| Announced {
            service: record.service,
            number: record.release.number,
            verdict: record.verdict,
        })
        .collect()
}
