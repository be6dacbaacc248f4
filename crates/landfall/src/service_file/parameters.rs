//! Placeholders: `${param:NAME}`, `${ssm:/path/name}` and `${export:Name}` in any text value of a service file.
//!
//! A file is read twice: first with its placeholders as they stand, which says what to ask for; then with the values in
//! their place, which is the file that releases are made of. So a release keeps the values that it was made with.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Checked, ServiceFile,
    conformity::ECS_SECTIONS,
    document::{Node, NodeValue},
    problem::{Position, Problem, Rejection},
    spelling::nearest,
};
use crate::api::{Api, Shape, Type};

/// How many different placeholders a file may have.
const MOST: usize = 50;
/// In how many places they may stand.
const MOST_SITES: usize = 500;
/// How many bytes the values may add to a file.
const MOST_BYTES: usize = super::MAX_BYTES;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The parameter `FileParameters` of the installation.
    Param,
    /// SSM Parameter Store.
    Ssm,
    /// The exports of CloudFormation stacks.
    Export,
}

impl Source {
    const ALL: [Self; 3] = [Self::Param, Self::Ssm, Self::Export];

    /// As it stands in a placeholder.
    pub fn word(self) -> &'static str {
        match self {
            Self::Param => "param",
            Self::Ssm => "ssm",
            Self::Export => "export",
        }
    }
}

/// One value that a file asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placeholder {
    /// From where.
    pub source: Source,
    /// By which name.
    pub name: String,
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}:{}}}", self.source.word(), self.name)
    }
}

/// A piece of a text value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// As it stands.
    Text(String),
    /// Filled in.
    Placeholder(Placeholder),
}

/// A text value with placeholders, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Where it starts.
    #[serde(flatten)]
    pub position: Position,
    /// The path in messages, e.g. `taskDefinition.cpu`.
    pub path: String,
    /// The same as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What a value that is one placeholder alone becomes.
    #[serde(default)]
    pub kind: Kind,
    /// Its pieces.
    pub parts: Vec<Part>,
}

/// What AWS's API takes somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text, or anything that is no single value.
    #[default]
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

/// The value of a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Text.
    Text(String),
    /// A list: what SSM calls a `StringList`.
    List(Vec<String>),
}

/// Why a placeholder has no value, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Why.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What the placeholders stand for.
pub type Values = BTreeMap<Placeholder, Result<Resolved, Missing>>;

/// Adds the placeholders of a document and what is wrong with them, and takes away what was said of values that are not
/// known yet.
pub(super) fn check(document: &Node, checked: &mut Checked) {
    let Finder { sites, problems } = Finder::through(document);
    let paths: BTreeSet<&str> = sites.iter().map(|site| &*site.path).collect();
    checked
        .problems
        .retain(|problem| !paths.contains(&*problem.path));
    checked.add(problems);
    checked.sites = sites;
}

impl Site {
    /// What it asks for, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }
}

/// What these places ask for.
pub fn placeholders(sites: &[Site]) -> BTreeSet<Placeholder> {
    let asked = sites.iter().flat_map(Site::placeholders);
    asked.cloned().collect()
}

/// An accepted file with new values in these places.
///
/// # Errors
/// Every placeholder without a value.
pub fn refreshed(
    file: &ServiceFile,
    sites: &[Site],
    values: &Values,
) -> Result<ServiceFile, Rejection> {
    let problems = missing(sites, values);
    if !problems.is_empty() {
        return Err(Rejection::of(problems));
    }
    let damaged = |error: serde_json::Error| {
        Rejection::of_file(
            format!("the file does not fit its new values: {error}"),
            "upload the file again",
        )
    };
    let mut document = serde_json::to_value(file).map_err(damaged)?;
    for site in sites {
        // What the file does not keep, such as `service.cluster`, needs no value.
        if let Some(place) = document.pointer_mut(&site.pointer) {
            *place = filled(site, values);
        }
    }
    serde_json::from_value(document).map_err(damaged)
}

