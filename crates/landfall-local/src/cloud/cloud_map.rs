//! Cloud Map: namespaces and services. Instances are the running ECS tasks that are registered, asked of ECS whenever
//! somebody wants to know. DNS itself is not played.

mod namespaces;
mod services;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::{Api, UNKNOWN_OPERATION},
    ecs::Ecs,
    fault::Fault,
};
use crate::world::World;

/// Cloud Map of one account in one Region.
#[derive(Clone, Debug)]
pub struct CloudMap {
    world: Arc<World>,
    ecs: Ecs,
    state: Arc<Mutex<State>>,
}

/// Everything by id, as it is described, and the tags of services by ARN. Those of namespaces nobody asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    namespaces: BTreeMap<String, Value>,
    services: BTreeMap<String, Value>,
    #[serde(default)]
    tags: BTreeMap<String, Vec<Value>>,
}

/// What is played.
pub(super) const API: Api<CloudMap> = Api {
    service: "servicediscovery",
    title: "Cloud Map",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        (
            "CreatePrivateDnsNamespace",
            CloudMap::create_private_dns_namespace,
        ),
        ("GetNamespace", CloudMap::get_namespace),
        ("ListNamespaces", CloudMap::list_namespaces),
        ("CreateService", CloudMap::create_service),
        ("GetService", CloudMap::get_service),
        ("ListServices", CloudMap::list_services),
        ("DeleteService", CloudMap::delete_service),
        ("ListTagsForResource", CloudMap::list_tags),
    ],
};

impl CloudMap {
    /// No namespaces yet.
    pub fn new(world: Arc<World>, ecs: Ecs) -> Self {
        Self {
            world,
            ecs,
            state: Arc::default(),
        }
    }

    /// Answers one operation of the API `Route53AutoNaming_v20170314`
    /// (<https://docs.aws.amazon.com/cloud-map/latest/api/Welcome.html>).
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// All namespaces and services.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.state()).unwrap_or_default()
    }

    /// Takes up what [`CloudMap::snapshot`] gave.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        *self.state() = serde_json::from_value(snapshot)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An id as Cloud Map makes them: a prefix and sixteen lower-case letters and digits.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.world.hex(16))
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidInput", message)
}

/// Whether `fields` passes every filter of the input, by the member that each filter is about.
fn passes(fields: &Value, input: &Value, members: &[(&str, &str)]) -> Result<bool, Fault> {
    for filter in input["Filters"].as_array().into_iter().flatten() {
        let name = filter["Name"].as_str().unwrap_or_default();
        let member = members.iter().find(|(known, _)| *known == name);
        let (_, member) =
            member.ok_or_else(|| invalid(format!("The filter {name} is not valid.")))?;
        let value = fields[*member].as_str().unwrap_or_default();
        let mut wanted = filter["Values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let passed = match filter["Condition"].as_str().unwrap_or("EQ") {
            "EQ" | "IN" => wanted.any(|wanted| wanted == value),
            "BEGINS_WITH" => wanted.any(|wanted| value.starts_with(wanted)),
            other => return Err(invalid(format!("The condition {other} is not played."))),
        };
        if !passed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One page of `items`; tokens are positions.
fn page(member: &str, items: Vec<Value>, input: &Value) -> Result<Value, Fault> {
    let start = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| invalid("The next token is not valid."))?,
    };
    let most = input["MaxResults"]
        .as_u64()
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100)
        .clamp(1, 100);
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(start).take(most).collect();
    let next = start + items.len();
    let mut answer = json!({ member: items });
    if next < total {
        answer["NextToken"] = next.to_string().into();
    }
    Ok(answer)
}
