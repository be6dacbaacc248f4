//! Target groups and listener rules: the calls that create, keep and remove them.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::{
    error::ProvideErrorMetadata,
    types::{
        Action, ActionTypeEnum, ForwardActionConfig, HostHeaderConditionConfig, Matcher,
        PathPatternConditionConfig, ProtocolEnum, Rule, RuleCondition, RulePriorityPair, Tag,
        TargetGroup, TargetGroupAttribute, TargetGroupTuple, TargetTypeEnum,
    },
};
use landfall::{
    service_file::{HealthCheck, Ingress},
    service_id::ServiceId,
    step::{
        ensure_ingress::{Forward, LiveGroup, LiveRule, WantedGroup},
        register_task_definition::{SERVICE_TAG, service_tag},
    },
};

use super::{DESCRIBE_GROUPS, Elb};
use crate::Fault;

/// A listener as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its load balancer's ARN.
    pub load_balancer: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Its port.
    pub port: i32,
}

/// A load balancer as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its VPC's id.
    pub vpc: String,
    /// The name that it is reached by.
    pub dns_name: String,
}

/// What became of a rule that was to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It has this ARN.
    Rule(String),
    /// Somebody else took the priority meanwhile.
    PriorityInUse,
}

impl Elb {
    /// A listener.
    ///
    /// # Errors
    /// Refused if there is no such listener.
    pub async fn listener(&self, arn: &str) -> Result<Listener, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeListeners";
        let answer = self.0.describe_listeners().listener_arns(arn).send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let listener = answer
            .listeners()
            .first()
            .ok_or_else(|| Fault::incomplete(CALL, "listener"))?;
        Ok(Listener {
            load_balancer: listener
                .load_balancer_arn()
                .ok_or_else(|| Fault::incomplete(CALL, "LoadBalancerArn"))?
                .into(),
            protocol: listener
                .protocol()
                .ok_or_else(|| Fault::incomplete(CALL, "Protocol"))?
                .as_str()
                .into(),
            port: listener
                .port()
                .ok_or_else(|| Fault::incomplete(CALL, "Port"))?,
        })
    }

    /// The ARNs of a load balancer's listeners.
    pub async fn listeners_of(&self, load_balancer: &str) -> Result<Vec<String>, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeListeners";
        let mut pages = self
            .0
            .describe_listeners()
            .load_balancer_arn(load_balancer)
            .into_paginator()
            .items()
            .send();
        let mut arns = Vec::new();
        while let Some(listener) = pages.next().await {
            let listener = listener.map_err(|error| Fault::of(CALL, error))?;
            arns.extend(listener.listener_arn);
        }
        Ok(arns)
    }

    /// A load balancer.
    pub async fn load_balancer(&self, arn: &str) -> Result<LoadBalancer, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeLoadBalancers";
        let request = self.0.describe_load_balancers().load_balancer_arns(arn);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let balancer = answer
            .load_balancers()
            .first()
            .ok_or_else(|| Fault::incomplete(CALL, "load balancer"))?;
        let text = |member: Option<&str>, name| {
            member
                .map(str::to_owned)
                .ok_or_else(|| Fault::incomplete(CALL, name))
        };
        Ok(LoadBalancer {
            vpc: text(balancer.vpc_id(), "VpcId")?,
            dns_name: text(balancer.dns_name(), "DNSName")?,
        })
    }

    /// The target group of this name; none if there is none.
    pub async fn target_group(&self, name: &str) -> Result<Option<LiveGroup>, Fault> {
        let answer = match self.0.describe_target_groups().names(name).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("TargetGroupNotFound") => return Ok(None),
            Err(error) => return Err(Fault::of(DESCRIBE_GROUPS, error)),
        };
        let Some(group) = answer.target_groups().first() else {
            return Ok(None);
        };
        let arn = group
            .target_group_arn()
            .ok_or_else(|| Fault::incomplete(DESCRIBE_GROUPS, "TargetGroupArn"))?;
        let tags = self.0.describe_tags().resource_arns(arn).send().await;
        let tags = tags.map_err(|error| Fault::of("elasticloadbalancing:DescribeTags", error))?;
        let mut tags = tags.tag_descriptions().iter().flat_map(|each| each.tags());
        let tagged_for = tags
            .find(|tag| tag.key() == Some(SERVICE_TAG))
            .and_then(|tag| tag.value())
            .map(str::to_owned);
        Ok(Some(described(group, arn, tagged_for)))
    }

    /// Creates a target group and answers its ARN.
    pub async fn create_target_group(
        &self,
        wanted: &WantedGroup,
        ingress: &Ingress,
        vpc: &str,
        service: &ServiceId,
    ) -> Result<String, Fault> {
        const CALL: &str = "elasticloadbalancing:CreateTargetGroup";
        let check = &ingress.health_check;
        let request = self
            .0
            .create_target_group()
            .name(&wanted.name)
            .target_type(TargetTypeEnum::from(wanted.target_type))
            .protocol(ProtocolEnum::from(&*ingress.protocol))
            .protocol_version(&ingress.protocol_version)
            .port(i32::from(ingress.port))
            .vpc_id(vpc)
            .health_check_path(&check.path)
            .matcher(matcher(ingress))
            .health_check_interval_seconds(number(check.interval_seconds))
            .health_check_timeout_seconds(number(check.timeout_seconds))
            .healthy_threshold_count(number(check.healthy))
            .unhealthy_threshold_count(number(check.unhealthy))
            .tags(tag(service));
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let group = answer.target_groups().first();
        group
            .and_then(|group| group.target_group_arn())
            .map(str::to_owned)
            .ok_or_else(|| Fault::incomplete(CALL, "TargetGroupArn"))
    }

    /// Changes a target group's health check to the file's.
    pub async fn modify_health_check(&self, arn: &str, ingress: &Ingress) -> Result<(), Fault> {
        let check = &ingress.health_check;
        let request = self
            .0
            .modify_target_group()
            .target_group_arn(arn)
            .health_check_path(&check.path)
            .matcher(matcher(ingress))
            .health_check_interval_seconds(number(check.interval_seconds))
            .health_check_timeout_seconds(number(check.timeout_seconds))
            .healthy_threshold_count(number(check.healthy))
            .unhealthy_threshold_count(number(check.unhealthy));
        let answer = request.send().await;
        answer
            .map(|_| ())
            .map_err(|error| Fault::of("elasticloadbalancing:ModifyTargetGroup", error))
    }

    /// Sets a target group's deregistration delay and stickiness to the file's.
    pub async fn modify_attributes(&self, arn: &str, ingress: &Ingress) -> Result<(), Fault> {
        let mut attributes = vec![
            (
                "deregistration_delay.timeout_seconds",
                ingress.deregistration_delay_seconds.to_string(),
            ),
            (
                "stickiness.enabled",
                ingress.stickiness_seconds.is_some().to_string(),
            ),
        ];
        if let Some(seconds) = ingress.stickiness_seconds {
            attributes.push(("stickiness.type", "lb_cookie".into()));
            attributes.push(("stickiness.lb_cookie.duration_seconds", seconds.to_string()));
        }
        let attributes = attributes.into_iter().map(|(key, value)| {
            TargetGroupAttribute::builder()
                .key(key)
                .value(value)
                .build()
        });
        let request = self
            .0
            .modify_target_group_attributes()
            .target_group_arn(arn)
            .set_attributes(Some(attributes.collect()));
        let answer = request.send().await;
        answer
            .map(|_| ())
            .map_err(|error| Fault::of("elasticloadbalancing:ModifyTargetGroupAttributes", error))
    }

    /// Deletes a target group; one that is gone already is no matter.
    ///
    /// # Errors
    /// Transient while a rule that was deleted just now still counts as using it.
    pub async fn delete_target_group(&self, arn: &str) -> Result<(), Fault> {
        let request = self.0.delete_target_group().target_group_arn(arn);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(()),
            Err(error) if error.code() == Some("ResourceInUse") => Err(Fault::Transient(format!(
                "{arn} is still in use by a listener or a rule"
            ))),
            Err(error) => Err(Fault::of("elasticloadbalancing:DeleteTargetGroup", error)),
        }
    }

    /// The rules of a listener; none if the listener is gone.
    pub async fn rules(&self, listener: &str) -> Result<Vec<LiveRule>, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeRules";
        let mut rules = Vec::new();
        let mut marker = None;
        loop {
            let request = self.0.describe_rules().listener_arn(listener);
            let answer = match request.set_marker(marker).send().await {
                Ok(answer) => answer,
                Err(error) if error.code() == Some("ListenerNotFound") => return Ok(rules),
                Err(error) => return Err(Fault::of(CALL, error)),
            };
            for each in answer.rules() {
                rules.push(rule(CALL, each)?);
            }
            marker = answer.next_marker().map(str::to_owned);
            if marker.is_none() {
                return Ok(rules);
            }
        }
    }

    /// Creates a rule that forwards what the file describes to `groups`.
    pub async fn create_rule(
        &self,
        ingress: &Ingress,
        priority: u32,
        groups: &[String],
        service: &ServiceId,
    ) -> Result<Created, Fault> {
        const CALL: &str = "elasticloadbalancing:CreateRule";
        let request = self
            .0
            .create_rule()
            .listener_arn(&ingress.listener_arn)
            .priority(number(priority.into()))
            .set_conditions(Some(conditions(ingress)))
            .actions(forward(groups))
            .tags(tag(service));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("PriorityInUse") => {
                return Ok(Created::PriorityInUse);
            }
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        let arn = answer.rules().first().and_then(|rule| rule.rule_arn());
        arn.map(|arn| Created::Rule(arn.to_owned()))
            .ok_or_else(|| Fault::incomplete(CALL, "RuleArn"))
    }

    /// Changes a rule's conditions to the file's, and, if `groups` are given, where it forwards to.
    pub async fn modify_rule(
        &self,
        arn: &str,
        ingress: &Ingress,
        groups: Option<&[String]>,
    ) -> Result<(), Fault> {
        let request = self
            .0
            .modify_rule()
            .rule_arn(arn)
            .set_conditions(Some(conditions(ingress)))
            .set_actions(groups.map(|groups| vec![forward(groups)]));
        let answer = request.send().await;
        answer
            .map(|_| ())
            .map_err(|error| Fault::of("elasticloadbalancing:ModifyRule", error))
    }

    /// Gives a rule another priority.
    pub async fn set_rule_priority(&self, arn: &str, priority: u32) -> Result<(), Fault> {
        let pair = RulePriorityPair::builder()
            .rule_arn(arn)
            .priority(number(priority.into()))
            .build();
        let answer = self.0.set_rule_priorities().rule_priorities(pair).send();
        answer
            .await
            .map(|_| ())
            .map_err(|error| Fault::of("elasticloadbalancing:SetRulePriorities", error))
    }

    /// Deletes a rule; one that is gone already is no matter.
    pub async fn delete_rule(&self, arn: &str) -> Result<(), Fault> {
        match self.0.delete_rule().rule_arn(arn).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("RuleNotFound") => Ok(()),
            Err(error) => Err(Fault::of("elasticloadbalancing:DeleteRule", error)),
        }
    }
}

