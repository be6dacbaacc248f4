//! A value in one line, as the YAML that people write: small scalars plain, everything doubtful in double quotes, which
//! JSON's strings are already (<https://yaml.org/spec/1.2.2/#13-terminology-and-related-specifications>).
//!
//! Not serde-saphyr's own writer: in a flow mapping it leaves `cron(0 8 ? * MON-FRI *)` without quotes, which PyYAML does
//! not read.

use serde_json::Value;

/// A value in one line, as YAML.
pub fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let fields = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(flow).collect::<Vec<_>>().join(", ")
            )
        }
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A string, in quotes unless no reader of YAML can take it for anything else.
pub(crate) fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./:@+".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = starts
        && text.chars().all(allowed)
        && !text.ends_with(':')
        && !words.contains(&&*text.to_ascii_lowercase());
    if plain {
        text.into()
    } else {
        Value::from(text).to_string()
    }
}
