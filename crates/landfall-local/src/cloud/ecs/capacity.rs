//! Capacity providers. They are kept and shown; where tasks really run does not depend on them here.

use serde_json::{Map, Value, json};

use super::state::{State, Tagged};
use super::{Ecs, invalid, list, strings, text};
use crate::cloud::fault::Fault;

/// The member that says when a capacity provider is up; it is not shown.
const UP_AT: &str = "upAt";
/// There in every account.
const GIVEN: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

impl Ecs {
    pub(super) fn create_capacity_provider(&self, input: &Value) -> Result<Value, Fault> {
        let name = text(input, "name");
        if name.is_empty()
            || ["aws", "ecs", "fargate"]
                .iter()
                .any(|word| name.to_ascii_lowercase().starts_with(word))
        {
            return Err(invalid(format!(
                "The capacity provider name '{name}' is not valid."
            )));
        }
        let managed = !input["managedInstancesProvider"].is_null();
        if managed != input["autoScalingGroupProvider"].is_null() {
            return Err(invalid(
                "A capacity provider must specify either autoScalingGroupProvider or managedInstancesProvider.",
            ));
        }
        let mut state = self.inner.lock();
        if state.capacity_providers.contains_key(name) {
            let message = "The specified capacity provider already exists. To change the configuration of an existing \
                           capacity provider, update the capacity provider.";
            return Err(Fault::client("ClientException", message));
        }
        let cluster = if managed {
            Some(state.cluster(input)?.0)
        } else {
            None
        };
        let arn = self
            .inner
            .world
            .arn("ecs", &format!("capacity-provider/{name}"));
        let mut fields = Map::from_iter([
            ("capacityProviderArn".to_owned(), json!(arn)),
            ("name".into(), json!(name)),
            ("status".into(), json!("ACTIVE")),
        ]);
        let now = self.inner.world.epoch_seconds();
        if managed {
            let up = now + self.inner.settings.managed_capacity.as_secs_f64();
            fields.insert(UP_AT.into(), json!(up));
        }
        let kind = if managed {
            "managedInstancesProvider"
        } else {
            "autoScalingGroupProvider"
        };
        fields.insert(kind.into(), input[kind].clone());
        if let Some(cluster) = &cluster {
            fields.insert("cluster".into(), json!(cluster));
        }
        let tags = list(input, "tags").to_vec();
        let provider = Tagged {
            fields: fields.clone(),
            tags: tags.clone(),
        };
        let answer = described(&provider, now);
        state
            .capacity_providers
            .insert(name.into(), Tagged { fields, tags });
        if let Some(known) = cluster.and_then(|cluster| state.clusters.get_mut(&cluster)) {
            let mut names = known.fields["capacityProviders"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            names.push(json!(name));
            known
                .fields
                .insert("capacityProviders".into(), names.into());
        }
        Ok(json!({ "capacityProvider": answer }))
    }

    pub(super) fn describe_capacity_providers(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let now = self.inner.world.epoch_seconds();
        let wanted = strings(input, "capacityProviders");
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for reference in &wanted {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            let arn = || {
                self.inner
                    .world
                    .arn("ecs", &format!("capacity-provider/{name}"))
            };
            match state.capacity_providers.get(name) {
                Some(known) => found.push(described(known, now)),
                None if GIVEN.contains(&name) => {
                    found.push(json!({ "capacityProviderArn": arn(), "name": name, "status": "ACTIVE", "tags": [] }));
                }
                None => failures.push(json!({ "arn": arn(), "reason": "MISSING" })),
            }
        }
        if wanted.is_empty() {
            let all = state.capacity_providers.values();
            found.extend(all.map(|known| described(known, now)));
        }
        Ok(json!({ "capacityProviders": found, "failures": failures }))
    }
}

/// Refuses capacity providers that do not exist.
pub(super) fn known(state: &State, names: &[&str]) -> Result<(), Fault> {
    let missing = names
        .iter()
        .find(|name| !GIVEN.contains(name) && !state.capacity_providers.contains_key(**name));
    match missing {
        None => Ok(()),
        Some(name) => Err(invalid(format!(
            "The specified capacity provider '{name}' was not found."
        ))),
    }
}

/// Refuses a strategy with a capacity provider that the cluster does not have, or that is not up.
pub(super) fn associated(
    state: &State,
    cluster: &str,
    input: &Value,
    now: f64,
) -> Result<(), Fault> {
    let has = |name: &str| {
        let cluster = state.clusters.get(cluster);
        let names = cluster.and_then(|cluster| cluster.fields["capacityProviders"].as_array());
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let strategy = list(input, "capacityProviderStrategy");
    let names = strategy.iter().map(|item| text(item, "capacityProvider"));
    let mut known = names.filter_map(|name| state.capacity_providers.get(name));
    if let Some(provider) = known.find(|provider| !is_up(provider, now)) {
        return Err(invalid(format!(
            "The specified capacity provider {} is not in an ACTIVE state. Specify a valid capacity provider and try again.",
            provider.fields["name"]
        )));
    }
    if strategy
        .iter()
        .all(|item| has(text(item, "capacityProvider")))
    {
        Ok(())
    } else {
        Err(invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the \
             cluster. Associate the capacity provider with the cluster and try again.",
        ))
    }
}

fn is_up(provider: &Tagged, now: f64) -> bool {
    let up_at = provider.fields.get(UP_AT).and_then(Value::as_f64);
    up_at.is_none_or(|up| up <= now)
}

fn described(provider: &Tagged, now: f64) -> Value {
    let mut fields = provider.fields.clone();
    fields.remove(UP_AT);
    if !is_up(provider, now) {
        fields.insert("status".into(), "PROVISIONING".into());
    }
    fields.insert("tags".into(), json!(provider.tags));
    fields.into()
}
