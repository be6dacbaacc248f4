//! Payload templates: the JSON of `Parameters` and `ResultSelector`, in which fields named `….$` are computed.
//!
//! <https://states-language.net/spec.html#payload-template>

use serde_json::{Map, Value};

use super::{
    failure::Failure,
    intrinsic::{Expression, Scope},
    path::Path,
};

/// A payload template, read once when the state machine is loaded.
#[derive(Clone, Debug)]
pub enum Template {
    /// A part without computed fields.
    Fixed(Value),
    /// An object of which at least one part is computed.
    Object(Vec<(String, Template)>),
    /// An array of which at least one part is computed.
    Array(Vec<Template>),
    /// A computed field; `field` is its name with the `.$`, for failures.
    Computed {
        /// The field's name as it stands in the definition.
        field: String,
        /// What computes it.
        expression: Expression,
    },
}

impl Template {
    /// Reads a template. The error names the field.
    pub fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => {
                let mut parts = Vec::new();
                for (name, value) in fields {
                    let part = match name.strip_suffix(".$") {
                        None => (name.clone(), Self::parse(value)?),
                        Some(plain) => {
                            let text = value
                                .as_str()
                                .ok_or_else(|| format!("`{name}` takes a string, not {value}"))?;
                            let expression = Expression::parse(text)
                                .map_err(|reason| format!("`{name}`: {reason}"))?;
                            (
                                plain.to_owned(),
                                Self::Computed {
                                    field: name.clone(),
                                    expression,
                                },
                            )
                        }
                    };
                    if parts
                        .iter()
                        .any(|(known, _): &(String, _)| *known == part.0)
                    {
                        return Err(format!("`{}` and `{}.$` are both given", part.0, part.0));
                    }
                    parts.push(part);
                }
                if parts.iter().all(|(_, part)| matches!(part, Self::Fixed(_))) {
                    return Ok(Self::Fixed(value.clone()));
                }
                Ok(Self::Object(parts))
            }
            Value::Array(items) => {
                let parts = items
                    .iter()
                    .map(Self::parse)
                    .collect::<Result<Vec<_>, _>>()?;
                if parts.iter().all(|part| matches!(part, Self::Fixed(_))) {
                    return Ok(Self::Fixed(value.clone()));
                }
                Ok(Self::Array(parts))
            }
            scalar => Ok(Self::Fixed(scalar.clone())),
        }
    }

    /// The template with every computed field filled in.
    pub fn fill(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Computed { field, expression } => expression.evaluate(field, scope),
            Self::Array(parts) => parts.iter().map(|part| part.fill(scope)).collect(),
            Self::Object(parts) => {
                let mut object = Map::new();
                for (name, part) in parts {
                    object.insert(name.clone(), part.fill(scope)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// Every path in it, for the checks at load time.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Computed { expression, .. } => expression.paths(),
            Self::Array(parts) => parts.iter().flat_map(Self::paths).collect(),
            Self::Object(parts) => parts.iter().flat_map(|(_, part)| part.paths()).collect(),
        }
    }

    /// The names of the fields at the top, without `.$`.
    pub fn field_names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(Value::Object(fields)) => fields.keys().map(String::as_str).collect(),
            Self::Object(parts) => parts.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn only_fields_that_end_in_dollar_are_computed() {
        let template = json!({"a.$": "$.x", "b": "$.x", "c": [{"d.$": "States.Format('{}!', $.x)"}], "e": {"f": 1}});
        let filled = Template::parse(&template).unwrap().fill(Scope {
            input: &json!({"x": "y"}),
            context: &json!({}),
        });
        assert_eq!(
            filled.unwrap(),
            json!({"a": "y", "b": "$.x", "c": [{"d": "y!"}], "e": {"f": 1}})
        );
    }

    #[test]
    fn a_field_given_twice_or_not_as_a_string_is_refused() {
        assert!(Template::parse(&json!({"a.$": "$.x", "a": 1})).is_err());
        assert!(Template::parse(&json!({"a.$": 5})).is_err());
    }
}
