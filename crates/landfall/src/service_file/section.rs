//! The sections that are Landfall's own, as `schema/sections/*.json` describes them.
//!
//! The description is the only place that names a section's fields, their bounds and their defaults. A section is read
//! and checked by it ([`Field::read`]), written by it ([`Field::written`]), and the JSON Schema is made of it
//! (`schema/generate.py`). What holds between several fields is code beside the section's struct.

mod read;
mod written;

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) use self::read::deserialized;

macro_rules! described {
    ($($name:ident = $file:literal;)*) => {
        $(
            #[doc = concat!("`schema/", $file, "`")]
            pub(super) static $name: LazyLock<Field> =
                LazyLock::new(|| Field::described(include_str!(concat!("../../../../schema/", $file))));
        )*

        #[cfg(test)]
        fn all() -> Vec<&'static Field> {
            vec![$(&$name),*]
        }
    };
}

described! {
    AFTER = "sections/after.json";
    AUTOSCALING = "sections/autoscaling.json";
    BEFORE = "sections/before.json";
    CAPACITY = "sections/capacity.json";
    DISCOVERY = "sections/discovery.json";
    IMAGES = "sections/images.json";
    INGRESS = "sections/ingress.json";
    LOGS = "sections/logs.json";
    ONE_OFF_TASK = "one-off-task.json";
    VERIFY = "sections/verify.json";
}

/// A section or a field of one. What only the JSON Schema needs, such as the description for people, is not kept.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    #[serde(default, rename = "type")]
    kind: Kind,
    /// For a field that has to be there: what to do if it is not.
    needed: Option<String>,
    /// The value, as it is kept, of a field that is not there.
    default: Option<Value>,
    /// Its name in what is kept of a file, if that is another one.
    stored_as: Option<String>,
    /// The least that a number may be, in seconds for a duration, or the fewest characters of a text.
    least: Option<u64>,
    /// The most.
    most: Option<u64>,
    /// The most items of a list, or entries of a map.
    pub(super) most_items: Option<usize>,
    /// The only values that there are; any, if there is none here.
    #[serde(default)]
    values: Vec<Value>,
    /// What a text has to match.
    pattern: Option<Pattern>,
    /// What the value is, as in "`x` is no …".
    noun: Option<String>,
    /// What to do about a wrong value, if that is another thing than about one that is not there.
    pub(super) hint: Option<String>,
    /// The fields of a mapping; anything, if there is none here.
    #[serde(default)]
    fields: Fields,
    /// The items of a list, or the entries of a map.
    item: Option<Box<Field>>,
    /// The fields of which there has to be one.
    #[serde(default)]
    pub(super) one_of: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    /// Whatever stands there: it is read elsewhere.
    #[default]
    Any,
    Text,
    /// Text that people write as a whole number too.
    TextOrInteger,
    /// One text or a list of them.
    Texts,
    Integer,
    /// A number over 0, kept as it is written.
    Positive,
    Boolean,
    /// A length of time in whole seconds: `90`, `90s`, `2m`, `1h30m`; kept as the number.
    Duration,
    /// A length of time with its unit: `500ms`, `2s`; kept as the number of milliseconds.
    Milliseconds,
    /// HTTP statuses: one, a range such as `200-299`, or a list of these.
    Statuses,
    /// Text, a number, true, false or null.
    Scalar,
    /// A point in time, as `2030-01-31T08:00:00Z`.
    Time,
    List,
    /// A mapping whose keys are anybody's.
    Map,
    Mapping,
    /// One mapping or a list of them; kept as it is written.
    Mappings,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&text).map(Self)
    }
}

/// By name, in the order of the description.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct Fields(Vec<(String, Field)>);

impl TryFrom<Map<String, Value>> for Fields {
    type Error = serde_json::Error;

    fn try_from(fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let read = |(name, field)| Ok((name, serde_json::from_value(field)?));
        fields
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Field {
    /// # Panics
    /// If the text is no description, which is a part of the executable: a test reads every one.
    fn described(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("a description in schema/ cannot be read: {error}"))
    }

    /// The field `name` of this mapping, or of this list's items.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let described = self.item.as_deref().unwrap_or(self);
        let mut fields = described.fields.0.iter();
        fields
            .find(|(known, _)| known == name)
            .map(|(_, field)| field)
    }

    /// Whether `text` is among its values.
    pub(super) fn has_value(&self, text: &str) -> bool {
        self.values.iter().any(|value| value == text)
    }

    fn stored_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.stored_as.as_deref().unwrap_or(name)
    }

    /// What is kept of a field that is not there.
    fn usual(&self) -> Option<Value> {
        let default = self.default.as_ref()?;
        if self.fields.0.is_empty() {
            return Some(default.clone());
        }
        let fields =
            self.fields.0.iter().filter_map(|(name, field)| {
                Some((field.stored_name(name).to_owned(), field.usual()?))
            });
        Some(Value::Object(fields.collect()))
    }

    /// Whether it is one value, and not made of several.
    fn is_single(&self) -> bool {
        let made = [
            Kind::Any,
            Kind::List,
            Kind::Map,
            Kind::Mapping,
            Kind::Mappings,
        ];
        !made.contains(&self.kind)
    }

    fn bounds(&self) -> (u64, u64) {
        (self.least.unwrap_or(0), self.most.unwrap_or(u64::MAX))
    }

    fn is_within(&self, number: u64) -> bool {
        let (least, most) = self.bounds();
        (least..=most).contains(&number)
    }
}

#[cfg(test)]
mod tests;
