//! A change of the capacity that tasks run on: ECS starts no deployment for it by itself.

use serde_json::{Map, Value, json};

use crate::live::{CapacityShare, LiveService};

/// Makes `UpdateService` move the tasks if the strategy that `body` has is another than the service's: a change of
/// `capacityProviderStrategy` takes effect with a new deployment only, and an empty one takes the service back to its
/// launch type (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
pub(super) fn move_tasks(
    body: &mut Map<String, Value>,
    section: &Map<String, Value>,
    live: &LiveService,
) {
    let wanted = match section.get("capacityProviderStrategy") {
        Some(strategy) => shares(strategy),
        None if section.contains_key("launchType") => Vec::new(),
        None => return,
    };
    let mut has = live.capacity.clone();
    has.sort();
    if wanted == has {
        return;
    }
    body.entry("capacityProviderStrategy")
        .or_insert_with(|| json!([]));
    body.insert("forceNewDeployment".into(), json!(true));
}

fn shares(strategy: &Value) -> Vec<CapacityShare> {
    let number = |item: &Value, name: &str| item.get(name).and_then(Value::as_i64).unwrap_or(0);
    let items = strategy.as_array().into_iter().flatten();
    let mut shares: Vec<_> = items
        .map(|item| CapacityShare {
            provider: item["capacityProvider"].as_str().unwrap_or_default().into(),
            base: number(item, "base"),
            weight: number(item, "weight"),
        })
        .collect();
    shares.sort();
    shares
}
