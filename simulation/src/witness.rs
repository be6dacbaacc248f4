//! Who changed what in ECS, while who held the claim; and which verdicts were announced.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
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
    /// Who held the claim.
    pub claim: Option<String>,
    /// The revision that it gave the service.
    pub task_definition: Option<String>,
    /// Why the service was on hold, if the change was for a release that the hold kept from beginning.
    pub held: Option<Hold>,
    /// The foreign revision that it took the place of, although the function had seen it there, and nobody had
    /// resumed the service.
    pub overwrote: Option<String>,
    /// The HTTP status of ECS's answer.
    pub status: u16,
    /// How many verdicts had been announced before.
    pub announced: usize,
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
    /// A task: what it was asked for by, and the tasks that ran alone already.
    Task(String, Vec<String>),
}

/// Remembers what the invariants are asked about.
#[derive(Debug, Default)]
pub struct Witness {
    changes: Mutex<Vec<Change>>,
    announced: Mutex<Vec<Announced>>,
    ran: Mutex<Vec<Ran>>,
    /// Invocation → the revision that the service was heading for when it last looked.
    looks: Mutex<BTreeMap<usize, String>>,
}

impl Witness {
    /// Looks at a call just before it takes effect.
    pub async fn before(
        &self,
        cloud: &Arc<Cloud>,
        caller: &Invocation,
        operation: &str,
        body: &Bytes,
    ) -> Seen {
        match operation {
            "DescribeServices" => {
                self.look(cloud, caller, body).await;
                Seen::Nothing
            }
            "CreateService" | "UpdateService" => match change(cloud, caller, body).await {
                Some(mut change) => {
                    let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
                    let seen = looks.get(&name(caller));
                    let overwrote = change.overwrote.take();
                    change.overwrote = overwrote.filter(|theirs| seen == Some(theirs));
                    change.announced = self.announced().len();
                    Seen::Change(change)
                }
                None => Seen::Nothing,
            },
            "PutEvents" => Seen::Announced(verdicts(body)),
            "RunTask" => task(cloud, body).await,
            _ => Seen::Nothing,
        }
    }

    async fn look(&self, cloud: &Cloud, caller: &Invocation, body: &Bytes) {
        let input: Value = serde_json::from_slice(body).unwrap_or_default();
        let revision = primary(cloud, &input["cluster"], &input["services"][0]).await;
        self.looks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name(caller), revision.unwrap_or_default());
    }

    /// Remembers the call with its answer.
    pub fn after(&self, seen: Seen, response: &Response<Bytes>) {
        let status = response.status().as_u16();
        match seen {
            Seen::Nothing => {}
            Seen::Change(change) => self
                .changes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Change { status, ..change }),
            Seen::Announced(announced) if status < 300 => self
                .announced
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(announced),
            Seen::Announced(_) => {}
            Seen::Task(started_by, running) => {
                let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
                if let Some(task) = answer["tasks"][0]["taskArn"].as_str() {
                    let beside = running.into_iter().filter(|other| other != task);
                    let ran = Ran {
                        started_by,
                        task: task.into(),
                        beside: beside.collect(),
                    };
                    self.ran
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(ran);
                }
            }
        }
    }

    /// The tasks that ran alone so far, oldest first, once for each request.
    pub fn ran(&self) -> Vec<Ran> {
        self.ran
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The changes so far, oldest first, also those that ECS refused.
    pub fn changes(&self) -> Vec<Change> {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The verdicts so far, oldest first.
    pub fn announced(&self) -> Vec<Announced> {
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn change(cloud: &Cloud, caller: &Invocation, body: &Bytes) -> Option<Change> {
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
    let theirs = primary(cloud, &input["cluster"], &input["service"])
        .await
        .filter(|revision| is_foreign(revision));
    let overwrote = match theirs {
        Some(revision) if !may_replace(cloud, &service, desired.as_ref(), &revision).await => {
            Some(revision)
        }
        _ => None,
    };
    Some(Change {
        overwrote,
        held: desired.as_ref().and_then(violated_hold),
        claim: desired
            .and_then(|desired| desired.claim)
            .map(|claim| claim.execution),
        service,
        function: caller.function.clone(),
        execution: caller.execution.clone(),
        release: caller.release,
        alive,
        task_definition: input["taskDefinition"].as_str().map(str::to_owned),
        status: 0,
        announced: 0,
    })
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

/// What tells an invocation from those at the same time.
fn name(caller: &Invocation) -> usize {
    Arc::as_ptr(&caller.kill) as usize
}

/// The revision that a service is heading for.
async fn primary(cloud: &Cloud, cluster: &Value, service: &Value) -> Option<String> {
    let input = json!({ "cluster": cluster, "services": [service] });
    let answer = cloud.ecs.call("DescribeServices", input).await.ok()?;
    let deployments = answer["services"][0]["deployments"].as_array()?;
    let mut primary = deployments
        .iter()
        .filter(|deployment| deployment["status"] == "PRIMARY");
    Some(primary.next()?["taskDefinition"].as_str()?.to_owned())
}

/// The hold that ought to have kept anybody from changing the service. Releases that are older than the hold may have
/// been begun.
fn violated_hold(desired: &DesiredState) -> Option<Hold> {
    let hold = desired.hold.as_ref()?;
    let claim = desired.claim.as_ref();
    let claimed = claim.and_then(|claim| {
        let mut open = desired.open.iter();
        open.find(|release| release.number == claim.release)
    });
    let may = claimed.is_some_and(|release| release.created_at <= hold.since);
    (!may).then(|| hold.clone())
}

/// A request for a task that runs alone, and what runs alone of the same family.
async fn task(cloud: &Cloud, body: &Bytes) -> Seen {
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
    let started_by = input["startedBy"].as_str().unwrap_or_default();
    Seen::Task(started_by.into(), running.collect())
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
