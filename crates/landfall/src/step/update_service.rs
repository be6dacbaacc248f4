//! Step `UpdateService`: the service runs the new revision, or is created with it.

mod balancers;
mod capacity;
mod count;
mod leftovers;
mod pace;
pub mod unchangeable;

use std::collections::BTreeMap;

pub use balancers::LiveBalancer;
pub use capacity::CapacityShare;
pub use count::{changes_count, keep_count, who_counts};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use leftovers::{TagChanges, cleared, tag_changes};
pub use pace::Pace;

use super::{
    ensure_ingress::{Balancer, load_balancers_to_send},
    register_task_definition::{RELEASE_TAG, SERVICE_TAG, service_tag},
};
use crate::{
    content::ContentHash, desired::GoodRelease, record::Release, refusal::Refusal,
    service_file::ServiceFile, service_id::ServiceId,
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// The ARN of its cluster.
    pub cluster: String,
    /// The ARN of the revision to run.
    pub task_definition: String,
    /// Whether the whole `service` section has to be sent, or only the revision.
    pub apply_service: bool,
    /// The last good release, if there ever was one.
    pub last_good: Option<GoodRelease>,
    /// How long, in seconds, ECS may take.
    pub timeout_seconds: u64,
    /// The target group that Landfall keeps, if the file has an `ingress` section and the whole section has to be sent.
    #[serde(default)]
    pub balancer: Option<Balancer>,
    /// The ARN of the revision that an adopted service ran, into which the images were filled.
    #[serde(default)]
    pub base: Option<String>,
}

/// A change that ECS has accepted and now carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The revision that will run; none if the service is to run nothing.
    pub task_definition: Option<String>,
    /// When ECS was asked for it: nothing that belongs to it is older.
    pub started_at: Timestamp,
    /// How long, in seconds, ECS may take.
    pub timeout_seconds: u64,
}

/// A service as ECS describes it, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveService {
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: String,
    /// `REPLICA` or `DAEMON`.
    pub scheduling_strategy: String,
    /// How many tasks should run.
    pub desired_count: i32,
    /// How many run.
    pub running_count: i32,
    /// How many are on their way up.
    pub pending_count: i32,
    /// Its deployments.
    pub deployments: Vec<LiveDeployment>,
    /// Its capacity provider strategy; empty if it has a launch type.
    pub capacity: Vec<CapacityShare>,
    /// What its tasks are registered in.
    pub balancers: Vec<LiveBalancer>,
    /// The ARNs of the service revisions that it runs: one, but during a deployment.
    pub revisions: Vec<String>,
    /// How long, in seconds, a deployment of it takes on purpose.
    pub pace_seconds: u64,
    /// Its events with their times, newest first.
    pub events: Vec<(Timestamp, String)>,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it was created with and keeps.
    pub created: CreatedWith,
}

/// What a service was created with and `UpdateService` does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedWith {
    /// `EC2`, `FARGATE` or `EXTERNAL`; none if it has capacity providers.
    pub launch_type: Option<String>,
    /// The ARN of the role by which ECS registers its tasks in load balancers.
    pub role: Option<String>,
}

/// One deployment of a service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDeployment {
    /// `ecs-svc/…`
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// The revision's ARN.
    pub task_definition: String,
    /// `COMPLETED`, `FAILED` or `IN_PROGRESS`; absent for a service without rolling updates.
    pub rollout_state: Option<String>,
    /// Why.
    pub rollout_state_reason: Option<String>,
    /// How many of its tasks run.
    pub running_count: i32,
    /// How many of its tasks failed to start or to stay.
    pub failed_tasks: i32,
}

impl LiveService {
    /// The target groups that its tasks may be registered in.
    pub fn target_groups(&self) -> Vec<&String> {
        self.balancers
            .iter()
            .flat_map(LiveBalancer::groups)
            .collect()
    }

    /// The deployment that ECS is heading for.
    pub fn primary(&self) -> Option<&LiveDeployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == "PRIMARY")
    }

    /// Whether it has the tag with which Landfall creates the service.
    pub fn was_made_for(&self, service: &ServiceId) -> bool {
        self.tags.get(SERVICE_TAG) == Some(&service_tag(service))
    }

    /// Whether ECS has nothing left to do: one deployment, completed, with all its tasks running.
    pub fn is_steady(&self) -> bool {
        let completed = |deployment: &LiveDeployment| {
            deployment
                .rollout_state
                .as_deref()
                .is_none_or(|state| state == "COMPLETED")
        };
        self.deployments.len() == 1
            && self.primary().is_some_and(completed)
            && self.running_count == self.desired_count
            && self.pending_count == 0
    }
}

/// How long, in seconds, ECS may take for a deployment: so long as the service file says, and the time that it takes on
/// purpose, by what ECS was sent or by what the service has.
pub fn deployment_seconds(
    timeout_seconds: u64,
    file: Option<&ServiceFile>,
    live: Option<&LiveService>,
) -> u64 {
    let said = file.and_then(|file| file.service.get("deploymentConfiguration"));
    let said = said.map(|said| Pace::of(said).seconds()).unwrap_or(0);
    let has = live.map_or(0, |live| live.pace_seconds);
    timeout_seconds.saturating_add(said.max(has))
}

