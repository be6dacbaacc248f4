//! JSON as the YAML that people write: blocks, small scalars plain, everything doubtful in double quotes, which JSON's
//! strings are already (<https://yaml.org/spec/1.2.2/#13-terminology-and-related-specifications>).
//!
//! Not serde-saphyr's own writer: in a flow mapping it leaves `cron(0 8 ? * MON-FRI *)` without quotes, which PyYAML does
//! not read.

use serde_json::Value;

/// A top-level section.
pub(super) fn section(name: &str, value: &Value) -> String {
    indented(0, name, value)
}

/// A key with its value, indented by `by` columns.
pub(super) fn indented(by: usize, key: &str, value: &Value) -> String {
    let mut text = String::new();
    entry(&mut text, by, key, value);
    text
}

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

fn entry(text: &mut String, by: usize, key: &str, value: &Value) {
    text.push_str(&" ".repeat(by));
    text.push_str(&scalar(key));
    text.push(':');
    match value {
        Value::Object(fields) if !fields.is_empty() && !fits(value) => {
            text.push('\n');
            for (key, value) in fields {
                entry(text, by + 2, key, value);
            }
        }
        Value::Array(items) if !items.is_empty() && !fits(value) => {
            text.push('\n');
            for item in items {
                text.push_str(&" ".repeat(by + 2));
                text.push_str("- ");
                item_of(text, by + 4, item);
            }
        }
        other => {
            text.push(' ');
            text.push_str(&flow(other));
            text.push('\n');
        }
    }
}

/// An item after its dash: the first field of a mapping stands beside the dash.
fn item_of(text: &mut String, by: usize, item: &Value) {
    match item {
        Value::Object(fields) if !fields.is_empty() && !fits(item) => {
            let start = text.len();
            for (key, value) in fields {
                entry(text, by, key, value);
            }
            text.replace_range(start..start + by, "");
        }
        other => {
            text.push_str(&flow(other));
            text.push('\n');
        }
    }
}

/// Whether a collection holds scalars only and stays readable in one line.
fn fits(value: &Value) -> bool {
    const WIDTH: usize = 80;
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    let scalars = match value {
        // A member of a section stands in a line of its own.
        Value::Object(fields) => fields.len() <= 3 && fields.values().all(is_scalar),
        Value::Array(items) => items.iter().all(is_scalar),
        _ => true,
    };
    scalars && flow(value).len() <= WIDTH
}

/// A string, in quotes unless no reader of YAML can take it for anything else.
fn scalar(text: &str) -> String {
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
