//! Event patterns: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
//!
//! Pure. `template.yaml` needs equality and `prefix`. A pattern that uses another operator is refused by its name, never half
//! understood.

use serde_json::{Map, Value};

/// Why a text is no pattern: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {reason}")]
pub struct PatternError {
    /// The fields that lead there, joined by dots; `$` at the top.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// An event pattern that can be asked: all of its fields must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<(String, Condition)>);

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// The field is an object like this, or a list with one.
    Inside(Pattern),
    /// One of these holds for the field's value, or for one of its values if it is a list.
    OneOf(Vec<Matcher>),
}

/// What one value of a field must be like.
#[derive(Clone, Debug, PartialEq)]
enum Matcher {
    Equals(Value),
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern from JSON text.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern: Value = serde_json::from_str(text)
            .map_err(|error| refuse("$", format!("not JSON: {error}")))?;
        let object = pattern
            .as_object()
            .ok_or_else(|| refuse("$", "a pattern is a JSON object"))?;
        Self::read(object, "$")
    }

    fn read(object: &Map<String, Value>, path: &str) -> Result<Self, PatternError> {
        if object.is_empty() {
            return Err(refuse(path, "an empty pattern is not allowed"));
        }
        let mut fields = Vec::new();
        for (name, value) in object {
            let here = if path == "$" {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let condition = match value {
                _ if name.starts_with('$') => {
                    return Err(refuse(&here, format!("{name} is not implemented")));
                }
                Value::Array(items) if items.is_empty() => {
                    return Err(refuse(&here, "an empty list matches nothing"));
                }
                Value::Array(items) => {
                    let matchers = items.iter().map(|item| Matcher::read(item, &here));
                    Condition::OneOf(matchers.collect::<Result<_, _>>()?)
                }
                Value::Object(inner) => Condition::Inside(Self::read(inner, &here)?),
                _ => return Err(refuse(&here, "a value must be a list or an object")),
            };
            fields.push((name.clone(), condition));
        }
        Ok(Self(fields))
    }

    /// Whether `event`, a complete envelope, is one of those meant.
    pub fn matches(&self, event: &Value) -> bool {
        self.0
            .iter()
            .all(|(name, condition)| event.get(name).is_some_and(|value| condition.holds(value)))
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Inside(pattern), Value::Array(items)) => {
                items.iter().any(|item| pattern.matches(item))
            }
            (Self::Inside(pattern), value) => pattern.matches(value),
            (Self::OneOf(matchers), Value::Array(items)) => matchers
                .iter()
                .any(|matcher| items.iter().any(|item| matcher.holds(item))),
            (Self::OneOf(matchers), value) => matchers.iter().any(|matcher| matcher.holds(value)),
        }
    }
}

impl Matcher {
    fn read(value: &Value, path: &str) -> Result<Self, PatternError> {
        let operator = match value {
            Value::Object(operator) => operator,
            Value::Array(_) => return Err(refuse(path, "a list within a list")),
            literal => return Ok(Self::Equals(literal.clone())),
        };
        let mut members = operator.iter();
        match (members.next(), members.next()) {
            (Some((name, Value::String(text))), None) if name == "prefix" => {
                Ok(Self::Prefix(text.clone()))
            }
            (Some((name, argument)), None) if name == "prefix" => {
                Err(refuse(path, format!("{argument} is no string")))
            }
            (Some((name, _)), None) => Err(refuse(
                path,
                format!("the operator {name} is not implemented"),
            )),
            _ => Err(refuse(
                path,
                "an operator is an object with exactly one member",
            )),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(expected) => equal(expected, value),
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
        }
    }
}

/// Numbers are equal by value, however they are written.
fn equal(expected: &Value, value: &Value) -> bool {
    match (expected.as_f64(), value.as_f64()) {
        (Some(expected), Some(value)) => expected == value,
        _ => expected == value,
    }
}

fn refuse(path: &str, reason: impl Into<String>) -> PatternError {
    PatternError {
        path: path.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operator_means_what_the_user_guide_says() {
        let event = json!({
            "source": "aws.s3",
            "resources": ["arn:a", "arn:b"],
            "detail": { "key": "services/web/Hello.yaml", "size": 5, "tag": "", "nothing": null, "ratio": 0.5, "deep": [{"a": 1}, {"a": 2}] },
        });
        let cases = [
            (json!({"source": ["aws.ecr", "aws.s3"]}), true),
            (json!({"source": ["aws.ecr"]}), false),
            (json!({"resources": ["arn:b"]}), true),
            (json!({"detail": {"deep": {"a": [2]}}}), true),
            (json!({"detail": {"size": [5.0]}}), true),
            (json!({"detail": {"nothing": [null]}}), true),
            (json!({"detail": {"missing": [null]}}), false),
            (json!({"detail": {"key": [{"prefix": "services/"}]}}), true),
            (json!({"detail": {"key": [{"prefix": "web/"}]}}), false),
            (json!({"detail": {"size": [{"prefix": "5"}]}}), false),
            (
                json!({"detail": {"tag": ["a", {"prefix": ""}]}, "source": ["aws.s3"]}),
                true,
            ),
        ];
        for (pattern, expected) in cases {
            assert_eq!(
                Pattern::parse(&pattern.to_string())
                    .unwrap()
                    .matches(&event),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_is_not_implemented_or_makes_no_sense_is_refused_by_place() {
        let cases = [
            ("[]", "$"),
            ("{}", "$"),
            (r#"{"source": "aws.s3"}"#, "source"),
            (r#"{"source": []}"#, "source"),
            (
                r#"{"detail": {"size": [{"prefix": "a", "suffix": "b"}]}}"#,
                "detail.size",
            ),
            (r#"{"detail": {"key": [{"prefix": 5}]}}"#, "detail.key"),
            (r#"{"$or": [{"source": ["a"]}, {"source": ["b"]}]}"#, "$or"),
        ];
        for (text, path) in cases {
            assert_eq!(Pattern::parse(text).unwrap_err().path, path, "{text}");
        }
    }

    #[test]
    fn every_other_operator_is_refused_by_name() {
        for operator in [
            "anything-but",
            "cidr",
            "equals-ignore-case",
            "exists",
            "numeric",
            "suffix",
            "wildcard",
        ] {
            let pattern = json!({ "detail": { "key": [{ operator: "x" }] } });
            let error = Pattern::parse(&pattern.to_string()).unwrap_err();
            assert_eq!(error.path, "detail.key");
            assert!(error.reason.contains(operator), "{error}");
        }
    }
}
