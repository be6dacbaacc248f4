//! Writing a section by its description: from what is kept of it to what stands in a file.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Field, Kind};

impl Field {
    /// The section without what need not be written.
    pub(in crate::service_file) fn written(&self, stored: &impl Serialize) -> Map<String, Value> {
        match serde_json::to_value(stored) {
            Ok(Value::Object(stored)) => self.fields_written(&stored),
            _ => Map::new(),
        }
    }

    /// An item of this list, as [`Self::written`] writes a section.
    pub(in crate::service_file) fn item_written(
        &self,
        stored: &impl Serialize,
    ) -> Map<String, Value> {
        self.item.as_deref().unwrap_or(self).written(stored)
    }

    fn fields_written(&self, stored: &Map<String, Value>) -> Map<String, Value> {
        let written = self.fields.0.iter().filter_map(|(name, field)| {
            let value = field.value_written(stored.get(field.stored_name(name))?);
            let is_usual = value.is_null() || field.default.as_ref() == Some(&value);
            (!is_usual).then(|| (name.clone(), value))
        });
        written.collect()
    }

    fn value_written(&self, stored: &Value) -> Value {
        match (self.kind, stored) {
            (Kind::Mapping | Kind::Mappings, Value::Object(fields))
                if !self.fields.0.is_empty() =>
            {
                self.fields_written(fields).into()
            }
            (Kind::List, Value::Array(items)) => {
                let item = self.item.as_deref().unwrap_or(self);
                items
                    .iter()
                    .map(|stored| item.value_written(stored))
                    .collect()
            }
            (Kind::Mappings, Value::Array(items)) => items
                .iter()
                .map(|stored| self.value_written(stored))
                .collect(),
            (Kind::Milliseconds, Value::Number(number)) => format!("{number}ms").into(),
            (Kind::Texts, Value::Array(texts)) => match &**texts {
                [only] => only.clone(),
                _ => stored.clone(),
            },
            _ => stored.clone(),
        }
    }
}
