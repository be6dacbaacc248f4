//! Amazon ECS: an API, a scheduler that keeps every deployment's promises, and tasks that really run.
//!
//! [`scheduler`] decides and is pure; [`rollout`] applies what it decided; each task is played by one [`task_life`], whose
//! containers are processes or simulations ([`container`]). State changes only under one lock, which is never held across
//! an await.

mod announce;
mod capacity;
mod clusters;
mod container;
mod deployments;
mod hooks;
mod image;
mod lag;
mod launch;
mod neighbours;
mod not_yet;
mod observation;
mod pauses;
mod process;
mod rollout;
mod scheduler;
mod service_checks;
mod service_deployments;
mod service_description;
mod services;
mod shift;
mod shortage;
mod state;
mod task_definitions;
mod task_life;
mod tasks;
mod throttle;
mod traffic;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use self::container::Switch;
pub use self::container::{Healthy, SimulatedBehaviour};
pub use self::image::{DOCKER, ImageLookup, Images, KEPT_BY_DOCKER, LogLine, LogSink};
pub use self::not_yet::NotYet;
use self::not_yet::Passing;
pub use self::shortage::Shortage;
use self::state::State;
use self::throttle::Buckets;
pub use self::throttle::Quota;
use super::api::{Api, UNKNOWN_OPERATION};
use super::bus::Bus;
use super::elb::Elb;
use super::fault::Fault;
use crate::world::World;

/// How long things take that take time in AWS. AWS needs tens of seconds for most of them.
#[derive(Clone, Debug)]
pub struct EcsSettings {
    /// PROVISIONING: finding a place for the task and plugging in its network.
    pub provisioning: Duration,
    /// PENDING: pulling the images.
    pub pulling: Duration,
    /// DEPROVISIONING: taking the network away again.
    pub deprovisioning: Duration,
    /// How long a task without any health check must have run before it counts as up. A task that crashes at its start
    /// is a failure and no success followed by a failure.
    pub settle: Duration,
    /// Unit of the pause before another start of a deployment whose tasks keep failing; it doubles with every failure
    /// after the third, up to 60 units.
    pub restart_backoff: Duration,
    /// Factor on the intervals of container health checks; 1.0 is AWS's pace. Start and grace periods are for programs,
    /// which start no sooner here: they last as long as they say.
    pub health_check_time_scale: f64,
    /// How long managed instances' capacity providers are PROVISIONING.
    pub managed_capacity: Duration,
    /// How long a minute is for which a deployment bakes, before or after its requests have moved.
    pub deployment_minute: Duration,
    /// How long reads of a service answer as before, after it was created, updated or deleted.
    pub read_lag: Duration,
    /// For how long reads do not know a task yet that was run on request.
    pub task_lag: Duration,
    /// The answers that pass by themselves.
    pub not_yet: Vec<NotYet>,
    /// The operations that are throttled, by their name.
    pub quotas: BTreeMap<&'static str, Quota>,
}

impl Default for EcsSettings {
    /// Quick enough to watch: a task is RUNNING after half a second. Nothing is throttled.
    fn default() -> Self {
        Self {
            provisioning: Duration::from_millis(200),
            pulling: Duration::from_millis(300),
            deprovisioning: Duration::from_millis(200),
            settle: Duration::from_millis(1500),
            restart_backoff: Duration::from_secs(1),
            health_check_time_scale: 0.2,
            managed_capacity: Duration::from_secs(4),
            deployment_minute: Duration::from_secs(3),
            read_lag: Duration::ZERO,
            task_lag: Duration::ZERO,
            not_yet: Vec::new(),
            quotas: BTreeMap::new(),
        }
    }
}

/// Handle to the ECS of one embedded cloud. Clones share everything.
#[derive(Clone)]
pub struct Ecs {
    inner: Arc<Inner>,
}

