//! What is wrong with a request of the section `verify`, beyond what the description of its fields says.

use regex::Regex;
use serde_json::Value;

use super::{
    document::NodeValue,
    mapping::{Mapping, Problems},
};
use crate::probe::JsonPath;

/// Headers that say how the request is sent, which is not the file's to say.
const OF_CONNECTION: [&str; 6] = [
    "connection",
    "content-length",
    "expect",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Reports what the description of the fields does not tell: `stored` is what is kept of the probe.
pub(super) fn check(section: &Mapping<'_>, stored: &Value, problems: &mut Problems) {
    if let Some(text) = section.said("bodyMatches")
        && let Err(error) = Regex::new(text)
    {
        let message = format!("`{text}` is no regular expression: {}", reason(&error));
        let hint = "see https://docs.rs/regex/latest/regex/#syntax";
        problems.add(section.wrong_at("bodyMatches", message).hint(hint));
    }
    if let Some(json) = section.mapping_at("json") {
        for (key, _) in json
            .entries()
            .filter(|(key, _)| JsonPath::parse(&key.name).is_none())
        {
            let message = format!("`{}` names no single value of a JSON document", key.name);
            let hint = "name it by names and indexes, like `$.status` or `$.checks[0]['db-1']`";
            problems.add(json.wrong_at(&key.name, message).hint(hint));
        }
    }
    if let Some(headers) = section.mapping_at("headers") {
        for (key, node) in headers.entries() {
            let value = match &node.value {
                NodeValue::Scalar(Value::String(text)) => text,
                _ => "",
            };
            if let Some((message, hint)) = wrong_header(&key.name, value) {
                problems.add(headers.wrong_at(&key.name, message).hint(hint));
            }
        }
    }
    let limit = |name: &str| stored.get(name).and_then(Value::as_u64);
    if let (Some(within), Some(timeout)) = (limit("withinMilliseconds"), limit("timeoutSeconds"))
        && within > timeout * 1000
    {
        let message = format!("no answer is waited for that long: `timeout` is {timeout}s");
        let hint = "raise `timeout`, or leave `within` out";
        problems.add(section.wrong_at("within", message).hint(hint));
    }
}

/// What is wrong with a header, and what to do about it.
fn wrong_header(name: &str, value: &str) -> Option<(String, &'static str)> {
    // <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2>
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        let hint = "it has letters, digits and hyphens";
        return Some((format!("`{name}` is no name of a header"), hint));
    }
    let lower = name.to_ascii_lowercase();
    if lower == "host" {
        let hint = "write it into `host`, or into `url`";
        return Some(("the host name has a field of its own".into(), hint));
    }
    if OF_CONNECTION.contains(&&*lower) {
        return Some((
            format!("`{name}` says how the request is sent"),
            "leave it out",
        ));
    }
    if !value.chars().all(|c| c == '\t' || (' '..='~').contains(&c)) {
        let hint = "write printable ASCII in one line";
        return Some(("this is no value of a header".into(), hint));
    }
    None
}

/// The last line of what the parser says: the others show the expression.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
