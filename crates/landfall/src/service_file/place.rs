//! Looking things up in a file without complaining about their types: that is done elsewhere.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    document::{Node, NodeValue},
    problem::Problem,
};

/// A value of the file and the path to it.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
}

/// What a field says in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// There is no such field.
    Nothing,
    /// Something that is known at release time only, or no text at all.
    Unclear,
    /// This.
    Text(Cow<'a, str>),
}

impl Said<'_> {
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(said) if said == text)
    }

    /// Whether it certainly is another text than this one; that nothing is said counts as another.
    pub(super) fn is_not(&self, text: &str) -> bool {
        !self.is(text) && *self != Self::Unclear
    }
}

impl<'a> Place<'a> {
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name)?;
        if matches!(node.value, NodeValue::Scalar(Value::Null)) {
            return None;
        }
        let path = format!("{}.{name}", self.path);
        Some(Self { node, path })
    }

    /// The items of the list in the field `name`.
    pub(super) fn items(&self, name: &str) -> Vec<Self> {
        let Some(list) = self.get(name) else {
            return Vec::new();
        };
        let NodeValue::Sequence(items) = &list.node.value else {
            return Vec::new();
        };
        let items = items.iter().enumerate().map(|(index, node)| Self {
            node,
            path: format!("{}[{index}]", list.path),
        });
        items.collect()
    }

    /// The text that stands here, as it is sent.
    pub(super) fn said(&self) -> Said<'a> {
        match &self.node.value {
            NodeValue::Scalar(Value::String(text)) if text.contains("${") => Said::Unclear,
            NodeValue::Scalar(Value::String(text)) => Said::Text(text.into()),
            NodeValue::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => {
                Said::Text(value.to_string().into())
            }
            _ => Said::Unclear,
        }
    }

    /// The text that stands here, if it is certain.
    pub(super) fn text_here(&self) -> Option<Cow<'a, str>> {
        match self.said() {
            Said::Text(text) => Some(text),
            Said::Nothing | Said::Unclear => None,
        }
    }

    /// What the field `name` says.
    pub(super) fn says(&self, name: &str) -> Said<'a> {
        self.get(name).map_or(Said::Nothing, |place| place.said())
    }

    /// The field `name` and its text, if both are certain.
    pub(super) fn text(&self, name: &str) -> Option<(Self, Cow<'a, str>)> {
        let place = self.get(name)?;
        let text = place.text_here()?;
        Some((place, text))
    }

    /// The field `name` and its whole number.
    pub(super) fn integer(&self, name: &str) -> Option<(Self, i64)> {
        let place = self.get(name)?;
        match &place.node.value {
            NodeValue::Scalar(Value::Number(number)) => {
                number.as_i64().map(|number| (place, number))
            }
            _ => None,
        }
    }

    /// Whether an empty text, list or mapping stands here.
    pub(super) fn is_empty(&self) -> bool {
        match &self.node.value {
            NodeValue::Scalar(Value::String(text)) => text.is_empty(),
            NodeValue::Scalar(_) => false,
            NodeValue::Sequence(items) => items.is_empty(),
            NodeValue::Mapping(entries) => entries.is_empty(),
        }
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        let value = self.node.get(name).map(|node| &node.value);
        matches!(value, Some(NodeValue::Scalar(Value::Bool(true))))
    }

    pub(super) fn is_false(&self, name: &str) -> bool {
        let value = self.node.get(name).map(|node| &node.value);
        matches!(value, Some(NodeValue::Scalar(Value::Bool(false))))
    }

    /// A problem with what stands here.
    pub(super) fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.node.position, &self.path, message)
    }

    /// A warning about what stands here.
    pub(super) fn odd(&self, message: impl Into<String>) -> Problem {
        Problem::warning(self.node.position, &self.path, message)
    }

    /// A problem with a field `name` that is not here.
    pub(super) fn lacks(&self, name: &str, message: impl Into<String>) -> Problem {
        let path = format!("{}.{name}", self.path);
        Problem::new(self.node.position, &path, message)
    }
}
