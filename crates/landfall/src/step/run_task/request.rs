//! What ECS is asked for a one-off task.

use serde_json::{Map, Value, json};

use super::{Input, Run};
use crate::{
    service_file::{OneOffTask, ServiceFile},
    tags::{SERVICE_TAG, service_tag},
};

/// Members of the `service` section that a task takes too.
const SHARED: [&str; 5] = [
    "capacityProviderStrategy",
    "launchType",
    "networkConfiguration",
    "platformVersion",
    "volumeConfigurations",
];

/// The body of `RunTask`: the placement of the service's tasks, the members that the file gives for the task, the
/// command. The token makes a repeated request harmless; after ECS said that there is no room, the next request is
/// another one.
pub fn body(input: &Input, file: &ServiceFile, task: &OneOffTask, run: &Run) -> Map<String, Value> {
    let token = input.identity(task, run.refusals);
    requested(input, file, task, &run.started_by, &token)
}

/// The same, with this `startedBy` and this token.
pub(super) fn requested(
    input: &Input,
    file: &ServiceFile,
    task: &OneOffTask,
    started_by: &str,
    token: &str,
) -> Map<String, Value> {
    let mut body = Map::new();
    for member in SHARED {
        if let Some(value) = file.service.get(member) {
            body.insert(member.into(), value.clone());
        }
    }
    for (given, other) in [
        ("launchType", "capacityProviderStrategy"),
        ("capacityProviderStrategy", "launchType"),
    ] {
        if task.run_task.contains_key(given) {
            body.remove(other);
        }
    }
    body.extend(task.run_task.clone());
    body.insert("cluster".into(), json!(input.cluster));
    body.insert("taskDefinition".into(), json!(input.task_definition));
    body.insert("count".into(), json!(1));
    body.insert("startedBy".into(), json!(started_by));
    body.insert("clientToken".into(), json!(token));
    overridden(&mut body, task);
    let tags = body.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.retain(|tag| tag.get("key").and_then(Value::as_str) != Some(SERVICE_TAG));
        tags.push(json!({ "key": SERVICE_TAG, "value": service_tag(&input.service) }));
    }
    body
}

fn overridden(body: &mut Map<String, Value>, task: &OneOffTask) {
    let overrides = body.entry("overrides").or_insert_with(|| json!({}));
    let Some(overrides) = overrides.as_object_mut() else {
        return;
    };
    for (member, value) in [("cpu", &task.cpu), ("memory", &task.memory)] {
        if let Some(value) = value {
            overrides.insert(member.into(), json!(value));
        }
    }
    let containers = overrides
        .entry("containerOverrides")
        .or_insert_with(|| json!([]));
    let Some(containers) = containers.as_array_mut() else {
        return;
    };
    let is_ours = |each: &Value| each.get("name").and_then(Value::as_str) == Some(&*task.container);
    if !containers.iter().any(is_ours) {
        containers.push(json!({ "name": task.container }));
    }
    let Some(container) = containers
        .iter_mut()
        .find(|each| is_ours(each))
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    if !task.command.is_empty() {
        container.insert("command".into(), json!(task.command));
    }
    if !task.environment.is_empty() {
        let environment = container.entry("environment").or_insert_with(|| json!([]));
        if let Some(environment) = environment.as_array_mut() {
            environment.extend(task.environment.iter().map(|variable| json!(variable)));
        }
    }
}
