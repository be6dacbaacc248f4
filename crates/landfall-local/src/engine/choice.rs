//! The rules of Choice states.
//!
//! <https://states-language.net/spec.html#choice-state>. A comparison between values of different types is false, never an
//! error; a variable that does not exist is an error unless the rule asks with `IsPresent`.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{failure::Failure, path::Path};

/// A condition.
#[derive(Clone, Debug)]
pub enum Rule {
    /// All of them.
    And(Vec<Rule>),
    /// Any of them.
    Or(Vec<Rule>),
    /// The opposite.
    Not(Box<Rule>),
    /// A test of one variable.
    Test(Path, Test),
}

/// What is asked of a variable.
#[derive(Clone, Debug)]
pub enum Test {
    /// `IsPresent`: whether the path finds anything, null included.
    Present(bool),
    /// `IsNull`, `IsString`, …: whether the value is of this type.
    Type(Type, bool),
    /// `StringMatches`: a pattern in which `*` stands for any characters and `\*` for an asterisk.
    Matches(String),
    /// `StringEquals`, `NumericLessThanPath`, …
    Compare(Type, Comparison, Operand),
}

/// The types of values that rules know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// JSON null.
    Null,
    /// A string.
    String,
    /// A number.
    Numeric,
    /// true or false.
    Boolean,
    /// A string with an RFC 3339 timestamp.
    Timestamp,
}

/// How two values of one type are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `…Equals`
    Equals,
    /// `…LessThan`
    LessThan,
    /// `…GreaterThan`
    GreaterThan,
    /// `…LessThanEquals`
    LessThanEquals,
    /// `…GreaterThanEquals`
    GreaterThanEquals,
}

/// The other side of a comparison.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A value written in the definition.
    Literal(Value),
    /// `…Path`: a value of the input or the context object.
    Path(Path),
}

impl Rule {
    /// Reads a rule from which `Next` and `Comment` have been taken away. The error names the field.
    pub fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        if let Some(unwanted) = fields
            .keys()
            .find(|key| matches!(key.as_str(), "Next" | "Comment"))
        {
            return Err(format!("`{unwanted}` is only allowed in a rule at the top"));
        }
        let nested = |value: &Value| match value {
            Value::Object(fields) => Self::parse(fields),
            other => Err(format!("a rule is an object, not {other}")),
        };
        let mut entries = fields.iter();
        match (entries.next(), entries.next(), entries.next()) {
            (Some((name, value)), None, _) if matches!(name.as_str(), "And" | "Or") => {
                let items = value.as_array().filter(|items| !items.is_empty());
                let rules = items
                    .ok_or_else(|| format!("`{name}` takes an array of rules that is not empty"))?
                    .iter()
                    .map(nested)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(if name == "And" {
                    Self::And(rules)
                } else {
                    Self::Or(rules)
                })
            }
            (Some((name, value)), None, _) if name == "Not" => {
                Ok(Self::Not(Box::new(nested(value)?)))
            }
            (Some(first), Some(second), None) => {
                let ((_, variable), (operator, operand)) =
                    match (first.0.as_str(), second.0.as_str()) {
                        ("Variable", _) => (first, second),
                        (_, "Variable") => (second, first),
                        (one, two) => {
                            return Err(format!(
                                "`{one}` and `{two}` stand together without `Variable`"
                            ));
                        }
                    };
                let variable = variable.as_str().ok_or("`Variable` takes a path")?;
                let variable =
                    Path::parse(variable).map_err(|reason| format!("`Variable`: {reason}"))?;
                Ok(Self::Test(variable, Test::parse(operator, operand)?))
            }
            _ => Err(format!(
                "a rule has either `Variable` and one operator, or one of `And`, `Or`, `Not`; here are {}",
                if fields.is_empty() {
                    "no fields".to_owned()
                } else {
                    fields
                        .keys()
                        .map(|key| format!("`{key}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                }
            )),
        }
    }

    /// Every path in it, for the checks at load time.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(rules) | Self::Or(rules) => rules.iter().flat_map(Self::paths).collect(),
            Self::Not(rule) => rule.paths(),
            Self::Test(variable, Test::Compare(_, _, Operand::Path(operand))) => {
                vec![variable, operand]
            }
            Self::Test(variable, _) => vec![variable],
        }
    }

    /// Whether the condition holds.
    pub fn holds(&self, input: &Value, context: &Value) -> Result<bool, Failure> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(input, context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(input, context)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.holds(input, context)?),
            Self::Test(variable, test) => {
                let found = variable.find(input, context);
                if let Test::Present(wanted) = test {
                    return Ok(found.is_some() == *wanted);
                }
                test.holds(found.ok_or_else(|| invalid(variable))?, input, context)
            }
        }
    }
}

