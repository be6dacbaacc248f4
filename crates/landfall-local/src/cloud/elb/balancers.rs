//! Load balancers and their listeners.

use serde_json::{Map, Value, json};

use super::fields::object;
use super::input::{list, number, page, required, string, strings, typed};
use super::not_found::{no_listener, no_load_balancer};
use super::proxy::Proxy;
use super::{Elb, arn_suffix};
use crate::cloud::fault::Fault;

impl Elb {
    pub(super) fn create_load_balancer(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "Name")?;
        let kind = string(input, "Type").unwrap_or("application");
        if kind != "application" {
            return Err(Fault::client(
                "InvalidConfigurationRequest",
                format!(
                    "The embedded cloud plays load balancers of type 'application' only, not '{kind}'."
                ),
            ));
        }
        let world = &self.inner.world;
        let arn = world.arn(
            "elasticloadbalancing",
            &format!("loadbalancer/app/{name}/{}", arn_suffix(name)),
        );
        let zones: Vec<Value> = strings(input, "Subnets")
            .into_iter()
            .chain(list(input, "SubnetMappings").iter().filter_map(|m| Some(string(m, "SubnetId")?.to_owned())))
            .zip("abcdef".chars())
            .map(|(subnet, letter)| {
                json!({ "ZoneName": format!("{}{letter}", world.region), "SubnetId": subnet, "LoadBalancerAddresses": [] })
            })
            .collect();
        let mut state = self.inner.lock();
        if let Some(existing) = state.load_balancers.get(&arn) {
            return Ok(json!({ "LoadBalancers": [existing] }));
        }
        let fields = json!({
            "LoadBalancerArn": arn,
            "DNSName": "127.0.0.1",
            "CanonicalHostedZoneId": "Z32O12XQLNTSW2",
            "CreatedTime": world.now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "LoadBalancerName": name,
            "Scheme": string(input, "Scheme").unwrap_or("internet-facing"),
            "VpcId": "vpc-00000000000000000",
            "State": { "Code": "active" },
            "Type": kind,
            "AvailabilityZones": zones,
            "SecurityGroups": strings(input, "SecurityGroups"),
            "IpAddressType": string(input, "IpAddressType").unwrap_or("ipv4"),
        });
        state.tags.insert(arn.clone(), list(input, "Tags").to_vec());
        state.load_balancers.insert(arn, object(fields.clone()));
        Ok(json!({ "LoadBalancers": [fields] }))
    }

    pub(super) fn describe_load_balancers(&self, input: &Value) -> Result<Value, Fault> {
        let (arns, names) = (strings(input, "LoadBalancerArns"), strings(input, "Names"));
        let state = self.inner.lock();
        let known = |member: &str, wanted: &String| {
            state
                .load_balancers
                .values()
                .any(|lb| lb[member] == **wanted)
        };
        if let Some(missing) = arns
            .iter()
            .find(|arn| !known("LoadBalancerArn", arn))
            .or_else(|| names.iter().find(|name| !known("LoadBalancerName", name)))
        {
            return Err(no_load_balancer(missing));
        }
        let found: Vec<&Map<String, Value>> = state
            .load_balancers
            .values()
            .filter(|lb| arns.is_empty() || arns.iter().any(|arn| lb["LoadBalancerArn"] == **arn))
            .filter(|lb| {
                names.is_empty() || names.iter().any(|name| lb["LoadBalancerName"] == **name)
            })
            .collect();
        page(input, "LoadBalancers", found)
    }

    pub(super) fn create_listener(&self, input: &Value) -> Result<Value, Fault> {
        let load_balancer = required(input, "LoadBalancerArn")?.to_owned();
        let protocol = string(input, "Protocol").unwrap_or("HTTP").to_owned();
        if protocol != "HTTP" {
            return Err(Fault::client(
                "UnsupportedProtocol",
                format!(
                    "The embedded cloud's listeners speak HTTP, not {protocol}: it has no certificates."
                ),
            ));
        }
        let port = number(input, "Port")
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                Fault::client(
                    "ValidationError",
                    "A listener port must be between 1 and 65535",
                )
            })?;
        let arn = {
            let state = self.inner.lock();
            if !state.load_balancers.contains_key(&load_balancer) {
                return Err(no_load_balancer(&load_balancer));
            }
            self.inner
                .known_target_groups(&state, list(input, "DefaultActions"))?;
            if let Some(existing) = state
                .listeners
                .values()
                .find(|fields| fields["Port"] == port)
            {
                let same = existing["LoadBalancerArn"] == *load_balancer
                    && existing["DefaultActions"]
                        == typed(&Value::from(list(input, "DefaultActions")));
                return if same {
                    Ok(json!({ "Listeners": [existing] }))
                } else {
                    Err(Fault::client(
                        "DuplicateListener",
                        "A listener already exists on this port for this load balancer",
                    ))
                };
            }
            let suffix = arn_suffix(&format!("{load_balancer}:{port}"));
            format!(
                "{}/{suffix}",
                load_balancer.replacen(":loadbalancer/", ":listener/", 1)
            )
        };
        self.serve(&arn, port)?;
        let fields = json!({
            "ListenerArn": arn,
            "LoadBalancerArn": load_balancer,
            "Port": port,
            "Protocol": protocol,
            "DefaultActions": typed(&Value::from(list(input, "DefaultActions"))),
        });
        {
            let mut state = self.inner.lock();
            state.tags.insert(arn.clone(), list(input, "Tags").to_vec());
            state.listeners.insert(arn, object(fields.clone()));
        }
        self.inner.changed();
        Ok(json!({ "Listeners": [fields] }))
    }

    pub(super) fn describe_listeners(&self, input: &Value) -> Result<Value, Fault> {
        let arns = strings(input, "ListenerArns");
        let load_balancer = string(input, "LoadBalancerArn");
        let state = self.inner.lock();
        if let Some(missing) = load_balancer.filter(|arn| !state.load_balancers.contains_key(*arn))
        {
            return Err(no_load_balancer(missing));
        }
        if let Some(missing) = arns.iter().find(|arn| !state.listeners.contains_key(*arn)) {
            return Err(no_listener(missing));
        }
        let found: Vec<&Map<String, Value>> = state
            .listeners
            .iter()
            .filter(|(arn, _)| arns.is_empty() || arns.contains(arn))
            .filter(|(_, fields)| load_balancer.is_none_or(|arn| fields["LoadBalancerArn"] == *arn))
            .map(|(_, fields)| fields)
            .collect();
        page(input, "Listeners", found)
    }

    /// Starts to answer on the listener's port.
    pub(super) fn serve(&self, listener: &str, port: u16) -> Result<(), Fault> {
        if !self.inner.settings.bind_listeners {
            return Ok(());
        }
        let proxy = Proxy::bind(&self.inner, listener, port).map_err(|error| {
            Fault::client(
                "InvalidConfigurationRequest",
                format!("The listener's port {port} cannot be bound on 127.0.0.1 ({error}). Choose a free port above 1023."),
            )
        })?;
        self.inner
            .proxies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(listener.to_owned(), proxy);
        Ok(())
    }
}
