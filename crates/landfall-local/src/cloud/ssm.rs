//! Systems Manager: Parameter Store, as far as service files ask for parameters.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::{Api, UNKNOWN_OPERATION},
    fault::Fault,
};
use crate::world::World;

/// Parameter Store of one account in one Region.
#[derive(Clone, Debug)]
pub struct Ssm {
    world: Arc<World>,
    parameters: Arc<Mutex<BTreeMap<String, Parameter>>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parameter {
    kind: String,
    /// Oldest first; the first version is 1.
    versions: Vec<String>,
    modified: f64,
}

/// `Name`, `Value`, `Type` and the like have limits; these are the ones that people meet
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>).
const LONGEST_VALUE: usize = 4096;

/// What is played.
pub(super) const API: Api<Ssm> = Api {
    service: "ssm",
    title: "Systems Manager",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("PutParameter", Ssm::put_parameter),
        ("GetParameters", Ssm::get_parameters),
        ("DeleteParameter", Ssm::delete_parameter),
    ],
};

impl Ssm {
    /// No parameters yet.
    pub fn new(world: Arc<World>) -> Self {
        Self {
            world,
            parameters: Arc::default(),
        }
    }

    /// Answers one operation of the API `AmazonSSM`.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// Everything, for [`Ssm::restore`].
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.lock()).unwrap_or_default()
    }

    /// Takes a snapshot's parameters.
    ///
    /// # Errors
    /// When `snapshot` was not made by [`Ssm::snapshot`].
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(snapshot)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn put_parameter(&self, input: &Value) -> Result<Value, Fault> {
        let name = text(input, "Name");
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if name.is_empty() || !name.chars().all(allowed) {
            let message = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). It can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_";
            return Err(Fault::client("ValidationException", message));
        }
        let value = text(input, "Value");
        if value.is_empty() || value.len() > LONGEST_VALUE {
            let message = format!(
                "Standard tier parameters support a maximum parameter value of {LONGEST_VALUE} characters."
            );
            return Err(Fault::client("ValidationException", message));
        }
        let mut parameters = self.lock();
        let known = parameters.get(name);
        let overwrite = input["Overwrite"].as_bool().unwrap_or_default();
        if known.is_some() && !overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(Fault::client("ParameterAlreadyExists", message));
        }
        let kind = match (text(input, "Type"), known) {
            ("", Some(known)) => known.kind.clone(),
            (kind @ ("String" | "StringList" | "SecureString"), _) => kind.to_owned(),
            ("", None) => {
                let message = "A parameter type is required when you create a parameter.";
                return Err(Fault::client("ValidationException", message));
            }
            (other, _) => {
                let message = format!("The following parameter type isn't supported: {other}.");
                return Err(Fault::client("UnsupportedParameterType", message));
            }
        };
        let mut versions = known
            .map(|known| known.versions.clone())
            .unwrap_or_default();
        versions.push(value.to_owned());
        let version = versions.len();
        let parameter = Parameter {
            kind,
            versions,
            modified: self.world.epoch_seconds(),
        };
        parameters.insert(name.to_owned(), parameter);
        Ok(json!({ "Version": version, "Tier": "Standard" }))
    }

    fn get_parameters(&self, input: &Value) -> Result<Value, Fault> {
        let names: Vec<&str> = input["Names"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !(1..=10).contains(&names.len()) {
            let message = format!(
                "1 validation error detected: Value '{names:?}' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10"
            );
            return Err(Fault::client("ValidationException", message));
        }
        let decrypted = input["WithDecryption"].as_bool().unwrap_or_default();
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in names {
            match self.described(name, decrypted) {
                Some(parameter) => found.push(parameter),
                None => invalid.push(name),
            }
        }
        found.sort_by_key(|parameter| text(parameter, "Name").to_owned());
        Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
    }

    fn delete_parameter(&self, input: &Value) -> Result<Value, Fault> {
        match self.lock().remove(text(input, "Name")) {
            Some(_) => Ok(json!({})),
            None => Err(Fault::client(
                "ParameterNotFound",
                "The parameter was not found.",
            )),
        }
    }

    /// The parameter that a name or an ARN means, with `:version` behind it or without.
    fn described(&self, wanted: &str, decrypted: bool) -> Option<Value> {
        let prefix = self.world.arn("ssm", "parameter");
        let path = wanted.strip_prefix(&prefix).unwrap_or(wanted);
        let parameters = self.lock();
        let (name, selector) = match path.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (path, None),
        };
        // The ARN of a name without a leading slash has one.
        let (name, parameter) = parameters
            .get_key_value(name)
            .or_else(|| parameters.get_key_value(name.strip_prefix('/')?))?;
        let version = match selector {
            Some(version) => version.parse().ok()?,
            None => parameter.versions.len(),
        };
        let value = parameter.versions.get(version.checked_sub(1)?)?;
        let value = match (&*parameter.kind, decrypted) {
            ("SecureString", false) => format!("AQICAH{}", hex::encode(value)),
            _ => value.clone(),
        };
        let slash = if name.starts_with('/') { "" } else { "/" };
        let mut described = json!({
            "Name": name,
            "Type": parameter.kind,
            "Value": value,
            "Version": version,
            "LastModifiedDate": parameter.modified,
            "ARN": format!("{prefix}{slash}{name}"),
            "DataType": "text",
        });
        if let Some(selector) = selector {
            described["Selector"] = format!(":{selector}").into();
        }
        Some(described)
    }
}

fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_default()
}
