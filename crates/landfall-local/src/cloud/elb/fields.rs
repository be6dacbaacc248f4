//! The fields of a stored resource.

use serde_json::{Map, Value};

/// `value` as the map it was written as.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The `Port` of a stored resource.
pub(super) fn port(fields: &Map<String, Value>) -> Option<u16> {
    fields
        .get("Port")?
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
}
