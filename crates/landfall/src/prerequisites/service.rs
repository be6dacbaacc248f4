//! What the sections `service`, `ingress` and `discovery` name.

use serde_json::{Map, Value};

use super::{ECS, Thing, name_of, text};
use crate::service_file::ServiceFile;

pub(super) fn named(
    file: &ServiceFile,
    task_definition: &Map<String, Value>,
) -> Vec<(String, Thing)> {
    let service = Value::Object(file.service.clone());
    let mut found = network(
        &service["networkConfiguration"]["awsvpcConfiguration"],
        "service.networkConfiguration.awsvpcConfiguration",
    );
    // With a network of its own a task is a target by its address
    // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html>).
    let target = match text(task_definition.get("networkMode")) {
        Some("awsvpc") => "ip",
        _ => "instance",
    };
    for (index, balancer) in items(&service["loadBalancers"]) {
        let path = format!("service.loadBalancers[{index}]");
        let advanced = &balancer["advancedConfiguration"];
        for group in [
            &balancer["targetGroupArn"],
            &advanced["alternateTargetGroupArn"],
        ] {
            if let Some(arn) = text(Some(group)) {
                found.push((path.clone(), Thing::TargetGroup(arn.into(), target)));
            }
        }
        if let Some(role) = text(advanced.get("roleArn")) {
            found.push((path, Thing::Role(name_of(role), ECS)));
        }
    }
    for (index, registry) in items(&service["serviceRegistries"]) {
        if let Some(arn) = text(registry.get("registryArn")) {
            let path = format!("service.serviceRegistries[{index}]");
            found.push((path, Thing::Registry(arn.into())));
        }
    }
    for (index, volume) in items(&service["volumeConfigurations"]) {
        if let Some(role) = text(volume.pointer("/managedEBSVolume/roleArn")) {
            let path = format!("service.volumeConfigurations[{index}]");
            found.push((path, Thing::Role(name_of(role), ECS)));
        }
    }
    // A namespace may be named by its ARN too, which is not looked for.
    let connect = text(service.pointer("/serviceConnectConfiguration/namespace"));
    if let Some(name) = connect.filter(|name| !name.starts_with("arn:")) {
        let path = "service.serviceConnectConfiguration.namespace";
        found.push((path.into(), Thing::Namespace(name.into())));
    }
    if let Some(ingress) = &file.ingress {
        let listener = Thing::Listener(ingress.listener_arn.clone());
        found.push(("ingress.listenerArn".into(), listener));
        if let Some(role) = &ingress.role_arn {
            found.push(("ingress.roleArn".into(), Thing::Role(name_of(role), ECS)));
        }
    }
    if let Some(discovery) = &file.discovery {
        let namespace = Thing::Namespace(discovery.namespace.clone());
        found.push(("discovery.namespace".into(), namespace));
    }
    found
}

/// The subnets and security groups of a network configuration.
pub(super) fn network(configuration: &Value, path: &str) -> Vec<(String, Thing)> {
    let named = |list: &str| {
        let ids = items(&configuration[list]).filter_map(|(_, id)| id.as_str());
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let subnets = named("subnets").into_iter().map(Thing::Subnet);
    let groups = named("securityGroups")
        .into_iter()
        .map(Thing::SecurityGroup);
    subnets
        .map(|subnet| (format!("{path}.subnets"), subnet))
        .chain(groups.map(|group| (format!("{path}.securityGroups"), group)))
        .collect()
}

pub(super) fn items(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    list.as_array().into_iter().flatten().enumerate()
}
