//! What must not be shown. Whoever puts a password into `environment` has it there in clear; a comparison must not carry it
//! into a terminal, a log or a pull request. The values of `secrets` are names of secrets, and are shown.

use serde_json::Value;

use crate::secret;

/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// A name that has one of these in it is taken for the name of a secret.
const SUSPICIOUS: [&str; 13] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "private",
    "key",
    "auth",
    "dsn",
    "salt",
    "signature",
    "cookie",
    "license",
];

/// `value`, found under the list or mapping `member` as its item `item`, with everything hidden that may be a secret.
pub(super) fn shown(member: &str, item: Option<&str>, value: &Value) -> Value {
    // Containers, volumes and the like are known by names too, which say nothing about what is in them.
    let names_a_secret = item.is_some_and(suspicious)
        && !["secrets", "secretOptions", "tags"].contains(&member)
        && !value.is_object();
    match value {
        _ if names_a_secret => HIDDEN.into(),
        Value::String(text) if carries_a_secret(text) => HIDDEN.into(),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str);
            let shown = fields.iter().map(|(field, value)| {
                let value = match &**field {
                    "value" => shown(member, name, value),
                    field => shown(
                        field,
                        super::usual::is_table(member).then_some(field),
                        value,
                    ),
                };
                (field.clone(), value)
            });
            Value::Object(shown.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| shown(member, None, item))
            .collect::<Vec<_>>()
            .into(),
        other => other.clone(),
    }
}

fn suspicious(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SUSPICIOUS.iter().any(|part| name.contains(part))
}

/// What has the form of a secret, and `PASSWORD=…` or `--password …` in a longer text.
fn carries_a_secret(text: &str) -> bool {
    let assigned = text.split_whitespace().any(|word| {
        word.split_once('=')
            .is_some_and(|(name, value)| suspicious(name) && !value.is_empty())
    });
    let option = text
        .split_whitespace()
        .any(|word| word.starts_with("--") && suspicious(word));
    secret::form(text).is_some() || assigned || option
}
