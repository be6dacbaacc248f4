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

use super::{ecs::Ecs, fault::Fault};
use crate::world::World;

/// Cloud Map of one account in one Region.
#[derive(Clone, Debug)]
pub struct CloudMap {
    world: Arc<World>,
    ecs: Ecs,
    state: Arc<Mutex<State>>,
}

/// Everything by id.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    namespaces: BTreeMap<String, Resource>,
    services: BTreeMap<String, Resource>,
    operations: BTreeMap<String, Value>,
}

/// What is described, and its tags.
#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    fields: Value,
    tags: BTreeMap<String, String>,
}

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
        match operation {
            "CreateHttpNamespace" => self.create_namespace(&input, "HTTP"),
            "CreatePrivateDnsNamespace" => self.create_namespace(&input, "DNS_PRIVATE"),
            "GetOperation" => self.get_operation(&input),
            "GetNamespace" => self.get_namespace(&input),
            "ListNamespaces" => self.list_namespaces(&input),
            "DeleteNamespace" => self.delete_namespace(&input),
            "CreateService" => self.create_service(&input),
            "GetService" => self.get_service(&input),
            "ListServices" => self.list_services(&input),
            "DeleteService" => self.delete_service(&input),
            "ListInstances" => self.list_instances(&input),
            "TagResource" => self.tag(&input),
            "UntagResource" => self.untag(&input),
            "ListTagsForResource" => self.list_tags(&input),
            _ => Err(Fault::client(
                "UnknownOperationException",
                format!("The embedded cloud's Cloud Map does not implement {operation}."),
            )),
        }
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

    fn tag(&self, input: &Value) -> Result<Value, Fault> {
        let tags = tags(input);
        self.tagged(input, |resource| {
            resource.tags.extend(tags);
            json!({})
        })
    }

    fn untag(&self, input: &Value) -> Result<Value, Fault> {
        let keys = input["TagKeys"].as_array().cloned().unwrap_or_default();
        self.tagged(input, |resource| {
            resource.tags.retain(|key, _| !keys.contains(&json!(key)));
            json!({})
        })
    }

    fn list_tags(&self, input: &Value) -> Result<Value, Fault> {
        self.tagged(input, |resource| {
            let tags = resource.tags.iter();
            let tags: Vec<_> = tags
                .map(|(key, value)| json!({ "Key": key, "Value": value }))
                .collect();
            json!({ "Tags": tags })
        })
    }

    fn tagged(
        &self,
        input: &Value,
        work: impl FnOnce(&mut Resource) -> Value,
    ) -> Result<Value, Fault> {
        let arn = &input["ResourceARN"];
        let mut state = self.state();
        let State {
            namespaces,
            services,
            ..
        } = &mut *state;
        let mut all = namespaces.values_mut().chain(services.values_mut());
        let found = all.find(|resource| resource.fields["Arn"] == *arn);
        found.map(work).ok_or_else(|| {
            let message = format!("The resource {arn} can't be found.");
            Fault::client("ResourceNotFoundException", message)
        })
    }
}

fn tags(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    let text = |tag: &Value, member: &str| tag[member].as_str().map(str::to_owned);
    tags.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
        .collect()
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