/// What is wrong with the values of these places.
pub(super) fn missing(sites: &[Site], values: &Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut bytes = 0;
    for site in sites {
        for part in &site.parts {
            let Part::Placeholder(placeholder) = part else {
                continue;
            };
            let problem = match values.get(placeholder) {
                Some(Ok(Resolved::Text(text))) => {
                    bytes += text.len();
                    None
                }
                Some(Ok(Resolved::List(items))) => {
                    bytes += items.iter().map(|item| item.len() + 4).sum::<usize>();
                    None
                }
                Some(Err(Missing { message, hint })) => {
                    Some(Problem::new(site.position, &site.path, message.clone()).hint(hint))
                }
                None => Some(Problem::new(
                    site.position,
                    &site.path,
                    format!("nobody asked for the value of {placeholder}"),
                )),
            };
            problems.extend(problem);
        }
        if bytes > MOST_BYTES {
            let message = format!("the values up to here add more than {MOST_BYTES} bytes");
            problems.push(
                Problem::new(site.position, &site.path, message)
                    .hint("put what is so long into the image, or into fewer places"),
            );
            break;
        }
    }
    problems
}

fn too_many(sites: &[Site]) -> Option<Problem> {
    let different = placeholders(sites).len();
    let message = match (different > MOST, sites.len() > MOST_SITES) {
        (true, _) => {
            format!("the file has {different} different placeholders; at most {MOST} are filled in")
        }
        (false, true) => format!(
            "the file has placeholders in {} places; at most {MOST_SITES} are filled in",
            sites.len()
        ),
        (false, false) => return None,
    };
    let last = sites.last()?;
    Some(
        Problem::new(last.position, &last.path, message)
            .hint("write out those that are the same everywhere"),
    )
}

/// The value of a place. A value that is one placeholder alone becomes a list where it stands for one, and a number or
/// a boolean where ECS takes nothing else.
pub(super) fn filled(site: &Site, values: &Values) -> Value {
    let value = |placeholder: &Placeholder| {
        values
            .get(placeholder)
            .and_then(|value| value.as_ref().ok())
    };
    if let [Part::Placeholder(placeholder)] = &*site.parts {
        match value(placeholder) {
            Some(Resolved::List(items)) => return items.iter().cloned().map(Value::from).collect(),
            Some(Resolved::Text(text)) => return typed(site.kind, text),
            None => {}
        }
    }
    let text = site.parts.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Placeholder(placeholder) => match value(placeholder) {
            Some(Resolved::Text(text)) => text.clone(),
            Some(Resolved::List(items)) => items.join(","),
            None => String::new(),
        },
    });
    Value::String(text.collect())
}

/// What AWS's API takes in the place that a JSON pointer names.
fn kind(pointer: &str) -> Kind {
    let mut keys = pointer.split('/').skip(1);
    let section = keys.next().unwrap_or_default();
    let operation = ECS_SECTIONS.iter().find(|(name, _)| *name == section);
    let Some((_, operation)) = operation else {
        return Kind::Text;
    };
    let request = Some(Api::ecs().request(operation));
    let kind = keys.fold(request, |kind, key| match kind?.shape() {
        Shape::Structure(structure) => structure.member(key),
        Shape::List(item, _) => Some(item),
        Shape::Map(value) => Some(value),
        _ => None,
    });
    match kind.map(Type::shape) {
        Some(Shape::Integer(_) | Shape::Number) => Kind::Number,
        Some(Shape::Boolean) => Kind::Boolean,
        _ => Kind::Text,
    }
}

fn typed(kind: Kind, text: &str) -> Value {
    let typed = match kind {
        Kind::Text => None,
        Kind::Number => text
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| text.parse::<f64>().map(Value::from))
            .ok(),
        Kind::Boolean => text.parse::<bool>().ok().map(Value::from),
    };
    // What cannot be one is reported by the check of the file.
    typed.unwrap_or_else(|| text.into())
}

/// The places of a document with placeholders, and what is wrong with these.
#[derive(Default)]
pub(super) struct Finder {
    pub(super) sites: Vec<Site>,
    pub(super) problems: Vec<Problem>,
}

