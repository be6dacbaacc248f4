//! What comes of a state's result: where it is put, and the limit on its size.

use serde_json::Value;

use super::{
    PAYLOAD_LIMIT,
    failure::{DATA_LIMIT_EXCEEDED, Failure},
    path::Path,
};

/// `ResultPath`: nothing (`null`) drops the result.
pub(super) fn place(path: Option<&Path>, input: &Value, result: Value) -> Result<Value, Failure> {
    match path {
        None => Ok(input.clone()),
        Some(path) => path.place(input.clone(), result),
    }
}

/// A payload over the limit ends the execution, as in AWS.
pub(super) fn within_limit(payload: &Value, state: &str) -> Result<(), Failure> {
    if payload.to_string().len() <= PAYLOAD_LIMIT {
        return Ok(());
    }
    Err(Failure::new(
        DATA_LIMIT_EXCEEDED,
        format!(
            "The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit."
        ),
    ))
}
