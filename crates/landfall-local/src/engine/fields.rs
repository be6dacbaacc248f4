//! An object of a definition while it is read: fields are taken out, and whatever is left was not understood.

use serde_json::{Map, Value};

use super::{load_error::LoadError, path::Path};

/// The fields that have not been read yet, and where they stand.
pub(super) struct Fields {
    /// For errors, e.g. ``state `Claim` ``.
    pub(super) place: String,
    rest: Map<String, Value>,
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

    /// Refuses the definition if there is a field besides these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), LoadError> {
        let unknown = |name: &&String| !known.contains(&name.as_str());
        match self.rest.keys().find(unknown) {
            Some(name) => Err(self.error(name, "is not implemented here".into())),
            None => Ok(()),
        }
    }

    /// Refuses the definition if a field has not been read.
    pub(super) fn finish(self) -> Result<(), LoadError> {
        self.only(&[])
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    pub(super) fn optional(
        &mut self,
        name: &str,
        accepts: impl Fn(&Value) -> bool,
        kind: &str,
    ) -> Result<Option<Value>, LoadError> {
        match self.rest.shift_remove(name) {
            Some(value) if !accepts(&value) => {
                Err(self.error(name, format!("takes {kind}, not {value}")))
            }
            other => Ok(other),
        }
    }

    pub(super) fn required(
        &mut self,
        name: &str,
        accepts: impl Fn(&Value) -> bool,
        kind: &str,
    ) -> Result<Value, LoadError> {
        self.optional(name, accepts, kind)?
            .ok_or_else(|| self.error(name, "is missing".into()))
    }

    pub(super) fn comment(&mut self) -> Result<(), LoadError> {
        self.optional("Comment", Value::is_string, "a string")
            .map(|_| ())
    }

    pub(super) fn string(&mut self, name: &str) -> Result<String, LoadError> {
        let value = self.required(name, Value::is_string, "a string")?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn optional_whole_number(
        &mut self,
        name: &str,
        least: u64,
    ) -> Result<Option<u64>, LoadError> {
        let accepts = |value: &Value| value.as_u64().is_some_and(|number| number >= least);
        let kind = format!("a whole number that is at least {least}");
        let number = self.optional(name, accepts, &kind)?;
        Ok(number.as_ref().and_then(Value::as_u64))
    }

    pub(super) fn whole_number(&mut self, name: &str, least: u64) -> Result<u64, LoadError> {
        self.optional_whole_number(name, least)?
            .ok_or_else(|| self.error(name, "is missing".into()))
    }

    pub(super) fn elements(&mut self, name: &str) -> Result<Vec<Value>, LoadError> {
        match self.optional(name, Value::is_array, "an array")? {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn path(&mut self, name: &str) -> Result<Path, LoadError> {
        let text = self.string(name)?;
        Path::parse(&text).map_err(|reason| self.error(name, reason))
    }

    /// `ResultPath`, of a state or a catcher; nothing if it is `null`.
    pub(super) fn result_path(&mut self) -> Result<Option<Path>, LoadError> {
        const NAME: &str = "ResultPath";
        if self.rest.get(NAME).is_some_and(Value::is_null) {
            self.rest.shift_remove(NAME);
            return Ok(None);
        }
        let path = self.path(NAME)?;
        if path.in_context() {
            return Err(self.error(NAME, "cannot be in the context object".into()));
        }
        Ok(Some(path))
    }
}
