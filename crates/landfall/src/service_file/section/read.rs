//! Reading and checking a section by its description: from what stands in the file to what is kept of it.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Field, Kind};
use crate::{
    probe::Statuses,
    service_file::{
        document::{Node, NodeValue},
        mapping::{Mapping, Problems, nearest},
        problem::Problem,
        spelling::misspelt,
    },
};

const HOUR: u64 = 3_600;

/// What keeps a value from being taken, and what to do about it.
struct Wrong {
    message: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(message: String) -> Self {
        Self {
            message,
            hint: None,
        }
    }

    fn hint(self, hint: Option<&str>) -> Self {
        Self {
            hint: hint.map(str::to_owned),
            ..self
        }
    }
}

impl Field {
    /// Reads the section's fields: each by its name in what is kept, with its default if it is not there or wrong. A field
    /// without a default may be missing in what is kept, which is a problem if it has to be there.
    pub(in crate::service_file) fn read(
        &self,
        section: &Mapping<'_>,
        problems: &mut Problems,
    ) -> Map<String, Value> {
        let fields = &self.fields.0;
        let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
        section.only(&names, problems);
        let mut stored = Map::new();
        for (name, field) in fields {
            let path = section.path_of(name);
            let value = match (section.get(name), &field.needed) {
                (Some(node), _) => field.value(node, &path, problems),
                (None, Some(hint)) if !is_misspelt(section, name, &names) => {
                    let missing = section.wrong_at(name, "this field is missing");
                    problems.add(missing.hint(if field.values.is_empty() {
                        hint.clone()
                    } else {
                        format!("{hint}: one of {}", field.values_listed())
                    }));
                    None
                }
                (None, _) => None,
            };
            if let Some(value) = value.or_else(|| field.usual()) {
                stored.insert(field.stored_name(name).into(), value);
            }
        }
        stored
    }