fn described(group: &TargetGroup, arn: &str, tagged_for: Option<String>) -> LiveGroup {
    let text = |member: Option<&str>| member.unwrap_or_default().to_owned();
    let count = |member: Option<i32>| u64::try_from(member.unwrap_or_default()).unwrap_or(0);
    let matcher = group.matcher();
    let codes = matcher.and_then(|matcher| matcher.http_code().or(matcher.grpc_code()));
    LiveGroup {
        arn: arn.to_owned(),
        target_type: text(group.target_type().map(|kind| kind.as_str())),
        protocol: text(group.protocol().map(|protocol| protocol.as_str())),
        protocol_version: group.protocol_version().unwrap_or("HTTP1").to_owned(),
        vpc: text(group.vpc_id()),
        health_check: HealthCheck {
            path: text(group.health_check_path()),
            codes: text(codes),
            interval_seconds: count(group.health_check_interval_seconds()),
            timeout_seconds: count(group.health_check_timeout_seconds()),
            healthy: count(group.healthy_threshold_count()),
            unhealthy: count(group.unhealthy_threshold_count()),
        },
        tagged_for,
        load_balancers: group.load_balancer_arns().to_vec(),
    }
}

fn rule(call: &str, rule: &Rule) -> Result<LiveRule, Fault> {
    let (mut hosts, mut paths) = (BTreeSet::new(), BTreeSet::new());
    let mut has_other_conditions = false;
    for condition in rule.conditions() {
        let config = condition.host_header_config();
        let named_hosts = config.map_or(condition.values(), |config| config.values());
        let config = condition.path_pattern_config();
        let named_paths = config.map_or(condition.values(), |config| config.values());
        match condition.field() {
            Some("host-header") => {
                hosts.extend(named_hosts.iter().map(|host| host.to_ascii_lowercase()));
            }
            Some("path-pattern") => paths.extend(named_paths.iter().cloned()),
            _ => has_other_conditions = true,
        }
    }
    let mut forwards_to = Vec::new();
    for action in rule.actions() {
        let config = action.forward_config();
        let several = config.map_or(&[][..], |config| config.target_groups());
        forwards_to.extend(several.iter().filter_map(|tuple| {
            Some(Forward {
                group: tuple.target_group_arn()?.to_owned(),
                weight: tuple.weight().unwrap_or(1),
            })
        }));
        if several.is_empty() {
            forwards_to.extend(action.target_group_arn().map(|group| Forward {
                group: group.to_owned(),
                weight: 1,
            }));
        }
    }
    Ok(LiveRule {
        arn: rule
            .rule_arn()
            .ok_or_else(|| Fault::incomplete(call, "RuleArn"))?
            .into(),
        // The listener's default has the priority `default`.
        priority: rule.priority().and_then(|priority| priority.parse().ok()),
        hosts,
        paths,
        has_other_conditions,
        forwards_to,
    })
}

