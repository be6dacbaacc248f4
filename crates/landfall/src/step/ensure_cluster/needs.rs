//! What a cluster and its tasks need besides: settings, capacity providers, log groups. Nothing that other services may
//! use is ever taken away.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    service_file::ServiceFile,
    service_id::ServiceId,
    tags::{SERVICE_TAG, service_tag},
    task_definition::containers,
};

/// The capacity providers that are there without being made
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>).
pub const GIVEN_CAPACITY: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// What `UpdateCluster` has to be sent so that what the file says of the cluster holds; none if it does. Other settings
/// that the cluster has stay.
pub fn cluster_update(file: &ServiceFile, live: &Value) -> Option<Map<String, Value>> {
    let mut body = Map::new();
    for member in ["settings", "configuration", "serviceConnectDefaults"] {
        if let Some(wanted) = file.cluster.get(member)
            && !holds(wanted, &live[member])
        {
            body.insert(member.into(), wanted.clone());
        }
    }
    if body.is_empty() {
        return None;
    }
    body.insert("cluster".into(), live["clusterArn"].clone());
    Some(body)
}

/// Whether everything that is wanted is there; there may be more. Lists are sets here: settings by name.
fn holds(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted
            .iter()
            .all(|(name, value)| live.get(name).is_some_and(|live| holds(value, live))),
        (Value::Array(wanted), Value::Array(live)) => wanted
            .iter()
            .all(|value| live.iter().any(|live| holds(value, live))),
        _ => wanted == live,
    }
}

/// The capacity providers that the file describes, as `CreateCapacityProvider` takes them.
pub fn capacity_providers(file: &ServiceFile, service: &ServiceId) -> Vec<Map<String, Value>> {
    let bodies = file.capacity.iter().cloned().map(|mut body| {
        if is_of_one_cluster(&body) {
            body.entry("cluster")
                .or_insert_with(|| json!(service.cluster()));
        }
        let tags = body.entry("tags").or_insert_with(|| json!([]));
        if let Some(tags) = tags.as_array_mut()
            && !tags.iter().any(|tag| tag["key"] == SERVICE_TAG)
        {
            tags.push(json!({ "key": SERVICE_TAG, "value": service_tag(service) }));
        }
        body
    });
    bodies.collect()
}

/// Whether a capacity provider belongs to the one cluster that it is made in, and is not associated with others
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html>).
pub fn is_of_one_cluster(body: &Map<String, Value>) -> bool {
    body.contains_key("managedInstancesProvider")
}

/// What `PutClusterCapacityProviders` has to be sent so that the cluster has what the file names; none if it has. What
/// the cluster has besides is named too, because the call takes away what it does not name
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html>).
pub fn association(file: &ServiceFile, live: &Value) -> Option<Map<String, Value>> {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let providers = |one: bool| {
        let bodies = file
            .capacity
            .iter()
            .filter(move |body| is_of_one_cluster(body) == one);
        bodies.filter_map(|body| body.get("name").and_then(Value::as_str))
    };
    let of_this_cluster: BTreeSet<&str> = providers(true).collect();
    let strategies = [
        file.service.get("capacityProviderStrategy"),
        file.cluster.get("defaultCapacityProviderStrategy"),
    ];
    let used = strategies
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten();
    let given = used
        .filter_map(|item| item["capacityProvider"].as_str())
        .filter(|name| GIVEN_CAPACITY.contains(name));
    let wanted: BTreeSet<String> = texts(file.cluster.get("capacityProviders"))
        .into_iter()
        .chain(providers(false).map(str::to_owned))
        .chain(given.map(str::to_owned))
        .filter(|name| !of_this_cluster.contains(&**name))
        .collect();
    let mut all = texts(live.get("capacityProviders"));
    let known: BTreeSet<String> = all.iter().cloned().collect();
    let live_default = live
        .get("defaultCapacityProviderStrategy")
        .cloned()
        .unwrap_or_else(|| json!([]));
    let default = file.cluster.get("defaultCapacityProviderStrategy");
    let default_holds = default.is_none_or(|default| {
        holds(default, &live_default) && count(default) == count(&live_default)
    });
    if wanted.is_subset(&known) && default_holds {
        return None;
    }
    all.extend(wanted.difference(&known).cloned());
    Some(Map::from_iter([
        ("cluster".into(), live["clusterArn"].clone()),
        ("capacityProviders".into(), json!(all)),
        (
            "defaultCapacityProviderStrategy".into(),
            default.cloned().unwrap_or(live_default),
        ),
    ]))
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// The log groups that containers write to in this Region, but those that the log driver itself creates
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>).
pub fn wanted_log_groups(file: &ServiceFile, region: &str) -> BTreeSet<String> {
    let groups = containers(&file.task_definition).filter_map(|container| {
        let log = container.get("logConfiguration")?;
        let option = |name: &str| log["options"][name].as_str();
        let here = option("awslogs-region").is_none_or(|named| named == region);
        let made = log["options"]["awslogs-create-group"] == true
            || option("awslogs-create-group") == Some("true");
        let ours = log["logDriver"] == "awslogs" && here && !made;
        option("awslogs-group").filter(|_| ours).map(str::to_owned)
    });
    groups.collect()
}

#[cfg(test)]
mod tests;
