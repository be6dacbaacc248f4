//! Step `UpdateService`: the service runs the new revision, or is created with it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    content::ContentHash,
    desired::GoodRelease,
    live::{Balancer, LiveService, Scheduling, ServiceStatus},
    record::Release,
    refusal::Refusal,
    service_file::ServiceFile,
    service_id::ServiceId,
    service_section::{load_balancers_to_send, section, unchangeable},
    tags::{RELEASE_TAG, SERVICE_TAG, service_tag},
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
    let Some(live) = live.filter(|live| !live.is_deleted()) else {
        return Ok(Plan::Create);
    };
    unchangeable::foreign_controller(&input.service, live)?;
    Ok(match live.status {
        ServiceStatus::Draining => Plan::AskAgain,
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
    let is_empty = live.is_some_and(|live| {
        live.scheduling_strategy == Scheduling::Replica && live.desired_count == 0
    });
    let owner = file.filter(|file| file.owns_task_definition());
    if let Some(file) = owner.filter(|_| input.last_good.is_none() && is_empty) {
        one_task_at_least(&mut body, file);
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
