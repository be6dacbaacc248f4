//! Whether a section is what AWS's API takes, by its model.
//!
//! Only what AWS is sure to refuse is an error. A name or value that the model does not know is one if it looks like a
//! misspelling of another; else AWS may know it by now, so it is passed through with a warning.

mod command_line;
mod foreign;
mod left_out;

use std::fmt;

use serde_json::{Map, Value};

pub(super) use self::left_out::LeftOut;
use self::left_out::{is_empty_choice, says_nothing};

use super::{
    document::{Key, Node, NodeValue},
    mapping::Problems,
    problem::Problem,
    spelling::{Spelling, misspelt},
};
use crate::api::{self, Bounds, Shape, Structure, Type};

/// The sections that are passed through to ECS, and the operation that takes each.
pub(super) const ECS_SECTIONS: [(&str, &str); 3] = [
    ("cluster", "CreateCluster"),
    ("taskDefinition", "RegisterTaskDefinition"),
    ("service", "CreateService"),
];

/// The way from the section to a value; written out only for a problem.
#[derive(Clone, Copy)]
enum Path<'a> {
    Section(&'a str),
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Reports where the section `name` is not what `request` takes. Fields that say nothing are added to `left_out`.
pub(super) fn check(
    section: &Node,
    name: &str,
    request: Type,
    spelling: &Spelling<'_>,
    left_out: &mut LeftOut,
    problems: &mut Problems,
) {
    let mut walk = Walk {
        spelling,
        left_out,
        problems,
    };
    walk.value(section, &Path::Section(name), request);
}

struct Walk<'a> {
    spelling: &'a Spelling<'a>,
    left_out: &'a mut LeftOut,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn value(&mut self, node: &Node, path: &Path<'_>, kind: Type) {
        if is_parameter(node) {
            return;
        }
        match (kind.shape(), &node.value) {
            (Shape::Any | Shape::Time, _) => {}
            (Shape::Structure(structure), NodeValue::Mapping(entries)) => {
                self.structure(node, entries, path, structure);
            }
            (Shape::Map(value), NodeValue::Mapping(entries)) => {
                for (key, node) in entries {
                    self.field(node, &Path::Field(path, &key.name), value);
                }
            }
            (Shape::List(item, bounds), NodeValue::Sequence(items)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                if !bounds.hold(length) {
                    self.refuse(
                        node,
                        path,
                        format!("expected {}, found {length}", within(bounds, "items")),
                        None,
                    );
                }
                for (index, node) in items.iter().enumerate() {
                    self.value(node, &Path::Item(path, index), item);
                }
            }
            (Shape::Text(bounds), NodeValue::Scalar(Value::String(text))) => {
                let length = text.chars().count();
                if !bounds.hold(i64::try_from(length).unwrap_or(i64::MAX)) {
                    let message =
                        format!("expected {}, found {length}", within(bounds, "characters"));
                    self.refuse(node, path, message, None);
                }
            }
            (Shape::Text(_), NodeValue::Scalar(value @ (Value::Bool(_) | Value::Number(_)))) => {
                let sent = value.to_string();
                if !self.spelling.is_sent_as_written(node.written, &sent) {
                    let message = format!("ECS takes text here, and this would become `{sent}`");
                    self.refuse(node, path, message, Some("put it in quotes".into()));
                }
            }
            (Shape::Enum(values), NodeValue::Scalar(Value::String(text))) => {
                self.one_of(node, path, text, values);
            }
            (Shape::Boolean, NodeValue::Scalar(Value::Bool(_)))
            | (Shape::Number, NodeValue::Scalar(Value::Number(_))) => {}
            (Shape::Integer(bounds), NodeValue::Scalar(Value::Number(number))) => {
                if !number.as_i64().is_some_and(|number| bounds.hold(number)) {
                    self.refuse(node, path, whole_number(bounds), None);
                }
            }
            (shape, _) => {
                let message = format!("expected {}, found {}", expected(shape), node.kind());
                self.refuse(node, path, message, how_to_write(shape, node, path));
            }
        }
    }

    /// A value under a name.
    fn field(&mut self, node: &Node, path: &Path<'_>, kind: Type) {
        if says_nothing(node, kind) {
            let is_text = matches!(kind.shape(), Shape::Text(_));
            self.left_out.add(node, path.to_string(), is_text);
        } else {
            self.value(node, path, kind);
        }
    }

    fn structure(
        &mut self,
        node: &Node,
        entries: &[(Key, Node)],
        path: &Path<'_>,
        structure: Structure,
    ) {
        let others = foreign::found(entries, structure);
        self.problems
            .0
            .extend(others.iter().map(|others| others.problem(node, path)));
        for (key, node) in entries {
            let path = Path::Field(path, &key.name);
            match structure.member(&key.name) {
                Some(kind) => self.field(node, &path, kind),
                None if others.iter().any(|others| others.has(&key.name)) => {}
                None => self.unknown(key, &path, structure),
            }
        }
        for member in structure.members().iter().filter(|member| member.required) {
            let there = entries.iter().any(|(key, node)| {
                let nothing = structure
                    .member(member.name)
                    .is_some_and(|kind| says_nothing(node, kind));
                key.name == member.name && !nothing
                    || misspelt(&key.name, std::iter::once(member.name)).is_some()
            });
            if !there {
                let path = Path::Field(path, member.name).to_string();
                let problem = Problem::new(node.position, &path, "this field is missing");
                let kind = structure.member(member.name).map(Type::shape);
                self.problems.add(match kind {
                    Some(shape) => problem.hint(format!("ECS needs {} here", expected(shape))),
                    None => problem,
                });
            }
        }
    }

    fn unknown(&mut self, key: &Key, path: &Path<'_>, structure: Structure) {
        let names = structure.members().iter().map(|member| member.name);
        let path = path.to_string();
        self.problems.add(match misspelt(&key.name, names) {
            Some(name) => Problem::new(key.position, &path, "there is no such field")
                .hint(format!("did you mean `{name}`?")),
            None => Problem::warning(
                key.position,
                &path,
                format!("not in the ECS API of {}, passed through", api::published()),
            ),
        });
    }

    fn one_of(&mut self, node: &Node, path: &Path<'_>, text: &str, values: &[&'static str]) {
        if values.contains(&text) {
            return;
        }
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        // Tomorrow's WINDOWS_SERVER_2028_CORE and http3 are no misspellings of today's.
        let like = values
            .iter()
            .copied()
            .filter(|value| digits(value) == digits(text));
        let meant = misspelt(text, like);
        let place = path.to_string();
        let known = format!(
            "`{text}` is not in the ECS API of {}, passed through",
            api::published()
        );
        self.problems.add(match meant {
            Some(value) if is_taken_as_another(path) => {
                Problem::warning(node.position, &place, known)
                    .hint(format!("did you mean `{value}`?"))
            }
            Some(value) => {
                Problem::new(node.position, &place, format!("there is no value `{text}`"))
                    .hint(format!("did you mean `{value}`?"))
            }
            None => Problem::warning(node.position, &place, known)
                .hint(format!("the values are {}", listed(values))),
        });
    }

    fn refuse(&mut self, node: &Node, path: &Path<'_>, message: String, hint: Option<String>) {
        let problem = Problem::new(node.position, &path.to_string(), message);
        self.problems.add(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
}

/// The section as it is sent: numbers and booleans become text where `request` takes text.
pub(super) fn as_sent(section: &Node, request: Type) -> Value {
    match (&section.value, request.shape()) {
        (NodeValue::Scalar(value @ (Value::Number(_) | Value::Bool(_))), Shape::Text(_)) => {
            Value::String(value.to_string())
        }
        (NodeValue::Sequence(items), Shape::List(item, _)) => {
            items.iter().map(|node| as_sent(node, item)).collect()
        }
        (NodeValue::Mapping(entries), shape @ (Shape::Structure(_) | Shape::Map(_))) => {
            let fields = entries.iter().filter_map(|(key, node)| {
                let kind = match shape {
                    Shape::Structure(structure) => structure.member(&key.name),
                    Shape::Map(value) => Some(value),
                    _ => None,
                };
                if kind.is_some_and(|kind| is_empty_choice(node, kind)) {
                    return None;
                }
                let value = kind.map_or_else(|| node.to_json(), |kind| as_sent(node, kind));
                Some((key.name.clone(), value))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => section.to_json(),
    }
}

/// ECS has taken any protocol of a port mapping for tcp
/// (<https://github.com/hashicorp/terraform-provider-aws/issues/3645>).
fn is_taken_as_another(path: &Path<'_>) -> bool {
    matches!(path, Path::Field(_, "protocol"))
}

/// A parameter stands for a value that is known at release time.
fn is_parameter(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Scalar(Value::String(text)) if text.contains("${"))
}

fn expected(shape: Shape) -> String {
    match shape {
        Shape::Text(_) | Shape::Time => "text".into(),
        Shape::Boolean => "true or false".into(),
        Shape::Integer(_) => "a whole number".into(),
        Shape::Number => "a number".into(),
        Shape::Any => "a value".into(),
        Shape::Enum(values) => format!("one of {}", listed(values)),
        Shape::List(..) => "a list".into(),
        Shape::Map(_) | Shape::Structure(_) => "a mapping".into(),
    }
}

fn how_to_write(shape: Shape, node: &Node, path: &Path<'_>) -> Option<String> {
    let text = match &node.value {
        NodeValue::Scalar(Value::String(text)) => Some(text),
        _ => None,
    };
    match shape {
        Shape::Boolean | Shape::Integer(_) | Shape::Number => match text.map(|text| &**text) {
            Some("yes" | "on" | "True" | "TRUE") => Some("write `true`".into()),
            Some("no" | "off" | "False" | "FALSE") => Some("write `false`".into()),
            Some(text) if text.parse::<f64>().is_ok() || ["true", "false"].contains(&text) => {
                Some("remove the quotes".into())
            }
            _ => None,
        },
        Shape::List(item, _) => match (item.shape(), &node.value) {
            (Shape::Structure(structure), NodeValue::Mapping(_)) => {
                let names: Vec<_> = structure
                    .members()
                    .iter()
                    .map(|member| member.name)
                    .take(2)
                    .collect();
                Some(format!(
                    "write items as `- {{ {}: … }}`",
                    names.join(": …, ")
                ))
            }
            (Shape::Text(_) | Shape::Enum(_), NodeValue::Scalar(value)) if !value.is_null() => {
                let command = text.and_then(|text| command_line::as_list(text, path));
                Some(command.unwrap_or_else(|| "put it between [ and ]".into()))
            }
            _ => None,
        },
        Shape::Text(_) if matches!(node.value, NodeValue::Scalar(Value::Null)) => {
            Some("write `\"\"` for text that is empty".into())
        }
        _ => None,
    }
}

fn listed(values: &[&str]) -> String {
    const TOLD: usize = 12;
    let more = if values.len() > TOLD { ", …" } else { "" };
    format!("{}{more}", values[..values.len().min(TOLD)].join(", "))
}

fn whole_number(bounds: Bounds) -> String {
    match (bounds.least, bounds.most) {
        (Some(least), Some(most)) if most < i64::from(i32::MAX) => {
            format!("expected a whole number from {least} to {most}")
        }
        (Some(least), _) if least > i64::from(i32::MIN) => {
            format!("expected a whole number, at least {least}")
        }
        _ => "expected a whole number".into(),
    }
}

fn within(bounds: Bounds, what: &str) -> String {
    match (bounds.least, bounds.most) {
        (Some(least), Some(most)) => format!("{least} to {most} {what}"),
        (Some(least), None) => format!("at least {least} {what}"),
        (None, Some(most)) => format!("at most {most} {what}"),
        (None, None) => what.into(),
    }
}

#[cfg(test)]
mod tests;
