//! YAML or JSON as a tree that knows where everything stands.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::problem::{Position, Problem};

/// A value and where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value starts; for the value of an alias, where the alias stands.
    pub position: Position,
    /// Where it is written; for the value of an alias, where its anchor stands.
    pub written: Position,
    /// What stands there.
    pub value: NodeValue,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub enum NodeValue {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file. Keys are unique.
    Mapping(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where the key starts.
    pub position: Position,
    /// The key itself.
    pub name: String,
}

impl Node {
    /// Reads one document. JSON is read as the YAML that it is.
    ///
    /// # Errors
    /// The first problem that keeps the text from being one document: not UTF-8, syntax, a duplicate key, several
    /// documents, or aliases that expand without bound.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let position = Position::of_byte(text, error.valid_up_to());
            Problem::new(position, "", "the file is not UTF-8 text")
                .hint("save it with the encoding UTF-8")
        })?;
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::Error,
            with_snippet: false,
            reject_unsupported_tags: true,
            strict_booleans: true,
            budget: serde_saphyr::budget! { max_depth: 32, max_documents: 2 },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000, max_replay_stack_depth: 8 },
        };
        serde_saphyr::from_str_with_options::<Self>(text, options).map_err(|error| {
            let position = error.location().map_or(Position::START, Position::from);
            let (message, hint) = explain(&error);
            let problem = Problem::new(position, "", message);
            match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        })
    }

    /// The same document without positions.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Scalar(value) => value.clone(),
            NodeValue::Sequence(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.name.clone(), node.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value of the field `name`; none if this is no mapping or has no such field.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            NodeValue::Mapping(entries) => entries
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// What kind of value this is, in the words of a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Scalar(Value::Null) => "nothing",
            NodeValue::Scalar(Value::Bool(_)) => "a boolean",
            NodeValue::Scalar(Value::Number(_)) => "a number",
            NodeValue::Scalar(_) => "text",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }
}

/// What the parser found, in the words of somebody who writes a service file, and what to do about it. The parser's
/// own words for some of it speak of its programming interface.
fn explain(error: &serde_saphyr::Error) -> (String, Option<&'static str>) {
    use serde_saphyr::Error;
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => explain(error),
        Error::MultipleDocuments { .. } => (
            "a second document begins here".into(),
            Some(
                "a service file describes one service: put the other document into a file of its own",
            ),
        ),
        Error::DuplicateMappingKey { key, .. } => (
            format!(
                "the key `{}` is here twice",
                key.as_deref().unwrap_or_default()
            ),
            Some("remove one of the two"),
        ),
        Error::NullIntoString { .. } | Error::Unexpected { .. } => {
            ("a key has to be text".into(), Some("put it in quotes"))
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "the file's aliases expand to too much".into(),
            Some("write out what the aliases stand for"),
        ),
        Error::Budget { .. } => (
            "the file is nested too deeply or has too many parts".into(),
            Some("a service file nests at most 32 levels"),
        ),
        _ => {
            let text = error.without_snippet().to_string();
            let first = text.lines().next().unwrap_or_default();
            let end = first.find(" at line ").unwrap_or(first.len());
            let message = first[..end].trim_end_matches([':', ' ']).to_owned();
            let hint = advice(&message);
            (message, hint)
        }
    }
}

/// What to do about the parser's words, by a part of them.
fn advice(message: &str) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 14] = [
        ("tabs", "indent with spaces"),
        (
            "mapping values are not allowed",
            "quote text that has a colon in it; else this line or the one before lacks its colon and a space, or is indented \
             wrongly",
        ),
        (
            "illegal placement of ':'",
            "a bracket or brace before this may not be closed",
        ),
        (
            "simple key expected",
            "write `key: value`, with a colon and a space",
        ),
        (
            "unexpected character",
            "put text that begins with or contains this character in quotes",
        ),
        (
            "expected ',' or",
            "add the comma or the closing bracket that is missing before this, or put the text in quotes",
        ),
        (
            "unclosed",
            "close it; if it is closed in your copy, the upload was cut off",
        ),
        (
            "unsupported tag",
            "write the value itself: YAML tags and CloudFormation's short functions mean nothing here",
        ),
        (
            "unknown anchor",
            "quote text that begins with `*`, or give the anchor a place before this",
        ),
        (
            "anchor or alias",
            "put text that begins with `*` or `&` in quotes",
        ),
        (
            "unknown escape",
            "write a backslash in double quotes twice, or use single quotes",
        ),
        (
            "expected <document start>",
            "the file has to hold one document, of which the end is before this",
        ),
        ("recursion limit", "a service file nests at most 32 levels"),
        ("non-finite", "write a finite number"),
    ];
    let known = ADVICE.iter().find(|(part, _)| message.contains(part));
    known.map(|(_, advice)| *advice)
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self {
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<NodeValue>::deserialize(deserializer)?;
        Ok(Self {
            position: spanned.referenced.into(),
            written: spanned.defined.into(),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for NodeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = NodeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has too")
    }

    fn visit_unit<E>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<NodeValue, E> {
        Number::from_f64(value)
            .map(|number| NodeValue::Scalar(number.into()))
            .ok_or_else(|| E::custom("a number has to be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<NodeValue, E> {
        Ok(NodeValue::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NodeValue, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(NodeValue::Sequence(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NodeValue, A::Error> {
        let mut nodes = Vec::new();
        let mut names = BTreeSet::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            // The parser tells `1` from `"1"`, JSON does not.
            if !names.insert(key.value.clone()) {
                let message = format!("the key `{}` is here twice", key.value);
                return Err(serde::de::Error::custom(message));
            }
            let key = Key {
                position: key.referenced.into(),
                name: key.value,
            };
            nodes.push((key, entries.next_value()?));
        }
        Ok(NodeValue::Mapping(nodes))
    }
}
