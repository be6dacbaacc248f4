//! Task definitions as they are written: JSON of which Landfall knows a few members.

use serde_json::{Map, Value};

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
