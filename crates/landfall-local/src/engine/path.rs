//! JSONPath as the States Language uses it in Landfall: reference paths, which name at most one node.
//!
//! <https://states-language.net/spec.html#ref-paths>. Wildcards, slices, filters and recursive descent are refused when
//! the state machine is loaded, so a path either finds one value or finds nothing.

use std::fmt;

use serde_json::{Map, Value};

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$`: the state's input or result.
    Input,
    /// `$$`: the context object, which tells about the execution itself.
    Context,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `['name']`.
    Key(String),
    /// `[0]`.
    Index(usize),
}

/// A reference path, e.g. `$.claim.release`, `$['a b'][0]` or `$$.Execution.Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where it starts.
    pub root: Root,
    /// The way down from there; empty for `$` and `$$`.
    pub steps: Vec<Step>,
    text: String,
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Why a value could not be put where a path points.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot put a value at '{path}': {reason}")]
pub struct PlaceError {
    path: String,
    reason: &'static str,
}

impl Path {
    /// `$`.
    pub fn root() -> Self {
        Self {
            root: Root::Input,
            steps: Vec::new(),
            text: "$".into(),
        }
    }

    /// Reads a path that makes up the whole of `text`. The error says what is wrong, as one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, rest) = Self::parse_prefix(text)?;
        if rest.is_empty() {
            Ok(path)
        } else {
            Err(format!("`{text}` has `{rest}` after a reference path"))
        }
    }

    /// Reads a path at the start of `text` and answers what follows it.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, &str), String> {
        let (root, mut rest) = match text.strip_prefix("$$") {
            Some(rest) => (Root::Context, rest),
            None => match text.strip_prefix('$') {
                Some(rest) => (Root::Input, rest),
                None => {
                    return Err(format!(
                        "`{text}` is not a path: a path starts with `$` or `$$`"
                    ));
                }
            },
        };
        let mut steps = Vec::new();
        loop {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                    .unwrap_or(after.len());
                if end == 0 {
                    return Err(format!(
                        "`{text}` needs a name after `.` (wildcards and `..` are not implemented)"
                    ));
                }
                steps.push(Step::Key(after[..end].to_owned()));
                rest = &after[end..];
            } else if let Some(after) = rest.strip_prefix('[') {
                let (step, after) = bracket(after).ok_or_else(|| {
                    format!("`{text}`: `[` takes an index or a quoted name (wildcards, slices and filters are not implemented)")
                })?;
                steps.push(step);
                rest = after;
            } else {
                break;
            }
        }
        let text = text[..text.len() - rest.len()].to_owned();
        Ok((Self { root, steps, text }, rest))
    }

    /// The value this path names, from whichever of the two roots it starts.
    pub fn find<'a>(&self, input: &'a Value, context: &'a Value) -> Option<&'a Value> {
        let root = match self.root {
            Root::Input => input,
            Root::Context => context,
        };
        self.steps.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// `target` with `value` at this path, as `ResultPath` asks: missing objects on the way are made, an array element must
    /// exist already, and a scalar in the way is an error (`States.ResultPathMatchFailure`).
    pub fn place(&self, mut target: Value, value: Value) -> Result<Value, PlaceError> {
        let error = |reason| PlaceError {
            path: self.text.clone(),
            reason,
        };
        let mut slot = &mut target;
        for step in &self.steps {
            slot = match step {
                Step::Key(key) => {
                    if slot.is_null() {
                        *slot = Value::Object(Map::new());
                    }
                    let object = slot
                        .as_object_mut()
                        .ok_or_else(|| error("what stands there is not an object"))?;
                    object.entry(key.clone()).or_insert(Value::Null)
                }
                Step::Index(index) => slot
                    .as_array_mut()
                    .and_then(|array| array.get_mut(*index))
                    .ok_or_else(|| error("there is no such array element"))?,
            };
        }
        *slot = value;
        Ok(target)
    }
}

/// The inside of brackets: `0]…` or `'name']…`.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, rest) = text[1..].split_once(quote)?;
        return Some((Step::Key(name.to_owned()), rest.strip_prefix(']')?));
    }
    let (digits, rest) = text.split_once(']')?;
    Some((Step::Index(digits.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_one_value_or_nothing() {
        let input = json!({"a": {"b c": [1, {"d": "deep"}]}, "null": null});
        let context = json!({"Execution": {"Name": "run-1"}});
        for (path, found) in [
            ("$", Some(&input)),
            ("$.a['b c'][1].d", Some(&json!("deep"))),
            ("$[\"a\"]['b c'][0]", Some(&json!(1))),
            ("$$.Execution.Name", Some(&json!("run-1"))),
            ("$.null", Some(&Value::Null)),
            ("$.null.deeper", None),
            ("$.a['b c'][2]", None),
            ("$.Execution.Name", None),
        ] {
            assert_eq!(
                Path::parse(path).unwrap().find(&input, &context),
                found,
                "{path}"
            );
        }
    }

    #[test]
    fn paths_that_could_name_several_values_are_refused() {
        for path in [
            "a.b",
            "$.",
            "$..a",
            "$.*",
            "$.a[*]",
            "$.a[0:2]",
            "$.a[?(@.b)]",
            "$.a b",
            "$.a[-1]",
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
        assert_eq!(
            place("$.a[1]", json!({"a": [0, 1]})),
            Ok(json!({"a": [0, 7]}))
        );
        assert!(place("$.a.b", json!({"a": 1})).is_err());
        assert!(place("$.a[2]", json!({"a": [0, 1]})).is_err());
    }
}