struct Inner {
    world: Arc<World>,
    bus: Bus,
    elb: Elb,
    images: Images,
    logs: LogSink,
    settings: EcsSettings,
    state: Mutex<State>,
    behaviours: Mutex<BTreeMap<String, SimulatedBehaviour>>,
    switches: Mutex<BTreeMap<String, Switch>>,
    lives: Mutex<JoinSet<()>>,
    scheduler: Mutex<Option<JoinHandle<()>>>,
    look: Arc<Notify>,
    views: Mutex<Vec<lag::View>>,
    buckets: Buckets,
    passing: Passing,
    shortage: Mutex<Option<Shortage>>,
}

impl std::fmt::Debug for Ecs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ecs")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

/// What is played.
pub(super) const API: Api<Ecs> = Api {
    service: "ecs",
    title: "ECS",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("CreateCluster", Ecs::create_cluster),
        ("DescribeClusters", Ecs::describe_clusters),
        ("ListClusters", |ecs, _| ecs.list_clusters()),
        ("UpdateCluster", Ecs::update_cluster),
        (
            "PutClusterCapacityProviders",
            Ecs::put_cluster_capacity_providers,
        ),
        ("CreateCapacityProvider", Ecs::create_capacity_provider),
        (
            "DescribeCapacityProviders",
            Ecs::describe_capacity_providers,
        ),
        ("RegisterTaskDefinition", Ecs::register_task_definition),
        ("DeregisterTaskDefinition", Ecs::deregister_task_definition),
        ("DescribeTaskDefinition", Ecs::describe_task_definition),
        ("ListTaskDefinitions", Ecs::list_task_definitions),
        ("CreateService", |ecs, input| {
            ecs.change_late(input, Ecs::create_service)
        }),
        ("UpdateService", |ecs, input| {
            ecs.change_late(input, Ecs::update_service)
        }),
        ("DescribeServices", Ecs::describe_services_late),
        ("ListServices", Ecs::list_services),
        ("DeleteService", |ecs, input| {
            ecs.change_late(input, Ecs::delete_service)
        }),
        ("ListTasks", Ecs::list_tasks),
        ("DescribeTasks", Ecs::describe_tasks),
        ("StopTask", Ecs::stop_task),
        ("RunTask", Ecs::run_task),
        ("ListServiceDeployments", Ecs::list_service_deployments_late),
        (
            "DescribeServiceDeployments",
            Ecs::describe_service_deployments,
        ),
        ("DescribeServiceRevisions", Ecs::describe_service_revisions),
        ("StopServiceDeployment", Ecs::stop_service_deployment),
        (
            "ContinueServiceDeployment",
            Ecs::continue_service_deployment,
        ),
        ("TagResource", Ecs::tag_resource),
        ("UntagResource", Ecs::untag_resource),
        ("ListTagsForResource", Ecs::list_tags_for_resource),
    ],
};

impl Ecs {
    /// An ECS without clusters whose scheduler runs. Must be called within a tokio runtime.
    pub fn new(
        world: Arc<World>,
        bus: Bus,
        elb: Elb,
        images: Images,
        logs: LogSink,
        settings: EcsSettings,
    ) -> Self {
        let ecs = Self {
            inner: Arc::new(Inner {
                world,
                bus,
                elb,
                images,
                logs,
                buckets: Buckets::new(settings.quotas.clone()),
                passing: Passing::new(settings.not_yet.clone()),
                settings,
                state: Mutex::default(),
                behaviours: Mutex::default(),
                switches: Mutex::default(),
                lives: Mutex::default(),
                scheduler: Mutex::default(),
                look: Arc::default(),
                views: Mutex::default(),
                shortage: Mutex::default(),
            }),
        };
        let loop_ = tokio::spawn(rollout::schedule(
            Arc::downgrade(&ecs.inner),
            ecs.inner.elb.changes(),
        ));
        *ecs.inner
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(loop_);
        ecs
    }