impl Finder {
    pub(super) fn through(document: &Node) -> Self {
        let mut finder = Self::default();
        finder.walk(document, String::new(), String::new());
        if finder.problems.is_empty() {
            finder.problems.extend(too_many(&finder.sites));
        }
        finder
    }

    fn walk(&mut self, node: &Node, path: String, pointer: String) {
        match &node.value {
            NodeValue::Mapping(entries) => {
                for (key, node) in entries {
                    let name = &key.name;
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    let key = name.replace('~', "~0").replace('/', "~1");
                    self.walk(node, path, format!("{pointer}/{key}"));
                }
            }
            NodeValue::Sequence(items) => {
                for (index, node) in items.iter().enumerate() {
                    self.walk(
                        node,
                        format!("{path}[{index}]"),
                        format!("{pointer}/{index}"),
                    );
                }
            }
            NodeValue::Scalar(Value::String(text)) if text.contains("${") => match parts(text) {
                Ok(None) => {}
                Ok(Some(parts)) => self.sites.push(Site {
                    position: node.position,
                    path,
                    kind: kind(&pointer),
                    pointer,
                    parts,
                }),
                Err((message, hint)) => self
                    .problems
                    .push(Problem::new(node.position, &path, message).hint(hint)),
            },
            NodeValue::Scalar(_) => {}
        }
    }
}

/// The pieces of a text with placeholders; none if it has no placeholder and no escaped one. Whatever else begins with
/// `${` belongs to a shell or another program and stays.
fn parts(text: &str) -> Result<Option<Vec<Part>>, (String, String)> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut found = false;
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        plain.push_str(before);
        let inside = &from[2..];
        let word: &str = inside
            .split([':', '}', '$', '{'])
            .next()
            .unwrap_or_default();
        let is_placeholder = inside[word.len()..].starts_with(':');
        let source = Source::ALL.iter().find(|source| source.word() == word);
        let Some(source) = source.filter(|_| is_placeholder) else {
            if is_placeholder && !before.ends_with('$') {
                meant(word, inside)?;
            }
            plain.push_str("${");
            rest = inside;
            continue;
        };
        found = true;
        if before.ends_with('$') {
            plain.pop();
            plain.push_str("${");
            rest = inside;
            continue;
        }
        let Some(end) = inside.find('}') else {
            return Err((
                format!("the placeholder `${{{word}:` does not end"),
                "end it with `}`, or write `$${` if it is none".into(),
            ));
        };
        let name = &inside[word.len() + 1..end];
        if name.is_empty() || name.contains(char::is_whitespace) || name.contains("${") {
            return Err((
                format!("`${{{word}:{name}}}` names nothing"),
                format!("write `${{{word}:<name>}}`, or `$${{` if it is no placeholder"),
            ));
        }
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Placeholder(Placeholder {
            source: *source,
            name: name.into(),
        }));
        rest = &inside[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(found.then_some(parts))
}

/// A source that is nearly one was meant to be one.
fn meant(word: &str, inside: &str) -> Result<(), (String, String)> {
    let others = [
        ("env", "param"),
        ("cfn-export", "export"),
        ("cfn", "export"),
        ("parameter", "param"),
    ];
    let known = Source::ALL.iter().map(|source| source.word());
    let alias = others.iter().find(|(other, _)| *other == word);
    let near = alias.map(|(_, source)| *source).or_else(|| {
        // A shell's `${S:-x}` is nobody's misspelling.
        let rest = &inside[word.len() + 1..];
        let is_shell = rest.starts_with(['-', '=', '?', '+']) || word.len() < 3;
        if is_shell { None } else { nearest(word, known) }
    });
    match near {
        Some(near) => Err((
            format!("there are no placeholders `${{{word}:…}}`"),
            format!("did you mean `${{{near}:…}}`? If it is no placeholder, write `$${{`"),
        )),
        None => Ok(()),
    }
}

/// Parameters of the installation: `NAME=value`, separated by commas.
pub fn installation_values(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
