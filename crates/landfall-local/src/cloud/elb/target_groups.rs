//! Target groups: their settings, attributes and membership.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::object;
use super::forwarding::{forwarded_groups, load_balancers_of};
use super::input::{list, number, page, required, string, strings};
use super::not_found::{no_load_balancer, no_target_group};
use super::targets::key;
use super::{Elb, Inner, State, TargetGroup, arn_suffix};
use crate::cloud::fault::Fault;

/// Attributes and their defaults, of those that mean something to a group of HTTP targets
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).
const ATTRIBUTES: [(&str, &str); 6] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.algorithm.type", "round_robin"),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
    ),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "lb_cookie"),
];

impl Elb {
    pub(super) fn create_target_group(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "Name")?;
        if name.len() > 32 {
            return Err(Fault::client(
                "ValidationError",
                format!("Target group name '{name}' cannot be longer than '32' characters"),
            ));
        }
        let world = &self.inner.world;
        let arn = world.arn(
            "elasticloadbalancing",
            &format!("targetgroup/{name}/{}", arn_suffix(name)),
        );
        let protocol = string(input, "Protocol").unwrap_or("HTTP");
        if protocol != "HTTP" {
            return Err(Fault::client(
                "InvalidConfigurationRequest",
                format!("The embedded cloud's target groups speak HTTP, not {protocol}."),
            ));
        }
        let mut fields = object(json!({
            "TargetGroupArn": arn,
            "TargetGroupName": name,
            "Protocol": protocol,
            "Port": number(input, "Port").unwrap_or(80),
            "VpcId": string(input, "VpcId").unwrap_or("vpc-00000000000000000"),
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckEnabled": true,
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 5,
            "UnhealthyThresholdCount": 2,
            "HealthCheckPath": "/",
            "Matcher": { "HttpCode": "200" },
            "TargetType": string(input, "TargetType").unwrap_or("instance"),
            "ProtocolVersion": string(input, "ProtocolVersion").unwrap_or("HTTP1"),
            "IpAddressType": string(input, "IpAddressType").unwrap_or("ipv4"),
        }));
        health_check_settings(&mut fields, input)?;
        let mut state = self.inner.lock();
        if let Some(existing) = state.target_groups.get(&arn) {
            return if existing.fields == fields {
                Ok(json!({ "TargetGroups": [described(&state, existing)] }))
            } else {
                Err(Fault::client(
                    "DuplicateTargetGroupName",
                    format!(
                        "A target group with the same name '{name}' exists, but with different settings"
                    ),
                ))
            };
        }
        state.tags.insert(arn.clone(), list(input, "Tags").to_vec());
        let attributes = ATTRIBUTES
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        let group = TargetGroup {
            fields,
            attributes,
            targets: BTreeMap::new(),
            turn: 0,
            created_at: world.epoch_seconds(),
        };
        let answer = json!({ "TargetGroups": [described(&state, &group)] });
        state.target_groups.insert(arn, group);
        Ok(answer)
    }

    pub(super) fn modify_target_group(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "TargetGroupArn")?;
        let mut state = self.inner.lock();
        self.inner.settled(&state, arn)?;
        let group = state
            .target_groups
            .get_mut(arn)
            .ok_or_else(|| no_target_group(arn))?;
        let mut fields = group.fields.clone();
        health_check_settings(&mut fields, input)?;
        group.fields = fields;
        Ok(json!({ "TargetGroups": [described(&state, &state.target_groups[arn])] }))
    }

    pub(super) fn describe_target_groups(&self, input: &Value) -> Result<Value, Fault> {
        let (arns, names) = (strings(input, "TargetGroupArns"), strings(input, "Names"));
        let load_balancer = string(input, "LoadBalancerArn");
        let state = self.inner.lock();
        if let Some(arn) = load_balancer.filter(|arn| !state.load_balancers.contains_key(*arn)) {
            return Err(no_load_balancer(arn));
        }
        let named = |name: &String| {
            state
                .target_groups
                .values()
                .any(|group| group.fields["TargetGroupName"] == **name)
        };
        if let Some(missing) = arns
            .iter()
            .find(|arn| !state.target_groups.contains_key(*arn))
            .or_else(|| names.iter().find(|name| !named(name)))
        {
            return Err(no_target_group(missing));
        }
        let found: Vec<Value> = state
            .target_groups
            .iter()
            .filter(|(arn, _)| arns.is_empty() || arns.contains(arn))
            .filter(|(_, group)| {
                names.is_empty()
                    || names
                        .iter()
                        .any(|name| group.fields["TargetGroupName"] == **name)
            })
            .map(|(_, group)| described(&state, group))
            .filter(|group| {
                load_balancer.is_none_or(|arn| {
                    list(group, "LoadBalancerArns")
                        .iter()
                        .any(|known| known == arn)
                })
            })
            .collect();
        page(input, "TargetGroups", found)
    }

    pub(super) fn delete_target_group(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "TargetGroupArn")?;
        let mut state = self.inner.lock();
        if !load_balancers_of(&state, arn).is_empty() {
            return Err(Fault::client(
                "ResourceInUse",
                format!("Target group '{arn}' is currently in use by a listener or a rule"),
            ));
        }
        state.target_groups.remove(arn);
        state.tags.remove(arn);
        Ok(json!({}))
    }

    pub(super) fn modify_target_group_attributes(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "TargetGroupArn")?;
        let mut state = self.inner.lock();
        self.inner.settled(&state, arn)?;
        let group = state
            .target_groups
            .get_mut(arn)
            .ok_or_else(|| no_target_group(arn))?;
        for attribute in list(input, "Attributes") {
            let (key, value) = (required(attribute, "Key")?, required(attribute, "Value")?);
            if key == "deregistration_delay.timeout_seconds"
                && !value.parse::<u32>().is_ok_and(|seconds| seconds <= 3600)
            {
                return Err(Fault::client(
                    "ValidationError",
                    format!("'{key}' must be between 0 and 3600, not '{value}'"),
                ));
            }
            group.attributes.insert(key.into(), value.into());
        }
        Ok(json!({ "Attributes": attributes(group) }))
    }

    pub(super) fn describe_target_group_attributes(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "TargetGroupArn")?;
        let state = self.inner.lock();
        let group = state
            .target_groups
            .get(arn)
            .ok_or_else(|| no_target_group(arn))?;
        Ok(json!({ "Attributes": attributes(group) }))
    }

    pub(super) fn describe_target_health(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "TargetGroupArn")?;
        let wanted = list(input, "Targets");
        let keys: Vec<(String, u16)> = wanted
            .iter()
            .map(|target| self.target(arn, target))
            .collect::<Result<_, _>>()?;
        let state = self.inner.lock();
        let group = state
            .target_groups
            .get(arn)
            .ok_or_else(|| no_target_group(arn))?;
        let in_use = !load_balancers_of(&state, arn).is_empty();
        let mut found: Vec<Value> = group
            .targets
            .values()
            .filter(|target| {
                keys.is_empty()
                    || keys
                        .iter()
                        .any(|(id, port)| *id == target.id && *port == target.port)
            })
            .map(|target| target.described(&group.fields, in_use))
            .collect();
        for (id, port) in keys
            .iter()
            .filter(|(id, port)| !group.targets.contains_key(&key(id, *port)))
        {
            found.push(json!({
                "Target": { "Id": id, "Port": port },
                "TargetHealth": {
                    "State": "unused",
                    "Reason": "Target.NotRegistered",
                    "Description": "Target is not registered to the target group",
                },
            }));
        }
        Ok(json!({ "TargetHealthDescriptions": found }))
    }

    fn target(&self, arn: &str, target: &Value) -> Result<(String, u16), Fault> {
        let id = required(target, "Id")?;
        let state = self.inner.lock();
        let group = state
            .target_groups
            .get(arn)
            .ok_or_else(|| no_target_group(arn))?;
        let port = number(target, "Port")
            .or_else(|| group.fields["Port"].as_u64())
            .and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| {
            Fault::client(
                "InvalidTarget",
                format!("The target '{id}' has no valid port"),
            )
        })?;
        Ok((id.to_owned(), port))
    }
}