    /// The items of this list, or the entries of this map, that are mappings, each with its path.
    pub(in crate::service_file) fn mappings<'a>(
        &self,
        node: &'a Node,
        path: &str,
        problems: &mut Problems,
    ) -> Vec<Mapping<'a>> {
        let NodeValue::Sequence(items) = &node.value else {
            problems.add(problem(node, path, self.no_list(node)));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| Mapping::of(item, &format!("{path}[{index}]"), problems))
            .collect()
    }

    /// Reads an item of this list, or an entry of this map, as [`Self::read`] reads a section.
    pub(in crate::service_file) fn read_item(
        &self,
        item: &Mapping<'_>,
        problems: &mut Problems,
    ) -> Map<String, Value> {
        self.item.as_deref().unwrap_or(self).read(item, problems)
    }

    /// A problem if an item of this list has none or several of the fields of which it has to have one.
    pub(in crate::service_file) fn check_one_of(
        &self,
        item: &Mapping<'_>,
        problems: &mut Problems,
    ) {
        let described = self.item.as_deref().unwrap_or(self);
        let names = &described.one_of;
        if names.iter().filter(|name| item.get(name).is_some()).count() != 1 {
            let message = format!("expected one of {}", names.join(", "));
            let hint = described.hint.as_deref().unwrap_or_default();
            problems.add(item.wrong(message).hint(hint));
        }
    }

    /// What is kept of one value; none if it is wrong, which is a problem.
    fn value(&self, node: &Node, path: &str, problems: &mut Problems) -> Option<Value> {
        match (self.kind, &node.value) {
            (Kind::List | Kind::Texts, NodeValue::Sequence(items)) => {
                let item = self.item.as_deref();
                let items = items.iter().enumerate();
                let stored = items.filter_map(|(index, node)| {
                    let path = format!("{path}[{index}]");
                    match item {
                        Some(item) => item.value(node, &path, problems),
                        None => unless_wrong(node, &path, self.text(node), problems),
                    }
                });
                Some(stored.collect())
            }
            (Kind::Texts, NodeValue::Scalar(Value::String(_))) => {
                let text = unless_wrong(node, path, self.text(node), problems)?;
                Some(Value::Array(vec![text]))
            }
            (Kind::Mappings, NodeValue::Sequence(items)) => {
                if items.is_empty() || self.is_too_long(items.len()) {
                    problems.add(problem(node, path, self.no_such_number()));
                }
                let mappings = self.mappings(node, path, problems).into_iter();
                Some(
                    mappings
                        .map(|item| Value::from(self.read(&item, problems)))
                        .collect(),
                )
            }
            (Kind::Map, NodeValue::Mapping(entries))
                if self.item.as_deref().is_some_and(Self::is_single) =>
            {
                if self.is_too_long(entries.len()) {
                    problems.add(problem(node, path, self.no_such_number()));
                }
                let item = self.item.as_deref()?;
                let stored = entries.iter().filter_map(|(key, node)| {
                    let path = format!("{path}.{}", key.name);
                    Some((key.name.clone(), item.value(node, &path, problems)?))
                });
                Some(Value::Object(stored.collect()))
            }
            (Kind::Mapping | Kind::Mappings | Kind::Map, _) => {
                let mapping = Mapping::of(node, path, problems)?;
                if self.fields.0.is_empty() {
                    return Some(node.to_json());
                }
                Some(self.read(&mapping, problems).into())
            }
            _ => unless_wrong(node, path, self.scalar(node), problems),
        }
    }

    fn scalar(&self, node: &Node) -> Result<Value, Wrong> {
        match self.kind {
            Kind::Any | Kind::Map | Kind::Mapping | Kind::Mappings => Ok(node.to_json()),
            Kind::List => Err(self.no_list(node)),
            Kind::Text => self.text(node),
            Kind::Texts => {
                let message = format!("expected {}, or a list of such", self.text_expected());
                Err(Wrong::new(message))
            }
            Kind::TextOrInteger => match &node.value {
                NodeValue::Scalar(Value::Number(number)) if number.is_u64() => {
                    Ok(number.to_string().into())
                }
                _ => self.text(node),
            },
            Kind::Integer => self.integer(node),
            Kind::Positive => match &node.value {
                NodeValue::Scalar(Value::Number(number))
                    if number.as_f64().is_some_and(|number| number > 0.0) =>
                {
                    Ok(number.clone().into())
                }
                _ => {
                    let wrong = Wrong::new("expected a number greater than 0".into());
                    Err(wrong.hint(self.advice()))
                }
            },
            Kind::Boolean => match &node.value {
                NodeValue::Scalar(value @ Value::Bool(_)) => Ok(value.clone()),
                _ => {
                    let message = format!("expected true or false, found {}", node.kind());
                    Err(Wrong::new(message))
                }
            },
            Kind::Duration => self.duration(node),
            Kind::Milliseconds => self.milliseconds(node),
            Kind::Statuses => statuses(node),
            Kind::Scalar => match &node.value {
                NodeValue::Scalar(value) => Ok(value.clone()),
                _ => {
                    let message = format!(
                        "expected text, a number, true, false or null, found {}",
                        node.kind()
                    );
                    Err(Wrong::new(message))
                }
            },
            Kind::Time => {
                let text = self.text(node)?;
                let time = text.as_str().map(str::parse::<Timestamp>);
                match time {
                    Some(Ok(_)) => Ok(text),
                    _ => {
                        let message = format!("`{}` is no point in time", shown(&text));
                        Err(Wrong::new(message).hint(Some("write it like `2030-01-31T08:00:00Z`")))
                    }
                }
            }
        }
    }

    fn text(&self, node: &Node) -> Result<Value, Wrong> {
        let NodeValue::Scalar(Value::String(text)) = &node.value else {
            let hint = match node.value {
                NodeValue::Scalar(Value::Null) => "give it a value, or leave it out",
                NodeValue::Scalar(_) => "put it in quotes",
                _ => "write one text",
            };
            let message = format!("expected {}, found {}", self.text_expected(), node.kind());
            return Err(Wrong::new(message).hint(Some(hint)));
        };
        let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let is_long_enough = self.is_within(characters);
        let matches = |pattern: &super::Pattern| pattern.0.is_match(text);
        if is_long_enough
            && self.pattern.as_ref().is_none_or(matches)
            && (self.values.is_empty() || self.has_value(text))
        {
            return Ok(Value::from(text.as_str()));
        }
        if self.kind == Kind::Texts && !is_long_enough {
            return Err(Wrong::new(format!("expected {}", self.text_expected())));
        }
        let message = match &self.noun {
            Some(noun) => format!("`{text}` is no {noun}"),
            None => format!("expected one of {}, found `{text}`", self.values_listed()),
        };
        let near = nearest(text, self.values.iter().filter_map(Value::as_str));
        let hint = match near {
            Some(near) => Some(format!("did you mean `{near}`?")),
            // Without a noun the message has them.
            None if !self.values.is_empty() && self.noun.is_some() => {
                Some(format!("write one of {}", self.values_listed()))
            }
            None => self.advice().map(str::to_owned),
        };
        Err(Wrong { message, hint })
    }

    /// The length of a name or the like is part of the hint about it.
    fn text_expected(&self) -> String {
        let (least, most) = self.bounds();
        if self.kind == Kind::Texts {
            format!("text of {least} to {most} characters")
        } else {
            "text".into()
        }
    }

    fn values_listed(&self) -> String {
        let values: Vec<_> = self.values.iter().map(shown).collect();
        values.join(", ")
    }

    fn integer(&self, node: &Node) -> Result<Value, Wrong> {
        let number = match &node.value {
            NodeValue::Scalar(Value::Number(number)) => number.as_u64(),
            // The value of a placeholder is text.
            NodeValue::Scalar(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|number| self.is_within(*number)) else {
            let (least, most) = self.bounds();
            let message = format!("expected a whole number from {least} to {most}");
            return Err(Wrong::new(message));
        };
        let values: Vec<u64> = self.values.iter().filter_map(Value::as_u64).collect();
        if values.is_empty() || values.contains(&number) {
            return Ok(number.into());
        }
        let noun = self.noun.as_deref().unwrap_or("number that is taken here");
        let next = values.into_iter().find(|value| *value > number);
        let hint = next.map(|next| format!("the next one is {next}"));
        Err(Wrong::new(format!("{number} is no {noun}")).hint(hint.as_deref()))
    }

    fn duration(&self, node: &Node) -> Result<Value, Wrong> {
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
        if let Some(seconds) = seconds.filter(|seconds| self.is_within(*seconds)) {
            return Ok(seconds.into());
        }
        let (least, most) = self.bounds();
        let most = match most / HOUR {
            0 => format!("{most}s"),
            hours => format!("{hours}h"),
        };
        let message = format!("expected a length of time in whole seconds from {least}s to {most}");
        Err(Wrong::new(message).hint(Some("write it like `30s`, `2m` or `1h30m`")))
    }

    fn milliseconds(&self, node: &Node) -> Result<Value, Wrong> {
        let written = match &node.value {
            NodeValue::Scalar(Value::String(text)) => text.parse::<SignedDuration>().ok(),
            _ => None,
        };
        let milliseconds = written.and_then(|duration| u64::try_from(duration.as_millis()).ok());
        if let Some(milliseconds) = milliseconds.filter(|number| self.is_within(*number)) {
            return Ok(milliseconds.into());
        }
        let (least, most) = self.bounds();
        let message = format!(
            "expected a length of time from {least}ms to {}s",
            most / 1000
        );
        Err(Wrong::new(message).hint(Some("write it with its unit, like `500ms` or `2s`")))
    }

    fn is_too_long(&self, items: usize) -> bool {
        self.most_items.is_some_and(|most| items > most)
    }

    fn no_such_number(&self) -> Wrong {
        let most = self.most_items.unwrap_or(usize::MAX);
        let least = usize::from(self.kind == Kind::Mappings);
        Wrong::new(format!("expected {least} to {most} entries"))
    }

    fn no_list(&self, node: &Node) -> Wrong {
        let of = self.noun.iter().map(|noun| format!(" of {noun}"));
        let message = format!(
            "expected a list{}, found {}",
            of.collect::<String>(),
            node.kind()
        );
        Wrong::new(message).hint(self.advice())
    }

    /// What to do about a value that is wrong: mostly the same as if there was none.
    fn advice(&self) -> Option<&str> {
        self.hint.as_deref().or(self.needed.as_deref())
    }
}

