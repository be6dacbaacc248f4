//! EventBridge's default bus: events in, rules over them, functions as targets.

pub mod dispatcher;
pub mod pattern;
mod rules;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::pattern::Pattern;
use super::{
    api::{Api, UNKNOWN_OPERATION},
    bus::Bus,
    fault::Fault,
};
use crate::world::World;

/// PutEvents refuses larger requests; in bytes
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>).
const LARGEST_REQUEST: usize = 256 * 1024;

/// How many events are remembered for whoever looks.
const REMEMBERED: usize = 1000;

/// EventBridge of one account in one Region.
#[derive(Clone, Debug)]
pub struct Events {
    world: Arc<World>,
    bus: Bus,
    rules: Arc<Mutex<BTreeMap<String, Rule>>>,
    recent: Arc<Mutex<VecDeque<Value>>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Rule {
    /// PutRule's input as it came, with `Arn` and `State`.
    description: Map<String, Value>,
    /// PutTargets' targets as they came, in the order of their ids.
    targets: BTreeMap<String, Value>,
    /// What `EventPattern` says, once an event asked.
    #[serde(skip)]
    pattern: OnceLock<Option<Pattern>>,
}

/// What is played.
pub(super) const API: Api<Events> = Api {
    service: "events",
    title: "EventBridge",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("PutEvents", Events::put_events),
        ("PutRule", Events::put_rule),
        ("PutTargets", Events::put_targets),
    ],
};

impl Events {
    /// A bus without rules.
    pub fn new(world: Arc<World>, bus: Bus) -> Self {
        Self {
            world,
            bus,
            rules: Arc::default(),
            recent: Arc::default(),
        }
    }

    /// Answers one operation of the API `AWSEvents`.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// The newest thousand events that went over the bus, oldest first: complete envelopes.
    pub fn recent_events(&self) -> Vec<Value> {
        self.recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// The rules and their targets.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.rules()).unwrap_or_default()
    }

    /// Takes up what [`Events::snapshot`] gave.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        *self.rules() = serde_json::from_value(snapshot)?;
        Ok(())
    }

    fn put_events(&self, input: &Value) -> Result<Value, Fault> {
        let entries = input["Entries"]
            .as_array()
            .filter(|entries| (1..=10).contains(&entries.len()))
            .ok_or_else(|| {
                validation(
                    "1 validation error detected: 'entries' must have length between 1 and 10"
                        .to_owned(),
                )
            })?;
        if entries.iter().map(size).sum::<usize>() > LARGEST_REQUEST {
            return Err(validation(
                "Total size of the entries in the request is over the limit.".to_owned(),
            ));
        }
        let answers: Vec<Value> = entries
            .iter()
            .map(|entry| match self.put_event(entry) {
                Ok(id) => json!({ "EventId": id }),
                Err(fault) => json!({ "ErrorCode": fault.code, "ErrorMessage": fault.message }),
            })
            .collect();
        let failed = answers
            .iter()
            .filter(|answer| answer.get("ErrorCode").is_some())
            .count();
        Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
    }

    fn put_event(&self, entry: &Value) -> Result<String, Fault> {
        let argument = |name: &str| {
            entry[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| {
                    Fault::client(
                        "InvalidArgument",
                        format!(
                            "Parameter {name} is not valid. Reason: {name} is a required argument."
                        ),
                    )
                })
        };
        let (source, detail_type) = (argument("Source")?, argument("DetailType")?);
        let detail = argument("Detail")?;
        if source.starts_with("aws.") {
            return Err(Fault::client(
                "NotAuthorizedForSourceException",
                "Not authorized for the source.",
            ));
        }
        let detail: Value = serde_json::from_str(detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Fault::client("MalformedDetail", "Detail is malformed."))?;
        check_bus(entry["EventBusName"].as_str())
            .map_err(|fault| Fault::client("InvalidArgument", fault.message))?;
        let resources: Vec<String> = entry["Resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        Ok(self.bus.emit(source, detail_type, &resources, detail))
    }

    fn rules(&self) -> MutexGuard<'_, BTreeMap<String, Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry's size as AWS counts it: the UTF-8 bytes of its texts, and 14 for a time.
fn size(entry: &Value) -> usize {
    let text = |name: &str| entry[name].as_str().map_or(0, str::len);
    let resources: usize = entry["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::len)
        .sum();
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    text("Source") + text("DetailType") + text("Detail") + resources + time
}

/// There is only the default bus, named or by ARN.
fn check_bus(name: Option<&str>) -> Result<(), Fault> {
    match name {
        None | Some("default") => Ok(()),
        Some(arn) if arn.ends_with(":event-bus/default") => Ok(()),
        Some(other) => Err(Fault::client(
            "ResourceNotFoundException",
            format!("Event bus {other} does not exist: there is only default."),
        )),
    }
}

fn validation(message: String) -> Fault {
    Fault::client("ValidationException", message)
}