impl Inner {
    /// Refuses a target group that does not exist, or is so new that it is not found yet.
    pub(super) fn settled(&self, state: &State, arn: &str) -> Result<(), Fault> {
        let now = self.world.epoch_seconds();
        let lag = self.settings.new_groups.as_secs_f64();
        let group = state.target_groups.get(arn);
        match group.filter(|group| now - group.created_at >= lag) {
            Some(_) => Ok(()),
            None => Err(no_target_group(arn)),
        }
    }

    /// Refuses actions that forward to a target group that is not found.
    pub(super) fn known_target_groups(
        &self,
        state: &State,
        actions: &[Value],
    ) -> Result<(), Fault> {
        let mut groups = actions.iter().flat_map(forwarded_groups);
        groups.try_for_each(|group| self.settled(state, group))
    }
}

fn described(state: &State, group: &TargetGroup) -> Value {
    let mut fields = group.fields.clone();
    let arn = fields["TargetGroupArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    fields.insert(
        "LoadBalancerArns".into(),
        load_balancers_of(state, &arn).into(),
    );
    fields.into()
}

fn attributes(group: &TargetGroup) -> Vec<Value> {
    group
        .attributes
        .iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// Takes over the health check members, within AWS's limits.
fn health_check_settings(fields: &mut Map<String, Value>, input: &Value) -> Result<(), Fault> {
    for (member, low, high) in [
        ("HealthCheckIntervalSeconds", 5, 300),
        ("HealthCheckTimeoutSeconds", 2, 120),
        ("HealthyThresholdCount", 2, 10),
        ("UnhealthyThresholdCount", 2, 10),
    ] {
        if input.get(member).is_some() {
            let value = number(input, member)
                .filter(|value| (low..=high).contains(value))
                .ok_or_else(|| {
                    Fault::client(
                        "ValidationError",
                        format!("{member} must be between {low} and {high}"),
                    )
                })?;
            fields.insert(member.into(), value.into());
        }
    }
    for member in ["HealthCheckPath", "HealthCheckPort", "HealthCheckProtocol"] {
        if let Some(value) = string(input, member) {
            fields.insert(member.into(), value.into());
        }
    }
    if let Some(codes) = input
        .get("Matcher")
        .and_then(|matcher| string(matcher, "HttpCode"))
    {
        fields.insert("Matcher".into(), json!({ "HttpCode": codes }));
    }
    let seconds = |member: &str| fields[member].as_u64().unwrap_or_default();
    if seconds("HealthCheckTimeoutSeconds") > seconds("HealthCheckIntervalSeconds") {
        return Err(Fault::client(
            "ValidationError",
            "Health check timeout must be smaller than or equal to the interval",
        ));
    }
    Ok(())
}
