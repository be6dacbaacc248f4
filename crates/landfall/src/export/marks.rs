//! Marks at the values of a described service that look like secrets: everybody who reads the file reads them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::secret::{Sign, in_text, in_words, of_pair};

/// With this a mark begins, so that it can be searched for.
pub(super) const MARK: &str = "secret?";

/// Comments by the JSON pointer of the value that they are about.
pub(super) type Marks = BTreeMap<String, String>;

/// What looks like a secret in a section.
pub(super) fn marks(section: &Map<String, Value>) -> Marks {
    let mut found = Marks::new();
    for (member, value) in section {
        look(&format!("/{member}"), member, value, &mut found);
    }
    found
}

fn look(at: &str, member: &str, value: &Value, found: &mut Marks) {
    let mut mark = |at: &str, sign: Option<Sign>, advice: String| {
        if let Some(sign) = sign {
            let why = match sign {
                Sign::Name(name) => format!("by the name {name}"),
                Sign::Form(what) => format!("by its form: {what}"),
            };
            found.insert(at.to_owned(), format!("{MARK} {why}. {advice}"));
        }
    };
    match (member, value) {
        // They hold names of secrets.
        ("secrets" | "secretOptions" | "repositoryCredentials" | "credentialSpecs", _) => {}
        ("command" | "entryPoint", Value::Array(words)) => {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
            let sign = in_words(&words).or_else(|| words.iter().find_map(|word| in_text(word)));
            mark(at, sign, from_a_variable());
        }
        ("environment", Value::Array(pairs)) => {
            for (index, pair) in pairs.iter().enumerate() {
                if let (Some(name), Some(value)) = (pair["name"].as_str(), pair["value"].as_str()) {
                    let advice = as_a_secret("secrets", name);
                    mark(&format!("{at}/{index}"), of_pair(name, value), advice);
                }
            }
        }
        ("options" | "driverOpts" | "dockerLabels" | "labels", Value::Object(options)) => {
            let is_logged = at.ends_with("/logConfiguration/options");
            for (name, value) in options {
                let advice = if is_logged {
                    as_a_secret("secretOptions", name)
                } else {
                    "ECS has no way to fill it in from a secret: leave it out.".into()
                };
                let sign = value.as_str().and_then(|value| of_pair(name, value));
                mark(&format!("{at}/{}", escaped(name)), sign, advice);
            }
        }
        (_, Value::String(text)) => {
            let sign = crate::secret::form(text).map(Sign::Form);
            mark(at, sign, "Everybody who reads this file reads it.".into());
        }
        (_, Value::Object(fields)) => {
            for (name, value) in fields {
                look(&format!("{at}/{}", escaped(name)), name, value, found);
            }
        }
        (_, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                look(&format!("{at}/{index}"), member, item, found);
            }
        }
        _ => {}
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html>
fn as_a_secret(list: &str, name: &str) -> String {
    format!(
        "Put it into Secrets Manager or SSM, and this under `{list}`: {{ name: {name}, valueFrom: <ARN> }}"
    )
}

fn from_a_variable() -> String {
    "Let the program read a variable, which `secrets` fills in from Secrets Manager or SSM.".into()
}

/// A part of a JSON pointer (<https://www.rfc-editor.org/rfc/rfc6901#section-3>).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
