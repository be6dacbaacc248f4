//! Clusters.

use serde_json::{Value, json};

use super::capacity::known;
use super::state::{LastStatus, ServiceStatus, State, Tagged};
use super::{Ecs, list, strings, text};
use crate::cloud::fault::Fault;

impl Ecs {
    /// Answers the existing cluster when there is one, as AWS does.
    pub(super) fn create_cluster(&self, input: &Value) -> Result<Value, Fault> {
        let name = Some(text(input, "clusterName"))
            .filter(|name| !name.is_empty())
            .unwrap_or("default");
        if name.len() > 255
            || !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            return Err(super::invalid("Cluster name contains invalid characters."));
        }
        let mut state = self.inner.lock();
        known(&state, &strings(input, "capacityProviders"))?;
        if state
            .clusters
            .get(name)
            .is_none_or(|cluster| cluster.fields["status"] != "ACTIVE")
        {
            let arn = self.inner.world.arn("ecs", &format!("cluster/{name}"));
            let mut fields = serde_json::Map::new();
            fields.insert("clusterArn".into(), arn.into());
            fields.insert("clusterName".into(), name.into());
            fields.insert("status".into(), "ACTIVE".into());
            for (member, default) in [
                (
                    "settings",
                    json!([{ "name": "containerInsights", "value": "disabled" }]),
                ),
                ("capacityProviders", json!([])),
                ("defaultCapacityProviderStrategy", json!([])),
            ] {
                fields.insert(member.into(), default);
            }
            for (member, value) in input.as_object().into_iter().flatten() {
                if !matches!(member.as_str(), "clusterName" | "tags") {
                    fields.insert(member.clone(), value.clone());
                }
            }
            state.clusters.insert(
                name.into(),
                Tagged {
                    fields,
                    tags: list(input, "tags").to_vec(),
                },
            );
        }
        Ok(json!({ "cluster": described(&state, name, true) }))
    }

    pub(super) fn describe_clusters(&self, input: &Value) -> Result<Value, Fault> {
        let tags = strings(input, "include").contains(&"TAGS");
        let state = self.inner.lock();
        let wanted = strings(input, "clusters");
        let wanted = if wanted.is_empty() {
            vec!["default"]
        } else {
            wanted
        };
        let (mut clusters, mut failures) = (vec![], vec![]);
        for reference in wanted {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            if state.clusters.contains_key(name) {
                clusters.push(described(&state, name, tags));
            } else {
                let arn = self.inner.world.arn("ecs", &format!("cluster/{name}"));
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
        Ok(json!({ "clusters": clusters, "failures": failures }))
    }

    pub(super) fn list_clusters(&self) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let active = state
            .clusters
            .values()
            .filter(|cluster| cluster.fields["status"] == "ACTIVE");
        let arns: Vec<&Value> = active
            .map(|cluster| &cluster.fields["clusterArn"])
            .collect();
        Ok(json!({ "clusterArns": arns }))
    }

    pub(super) fn put_cluster_capacity_providers(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        let (name, _) = state.cluster(input)?;
        known(&state, &strings(input, "capacityProviders"))?;
        if let Some(cluster) = state.clusters.get_mut(&name) {
            for member in ["capacityProviders", "defaultCapacityProviderStrategy"] {
                cluster
                    .fields
                    .insert(member.into(), list(input, member).into());
            }
        }
        Ok(json!({ "cluster": described(&state, &name, true) }))
    }

    pub(super) fn update_cluster(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        let (name, _) = state.cluster(input)?;
        if let Some(cluster) = state.clusters.get_mut(&name) {
            for member in ["settings", "configuration", "serviceConnectDefaults"] {
                if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
                    cluster.fields.insert(member.into(), value.clone());
                }
            }
        }
        Ok(json!({ "cluster": described(&state, &name, true) }))
    }
}

fn described(state: &State, name: &str, tags: bool) -> Value {
    let Some(cluster) = state.clusters.get(name) else {
        return Value::Null;
    };
    let mut fields = cluster.fields.clone();
    let tasks = || {
        state
            .tasks
            .values()
            .filter(|task| fields["clusterArn"] == *task.cluster_arn)
    };
    let running = tasks()
        .filter(|task| task.last_status == LastStatus::Running)
        .count();
    let pending = tasks()
        .filter(|task| task.last_status < LastStatus::Running)
        .count();
    let services = state
        .services
        .values()
        .filter(|s| s.cluster == name && s.status == ServiceStatus::Active)
        .count();
    for (member, value) in [
        ("registeredContainerInstancesCount", 0),
        ("runningTasksCount", running),
        ("pendingTasksCount", pending),
        ("activeServicesCount", services),
    ] {
        fields.insert(member.into(), value.into());
    }
    fields.insert("statistics".into(), json!([]));
    fields.insert(
        "tags".into(),
        if tags { json!(cluster.tags) } else { json!([]) },
    );
    fields.into()
}