fn conditions(ingress: &Ingress) -> Vec<RuleCondition> {
    let mut conditions = Vec::new();
    if !ingress.hosts.is_empty() {
        let hosts = HostHeaderConditionConfig::builder().set_values(Some(ingress.hosts.clone()));
        let condition = RuleCondition::builder().field("host-header");
        conditions.push(condition.host_header_config(hosts.build()).build());
    }
    if !ingress.paths.is_empty() {
        let paths = PathPatternConditionConfig::builder().set_values(Some(ingress.paths.clone()));
        let condition = RuleCondition::builder().field("path-pattern");
        conditions.push(condition.path_pattern_config(paths.build()).build());
    }
    conditions
}

/// All requests go to the first of two groups, until ECS moves them
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html>).
fn forward(groups: &[String]) -> Action {
    let action = Action::builder().r#type(ActionTypeEnum::Forward);
    if let [only] = groups {
        return action.target_group_arn(only).build();
    }
    let tuples = groups.iter().enumerate().map(|(index, group)| {
        TargetGroupTuple::builder()
            .target_group_arn(group)
            .weight(if index == 0 { 100 } else { 0 })
            .build()
    });
    let config = ForwardActionConfig::builder().set_target_groups(Some(tuples.collect()));
    action.forward_config(config.build()).build()
}

fn matcher(ingress: &Ingress) -> Matcher {
    let codes = &ingress.health_check.codes;
    match &*ingress.protocol_version {
        "GRPC" => Matcher::builder().grpc_code(codes).build(),
        _ => Matcher::builder().http_code(codes).build(),
    }
}

fn tag(service: &ServiceId) -> Tag {
    Tag::builder()
        .key(SERVICE_TAG)
        .value(service_tag(service))
        .build()
}

fn number(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
