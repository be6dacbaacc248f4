//! Event patterns: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
//!
//! Pure. A pattern that uses an operator which is not implemented here (`cidr`) is refused, never half understood.

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

#[derive(Clone, Debug, PartialEq)]
enum Matcher {
    Equals(Value),
    EqualsIgnoringCase(String),
    Prefix {
        text: String,
        ignoring_case: bool,
    },
    Suffix {
        text: String,
        ignoring_case: bool,
    },
    Wildcard(String),
    /// Comparisons that all must hold.
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    /// None of these holds.
    AnythingBut(Vec<Matcher>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
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

impl Matcher {
    fn read(value: &Value, path: &str) -> Result<Self, PatternError> {
        let operator = match value {
            Value::Object(operator) => operator,
            Value::Array(_) => return Err(refuse(path, "a list within a list")),
            literal => return Ok(Self::Equals(literal.clone())),
        };
        let mut members = operator.iter();
        let (Some((name, argument)), None) = (members.next(), members.next()) else {
            return Err(refuse(
                path,
                "an operator is an object with exactly one member",
            ));
        };
        match name.as_str() {
            "prefix" => {
                let (text, ignoring_case) = text_or_ignoring_case(argument, path)?;
                Ok(Self::Prefix {
                    text,
                    ignoring_case,
                })
            }
            "suffix" => {
                let (text, ignoring_case) = text_or_ignoring_case(argument, path)?;
                Ok(Self::Suffix {
                    text,
                    ignoring_case,
                })
            }
            "equals-ignore-case" => Ok(Self::EqualsIgnoringCase(text(argument, path)?)),
            "wildcard" => {
                let wildcard = text(argument, path)?;
                if wildcard.contains("**") {
                    return Err(refuse(
                        path,
                        "consecutive wildcard characters are not allowed",
                    ));
                }
                Ok(Self::Wildcard(wildcard))
            }
            "exists" => argument
                .as_bool()
                .map(Self::Exists)
                .ok_or_else(|| refuse(path, "exists takes true or false")),
            "numeric" => numeric(argument, path).map(Self::Numeric),
            "anything-but" => anything_but(argument, path).map(Self::AnythingBut),
            other => Err(refuse(
                path,
                format!("the operator {other} is not implemented"),
            )),
        }
    }

    fn holds(&self, value: Option<&Value>) -> bool {
        // A field that is an object has no value of its own.
        let Some(value) = value.filter(|value| !value.is_object()) else {
            return *self == Self::Exists(false);
        };
        let string = value.as_str();
        match self {
            Self::Equals(expected) => equal(expected, value),
            Self::EqualsIgnoringCase(expected) => {
                string.is_some_and(|string| string.to_lowercase() == expected.to_lowercase())
            }
            Self::Prefix {
                text,
                ignoring_case,
            } => string.is_some_and(|string| {
                if *ignoring_case {
                    string.to_lowercase().starts_with(&text.to_lowercase())
                } else {
                    string.starts_with(text)
                }
            }),
            Self::Suffix {
                text,
                ignoring_case,
            } => string.is_some_and(|string| {
                if *ignoring_case {
                    string.to_lowercase().ends_with(&text.to_lowercase())
                } else {
                    string.ends_with(text)
                }
            }),
            Self::Wildcard(wildcard) => {
                string.is_some_and(|string| wildcard_matches(wildcard, string))
            }
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|number| {
                comparisons
                    .iter()
                    .all(|(comparison, bound)| match comparison {
                        Comparison::Less => number < *bound,
                        Comparison::LessOrEqual => number <= *bound,
                        Comparison::Equal => number == *bound,
                        Comparison::GreaterOrEqual => number >= *bound,
                        Comparison::Greater => number > *bound,
                    })
            }),
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(matchers) => {
                !matchers.iter().any(|matcher| matcher.holds(Some(value)))
            }
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

fn wildcard_matches(wildcard: &str, string: &str) -> bool {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut characters = wildcard.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => pieces.push(std::mem::take(&mut piece)),
            // `\*` and `\\` mean the character itself.
            '\\' => piece.extend(characters.next()),
            other => piece.push(other),
        }
    }
    let Some((first, middle)) = pieces.split_first() else {
        return piece == string;
    };
    let Some(mut rest) = string.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        let Some(position) = rest.find(piece.as_str()) else {
            return false;
        };
        rest = &rest[position + piece.len()..];
    }
    rest.ends_with(piece.as_str())
}

fn numeric(argument: &Value, path: &str) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
    if parts.is_empty() || parts.len() > 4 || !parts.len().is_multiple_of(2) {
        return Err(refuse(
            path,
            "numeric takes one or two pairs of a comparison and a number",
        ));
    }
    parts
        .chunks(2)
        .map(|pair| {
            let comparison = match pair[0].as_str() {
                Some("<") => Comparison::Less,
                Some("<=") => Comparison::LessOrEqual,
                Some("=") => Comparison::Equal,
                Some(">=") => Comparison::GreaterOrEqual,
                Some(">") => Comparison::Greater,
                _ => return Err(refuse(path, format!("{} is no comparison", pair[0]))),
            };
            let bound = pair[1]
                .as_f64()
                .ok_or_else(|| refuse(path, format!("{} is no number", pair[1])))?;
            Ok((comparison, bound))
        })
        .collect()
}

fn anything_but(argument: &Value, path: &str) -> Result<Vec<Matcher>, PatternError> {
    match argument {
        Value::Array(items) if items.is_empty() => Err(refuse(path, "anything-but needs a value")),
        Value::Array(items)
            if items
                .iter()
                .all(|item| item.is_string() || item.is_number()) =>
        {
            Ok(items.iter().cloned().map(Matcher::Equals).collect())
        }
        Value::String(_) | Value::Number(_) => Ok(vec![Matcher::Equals(argument.clone())]),
        Value::Object(operator) if operator.len() == 1 => {
            let (name, argument) = operator
                .iter()
                .next()
                .ok_or_else(|| refuse(path, "anything-but needs a value"))?;
            if !matches!(
                name.as_str(),
                "prefix" | "suffix" | "equals-ignore-case" | "wildcard"
            ) {
                return Err(refuse(path, format!("anything-but does not take {name}")));
            }
            let texts = match argument {
                Value::Array(items) if !items.is_empty() => items.clone(),
                single => vec![single.clone()],
            };
            let matchers = texts.into_iter().map(|text| {
                Matcher::read(
                    &Value::Object([(name.clone(), text)].into_iter().collect()),
                    path,
                )
            });
            matchers.collect()
        }
        _ => Err(refuse(
            path,
            "anything-but takes strings, numbers, or one operator on strings",
        )),
    }
}

fn text(argument: &Value, path: &str) -> Result<String, PatternError> {
    argument
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| refuse(path, format!("{argument} is no string")))
}

fn text_or_ignoring_case(argument: &Value, path: &str) -> Result<(String, bool), PatternError> {
    match argument.get("equals-ignore-case") {
        Some(inner) => Ok((text(inner, path)?, true)),
        None => Ok((text(argument, path)?, false)),
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
