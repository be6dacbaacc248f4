//! What one value of a field must be like.

use serde_json::Value;

use super::{PatternError, refuse};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
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
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Matcher {
    pub(super) fn read(value: &Value, path: &str) -> Result<Self, PatternError> {
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

    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
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
