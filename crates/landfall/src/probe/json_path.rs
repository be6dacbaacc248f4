//! A place in a JSON document: the singular queries of JSONPath, which name one value
//! (<https://www.rfc-editor.org/rfc/rfc9535#section-2.3.5.1>).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `$.checks[0]['db-1']`. Compared by how it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Name(String),
    /// From the end, if it is negative: -1 is the last.
    Index(i64),
}

impl JsonPath {
    /// The place that `text` names; none if it is no singular query.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('.') {
                Some(named) => shorthand(named)?,
                None => bracketed(rest.trim_start().strip_prefix('[')?)?,
            };
            steps.push(step);
            rest = after;
        }
        Some(Self {
            text: text.to_owned(),
            steps,
        })
    }

    /// The value at this place; none if there is none.
    pub fn select<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps
            .iter()
            .try_fold(document, |value, step| match step {
                Step::Name(name) => value.as_object()?.get(name),
                Step::Index(index) => {
                    let items = value.as_array()?;
                    match usize::try_from(*index) {
                        Ok(index) => items.get(index),
                        Err(_) => {
                            let back = usize::try_from(index.unsigned_abs()).ok()?;
                            items.get(items.len().checked_sub(back)?)
                        }
                    }
                }
            })
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for JsonPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no place in a JSON document"))
    }
}

impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

/// A name after a dot: letters, digits and underscores, no digit first.
fn shorthand(text: &str) -> Option<(Step, &str)> {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let end = text.find(|c: char| !(is_first(c) || c.is_ascii_digit()));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    name.starts_with(is_first)
        .then(|| (Step::Name(name.to_owned()), rest))
}

/// A quoted name or an index, after the bracket.
fn bracketed(text: &str) -> Option<(Step, &str)> {
    let text = text.trim_start();
    let (step, rest) = match text.chars().next()? {
        quote @ ('\'' | '"') => quoted(&text[1..], quote)?,
        _ => {
            let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-'))?;
            let (digits, rest) = text.split_at(end);
            let index: i64 = digits.parse().ok()?;
            // Neither `007` nor `-0`.
            (index.to_string() == digits).then_some((Step::Index(index), rest))?
        }
    };
    Some((step, rest.trim_start().strip_prefix(']')?))
}

fn quoted(text: &str, quote: char) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((Step::Name(name), &text[at + 1..])),
            '\\' => name.push(match characters.next()?.1 {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                same @ ('/' | '\\') => same,
                same if same == quote => same,
                'u' => {
                    let digits: String = characters
                        .by_ref()
                        .take(4)
                        .map(|(_, digit)| digit)
                        .collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            }),
            _ => name.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::JsonPath;

    fn selected(path: &str) -> Option<Value> {
        let document = json!({
            "status": "ok", "checks": [{ "db-1": { "up": true } }, 7], "": 1, "a'b": 2, "ü_1": 3, "n\n": 4, "no": null,
        });
        JsonPath::parse(path).unwrap().select(&document).cloned()
    }

    #[test]
    fn a_path_names_one_value_by_names_and_indexes() {
        for (path, value) in [
            ("$.status", json!("ok")),
            ("$['status']", json!("ok")),
            ("$.checks[0]['db-1'].up", json!(true)),
            ("$.checks[ -1 ]", json!(7)),
            ("$[\"checks\"] [0][\"db-1\"]", json!({ "up": true })),
            ("$['']", json!(1)),
            ("$['a\\'b']", json!(2)),
            ("$.ü_1", json!(3)),
            ("$['n\\n']", json!(4)),
            ("$['\\u006eo']", Value::Null),
        ] {
            assert_eq!(selected(path), Some(value), "{path}");
        }
        assert!(selected("$").unwrap().is_object());
        for path in [
            "$.nothing",
            "$.status.x",
            "$.checks[2]",
            "$.checks[-3]",
            "$[0]",
            "$.checks['0']",
        ] {
            assert_eq!(selected(path), None, "{path}");
        }
    }

    #[test]
    fn what_may_name_several_values_or_none_is_refused() {
        for path in [
            "",
            "status",
            ".status",
            "$.",
            "$..status",
            "$.*",
            "$[*]",
            "$[0:1]",
            "$[0,1]",
            "$[?@.a]",
            "$.1a",
            "$.db-1",
            "$[01]",
            "$[-0]",
            "$['a]",
            "$['a'",
            "$[a]",
            "$['\\x']",
            "$['\\ud800']",
            "$ ",
            "$.a b",
        ] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
    }
}
