//! Reading a section's fields, collecting problems instead of stopping at the first.

use std::collections::BTreeSet;

use jiff::SignedDuration;
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

/// An hour in seconds.
pub(super) const HOUR: u64 = 3_600;

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds those of `found` whose field has no problem yet.
    pub(super) fn add_untold(&mut self, found: Self) {
        let told: BTreeSet<(Position, String)> = self
            .0
            .iter()
            .map(|problem| (problem.position, problem.path.clone()))
            .collect();
        let untold = found
            .0
            .into_iter()
            .filter(|problem| !told.contains(&(problem.position, problem.path.clone())));
        self.0.extend(untold);
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
        // A misspelt one is told already.
        let misspelt = |key: &str| nearest(key, [name].into_iter()).is_some();
        if self.get(name).is_none() && !self.entries().any(|(key, _)| misspelt(&key.name)) {
            problems.add(
                Problem::new(
                    self.position(),
                    &self.path_of(name),
                    "this section is missing",
                )
                .hint(hint),
            );
        }
        self.mapping(name, problems)
    }

    /// The field `name` as text.
    pub(super) fn text(&self, name: &str, problems: &mut Problems) -> Option<(&'a str, Position)> {
        let node = self.get(name)?;
        match &node.value {
            NodeValue::Scalar(Value::String(text)) => Some((text, node.position)),
            _ => {
                let message = format!("expected text, found {}", node.kind());
                let problem = Problem::new(node.position, &self.path_of(name), message)
                    .hint("put it in quotes");
                problems.add(problem);
                None
            }
        }
    }

    /// The field `name` as the path of a URL.
    pub(super) fn url_path(
        &self,
        name: &str,
        problems: &mut Problems,
    ) -> Option<(&'a str, Position)> {
        let (path, position) = self.text(name, problems)?;
        if !path.starts_with('/') {
            let message = format!("`{path}` is no path");
            let problem = Problem::new(position, &self.path_of(name), message);
            problems.add(problem.hint("start it with a slash"));
        }
        Some((path, position))
    }

    /// The field `name` as text that has to be there.
    pub(super) fn needed_text(
        &self,
        name: &str,
        hint: &str,
        problems: &mut Problems,
    ) -> Option<(&'a str, Position)> {
        if self.get(name).is_none() {
            problems.add(
                Problem::new(
                    self.position(),
                    &self.path_of(name),
                    "this field is missing",
                )
                .hint(hint),
            );
        }
        self.text(name, problems)
    }

    /// The field `name` as a whole number between `least` and `most`.
    pub(super) fn number(
        &self,
        name: &str,
        least: u64,
        most: u64,
        problems: &mut Problems,
    ) -> Option<u64> {
        let node = self.get(name)?;
        let number = match &node.value {
            NodeValue::Scalar(Value::Number(number)) => number.as_u64(),
            // The value of a placeholder is text.
            NodeValue::Scalar(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("expected a whole number from {least} to {most}");
            problems.add(Problem::new(node.position, &self.path_of(name), message));
        }
        number
    }

    /// The field `name` as a length of time in whole seconds: `90`, `90s`, `2m`, `1h30m`.
    pub(super) fn seconds(
        &self,
        name: &str,
        (least, most): (u64, u64),
        problems: &mut Problems,
    ) -> Option<u64> {
        let node = self.get(name)?;
        let seconds = match &node.value {
            NodeValue::Scalar(Value::Number(number)) => number.as_u64(),
            NodeValue::Scalar(Value::String(text)) => text
                .parse::<SignedDuration>()
                .ok()
                .filter(|duration| duration.subsec_nanos() == 0)
                .and_then(|duration| u64::try_from(duration.as_secs()).ok())
                .or_else(|| text.parse().ok()),
            _ => None,
        };
        let seconds = seconds.filter(|seconds| (least..=most).contains(seconds));
        if seconds.is_none() {
            let most = match most / HOUR {
                0 => format!("{most}s"),
                hours => format!("{hours}h"),
            };
            let message =
                format!("expected a length of time in whole seconds from {least}s to {most}");
            let problem = Problem::new(node.position, &self.path_of(name), message);
            problems.add(problem.hint("write it like `30s`, `2m` or `1h30m`"));
        }
        seconds
    }
}
