//! Reads the members of a Query request, whose numbers and booleans arrive as strings.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cloud::fault::Fault;

/// The string member `name`.
pub(super) fn string<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

/// The string member `name`, or AWS's complaint that it is missing.
pub(super) fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Fault> {
    string(input, name)
        .ok_or_else(|| Fault::client("ValidationError", format!("{name} must not be empty")))
}

/// The number member `name`, sent as a number or as its digits.
pub(super) fn number(value: &Value, name: &str) -> Option<u64> {
    let member = value.get(name)?;
    member.as_u64().or_else(|| member.as_str()?.parse().ok())
}

/// The list member `name`; a missing list is empty.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The list member `name` as strings.
pub(super) fn strings(value: &Value, name: &str) -> Vec<String> {
    list(value, name)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// One page of `items`, of which a request may ask for `PageSize`, 400 at most; the markers are positions
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html>).
pub(super) fn page<T: Serialize>(
    input: &Value,
    member: &str,
    items: Vec<T>,
) -> Result<Value, Fault> {
    const LONGEST: usize = 400;
    let begin = match string(input, "Marker") {
        None => 0,
        Some(marker) => marker.parse::<usize>().map_err(|_| {
            Fault::client(
                "ValidationError",
                format!("'{marker}' is not a valid marker"),
            )
        })?,
    };
    let size = number(input, "PageSize").and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(LONGEST).clamp(1, LONGEST);
    let end = begin.saturating_add(size);
    let next = (end < items.len()).then(|| end.to_string());
    let items: Vec<T> = items.into_iter().skip(begin).take(size).collect();
    let mut answer = json!({ member: items });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    Ok(answer)
}

/// Puts numbers and booleans that arrived as strings into the types that the API model gives them.
pub(super) fn typed(value: &Value) -> Value {
    const NUMBERS: [&str; 4] = ["Port", "Order", "Weight", "DurationSeconds"];
    match value {
        Value::Array(items) => items.iter().map(typed).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let digits = member.as_str().and_then(|text| text.parse::<u64>().ok());
                let typed = match (member.as_str(), digits) {
                    // Its port may be `#{port}`, and is text.
                    _ if name == "RedirectConfig" => member.clone(),
                    (_, Some(number)) if NUMBERS.contains(&name.as_str()) => number.into(),
                    (Some("true"), _) if name == "Enabled" => true.into(),
                    (Some("false"), _) if name == "Enabled" => false.into(),
                    _ => typed(member),
                };
                (name.clone(), typed)
            })
            .collect(),
        scalar => scalar.clone(),
    }
}
