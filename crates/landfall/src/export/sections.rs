//! What is around a service, as Landfall's own sections.

use serde_json::{Map, Value};

use super::{Live, yaml};
use crate::{
    service_file::{Discovery, discovery::RecordType},
    target_group::is_ours,
};

/// Takes out of a `service` section what the sections say that are written beside it.
pub(super) fn trimmed(live: &Live<'_>, mut service: Map<String, Value>) -> Map<String, Value> {
    if live.scaling.is_some() {
        service.shift_remove("desiredCount");
    }
    if discovery_to_say(live).is_some() {
        service.shift_remove("serviceRegistries");
    }
    if let Some(Value::Array(balancers)) = service.get_mut("loadBalancers") {
        balancers.retain(|balancer| !is_managed(live, balancer));
        if balancers.is_empty() {
            service.shift_remove("loadBalancers");
        }
    }
    service
}

/// Whether Landfall keeps this target group, and its section says so.
fn is_managed(live: &Live<'_>, balancer: &Value) -> bool {
    let group = balancer["targetGroupArn"].as_str();
    live.ingress.is_some() && group.is_some_and(|group| is_ours(group, live.service))
}

/// The sections `ingress`, `autoscaling` and `discovery`.
pub(super) fn beside_the_service(live: &Live<'_>) -> String {
    ingress(live) + &autoscaling(live) + &discovery(live)
}

fn ingress(live: &Live<'_>) -> String {
    let Some(ingress) = live.ingress else {
        return String::new();
    };
    let balancers = live.fields.get("loadBalancers").and_then(Value::as_array);
    let mut balancers = balancers.into_iter().flatten();
    let section = yaml::section("ingress", &ingress.written().into());
    if balancers.any(|balancer| is_managed(live, balancer)) {
        return section;
    }
    // Another rule with the same conditions would keep Landfall's from being made, and another priority is its own.
    let mut ingress = ingress.clone();
    ingress.priority = None;
    if ingress.hosts.is_empty() && ingress.paths.is_empty() {
        ingress.paths.push("/*".into());
    }
    let commented: String = yaml::section("ingress", &ingress.written().into())
        .lines()
        .map(|line| format!("# {line}\n"))
        .collect();
    format!(
        "# decide: service.loadBalancers names a target group that somebody else keeps. Landfall keeps one of its own, and a\n\
         # listener rule for it, with this section in its place, once no other rule is for the same requests:\n{commented}"
    )
}

fn autoscaling(live: &Live<'_>) -> String {
    let Some(scaling) = live.scaling else {
        return String::new();
    };
    let mut text = String::from(
        "# decide: with this section the file says how the service is scaled; without it, that stays as it is.\n",
    );
    if !scaling.unsaid.is_empty() {
        text += &format!(
            "# Not said here, and left alone: {}.\n",
            scaling.unsaid.join(", ")
        );
    }
    text + &yaml::section("autoscaling", &scaling.section.written())
}

fn discovery(live: &Live<'_>) -> String {
    match discovery_to_say(live) {
        Some(discovery) => yaml::section("discovery", &discovery.written()),
        None => String::new(),
    }
}

/// The section `discovery`, if a file can say it: an A record for tasks with addresses of their own, an SRV record for a
/// container and its port. What it cannot say stays in `service.serviceRegistries`.
fn discovery_to_say<'a>(live: &Live<'a>) -> Option<&'a Discovery> {
    let discovery = live.discovery?;
    let named = (discovery.container.is_some(), discovery.port.is_some());
    let mode = live.revision.fields.get("networkMode");
    let sayable = match discovery.record {
        RecordType::A => named == (false, false) && mode.and_then(Value::as_str) == Some("awsvpc"),
        RecordType::Srv => named == (true, true),
    };
    sayable.then_some(discovery)
}
