//! What ECS fills in by itself, so that it is there in an answer and need not be in a file.
//!
//! Found in the answers of `RegisterTaskDefinition`
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>, examples), in the members'
//! documentation, and in what the Terraform provider takes for equal
//! (<https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/task_definition_equivalency.go>).

use serde_json::{Map, Value, json};

use crate::{
    live::{LiveRevision, LiveService},
    task_definition::containers_mut,
};

/// Members that ECS's answers have with these values when a request has not named them.
fn default_of(member: &str) -> Option<Value> {
    Some(match member {
        "essential" => json!(true),
        "protocol" => json!("tcp"),
        "hostPort" => json!(0),
        "interval" => json!(30),
        "timeout" => json!(5),
        "retries" => json!(3),
        "rootDirectory" => json!("/"),
        "readOnly" | "enableFaultInjection" | "enableExecuteCommand" | "enableECSManagedTags" => {
            json!(false)
        }
        "schedulingStrategy" => json!("REPLICA"),
        "deploymentController" => json!({ "type": "ECS" }),
        "deploymentCircuitBreaker" => json!({ "enable": false, "rollback": false }),
        "propagateTags" => json!("NONE"),
        "platformVersion" => json!("LATEST"),
        "healthCheckGracePeriodSeconds" | "bakeTimeInMinutes" | "base" => json!(0),
        "assignPublicIp" => json!("DISABLED"),
        "strategy" => json!("ROLLING"),
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html>
        "resetOnHealthyTask" => json!(true),
        "thresholdConfiguration" => json!({ "type": "BOUNDED_PERCENT", "value": 50 }),
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentEarlySuccessCriteria.html>
        "earlySuccessCriteria" => json!({ "enable": false }),
        "maximumPercent" => json!(200),
        "minimumHealthyPercent" => json!(100),
        _ => return None,
    })
}

/// Whether a member may as well not be there.
pub(super) fn is_default(member: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) if fields.is_empty() => true,
        _ => default_of(member).as_ref() == Some(value),
    }
}

/// Whether two values of a member mean the same: a role by its name and by its ARN, a number and its text.
pub(super) fn same(member: &str, left: &Value, right: &Value) -> bool {
    if left == right {
        return true;
    }
    match (left, right) {
        (Value::String(left), Value::String(right))
            if member.ends_with("RoleArn") || member == "role" =>
        {
            let short = |text: &str| !text.starts_with("arn:");
            let name = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
            (short(left) || short(right)) && name(left) == name(right)
        }
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        _ => false,
    }
}

/// Whether a member is a mapping of names that people choose.
pub(super) fn is_table(member: &str) -> bool {
    matches!(member, "options" | "dockerLabels" | "driverOpts" | "labels")
}

/// A task definition, described or to be registered, without what ECS fills in and without Landfall's own tags.
pub fn without_defaults(task_definition: &Map<String, Value>) -> Map<String, Value> {
    let tags = task_definition.get("tags").and_then(Value::as_array);
    let revision = LiveRevision {
        fields: task_definition
            .iter()
            .filter(|(name, _)| *name != "tags")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        tags: tags.cloned().unwrap_or_default(),
    };
    let mut body = revision.registrable();
    for (member, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(size) = body.get_mut(member) {
            *size = units(size, unit);
        }
    }
    let mode = body
        .get("networkMode")
        .and_then(Value::as_str)
        .unwrap_or("bridge")
        .to_owned();
    // Windows has another default, and Fargate none: there the mode is always written.
    if mode == "bridge" {
        body.shift_remove("networkMode");
    }
    for container in containers_mut(&mut body) {
        if container.get("cpu") == Some(&json!(0)) {
            container.shift_remove("cpu");
        }
        let ports = container
            .get_mut("portMappings")
            .and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            // With a network of its own, or the host's, a task has no other choice
            // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html>).
            if ["awsvpc", "host"].contains(&&*mode)
                && port.get("hostPort") == port.get("containerPort")
            {
                port.shift_remove("hostPort");
            }
        }
    }
    let mut body = Value::Object(body);
    prune("", &mut body);
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

/// `.25 vCPU` as CPU units and `0.5 GB` as MiB, as ECS answers them.
fn units(size: &Value, unit: &str) -> Value {
    let text = match size {
        Value::String(text) => text.trim().to_ascii_lowercase().replace(' ', ""),
        other => other.to_string(),
    };
    let number = text
        .strip_suffix(unit)
        .and_then(|number| number.parse::<f64>().ok());
    match number {
        Some(number) => format!("{:.0}", number * 1024.0).into(),
        None => text.into(),
    }
}