/// That a service is to be adopted which is not there.
pub fn nothing_to_adopt(service: &ServiceId) -> Refusal {
    Refusal::new(format!(
        "there is no service {service} to adopt: its service file has no taskDefinition, so the service has to exist; create \
         it first, correct cluster.clusterName or service.serviceName, or write the section taskDefinition"
    ))
}

/// Which call makes the service run the revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// There is no service: `CreateService` with the whole section.
    Create,
    /// The service may differ from the file: `UpdateService` with the whole section.
    UpdateAll,
    /// Only the revision is new. The desired count that autoscaling chose stays.
    UpdateTaskDefinition,
    /// ECS is still deleting a service of this name: ask again.
    AskAgain,
}

/// Decides from what ECS says.
///
/// # Errors
/// Refused if something else controls the service's deployments.
pub fn plan(input: &Input, live: Option<&LiveService>) -> Result<Plan, Refusal> {
    let Some(live) = live.filter(|live| live.status != "INACTIVE") else {
        return Ok(Plan::Create);
    };
    unchangeable::foreign_controller(&input.service, live)?;
    Ok(match live.status.as_str() {
        "DRAINING" => Plan::AskAgain,
        _ if input.apply_service => Plan::UpdateAll,
        _ => Plan::UpdateTaskDefinition,
    })
}

/// What `CreateService` is sent. The token makes a repeated request harmless: it takes 36 characters
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
pub fn create_body(input: &Input, file: &ServiceFile) -> Map<String, Value> {
    let mut body = file.service.clone();
    body.insert("cluster".into(), json!(input.cluster));
    body.insert("taskDefinition".into(), json!(input.task_definition));
    let balancers = load_balancers_to_send(file, &input.service, input.balancer.as_ref(), &[]);
    body.extend(balancers.map(|value| ("loadBalancers".into(), value)));
    one_task_at_least(&mut body, file);
    let attempt = json!([input.service, input.release.number, input.task_definition]);
    let token = ContentHash::of(&attempt).to_string();
    body.entry("clientToken")
        .or_insert_with(|| json!(token[..32]));
    let tags = body.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.retain(|tag| {
            let key = tag.get("key").and_then(Value::as_str);
            ![Some(SERVICE_TAG), Some(RELEASE_TAG)].contains(&key)
        });
        tags.push(json!({ "key": SERVICE_TAG, "value": service_tag(&input.service) }));
        tags.push(json!({ "key": RELEASE_TAG, "value": input.release.number.to_string() }));
    }
    body
}

/// What `UpdateService` is sent: the whole section of `file`, or the revision alone.
///
/// A service at 0 tasks that never had a good release was left so by a failed first one, and gets a task again where
/// the file names no count. A count that somebody else's service has, by autoscaling or by hand, is left alone.
pub fn update_body(
    input: &Input,
    file: Option<&ServiceFile>,
    live: Option<&LiveService>,
) -> Map<String, Value> {
    let mut body = match file {
        Some(file) => section(file, &input.service, input.balancer.as_ref(), live),
        None => Map::new(),
    };
    body.insert("cluster".into(), json!(input.cluster));
    body.insert("service".into(), json!(input.service.service()));
    body.insert("taskDefinition".into(), json!(input.task_definition));
    let is_empty =
        live.is_some_and(|live| live.scheduling_strategy == "REPLICA" && live.desired_count == 0);
    let owner = file.filter(|file| file.owns_task_definition());
    if let Some(file) = owner.filter(|_| input.last_good.is_none() && is_empty) {
        one_task_at_least(&mut body, file);
    }
    body
}

/// The members of `CreateService` that `UpdateService` has not
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
pub const CREATE_ONLY: [&str; 6] = [
    "clientToken",
    "launchType",
    "role",
    "schedulingStrategy",
    "serviceName",
    "tags",
];

/// The `service` section of a file as `UpdateService` takes it, with what Landfall fills in.
pub(super) fn section(
    file: &ServiceFile,
    service: &ServiceId,
    balancer: Option<&Balancer>,
    live: Option<&LiveService>,
) -> Map<String, Value> {
    let mut body = updatable(file);
    let live_groups = live.map(LiveService::target_groups).unwrap_or_default();
    let balancers = load_balancers_to_send(file, service, balancer, &live_groups);
    body.extend(balancers.map(|value| ("loadBalancers".into(), value)));
    if let Some(live) = live {
        capacity::move_tasks(&mut body, &file.service, live);
        balancers::leave_to_ecs(&mut body, live);
    }
    body
}

/// The part of a file's `service` section that can be changed in place. Where the file scales the service, the desired
/// count is not the file's to say.
fn updatable(file: &ServiceFile) -> Map<String, Value> {
    let mut body = file.service.clone();
    body.retain(|member, _| !CREATE_ONLY.contains(&&**member));
    if file.autoscaling.is_some() {
        body.remove("desiredCount");
    }
    body
}

/// ECS creates a replica service without `desiredCount` with no task at all. A release of no task proves nothing.
fn one_task_at_least(body: &mut Map<String, Value>, file: &ServiceFile) {
    if body.get("schedulingStrategy").and_then(Value::as_str) != Some("DAEMON") {
        let least = file
            .autoscaling
            .as_ref()
            .map_or(1, |scaled| scaled.min.max(1));
        body.entry("desiredCount").or_insert(json!(least));
    }
}

#[cfg(test)]
mod tests;
