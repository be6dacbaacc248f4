//! How data gets into a state and out of it: the paths around its work, and the limit on its size.

use serde_json::{Value, json};

use super::{
    PAYLOAD_LIMIT,
    asl::Seconds,
    failure::{DATA_LIMIT_EXCEEDED, Failure},
    interpreter::Visit,
    path::Path,
};

/// `InputPath`: nothing (`null`) gives an empty object.
pub(super) fn filter(path: Option<&Path>, data: &Value, context: &Value) -> Result<Value, Failure> {
    let Some(path) = path else {
        return Ok(json!({}));
    };
    path.find(data, context).cloned().ok_or_else(|| {
        Failure::runtime(format!(
            "Invalid path '{path}' in InputPath: no results for this path in {data}"
        ))
    })
}

/// `ResultPath`: nothing (`null`) drops the result.
pub(super) fn place(path: Option<&Path>, input: &Value, result: Value) -> Result<Value, Failure> {
    match path {
        None => Ok(input.clone()),
        Some(path) => path
            .place(input.clone(), result)
            .map_err(|error| Failure::new("States.ResultPathMatchFailure", error.to_string())),
    }
}

/// The value that a `…Path` field names.
pub(super) fn look_up<'a>(
    path: &Path,
    field: &str,
    visit: &'a Visit<'_>,
) -> Result<&'a Value, Failure> {
    path.find(visit.effective, &visit.context).ok_or_else(|| {
        Failure::runtime(format!(
            "Invalid path '{path}' in {field}: no results for this path in {}",
            visit.effective
        ))
    })
}

/// A number of seconds that is written in the definition or read from the input.
pub(super) fn read_seconds(
    seconds: &Seconds,
    field: &str,
    visit: &Visit<'_>,
) -> Result<u64, Failure> {
    match seconds {
        Seconds::Fixed(seconds) => Ok(*seconds),
        Seconds::Path(path) => {
            let value = look_up(path, field, visit)?;
            value.as_u64().ok_or_else(|| {
                Failure::runtime(format!(
                    "The {field} parameter does not reference a whole number: {path} == {value}"
                ))
            })
        }
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
