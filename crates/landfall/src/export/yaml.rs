//! JSON as the YAML that people write: blocks, small values in one line, with comments.

use serde_json::{Map, Value};

use super::marks::{Marks, escaped};
use crate::yaml::{flow, scalar};

/// A top-level section.
pub(super) fn section(name: &str, value: &Value) -> String {
    marked(name, value, &Marks::new())
}

/// The same with a comment above each line that has a marked value.
pub(super) fn marked(name: &str, value: &Value, marks: &Marks) -> String {
    let mut text = String::new();
    entry(&mut text, 0, name, value, &At { path: "", marks });
    text
}

/// A key with its value, indented by `by` columns.
pub(super) fn indented(by: usize, key: &str, value: &Value) -> String {
    let marks = Marks::new();
    let mut text = String::new();
    let at = At {
        path: "",
        marks: &marks,
    };
    entry(&mut text, by, key, value, &at);
    text
}

/// Where a value is in its section, and what is marked there.
struct At<'a> {
    path: &'a str,
    marks: &'a Marks,
}

impl At<'_> {
    /// The comment on a value of several lines.
    fn comment(&self, by: usize) -> String {
        let comment = self.marks.get(self.path);
        comment.map(|comment| line(by, comment)).unwrap_or_default()
    }

    /// The comments on a value that stands in one line, with all that is in it.
    fn comments(&self, by: usize) -> String {
        let within = format!("{}/", self.path);
        let marks = self.marks.iter();
        let marks = marks.filter(|(path, _)| *path == self.path || path.starts_with(&within));
        marks.map(|(_, comment)| line(by, comment)).collect()
    }
}

fn line(by: usize, comment: &str) -> String {
    format!("{}# {comment}\n", " ".repeat(by))
}

fn entry(text: &mut String, by: usize, key: &str, value: &Value, at: &At<'_>) {
    let key = format!("{}{}:", " ".repeat(by), scalar(key));
    match value {
        Value::Object(fields) if !fields.is_empty() && !fits(value) => {
            text.push_str(&at.comment(by));
            text.push_str(&format!("{key}\n"));
            members(text, by + 2, fields, at);
        }
        Value::Array(items) if !items.is_empty() && !fits(value) => {
            text.push_str(&at.comment(by));
            text.push_str(&format!("{key}\n"));
            for (index, item) in items.iter().enumerate() {
                let path = format!("{}/{index}", at.path);
                item_of(text, by + 2, item, &At { path: &path, ..*at });
            }
        }
        other => {
            text.push_str(&at.comments(by));
            text.push_str(&format!("{key} {}\n", flow(other)));
        }
    }
}

fn members(text: &mut String, by: usize, fields: &Map<String, Value>, at: &At<'_>) {
    for (key, value) in fields {
        let path = format!("{}/{}", at.path, escaped(key));
        entry(text, by, key, value, &At { path: &path, ..*at });
    }
}

/// An item with its dash: the first field of a mapping stands beside the dash, and a comment on it above the dash.
fn item_of(text: &mut String, by: usize, item: &Value, at: &At<'_>) {
    match item {
        Value::Object(fields) if !fields.is_empty() && !fits(item) => {
            text.push_str(&at.comment(by));
            let mut inner = String::new();
            members(&mut inner, by + 2, fields, at);
            let lines: Vec<_> = inner.lines().collect();
            let is_comment = |line: &&str| line.trim_start().starts_with('#');
            let above = lines.iter().take_while(|line| is_comment(line)).count();
            for comment in &lines[..above] {
                text.push_str(&format!("{}{}\n", " ".repeat(by), comment.trim_start()));
            }
            for (index, line) in lines[above..].iter().enumerate() {
                match index {
                    0 => text.push_str(&format!("{}- {}\n", " ".repeat(by), line.trim_start())),
                    _ => text.push_str(&format!("{line}\n")),
                }
            }
        }
        other => {
            text.push_str(&at.comments(by));
            text.push_str(&format!("{}- {}\n", " ".repeat(by), flow(other)));
        }
    }
}

/// Whether a collection holds scalars only and stays readable in one line.
fn fits(value: &Value) -> bool {
    const WIDTH: usize = 80;
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    let scalars = match value {
        // A member of a section stands in a line of its own.
        Value::Object(fields) => fields.len() <= 3 && fields.values().all(is_scalar),
        Value::Array(items) => items.iter().all(is_scalar),
        _ => true,
    };
    scalars && flow(value).len() <= WIDTH
}