/// What was kept of a section, as its struct; none if it lacks something, which is a problem.
pub(in crate::service_file) fn deserialized<T: DeserializeOwned>(
    section: &Mapping<'_>,
    fields: Map<String, Value>,
    problems: &mut Problems,
) -> Option<T> {
    let read = serde_json::from_value(fields.into());
    if let Err(error) = &read
        && !problems.0.iter().any(Problem::is_error)
    {
        // The description allows what the struct does not: then the file must not be taken without the section.
        let message = format!("this cannot be kept: {error}");
        problems.add(section.wrong(message));
    }
    read.ok()
}

/// Whether a field that is not there stands there under a name that is surely a misspelling, which is a problem of its own.
fn is_misspelt(section: &Mapping<'_>, name: &str, known: &[&str]) -> bool {
    let mut keys = section.entries().map(|(key, _)| &*key.name);
    keys.any(|key| !known.contains(&key) && misspelt(key, std::iter::once(name)).is_some())
}

/// HTTP statuses, with those of a list between commas.
fn statuses(node: &Node) -> Result<Value, Wrong> {
    let text = |node: &Node| match &node.value {
        NodeValue::Scalar(Value::String(text)) => Some(text.clone()),
        NodeValue::Scalar(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let said: Option<Vec<String>> = match &node.value {
        NodeValue::Sequence(items) => items.iter().map(text).collect(),
        _ => text(node).map(|text| vec![text]),
    };
    let statuses = said.and_then(|said| Statuses::parse(&said.join(",")));
    statuses.map(Value::from).ok_or_else(|| {
        let message = "expected statuses from 100 to 599: one, a range, or a list of these";
        Wrong::new(message.into())
            .hint(Some("write them like `204`, `200-299` or `[200, 301-303]`"))
    })
}

/// A value, or nothing and the problem of it.
fn unless_wrong(
    node: &Node,
    path: &str,
    value: Result<Value, Wrong>,
    problems: &mut Problems,
) -> Option<Value> {
    value
        .map_err(|wrong| problems.add(problem(node, path, wrong)))
        .ok()
}

fn problem(node: &Node, path: &str, wrong: Wrong) -> Problem {
    let problem = Problem::new(node.position, path, wrong.message);
    match wrong.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
