//! The listeners by which a service may be reached.

use landfall::probe::Door;

use super::{
    Elb,
    ingress::LoadBalancer,
    rule::acting,
    wire::{Form, Listener, Listeners, TargetGroups},
};
use crate::Fault;

impl Elb {
    /// The web listeners of the load balancers that serve these target groups.
    ///
    /// # Errors
    /// As Elastic Load Balancing answers: refused with the code `TargetGroupNotFound` if one of them is gone.
    pub async fn doors(&self, target_groups: &[String]) -> Result<Vec<Door>, Fault> {
        let form = Form::default().with_list("TargetGroupArns", target_groups);
        let answer: TargetGroups = self.call("DescribeTargetGroups", form).await?;
        let groups = answer.groups.members.into_iter();
        let mut balancers: Vec<String> = groups
            .flat_map(|group| group.load_balancer_arns.members)
            .collect();
        balancers.sort();
        balancers.dedup();
        let mut doors = Vec::new();
        for arn in balancers {
            let balancer = self.load_balancer(&arn).await?;
            for listener in self.described_listeners(&arn).await? {
                doors.extend(self.door(listener, &balancer).await?);
            }
        }
        Ok(doors)
    }

    /// A listener of an Application Load Balancer.
    ///
    /// # Errors
    /// Refused if there is no such listener.
    pub async fn door_of(&self, listener: &str) -> Result<Door, Fault> {
        let described = self.listener(listener).await?;
        let balancer = self.load_balancer(&described.load_balancer).await?;
        Ok(Door {
            is_tls: described.protocol == "HTTPS",
            port: described.port,
            dns_name: balancer.dns_name,
            is_internal: balancer.is_internal,
            rules: self.rules(listener).await?,
        })
    }

    /// A listener of a load balancer as a door; none if no HTTP goes through it. A Network Load Balancer passes on what it is
    /// sent, and has no rules but the default.
    async fn door(
        &self,
        listener: Listener,
        balancer: &LoadBalancer,
    ) -> Result<Option<Door>, Fault> {
        let port = listener.port.and_then(|port| u16::try_from(port).ok());
        let protocol = listener.protocol.as_deref().unwrap_or_default();
        let is_tls = match (protocol, port) {
            ("HTTP", _) => false,
            ("HTTPS" | "TLS", _) | ("TCP", Some(443)) => true,
            ("TCP", _) => false,
            _ => return Ok(None),
        };
        let Some(port) = port else {
            return Ok(None);
        };
        let rules = match protocol {
            "HTTP" | "HTTPS" => self.rules(&listener.listener_arn).await?,
            _ => vec![acting(listener.default_actions.members)],
        };
        Ok(Some(Door {
            is_tls,
            port,
            dns_name: balancer.dns_name.clone(),
            is_internal: balancer.is_internal,
            rules,
        }))
    }

    pub(super) async fn described_listeners(
        &self,
        load_balancer: &str,
    ) -> Result<Vec<Listener>, Fault> {
        let mut listeners = Vec::new();
        let mut marker = None;
        loop {
            let form = Form::default()
                .with("LoadBalancerArn", load_balancer)
                .continued_at(marker);
            let answer: Listeners = self.call("DescribeListeners", form).await?;
            listeners.extend(answer.listeners.members);
            marker = answer.next;
            if marker.is_none() {
                return Ok(listeners);
            }
        }
    }
}
