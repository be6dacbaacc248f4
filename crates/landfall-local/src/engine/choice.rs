//! The rules of Choice states.
//!
//! <https://states-language.net/spec.html#choice-state>. A comparison between values of different types is false, never an
//! error; a variable that does not exist is an error.

use serde_json::Value;

use super::{
    failure::Failure,
    fields::Fields,
    language::RULE,
    load_error::LoadError,
    path::{Path, Scope},
};

/// A condition: all its tests hold. Only `And` makes it more than one.
#[derive(Clone, Debug)]
pub struct Rule(Vec<(Path, Test)>);

/// What is asked of a variable.
#[derive(Clone, Debug)]
enum Test {
    /// `StringEquals`, `BooleanEquals`.
    Equals(Value),
    /// `NumericGreaterThan`.
    GreaterThan(f64),
}

impl Rule {
    /// Reads a rule from which `Next` has been taken away.
    pub(super) fn read(mut fields: Fields) -> Result<Self, LoadError> {
        let mut tests = Vec::new();
        for (index, inner) in fields.elements("And")?.into_iter().enumerate() {
            let mut inner = Fields::of(inner, format!("{}, `And` {index}", fields.place))?;
            inner.only(RULE)?;
            tests.push(read_test(&mut inner)?);
            inner.finish()?;
        }
        if tests.is_empty() {
            tests.push(read_test(&mut fields)?);
        }
        fields.finish()?;
        Ok(Self(tests))
    }

    /// Whether the condition holds.
    pub fn holds(&self, scope: Scope<'_>) -> Result<bool, Failure> {
        for (variable, test) in &self.0 {
            let value = variable.find(scope).ok_or_else(|| {
                Failure::runtime(format!(
                    "Invalid path '{variable}': The choice state's condition path references an invalid value."
                ))
            })?;
            if !test.holds(value) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn read_test(fields: &mut Fields) -> Result<(Path, Test), LoadError> {
    let variable = fields.path("Variable")?;
    let test = if let Some(text) = fields.optional("StringEquals", Value::is_string, "a string")? {
        Test::Equals(text)
    } else if let Some(flag) = fields.optional("BooleanEquals", Value::is_boolean, "a boolean")? {
        Test::Equals(flag)
    } else {
        let bound = fields.required("NumericGreaterThan", Value::is_number, "a number")?;
        Test::GreaterThan(bound.as_f64().unwrap_or(f64::NAN))
    };
    Ok((variable, test))
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(operand) => value == operand,
            Self::GreaterThan(bound) => value.as_f64().is_some_and(|value| value > *bound),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn read(rule: &Value) -> Rule {
        Rule::read(Fields::of(rule.clone(), "rule".into()).unwrap()).unwrap()
    }

    fn holds(rule: &Value, input: &Value) -> Result<bool, Failure> {
        let context = &Value::Null;
        read(rule).holds(Scope { input, context })
    }

    #[test]
    fn every_operator_decides_as_the_specification_says() {
        let input = json!({"text": "main-17", "one": 1, "half": 0.5, "yes": true});
        for (rule, expected) in [
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
            (json!({"Variable": "$.yes", "BooleanEquals": true}), true),
            (json!({"Variable": "$.text", "BooleanEquals": true}), false),
            (
                json!({"And": [
                    {"Variable": "$.one", "NumericGreaterThan": 0},
                    {"Variable": "$.yes", "BooleanEquals": true},
                ]}),
                true,
            ),
            (
                json!({"And": [
                    {"Variable": "$.yes", "BooleanEquals": false},
                    {"Variable": "$.absent", "StringEquals": "not asked"},
                ]}),
                false,
            ),
        ] {
            assert_eq!(holds(&rule, &input), Ok(expected), "{rule}");
        }
    }

    #[test]
    fn a_variable_that_is_not_there_fails_the_state() {
        let rule = json!({"Variable": "$.absent", "StringEquals": "x"});
        let failure = holds(&rule, &json!({})).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
    }
}
