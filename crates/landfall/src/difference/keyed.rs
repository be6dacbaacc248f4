//! Lists in which an item is known by a name of its own, not by its place.

use serde_json::Value;

/// An item of a list, and what it is known by.
pub(super) struct Part {
    pub(super) key: String,
    pub(super) value: Value,
}

/// The items of the list `member`. A pair of a name and a value is its value.
pub(super) fn parts(member: &str, items: &[Value]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut key = key(member, item).unwrap_or_else(|| index.to_string());
        let alike = parts.iter().filter(|part| part.key == key).count();
        if alike > 0 {
            key = format!("{key}#{}", alike + 1);
        }
        let value = pair(member, item).unwrap_or(item).clone();
        parts.push(Part { key, value });
    }
    parts
}

/// Whether what is sent is added to what a list has.
pub(super) fn is_added_to(member: &str) -> bool {
    ["settings", "capacityProviders", "tags"].contains(&member)
}

fn pair<'a>(member: &str, item: &'a Value) -> Option<&'a Value> {
    match member {
        "environment" | "tags" | "properties" => item.get("value"),
        "secrets" | "secretOptions" => item.get("valueFrom"),
        _ => None,
    }
}

/// What ECS tells items of a list apart by; lists that are not named here keep their order
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
fn key(member: &str, item: &Value) -> Option<String> {
    let by: &[&str] = match member {
        "containerDefinitions"
        | "environment"
        | "secrets"
        | "secretOptions"
        | "volumes"
        | "ulimits"
        | "properties"
        | "settings"
        | "volumeConfigurations" => &["name"],
        "tags" => &["key"],
        "portMappings" => &["containerPort", "containerPortRange", "protocol"],
        "mountPoints" => &["containerPath"],
        "volumesFrom" => &["sourceContainer"],
        "dependsOn" => &["containerName"],
        "systemControls" => &["namespace"],
        "extraHosts" => &["hostname"],
        "environmentFiles" => &["value"],
        "resourceRequirements" => &["type"],
        "loadBalancers" => &["targetGroupArn", "loadBalancerName"],
        "serviceRegistries" => &["registryArn"],
        "capacityProviderStrategy" | "defaultCapacityProviderStrategy" => &["capacityProvider"],
        "services" | "gatewayConnectors" => &["portName"],
        "requiresCompatibilities"
        | "subnets"
        | "securityGroups"
        | "add"
        | "drop"
        | "capacityProviders"
        | "alarmNames" => {
            return item.as_str().map(str::to_owned);
        }
        _ => return None,
    };
    let names = by.iter().filter_map(|name| match item.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| names.join("/"))
}
