//! What Elastic Load Balancing describes, in the words of a service file.

use serde_json::Value;

use crate::{
    live::{LiveGroup, LiveRule},
    service_file::Ingress,
};

/// The attributes of a target group that a file says
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveAttributes {
    /// How long, in seconds, a target that goes may finish its requests.
    pub deregistration_delay_seconds: u64,
    /// For how long, in seconds, a client stays with its target; none for not at all.
    pub stickiness_seconds: Option<u64>,
}

/// The section that says what is there: a target group that a service is in by `balancer`, an item of its
/// `loadBalancers`, and a rule of `listener` that forwards to it. None if the item names no container.
pub fn described(
    group: &LiveGroup,
    attributes: &LiveAttributes,
    listener: &str,
    rule: Option<&LiveRule>,
    balancer: &Value,
) -> Option<Ingress> {
    let port = balancer["containerPort"].as_u64();
    let role = balancer["advancedConfiguration"]["roleArn"].as_str();
    Some(Ingress {
        listener_arn: listener.into(),
        container: balancer["containerName"].as_str()?.into(),
        port: port.and_then(|port| u16::try_from(port).ok())?,
        hosts: rule.iter().flat_map(|rule| rule.hosts.clone()).collect(),
        paths: rule.iter().flat_map(|rule| rule.paths.clone()).collect(),
        priority: rule.and_then(|rule| rule.priority),
        protocol: group.protocol.clone(),
        protocol_version: group.protocol_version.clone(),
        health_check: group.health_check.clone(),
        deregistration_delay_seconds: attributes.deregistration_delay_seconds,
        stickiness_seconds: attributes.stickiness_seconds,
        role_arn: role.map(str::to_owned),
    })
}
