//! The `service` section of a file as ECS's calls take it.

mod balancers;
mod capacity;
mod count;
mod deadline;
mod given;
mod leftovers;
pub mod out_of_reach;
mod tags;
pub mod unchangeable;

use serde_json::{Map, Value, json};

pub use count::{changes_count, drop_unowned_count, keep_count, shown_count, who_counts};
pub use deadline::deployment_seconds;
pub use given::given_by;
pub use leftovers::{kept_by_ecs, with_resets};
pub use tags::{TagChanges, tag_changes};

use crate::{
    live::{Balancer, LiveService},
    service_file::{Ingress, ServiceFile, TWO_GROUP_STRATEGIES},
    service_id::ServiceId,
    target_group::is_ours,
};

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
pub fn section(
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

/// Whether the deployment strategy moves requests between two target groups.
pub fn has_two_groups(file: &ServiceFile) -> bool {
    strategy(file).is_some_and(|strategy| TWO_GROUP_STRATEGIES.contains(&strategy))
}

/// The deployment strategy that a file names.
pub fn strategy(file: &ServiceFile) -> Option<&str> {
    let configuration = file.service.get("deploymentConfiguration")?;
    configuration.get("strategy")?.as_str()
}

/// What `CreateService` and `UpdateService` are sent as `loadBalancers`: those that the section names, and the one that
/// Landfall keeps.
pub fn load_balancers(file: &ServiceFile, ingress: &Ingress, balancer: &Balancer) -> Value {
    let mut managed = json!({
        "targetGroupArn": balancer.target_group,
        "containerName": ingress.container,
        "containerPort": ingress.port,
    });
    if let Some(alternate) = &balancer.alternate_target_group {
        managed["advancedConfiguration"] = json!({
            "alternateTargetGroupArn": alternate,
            "productionListenerRule": balancer.rule,
            "roleArn": ingress.role_arn,
        });
    }
    let mut all = file
        .service
        .get("loadBalancers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    all.push(managed);
    all.into()
}

/// What to send as `loadBalancers` for a file; none leaves them as they are. A service that still has the target group
/// of an `ingress` section that is gone gets what the file says, if that is nothing.
pub fn load_balancers_to_send(
    file: &ServiceFile,
    service: &ServiceId,
    balancer: Option<&Balancer>,
    live_groups: &[&String],
) -> Option<Value> {
    match (&file.ingress, balancer) {
        (Some(ingress), Some(balancer)) => Some(load_balancers(file, ingress, balancer)),
        (None, _) if live_groups.iter().any(|group| is_ours(group, service)) => Some(
            file.service
                .get("loadBalancers")
                .cloned()
                .unwrap_or_else(|| json!([])),
        ),
        _ => None,
    }
}
