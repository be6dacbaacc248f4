//! What the tasks run on, by the sections `capacity`, `cluster` and `service`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    ECS, Thing, name_of,
    service::{items, network},
    text,
};
use crate::{service_file::ServiceFile, step::ensure_cluster::GIVEN_CAPACITY};

pub(super) fn named(file: &ServiceFile) -> Vec<(String, Thing)> {
    let mut found = Vec::new();
    let mut described = BTreeSet::new();
    for (index, body) in file.capacity.iter().enumerate() {
        described.extend(body.get("name").and_then(Value::as_str));
        let body = Value::Object(body.clone());
        let path = format!("capacity[{index}]");
        if let Some(group) = text(body.pointer("/autoScalingGroupProvider/autoScalingGroupArn")) {
            let group = Thing::AutoScalingGroup(name_of(group));
            found.push((format!("{path}.autoScalingGroupProvider"), group));
        }
        let managed = &body["managedInstancesProvider"];
        let path = format!("{path}.managedInstancesProvider");
        if let Some(role) = text(managed.get("infrastructureRoleArn")) {
            found.push((path.clone(), Thing::Role(name_of(role), ECS)));
        }
        let template = &managed["instanceLaunchTemplate"];
        if let Some(profile) = text(template.get("ec2InstanceProfileArn")) {
            found.push((path.clone(), Thing::InstanceProfile(name_of(profile))));
        }
        found.extend(network(&template["networkConfiguration"], &path));
    }
    let cluster = file.cluster.get("clusterName").and_then(Value::as_str);
    let mut use_of = |path: &str, name: Option<&str>| {
        let others =
            name.filter(|name| !described.contains(name) && !GIVEN_CAPACITY.contains(name));
        if let Some(name) = others {
            let cluster = cluster.unwrap_or_default().to_owned();
            found.push((path.into(), Thing::CapacityProvider(name.into(), cluster)));
        }
    };
    for (path, section, member) in [
        (
            "service.capacityProviderStrategy",
            &file.service,
            "capacityProviderStrategy",
        ),
        (
            "cluster.defaultCapacityProviderStrategy",
            &file.cluster,
            "defaultCapacityProviderStrategy",
        ),
        (
            "cluster.capacityProviders",
            &file.cluster,
            "capacityProviders",
        ),
    ] {
        for (_, item) in items(section.get(member).unwrap_or(&Value::Null)) {
            use_of(
                path,
                item.as_str().or_else(|| text(item.get("capacityProvider"))),
            );
        }
    }
    found
}
