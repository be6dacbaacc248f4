//! The rules of Choice states.
//!
//! <https://states-language.net/spec.html#choice-state>. A comparison between values of different types is false, never an
//! error; a variable that does not exist is an error unless the rule asks with `IsPresent`.

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
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `IsPresent`: whether the path finds anything, null included.
    Present(bool),
    /// `StringEquals`.
    StringEquals(String),
    /// `BooleanEquals`.
    BooleanEquals(bool),
    /// `NumericGreaterThan`.
    NumericGreaterThan(f64),
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
                let value = found.ok_or_else(|| {
                    Failure::runtime(format!(
                        "Invalid path '{variable}': The choice state's condition path references an invalid value."
                    ))
                })?;
                Ok(test.holds(value))
            }
        }
    }
}

impl Test {
    fn parse(operator: &str, operand: &Value) -> Result<Self, String> {
        let read = match operator {
            "IsPresent" => operand.as_bool().map(Self::Present),
            "StringEquals" => operand.as_str().map(|text| Self::StringEquals(text.into())),
            "BooleanEquals" => operand.as_bool().map(Self::BooleanEquals),
            "NumericGreaterThan" => operand.as_f64().map(Self::NumericGreaterThan),
            _ => return Err(format!("the operator `{operator}` is not implemented")),
        };
        read.ok_or_else(|| format!("`{operator}` does not take {operand}"))
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Present(wanted) => *wanted,
            Self::StringEquals(text) => value == text,
            Self::BooleanEquals(flag) => value == flag,
            Self::NumericGreaterThan(bound) => value.as_f64().is_some_and(|value| value > *bound),
        }
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
        let input = json!({"text": "main-17", "one": 1, "half": 0.5, "yes": true, "none": null});
        let is_yes = json!({"Variable": "$.yes", "BooleanEquals": true});
        for (rule, holds) in [
            (
                json!({"Variable": "$.text", "StringEquals": "main-17"}),
                true,
            ),
            (json!({"Variable": "$.one", "StringEquals": "1"}), false),
            (json!({"NumericGreaterThan": 0, "Variable": "$.half"}), true),
            (json!({"Variable": "$.one", "NumericGreaterThan": 1}), false),
            (
                json!({"Variable": "$.text", "NumericGreaterThan": 1}),
                false,
            ),
            (is_yes.clone(), true),
            (json!({"Variable": "$.text", "BooleanEquals": true}), false),
            (json!({"Variable": "$.absent", "IsPresent": false}), true),
            (json!({"Variable": "$.none", "IsPresent": true}), true),
            (json!({"Not": is_yes}), false),
            (
                json!({"And": [
                    {"Variable": "$.absent", "IsPresent": true},
                    {"Variable": "$.absent", "StringEquals": "not asked"},
                ]}),
                false,
            ),
            (
                json!({"Or": [{"Variable": "$.one", "NumericGreaterThan": 2}, is_yes]}),
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
                json!({"Variable": "$.a", "NumericGreaterThan": "1"}),
                "NumericGreaterThan",
            ),
            (json!({"Variable": "$.a", "IsPresent": "true"}), "IsPresent"),
            (json!({"Variable": "a", "IsPresent": true}), "Variable"),
            (json!({"Variable": "$.a"}), "Variable"),
            (json!({"Condition": "{% true %}"}), "Condition"),
            (json!({"And": []}), "And"),
            (
                json!({"Not": {"Variable": "$.a", "IsPresent": true, "Next": "b"}}),
                "Next",
            ),
        ] {
            let reason = parse(rule.clone()).unwrap_err();
            assert!(reason.contains(named), "{rule}: {reason}");
        }
    }
}