fn prune(member: &str, value: &mut Value) {
    match value {
        // The names in such a mapping are nobody's members.
        Value::Object(_) if is_table(member) => {}
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                prune(name, value);
            }
            fields.retain(|name, value| !is_default(name, value));
        }
        Value::Array(items) => {
            for item in items {
                prune(member, item);
            }
        }
        _ => {}
    }
}

/// Members of a described service, besides [`LiveService::ANSWERED_ONLY`], that are not taken over as they stand: the name
/// comes first, and the others are no members of a `service` section.
const TAKEN_APART: [&str; 3] = ["taskDefinition", "failures", "serviceName"];

/// What DescribeServices shows with the primary deployment only
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
const OF_THE_DEPLOYMENT: [&str; 3] = [
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Members of a `service` section that DescribeServices does not show at all, in botocore 1.44.8; only
/// DescribeServiceRevisions does (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html>).
pub const OF_THE_REVISION: [&str; 2] = ["gatewayConnectors", "monitoring"];

/// Adds to a described service what only the service revision of its primary deployment shows: the newest of `revisions`
/// that runs the same task definition. What the revision has not is null then. Answers whether there is one.
pub fn with_revision(live: &mut Map<String, Value>, revisions: &[Value]) -> bool {
    let runs = primary(live).and_then(|primary| primary.get("taskDefinition").cloned());
    let created = |revision: &&Value| revision["createdAt"].as_f64().unwrap_or_default();
    let newest = revisions
        .iter()
        .filter(|revision| revision.get("taskDefinition") == runs.as_ref())
        .max_by(|left, right| created(left).total_cmp(&created(right)));
    for member in OF_THE_REVISION {
        if let Some(revision) = newest {
            live.insert(
                member.into(),
                revision.get(member).cloned().unwrap_or_default(),
            );
        }
    }
    newest.is_some()
}

/// The primary deployment of a described service.
pub fn primary(live: &Map<String, Value>) -> Option<&Value> {
    let deployments = live.get("deployments").and_then(Value::as_array);
    let mut deployments = deployments.into_iter().flatten();
    deployments.find(|deployment| deployment.get("status") == Some(&json!("PRIMARY")))
}

/// A described service together with what only its primary deployment shows.
pub(super) fn with_deployment(live: &Map<String, Value>) -> Map<String, Value> {
    let primary = primary(live).cloned();
    let mut live = live.clone();
    for member in OF_THE_DEPLOYMENT {
        if let Some(value) = primary.as_ref().and_then(|primary| primary.get(member)) {
            live.entry(member).or_insert_with(|| value.clone());
        }
    }
    live
}

/// Takes the percentages out of the section of a daemon service, and answers those that it would not have by itself. Those of
/// other services are pruned as usual, which for a daemon would leave out what is not
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).
fn take_percentages(section: &mut Map<String, Value>) -> Vec<(&'static str, Value)> {
    let configuration = section.get_mut("deploymentConfiguration");
    let Some(configuration) = configuration.and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let usual = [("minimumHealthyPercent", 0), ("maximumPercent", 100)];
    let percentages = usual.into_iter().filter_map(|(member, usual)| {
        let percent = configuration.shift_remove(member)?;
        (percent != json!(usual)).then_some((member, percent))
    });
    percentages.collect()
}

/// The `service` section that describes a live service, without what ECS fills in.
pub fn writable_service(live: &Map<String, Value>) -> Map<String, Value> {
    let mut section = Map::new();
    section.insert(
        "serviceName".into(),
        live.get("serviceName").cloned().unwrap_or_default(),
    );
    for (member, value) in with_deployment(live) {
        if !LiveService::ANSWERED_ONLY.contains(&&*member) && !TAKEN_APART.contains(&&*member) {
            section.insert(member, value);
        }
    }
    let daemon = section.get("schedulingStrategy") == Some(&json!("DAEMON"));
    // A daemon service has no count of its own.
    if daemon {
        section.shift_remove("desiredCount");
    }
    let tags = LiveRevision {
        fields: Map::new(),
        tags: section
            .shift_remove("tags")
            .and_then(|tags| tags.as_array().cloned())
            .unwrap_or_default(),
    };
    section.extend(tags.registrable());
    let percentages = if daemon {
        take_percentages(&mut section)
    } else {
        Vec::new()
    };
    let mut section = Value::Object(section);
    prune("", &mut section);
    for (member, percent) in percentages {
        section["deploymentConfiguration"][member] = percent;
    }
    match section {
        Value::Object(section) => section,
        _ => Map::new(),
    }
}
