//! An object of a definition while it is read: fields are taken out, and whatever is left was not understood.

use serde_json::{Map, Value};

use super::{load::LoadError, path::Path};

/// The fields that have not been read yet, and where they stand.
pub(super) struct Fields {
    /// For errors, e.g. ``state `Claim` ``.
    pub(super) place: String,
    /// What has not been read yet.
    pub(super) rest: Map<String, Value>,
}

impl Fields {
    pub(super) fn of(value: Value, place: String) -> Result<Self, LoadError> {
        match value {
            Value::Object(rest) => Ok(Self { place, rest }),
            other => Err(LoadError {
                place,
                reason: format!("takes an object, not {other}"),
            }),
        }
    }

    pub(super) fn error(&self, field: &str, reason: String) -> LoadError {
        LoadError {
            place: format!("{}, field `{field}`", self.place),
            reason,
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.shift_remove(name)
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Value, LoadError> {
        self.take(name)
            .ok_or_else(|| self.error(name, "is missing".into()))
    }

    pub(super) fn optional(
        &mut self,
        name: &str,
        accepts: impl Fn(&Value) -> bool,
        kind: &str,
    ) -> Result<Option<Value>, LoadError> {
        match self.take(name) {
            Some(value) if !accepts(&value) => {
                Err(self.error(name, format!("takes {kind}, not {value}")))
            }
            other => Ok(other),
        }
    }

    pub(super) fn optional_string(&mut self, name: &str) -> Result<Option<String>, LoadError> {
        let value = self.optional(name, Value::is_string, "a string")?;
        Ok(value.as_ref().and_then(Value::as_str).map(str::to_owned))
    }

    pub(super) fn required_string(&mut self, name: &str) -> Result<String, LoadError> {
        self.optional_string(name)?
            .ok_or_else(|| self.error(name, "is missing".into()))
    }

    /// A whole number that is not negative.
    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<u64>, LoadError> {
        let value = self.optional(name, Value::is_u64, "a whole number that is not negative")?;
        Ok(value.as_ref().and_then(Value::as_u64))
    }

    pub(super) fn optional_path(&mut self, name: &str) -> Result<Option<Path>, LoadError> {
        let Some(text) = self.optional_string(name)? else {
            return Ok(None);
        };
        Path::parse(&text)
            .map(Some)
            .map_err(|reason| self.error(name, reason))
    }

    /// A path that is `$` when it is absent and nothing when it is `null`.
    pub(super) fn path_or_null(&mut self, name: &str) -> Result<Option<Path>, LoadError> {
        match self.rest.get(name) {
            None => Ok(Some(Path::root())),
            Some(Value::Null) => {
                self.take(name);
                Ok(None)
            }
            Some(_) => self.optional_path(name),
        }
    }

    /// Refuses the definition if a field has not been read.
    pub(super) fn finish(self) -> Result<(), LoadError> {
        match self.rest.keys().next() {
            Some(name) => Err(self.error(name, "is not implemented here".into())),
            None => Ok(()),
        }
    }
}
