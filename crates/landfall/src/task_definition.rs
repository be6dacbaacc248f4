//! Task definitions as they are written, JSON of which Landfall knows a few members, and the ARNs of their revisions.

use serde_json::{Map, Value};

/// The family and the number of a revision, by its ARN: `arn:…:task-definition/<family>:<number>`.
pub fn family_and_number(revision: &str) -> Option<(&str, u64)> {
    let (_, name) = revision.rsplit_once('/')?;
    let (family, number) = name.rsplit_once(':')?;
    Some((family, number.parse().ok()?))
}

/// The family of a revision, by its ARN.
pub fn family(revision: &str) -> Option<&str> {
    family_and_number(revision).map(|(family, _)| family)
}

/// The container definitions of a task definition.
pub fn containers(
    task_definition: &Map<String, Value>,
) -> impl Iterator<Item = &Map<String, Value>> {
    let containers = task_definition.get("containerDefinitions");
    let containers = containers.and_then(Value::as_array).into_iter().flatten();
    containers.filter_map(Value::as_object)
}

/// The same, to change them.
pub fn containers_mut(
    task_definition: &mut Map<String, Value>,
) -> impl Iterator<Item = &mut Map<String, Value>> {
    let containers = task_definition.get_mut("containerDefinitions");
    let containers = containers
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    containers.filter_map(Value::as_object_mut)
}
