//! Payload templates: the JSON of `Parameters` and `ResultSelector`, in which fields named `….$` are computed.
//!
//! <https://states-language.net/spec.html#payload-template>

use serde_json::{Map, Value};

use super::{
    failure::Failure,
    path::{Path, Scope},
};

/// A payload template, read once when the state machine is loaded.
#[derive(Clone, Debug)]
pub enum Template {
    /// A part without computed fields.
    Fixed(Value),
    /// An object of which at least one part is computed.
    Object(Vec<(String, Template)>),
    /// A computed field: its name as it stands in the definition, for failures, and what names its value.
    Computed(String, Path),
}

impl Template {
    /// Reads a template. The error names the field.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let Value::Object(fields) = value else {
            return Ok(Self::Fixed(value.clone()));
        };
        let mut parts: Vec<(String, Self)> = Vec::new();
        for (field, value) in fields {
            let (name, part) = match (field.strip_suffix(".$"), value) {
                (Some(name), Value::String(text)) => {
                    let path =
                        Path::parse(text).map_err(|reason| format!("`{field}`: {reason}"))?;
                    (name, Self::Computed(field.clone(), path))
                }
                (Some(_), _) => return Err(format!("`{field}` takes a string, not {value}")),
                (None, Value::Array(_)) => {
                    return Err(format!("`{field}`: arrays are not implemented"));
                }
                (None, _) => (field.as_str(), Self::parse(value)?),
            };
            if parts.iter().any(|(known, _)| known == name) {
                return Err(format!("`{name}` and `{name}.$` are both given"));
            }
            parts.push((name.to_owned(), part));
        }
        if parts.iter().all(|(_, part)| matches!(part, Self::Fixed(_))) {
            Ok(Self::Fixed(value.clone()))
        } else {
            Ok(Self::Object(parts))
        }
    }

    /// The template with every computed field filled in.
    ///
    /// # Errors
    /// The failure with which AWS ends the execution if a path names nothing.
    pub fn fill(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Computed(field, path) => path.get(field, scope).cloned(),
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
            Self::Computed(_, path) => vec![path],
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
        let template =
            json!({"a.$": "$.x", "b": "$.x", "c": {"d.$": "$.x", "e": null}, "f": {"g": 1}});
        let filled = Template::parse(&template).unwrap().fill(Scope {
            input: &json!({"x": "y"}),
            context: &json!({}),
        });
        assert_eq!(
            filled.unwrap(),
            json!({"a": "y", "b": "$.x", "c": {"d": "y", "e": null}, "f": {"g": 1}})
        );
    }

    #[test]
    fn a_field_given_twice_or_not_as_a_string_is_refused() {
        assert!(Template::parse(&json!({"a.$": "$.x", "a": 1})).is_err());
        assert!(Template::parse(&json!({"a.$": 5})).is_err());
    }
}
