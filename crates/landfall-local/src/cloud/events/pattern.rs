//! Event patterns: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
//!
//! Pure. A pattern that uses an operator which is not implemented here (`cidr`) is refused, never half understood.

mod matcher;

use serde_json::{Map, Value};

use self::matcher::Matcher;

/// Why a text is no pattern: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {reason}")]
pub struct PatternError {
    /// The fields that lead there, joined by dots; `$` at the top.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// An event pattern that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// All must hold.
    fields: Vec<(String, Condition)>,
    /// Of each list one must hold.
    alternatives: Vec<Vec<Pattern>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// The field is an object like this, or a list with one.
    Inside(Pattern),
    /// One of these holds for the field's value, or for one of its values if it is a list.
    OneOf(Vec<Matcher>),
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
        let mut pattern = Self {
            fields: Vec::new(),
            alternatives: Vec::new(),
        };
        for (name, value) in object {
            let here = if path == "$" {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match value {
                Value::Array(items) if name == "$or" && items.iter().all(Value::is_object) => {
                    if items.len() < 2 {
                        return Err(refuse(&here, "$or needs two patterns or more"));
                    }
                    let branches = items
                        .iter()
                        .filter_map(Value::as_object)
                        .map(|item| Self::read(item, &here));
                    pattern
                        .alternatives
                        .push(branches.collect::<Result<_, _>>()?);
                }
                Value::Array(items) if items.is_empty() => {
                    return Err(refuse(&here, "an empty list matches nothing"));
                }
                Value::Array(items) => {
                    let matchers = items
                        .iter()
                        .map(|item| Matcher::read(item, &here))
                        .collect::<Result<_, _>>()?;
                    pattern
                        .fields
                        .push((name.clone(), Condition::OneOf(matchers)));
                }
                Value::Object(inner) => {
                    pattern
                        .fields
                        .push((name.clone(), Condition::Inside(Self::read(inner, &here)?)));
                }
                _ => return Err(refuse(&here, "a value must be a list or an object")),
            }
        }
        Ok(pattern)
    }

    /// Whether `event`, a whole envelope, is one of those meant.
    pub fn matches(&self, event: &Value) -> bool {
        self.fields
            .iter()
            .all(|(name, condition)| condition.holds(event.get(name)))
            && self
                .alternatives
                .iter()
                .all(|branches| branches.iter().any(|branch| branch.matches(event)))
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Inside(pattern), Some(Value::Array(items))) => {
                items.iter().any(|item| pattern.matches(item))
            }
            // Without the object there are no fields in it, which is what `exists: false` looks for.
            (Self::Inside(pattern), value) => pattern.matches(value.unwrap_or(&Value::Null)),
            (Self::OneOf(matchers), Some(Value::Array(items))) if !items.is_empty() => matchers
                .iter()
                .any(|matcher| items.iter().any(|item| matcher.holds(Some(item)))),
            (Self::OneOf(matchers), value) => matchers.iter().any(|matcher| matcher.holds(value)),
        }
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
            (
                json!({"detail": {"key": [{"prefix": {"equals-ignore-case": "SERVICES/"}}]}}),
                true,
            ),
            (
                json!({"detail": {"key": [{"suffix": ".yml"}, {"suffix": ".yaml"}]}}),
                true,
            ),
            (json!({"detail": {"key": [{"suffix": ".YAML"}]}}), false),
            (
                json!({"detail": {"key": [{"equals-ignore-case": "SERVICES/web/hello.YAML"}]}}),
                true,
            ),
            (
                json!({"detail": {"key": [{"wildcard": "services/*/*.yaml"}]}}),
                true,
            ),
            (
                json!({"detail": {"key": [{"wildcard": "*/x/*.yaml"}]}}),
                false,
            ),
            (
                json!({"detail": {"key": [{"wildcard": "services\\*"}]}}),
                false,
            ),
            (
                json!({"detail": {"size": [{"numeric": [">", 0, "<=", 5]}]}}),
                true,
            ),
            (
                json!({"detail": {"ratio": [{"numeric": [">=", 1]}]}}),
                false,
            ),
            (json!({"detail": {"key": [{"numeric": ["=", 5]}]}}), false),
            (json!({"detail": {"tag": [{"exists": true}]}}), true),
            (json!({"detail": {"other": [{"exists": false}]}}), true),
            (json!({"absent": {"other": [{"exists": false}]}}), true),
            (json!({"detail": {"tag": [{"anything-but": ""}]}}), false),
            (
                json!({"detail": {"missing": [{"anything-but": ""}]}}),
                false,
            ),
            (
                json!({"detail": {"key": [{"anything-but": ["a", "b"]}]}}),
                true,
            ),
            (
                json!({"detail": {"key": [{"anything-but": {"prefix": "services/"}}]}}),
                false,
            ),
            (
                json!({"detail": {"key": [{"anything-but": {"suffix": [".json", ".yaml"]}}]}}),
                false,
            ),
            (
                json!({"detail": {"key": [{"anything-but": {"wildcard": "*.json"}}]}}),
                true,
            ),
            (
                json!({"$or": [{"source": ["aws.ecr"]}, {"detail": {"size": [5]}}]}),
                true,
            ),
            (
                json!({"source": ["aws.s3"], "$or": [{"detail": {"size": [6]}}, {"detail": {"size": [7]}}]}),
                false,
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
                r#"{"detail": {"address": [{"cidr": "10.0.0.0/8"}]}}"#,
                "detail.address",
            ),
            (
                r#"{"detail": {"size": [{"numeric": ["about", 5]}]}}"#,
                "detail.size",
            ),
            (
                r#"{"detail": {"size": [{"prefix": "a", "suffix": "b"}]}}"#,
                "detail.size",
            ),
            (
                r#"{"detail": {"key": [{"anything-but": {"exists": true}}]}}"#,
                "detail.key",
            ),
        ];
        for (text, path) in cases {
            assert_eq!(Pattern::parse(text).unwrap_err().path, path, "{text}");
        }
    }
}
