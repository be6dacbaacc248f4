//! Fields under whose names nothing stands: AWS takes null as if the field was left out, and so Landfall takes an empty text
//! where AWS has a choice of words. One warning tells all of them; a file that the console wrote has many.

use serde_json::Value;

use super::super::{
    document::{Node, NodeValue},
    mapping::Problems,
    problem::{Position, Problem},
};
use crate::api::{Shape, Type};

/// Whether a field of this type says nothing.
pub(super) fn says_nothing(node: &Node, kind: Type) -> bool {
    matches!(node.value, NodeValue::Scalar(Value::Null)) || is_empty_choice(node, kind)
}

/// Whether the field is one of several words, and none of them is chosen.
pub(super) fn is_empty_choice(node: &Node, kind: Type) -> bool {
    is_empty_text(node) && matches!(kind.shape(), Shape::Enum(_))
}

fn is_empty_text(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Scalar(Value::String(text)) if text.is_empty())
}

/// The fields of a file that say nothing.
#[derive(Default)]
pub(in super::super) struct LeftOut {
    fields: Vec<Field>,
    /// Whether an empty text is among them, which the rules would take for a value.
    has_empty_choice: bool,
}

struct Field {
    position: Position,
    path: String,
    is_text: bool,
}

impl LeftOut {
    pub(super) fn add(&mut self, node: &Node, path: String, is_text: bool) {
        self.has_empty_choice |= is_empty_text(node);
        self.fields.push(Field {
            position: node.position,
            path,
            is_text,
        });
    }

    /// Reports them, if there are any.
    pub(in super::super) fn report(&self, problems: &mut Problems) {
        const NAMED: usize = 10;
        let Some(first) = self.fields.iter().min_by_key(|field| field.position) else {
            return;
        };
        let message = if self.fields.len() == 1 {
            "nothing stands here, which is as if the field was left out".into()
        } else {
            let others: Vec<_> = self
                .fields
                .iter()
                .filter(|field| field.path != first.path)
                .map(|field| format!("`{}`", field.path.rsplit('.').next().unwrap_or_default()))
                .take(NAMED)
                .collect();
            let more = if self.fields.len() > NAMED + 1 {
                ", …"
            } else {
                ""
            };
            let count = self.fields.len() - 1;
            let fields = if count == 1 { "field" } else { "fields" };
            format!(
                "nothing stands here and in {count} more {fields}, which is as if they were left out: {}{more}",
                others.join(", ")
            )
        };
        let problem = Problem::warning(first.position, &first.path, message);
        problems.add(if self.fields.iter().any(|field| field.is_text) {
            problem.hint("write `\"\"` for text that is empty")
        } else {
            problem
        });
    }

    /// The document for the rules, without empty texts that stand for nothing; none if it has none of them.
    pub(in super::super) fn without(
        &self,
        document: &Node,
        sections: &[(&str, Type)],
    ) -> Option<Node> {
        if !self.has_empty_choice {
            return None;
        }
        let mut document = document.clone();
        if let NodeValue::Mapping(entries) = &mut document.value {
            for (key, node) in entries {
                if let Some((_, request)) = sections.iter().find(|(name, _)| *name == key.name) {
                    remove_empty_choices(node, *request);
                }
            }
        }
        Some(document)
    }
}

fn remove_empty_choices(node: &mut Node, kind: Type) {
    match (&mut node.value, kind.shape()) {
        (NodeValue::Sequence(items), Shape::List(item, _)) => {
            for node in items {
                remove_empty_choices(node, item);
            }
        }
        (NodeValue::Mapping(entries), Shape::Structure(structure)) => {
            entries.retain(|(key, node)| {
                !structure
                    .member(&key.name)
                    .is_some_and(|kind| is_empty_choice(node, kind))
            });
            for (key, node) in entries {
                if let Some(kind) = structure.member(&key.name) {
                    remove_empty_choices(node, kind);
                }
            }
        }
        _ => {}
    }
}