    /// Performs one operation of `AmazonEC2ContainerServiceV20141113`.
    ///
    /// # Errors
    /// AWS's error codes and messages; an operation that is not played is an `UnknownOperationException` that names it, and one
    /// that is called too often is throttled.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        self.inner.buckets.take(operation)?;
        self.inner.passing.meet(operation)?;
        API.call(self, operation, &input)
    }

    /// Sets how simulated containers of the image with this digest behave from their next start on.
    pub fn simulate(&self, digest: &str, behaviour: SimulatedBehaviour) {
        let mut behaviours = self
            .inner
            .behaviours
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        behaviours.insert(digest.to_owned(), behaviour);
    }

    /// Everything but processes, for [`Ecs::restore`].
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.inner.lock()).unwrap_or_default()
    }

    /// Takes a snapshot's state. Tasks that ran have lost their processes: they are STOPPED, and the scheduler replaces
    /// them without counting that against their deployment.
    ///
    /// # Errors
    /// When `snapshot` was not made by [`Ecs::snapshot`].
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        let mut restored: State = serde_json::from_value(snapshot)?;
        let now = self.inner.world.epoch_seconds();
        for task in restored
            .tasks
            .values_mut()
            .filter(|task| !task.is_stopped())
        {
            for target in task.targets.drain(..) {
                self.inner
                    .elb
                    .forget(&target.group, &target.id, target.port);
            }
            task.lost("embedded cloud restarted", now);
        }
        *self.inner.lock() = restored;
        self.inner.look.notify_one();
        Ok(())
    }

    /// Ends the scheduler and kills every process of every task. Without it they run until the tokio runtime ends: a
    /// running task keeps its ECS.
    pub async fn shutdown(&self) {
        if let Some(scheduler) = self
            .inner
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            scheduler.abort();
        }
        let mut lives = std::mem::take(
            &mut *self
                .inner
                .lives
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        lives.shutdown().await;
    }

    fn tag_resource(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        let tags = state.tags_mut(text(input, "resourceArn"))?;
        for tag in list(input, "tags") {
            tags.retain(|known| known["key"] != tag["key"]);
            tags.push(tag.clone());
        }
        Ok(json!({}))
    }

    fn untag_resource(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        state
            .tags_mut(text(input, "resourceArn"))?
            .retain(|tag| !list(input, "tagKeys").contains(&tag["key"]));
        Ok(json!({}))
    }

    fn list_tags_for_resource(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        Ok(json!({ "tags": state.tags_mut(text(input, "resourceArn"))? }))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nineteen decimal digits, as ECS numbers deployments and revisions.
    fn digits(&self) -> String {
        let draw = u64::from_str_radix(&self.world.hex(15), 16).unwrap_or_default();
        format!(
            "{}",
            1_000_000_000_000_000_000 + draw % 8_000_000_000_000_000_000
        )
    }
}

/// The string member `name`, or nothing at all.
fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The list member `name`; a missing list is empty.
fn list<'a>(input: &'a Value, name: &str) -> &'a [Value] {
    input
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The list member `name` as strings.
fn strings<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    list(input, name).iter().filter_map(Value::as_str).collect()
}

/// One page of a List operation: `maxResults` items after the one that `nextToken` names, or as many as the operation answers
/// `by_itself`.
fn page(input: &Value, member: &str, items: Vec<Value>, by_itself: usize) -> Value {
    let size = input
        .get("maxResults")
        .and_then(Value::as_u64)
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(by_itself);
    let from: usize = text(input, "nextToken").parse().unwrap_or(0);
    let total = items.len();
    let items: Vec<Value> = items.into_iter().skip(from).take(size.max(1)).collect();
    let next = from + items.len();
    let mut answer = json!({ member: items });
    if next < total {
        answer["nextToken"] = next.to_string().into();
    }
    answer
}

/// Refuses a request that names more than `most` things, in ECS's words.
fn at_most(most: usize, names: &[&str], what: &str) -> Result<(), Fault> {
    if names.len() > most {
        return Err(invalid(format!("{what} can have at most {most} items.")));
    }
    Ok(())
}

/// A request that a parameter makes impossible.
fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidParameterException", message)
}

#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod tests;