fn invalid(path: &Path) -> Failure {
    Failure::runtime(format!(
        "Invalid path '{path}': The choice state's condition path references an invalid value."
    ))
}

impl Test {
    fn parse(operator: &str, operand: &Value) -> Result<Self, String> {
        let unknown = || format!("the operator `{operator}` is not implemented");
        let flag = || {
            operand
                .as_bool()
                .ok_or_else(|| format!("`{operator}` takes true or false, not {operand}"))
        };
        if let Some(asked) = operator.strip_prefix("Is") {
            return Ok(match asked {
                "Present" => Self::Present(flag()?),
                "Null" => Self::Type(Type::Null, flag()?),
                "String" => Self::Type(Type::String, flag()?),
                "Numeric" => Self::Type(Type::Numeric, flag()?),
                "Boolean" => Self::Type(Type::Boolean, flag()?),
                "Timestamp" => Self::Type(Type::Timestamp, flag()?),
                _ => return Err(unknown()),
            });
        }
        if operator == "StringMatches" {
            let pattern = operand
                .as_str()
                .ok_or_else(|| format!("`{operator}` takes a string, not {operand}"))?;
            return Ok(Self::Matches(pattern.to_owned()));
        }
        let (comparison, by_path) = match operator.strip_suffix("Path") {
            Some(comparison) => (comparison, true),
            None => (operator, false),
        };
        let (kind, comparison) = [
            ("String", Type::String),
            ("Numeric", Type::Numeric),
            ("Boolean", Type::Boolean),
            ("Timestamp", Type::Timestamp),
        ]
        .into_iter()
        .find_map(|(name, kind)| Some((kind, comparison.strip_prefix(name)?)))
        .ok_or_else(unknown)?;
        let comparison = match comparison {
            "Equals" => Comparison::Equals,
            "LessThan" => Comparison::LessThan,
            "GreaterThan" => Comparison::GreaterThan,
            "LessThanEquals" => Comparison::LessThanEquals,
            "GreaterThanEquals" => Comparison::GreaterThanEquals,
            _ => return Err(unknown()),
        };
        if kind == Type::Boolean && comparison != Comparison::Equals {
            return Err(unknown());
        }
        let operand = if by_path {
            let text = operand
                .as_str()
                .ok_or_else(|| format!("`{operator}` takes a path, not {operand}"))?;
            Operand::Path(Path::parse(text).map_err(|reason| format!("`{operator}`: {reason}"))?)
        } else if kind.is(operand) {
            Operand::Literal(operand.clone())
        } else {
            return Err(format!("`{operator}` does not take {operand}"));
        };
        Ok(Self::Compare(kind, comparison, operand))
    }

    fn holds(&self, value: &Value, input: &Value, context: &Value) -> Result<bool, Failure> {
        Ok(match self {
            Self::Present(wanted) => *wanted,
            Self::Type(kind, wanted) => kind.is(value) == *wanted,
            Self::Matches(pattern) => {
                let pattern: Vec<char> = pattern.chars().collect();
                value
                    .as_str()
                    .is_some_and(|text| glob(&pattern, &text.chars().collect::<Vec<_>>()))
            }
            Self::Compare(kind, comparison, operand) => {
                let operand = match operand {
                    Operand::Literal(value) => value,
                    Operand::Path(path) => {
                        path.find(input, context).ok_or_else(|| invalid(path))?
                    }
                };
                kind.compare(value, operand)
                    .is_some_and(|order| comparison.accepts(order))
            }
        })
    }
}

impl Comparison {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::GreaterThan => order.is_gt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

impl Type {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::String => value.is_string(),
            Self::Numeric => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }

    /// The order of two values of this type; nothing if one of them is of another type.
    fn compare(self, left: &Value, right: &Value) -> Option<Ordering> {
        match self {
            Self::Null => None,
            Self::String => Some(left.as_str()?.cmp(right.as_str()?)),
            Self::Numeric => left.as_f64()?.partial_cmp(&right.as_f64()?),
            Self::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
            Self::Timestamp => Some(timestamp(left)?.cmp(&timestamp(right)?)),
        }
    }
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn glob(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        ['\\', literal @ ('*' | '\\'), rest @ ..] => {
            text.first() == Some(literal) && glob(rest, &text[1..])
        }
        [literal, rest @ ..] => text.first() == Some(literal) && glob(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn parse(rule: Value) -> Result<Rule, String> {
        Rule::parse(rule.as_object().unwrap())
    }

    #[test]
    fn every_operator_decides_as_the_specification_says() {
        let input = json!({
            "text": "main-17", "star": "a*b", "one": 1, "half": 0.5, "yes": true, "none": null,
            "early": "2026-01-01T00:00:00Z", "late": "2026-01-01T02:00:00+01:00",
        });
        for (rule, holds) in [
            (
                json!({"Variable": "$.text", "StringEquals": "main-17"}),
                true,
            ),
            (json!({"Variable": "$.one", "StringEquals": "1"}), false),
            (
                json!({"Variable": "$.text", "StringLessThan": "main-2"}),
                true,
            ),
            (
                json!({"StringEqualsPath": "$.text", "Variable": "$.text"}),
                true,
            ),
            (
                json!({"Variable": "$.text", "StringMatches": "main-*"}),
                true,
            ),
            (
                json!({"Variable": "$.text", "StringMatches": "*-1*7"}),
                true,
            ),
            (
                json!({"Variable": "$.text", "StringMatches": "main"}),
                false,
            ),
            (
                json!({"Variable": "$.star", "StringMatches": "a\\*b"}),
                true,
            ),
            (
                json!({"Variable": "$.text", "StringMatches": "main\\*"}),
                false,
            ),
            (json!({"Variable": "$.one", "NumericEquals": 1.0}), true),
            (
                json!({"Variable": "$.one", "NumericGreaterThanPath": "$.half"}),
                true,
            ),
            (
                json!({"Variable": "$.half", "NumericLessThanEquals": 0.5}),
                true,
            ),
            (
                json!({"Variable": "$.half", "NumericGreaterThanEquals": 1}),
                false,
            ),
            (json!({"Variable": "$.yes", "BooleanEquals": true}), true),
            (
                json!({"Variable": "$.early", "TimestampLessThanPath": "$.late"}),
                true,
            ),
            (
                json!({"Variable": "$.late", "TimestampEquals": "2026-01-01T01:00:00Z"}),
                true,
            ),
            (
                json!({"Variable": "$.text", "TimestampEquals": "2026-01-01T01:00:00Z"}),
                false,
            ),
            (json!({"Variable": "$.none", "IsNull": true}), true),
            (json!({"Variable": "$.absent", "IsPresent": false}), true),
            (json!({"Variable": "$.none", "IsPresent": true}), true),
            (json!({"Variable": "$.one", "IsNumeric": true}), true),
            (json!({"Variable": "$.one", "IsString": false}), true),
            (json!({"Variable": "$.yes", "IsBoolean": true}), true),
            (json!({"Variable": "$.early", "IsTimestamp": true}), true),
            (
                json!({"Not": {"Variable": "$.yes", "BooleanEquals": true}}),
                false,
            ),
            (
                json!({"And": [
                    {"Variable": "$.absent", "IsPresent": true},
                    {"Variable": "$.absent", "StringEquals": "not asked"},
                ]}),
                false,
            ),
            (
                json!({"Or": [{"Variable": "$.one", "NumericEquals": 2}, {"Variable": "$.none", "IsNull": true}]}),
                true,
            ),
        ] {
            assert_eq!(
                parse(rule.clone()).unwrap().holds(&input, &json!({})),
                Ok(holds),
                "{rule}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_there_fails_the_state() {
        let rule = parse(json!({"Variable": "$.absent", "StringEquals": "x"})).unwrap();
        assert_eq!(
            rule.holds(&json!({}), &json!({})).unwrap_err().error,
            "States.Runtime"
        );
    }

    #[test]
    fn rules_that_make_no_sense_are_refused_by_field() {
        for (rule, named) in [
            (
                json!({"Variable": "$.a", "StringContains": "x"}),
                "StringContains",
            ),
            (
                json!({"Variable": "$.a", "BooleanLessThan": true}),
                "BooleanLessThan",
            ),
            (
                json!({"Variable": "$.a", "NumericEquals": "1"}),
                "NumericEquals",
            ),
            (json!({"Variable": "$.a", "IsNull": "true"}), "IsNull"),
            (
                json!({"Variable": "$.a", "NumericEqualsPath": "a"}),
                "NumericEqualsPath",
            ),
            (json!({"Variable": "$.a"}), "Variable"),
            (json!({"Condition": "{% true %}"}), "Condition"),
            (json!({"And": []}), "And"),
            (
                json!({"Not": {"Variable": "$.a", "IsNull": true, "Next": "b"}}),
                "Next",
            ),
        ] {
            let reason = parse(rule.clone()).unwrap_err();
            assert!(reason.contains(named), "{rule}: {reason}");
        }
    }
}
