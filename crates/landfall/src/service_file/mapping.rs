//! Reading a section's fields, collecting problems instead of stopping at the first.

use std::collections::BTreeSet;

use serde_json::Value;

pub(super) use super::spelling::nearest;
use super::{
    document::{Node, NodeValue},
    problem::{Position, Problem},
};

/// A mapping of the file, the path to it, and where it starts.
#[derive(Clone)]
pub(super) struct Mapping<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
}

/// How the names of top-level sections begin that are not read: a place for anchors.
const EXTENSION: &str = "x-";

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds those of `found` whose field has no problem yet.
    pub(super) fn add_new(&mut self, found: Self) {
        let known: BTreeSet<(Position, String)> = self
            .0
            .iter()
            .map(|problem| (problem.position, problem.path.clone()))
            .collect();
        let new = found
            .0
            .into_iter()
            .filter(|problem| !known.contains(&(problem.position, problem.path.clone())));
        self.0.extend(new);
    }
}

impl<'a> Mapping<'a> {
    /// `node` as a mapping; anything else is a problem.
    pub(super) fn of(node: &'a Node, path: &str, problems: &mut Problems) -> Option<Self> {
        match node.value {
            NodeValue::Mapping(_) => Some(Self {
                node,
                path: path.into(),
            }),
            _ => {
                problems.add(Problem::new(
                    node.position,
                    path,
                    format!("expected a mapping, found {}", node.kind()),
                ));
                None
            }
        }
    }

    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a super::document::Key, &'a Node)> + use<'a> {
        let entries: &'a [_] = match &self.node.value {
            NodeValue::Mapping(entries) => entries,
            _ => &[],
        };
        entries.iter().map(|(key, node)| (key, node))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.into()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn position(&self) -> Position {
        self.node.position
    }

    /// A problem with the whole of it.
    pub(super) fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.position(), &self.path, message)
    }

    /// A problem with the field `name`, which stands where the mapping does if it is not there.
    pub(super) fn wrong_at(&self, name: &str, message: impl Into<String>) -> Problem {
        let node = self.get(name).unwrap_or(self.node);
        Problem::new(node.position, &self.path_of(name), message)
    }

    /// Reports every field that is not in `known`, with the nearest known name where one is near.
    pub(super) fn only(&self, known: &[&str], problems: &mut Problems) {
        for (key, _) in self
            .entries()
            .filter(|(key, _)| !known.contains(&&*key.name))
            .filter(|(key, _)| !(self.path.is_empty() && key.name.starts_with(EXTENSION)))
        {
            let near = nearest(&key.name, known.iter().copied());
            let hint = near.map_or_else(
                || format!("the fields here are {}", known.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            let problem = Problem::new(
                key.position,
                &self.path_of(&key.name),
                "there is no such field",
            )
            .hint(hint);
            problems.add(problem);
        }
    }

    /// The field `name` as a mapping.
    pub(super) fn mapping(&self, name: &str, problems: &mut Problems) -> Option<Self> {
        Self::of(self.get(name)?, &self.path_of(name), problems)
    }

    /// The field `name` as a mapping that has to be there.
    pub(super) fn needed_mapping(
        &self,
        name: &str,
        hint: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        // A misspelt one is reported already.
        let misspelt = |key: &str| nearest(key, [name].into_iter()).is_some();
        if self.get(name).is_none() && !self.entries().any(|(key, _)| misspelt(&key.name)) {
            problems.add(self.wrong_at(name, "this section is missing").hint(hint));
        }
        self.mapping(name, problems)
    }

    /// The field `name` as text.
    pub(super) fn text(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        let node = self.get(name)?;
        match &node.value {
            NodeValue::Scalar(Value::String(text)) => Some(text),
            _ => {
                let message = format!("expected text, found {}", node.kind());
                problems.add(self.wrong_at(name, message).hint("put it in quotes"));
                None
            }
        }
    }

    /// The field `name` as text that has to be there.
    pub(super) fn needed_text(
        &self,
        name: &str,
        hint: &str,
        problems: &mut Problems,
    ) -> Option<&'a str> {
        if self.get(name).is_none() {
            problems.add(self.wrong_at(name, "this field is missing").hint(hint));
        }
        self.text(name, problems)
    }

    /// What the field `name` says, if it is text. That it is not is reported where the section is read.
    pub(super) fn said(&self, name: &str) -> Option<&'a str> {
        match &self.get(name)?.value {
            NodeValue::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The field `name`, if it is a whole number, which the text of a placeholder may be too.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        match &self.get(name)?.value {
            NodeValue::Scalar(Value::Number(number)) => number.as_u64(),
            NodeValue::Scalar(Value::String(text)) => text.parse().ok(),
            _ => None,
        }
    }

    /// The field `name`, if it is a mapping. That it is not is reported where the section is read.
    pub(super) fn mapping_at(&self, name: &str) -> Option<Self> {
        Self::of(
            self.get(name)?,
            &self.path_of(name),
            &mut Problems::default(),
        )
    }

    /// The mappings in the list `name`. That something else is in it is reported where the section is read.
    pub(super) fn items(&self, name: &str) -> Vec<Self> {
        let items: &[Node] = match self.get(name).map(|node| &node.value) {
            Some(NodeValue::Sequence(items)) => items,
            _ => &[],
        };
        let path = self.path_of(name);
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| {
                Self::of(item, &format!("{path}[{index}]"), &mut Problems::default())
            })
            .collect()
    }
}
