//! The target group and rule of a live service, as an `ingress` section of a service file.

use landfall::{
    live::LiveRule,
    service_file::Ingress,
    step::{
        ensure_ingress::{LiveAttributes, described},
        ensure_scaling::resource_label,
    },
};
use serde_json::Value;

use super::{
    Elb,
    wire::{Attributes, Form},
};
use crate::Fault;

/// A listener, and its rule that forwards to a target group, if it is not its default that does.
type Way = (String, Option<LiveRule>);

impl Elb {
    /// The deregistration delay and the stickiness of a target group.
    pub async fn attributes(&self, target_group: &str) -> Result<LiveAttributes, Fault> {
        let form = Form::default().with("TargetGroupArn", target_group);
        let answer: Attributes = self.call("DescribeTargetGroupAttributes", form).await?;
        let text = |key: &str| {
            let mut attributes = answer.attributes.members.iter();
            let found = attributes.find(|attribute| attribute.key == key);
            found.map(|attribute| &*attribute.value)
        };
        let seconds = |key: &str| text(key).and_then(|value| value.parse().ok());
        let sticks = text("stickiness.enabled") == Some("true")
            && text("stickiness.type").is_none_or(|kind| kind == "lb_cookie");
        Ok(LiveAttributes {
            deregistration_delay_seconds: seconds("deregistration_delay.timeout_seconds")
                .unwrap_or_default(),
            stickiness_seconds: seconds("stickiness.lb_cookie.duration_seconds").filter(|_| sticks),
        })
    }

    /// The `ingress` section that says what is there of an item of a service's `loadBalancers`; none if the target
    /// group is gone, no listener of an Application Load Balancer forwards to it, or the item names no target group.
    pub async fn ingress_of(&self, balancer: &Value) -> Result<Option<Ingress>, Fault> {
        let arn = balancer["targetGroupArn"].as_str().unwrap_or_default();
        let name = arn.split_once(":targetgroup/");
        let Some(name) = name.and_then(|(_, rest)| rest.split('/').next()) else {
            return Ok(None);
        };
        let Some(group) = self.target_group(name).await? else {
            return Ok(None);
        };
        let Some((listener, rule)) = self.way_to(&group.load_balancers, arn).await? else {
            return Ok(None);
        };
        let attributes = self.attributes(arn).await?;
        Ok(described(
            &group,
            &attributes,
            &listener,
            rule.as_ref(),
            balancer,
        ))
    }

    async fn way_to(&self, balancers: &[String], group: &str) -> Result<Option<Way>, Fault> {
        for balancer in balancers
            .iter()
            .filter(|balancer| balancer.contains(":loadbalancer/app/"))
        {
            for listener in self.listeners_of(balancer).await? {
                let rules = self.rules(&listener).await?.into_iter();
                let mut rules = rules.filter(|rule| rule.forwards_to(group));
                if let Some(rule) = rules.next() {
                    return Ok(Some((listener, rule.priority.is_some().then_some(rule))));
                }
            }
        }
        Ok(None)
    }

    /// The label by which Application Auto Scaling counts the requests of a target group; none if no load balancer
    /// forwards to it.
    pub async fn request_label(&self, target_group: &str) -> Result<Option<String>, Fault> {
        let balancer = self.load_balancer_of(target_group).await?;
        Ok(balancer.and_then(|balancer| resource_label(&balancer, target_group)))
    }
}
