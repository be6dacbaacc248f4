//! JSONPath as the States Language uses it in Landfall: reference paths, which name at most one node.
//!
//! <https://states-language.net/spec.html#ref-paths>. Whatever is not a row of names is refused when the state machine is
//! loaded, so a path either finds one value or finds nothing.

use std::fmt;

use serde_json::{Map, Value};

use super::{failure::Failure, language::CONTEXT};

/// What a path may draw on.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What `$` names: the state's input or result.
    pub input: &'a Value,
    /// What `$$` names: the context object, which tells about the execution itself.
    pub context: &'a Value,
}

/// A reference path, e.g. `$.claim.release` or `$$.Execution.Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    /// The way down; empty for `$`.
    names: Vec<String>,
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Path {
    /// Reads a path. The error says what is wrong, as one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("States.") {
            let name = text.split('(').next().unwrap_or_default();
            return Err(format!(
                "the intrinsic function `{name}` is not implemented"
            ));
        }
        let mut names = text.split('.');
        if !matches!(names.next(), Some("$" | "$$")) {
            return Err(format!(
                "`{text}` is not a path: a path is `$` or `$$` and names after `.`"
            ));
        }
        let names: Vec<String> = names.map(str::to_owned).collect();
        let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if let Some(other) = names
            .iter()
            .find(|name| name.is_empty() || !name.chars().all(allowed))
        {
            return Err(format!(
                "`{text}`: `{other}` is not a name; indices, wildcards, slices and filters are not implemented"
            ));
        }
        let path = Self {
            text: text.to_owned(),
            names,
        };
        let known = |known: &&str| {
            let inside = text.strip_prefix(known);
            inside.is_some_and(|inside| inside.is_empty() || inside.starts_with('.'))
        };
        if path.in_context() && !CONTEXT.iter().any(known) {
            return Err(format!(
                "`{text}` is not in the context object, or not implemented"
            ));
        }
        Ok(path)
    }

    /// Whether it starts with `$$`.
    pub fn in_context(&self) -> bool {
        self.text.starts_with("$$")
    }

    /// The value that it names.
    pub fn find<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let root = if self.in_context() {
            scope.context
        } else {
            scope.input
        };
        self.names
            .iter()
            .try_fold(root, |value, name| value.get(name))
    }

    /// The value that it names, for the field `field`.
    ///
    /// # Errors
    /// The failure with which AWS ends the execution if there is none.
    pub fn get<'a>(&self, field: &str, scope: Scope<'a>) -> Result<&'a Value, Failure> {
        self.find(scope).ok_or_else(|| {
            Failure::runtime(format!(
                "The JSONPath '{self}' specified for the field '{field}' could not be found in the input '{}'",
                scope.input
            ))
        })
    }

    /// `target` with `value` at this path, as `ResultPath` asks: missing objects on the way are made, and a scalar in the way
    /// is an error.
    ///
    /// # Errors
    /// `States.ResultPathMatchFailure`.
    pub fn place(&self, mut target: Value, value: Value) -> Result<Value, Failure> {
        let mut slot = &mut target;
        for name in &self.names {
            if slot.is_null() {
                *slot = Value::Object(Map::new());
            }
            let Some(object) = slot.as_object_mut() else {
                return Err(Failure::new(
                    "States.ResultPathMatchFailure",
                    format!("cannot put a value at '{self}': what stands there is not an object"),
                ));
            };
            slot = object.entry(name.clone()).or_insert(Value::Null);
        }
        *slot = value;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_one_value_or_nothing() {
        let input = json!({"a": {"b-c": {"d": "deep"}}, "null": null});
        let context = json!({"Execution": {"Id": "run-1", "Input": {"service": "web/hello"}}});
        let scope = Scope {
            input: &input,
            context: &context,
        };
        for (path, found) in [
            ("$", Some(&input)),
            ("$.a.b-c.d", Some(&json!("deep"))),
            ("$$.Execution.Id", Some(&json!("run-1"))),
            ("$$.Execution.Input.service", Some(&json!("web/hello"))),
            ("$.null", Some(&Value::Null)),
            ("$.null.deeper", None),
            ("$.Execution.Id", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(scope), found, "{path}");
        }
    }

    #[test]
    fn whatever_is_not_a_row_of_names_is_refused() {
        for path in [
            "a.b",
            "$.",
            "$..a",
            "$.*",
            "$.a[0]",
            "$.a[*]",
            "$['a']",
            "$.a b",
            "$a",
            "$$",
            "$$.Execution",
            "$$.Execution.Identity",
            "$$.State.Name",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn placing_makes_missing_objects_but_never_overwrites_a_scalar_on_the_way() {
        let place = |path: &str, target| Path::parse(path).unwrap().place(target, json!(7));
        assert_eq!(place("$", json!({"a": 1})), Ok(json!(7)));
        assert_eq!(
            place("$.x.y", json!({"a": 1})),
            Ok(json!({"a": 1, "x": {"y": 7}}))
        );
        assert!(place("$.a.b", json!({"a": 1})).is_err());
    }
}
