//! Target groups and listener rules: the calls that create, keep and remove them.

use landfall::{
    health_check::HealthCheck,
    live::{LiveGroup, LiveRule},
    service_file::{Ingress, ServiceFile},
    service_id::ServiceId,
    step::ensure_ingress::{Seen, WantedGroup, wanted_groups},
    tags::{SERVICE_TAG, service_tag},
};

use super::{
    Elb,
    rule::described_rule,
    wire::{Form, Listeners, LoadBalancers, Rules, TagDescriptions, TargetGroup, TargetGroups},
};
use crate::Fault;

/// A listener as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its load balancer's ARN.
    pub load_balancer: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Its port.
    pub port: u16,
}

/// A load balancer as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its VPC's id.
    pub vpc: String,
    /// The name that it is reached by.
    pub dns_name: String,
    /// Whether only its VPC reaches it.
    pub is_internal: bool,
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
        let form = Form::default().with_list("ListenerArns", [arn]);
        let answer: Listeners = self.call("DescribeListeners", form).await?;
        let listener = answer.listeners.into_first();
        let listener = listener.ok_or_else(|| Fault::incomplete(CALL, "listener"))?;
        Ok(Listener {
            load_balancer: listener.load_balancer_arn,
            protocol: listener
                .protocol
                .ok_or_else(|| Fault::incomplete(CALL, "Protocol"))?,
            port: listener
                .port
                .and_then(|port| u16::try_from(port).ok())
                .ok_or_else(|| Fault::incomplete(CALL, "Port"))?,
        })
    }

    /// The ARNs of a load balancer's listeners.
    pub async fn listeners_of(&self, load_balancer: &str) -> Result<Vec<String>, Fault> {
        let listeners = self.described_listeners(load_balancer).await?.into_iter();
        Ok(listeners.map(|listener| listener.listener_arn).collect())
    }

    /// A load balancer.
    pub async fn load_balancer(&self, arn: &str) -> Result<LoadBalancer, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeLoadBalancers";
        let form = Form::default().with_list("LoadBalancerArns", [arn]);
        let answer: LoadBalancers = self.call("DescribeLoadBalancers", form).await?;
        let balancer = answer.balancers.into_first();
        let balancer = balancer.ok_or_else(|| Fault::incomplete(CALL, "load balancer"))?;
        Ok(LoadBalancer {
            vpc: balancer
                .vpc_id
                .ok_or_else(|| Fault::incomplete(CALL, "VpcId"))?,
            dns_name: balancer
                .dns_name
                .ok_or_else(|| Fault::incomplete(CALL, "DNSName"))?,
            is_internal: balancer.scheme.as_deref() == Some("internal"),
        })
    }

    /// The target group of this name; none if there is none.
    pub async fn target_group(&self, name: &str) -> Result<Option<LiveGroup>, Fault> {
        let form = Form::default().with_list("Names", [name]);
        let answer: TargetGroups = match self.call("DescribeTargetGroups", form).await {
            Ok(answer) => answer,
            Err(fault) if fault.is("TargetGroupNotFound") => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(group) = answer.groups.into_first() else {
            return Ok(None);
        };
        let form = Form::default().with_list("ResourceArns", [&group.target_group_arn]);
        let tags: TagDescriptions = self.call("DescribeTags", form).await?;
        let described = tags.descriptions.members.into_iter();
        let mut tags = described.flat_map(|each| each.tags.members);
        let tagged_for = tags.find(|tag| tag.key == SERVICE_TAG).map(|tag| tag.value);
        Ok(Some(described_group(group, tagged_for)))
    }

    /// Reads what Elastic Load Balancing has for a file's section `ingress`.
    ///
    /// # Errors
    /// As Elastic Load Balancing answers, or incomplete without the load balancer's VPC.
    pub async fn observe(
        &self,
        file: &ServiceFile,
        ingress: &Ingress,
        service: &ServiceId,
    ) -> Result<Seen, Fault> {
        let listener = self.listener(&ingress.listener_arn).await?;
        let vpc = self.load_balancer(&listener.load_balancer).await?.vpc;
        let rules = self.rules(&ingress.listener_arn).await?;
        let mut groups = Vec::new();
        for wanted in wanted_groups(file, service, &rules) {
            let live = self.target_group(&wanted.name).await?;
            groups.push((wanted, live));
        }
        Ok(Seen { vpc, rules, groups })
    }

    /// Creates a target group and answers its ARN.
    pub async fn create_target_group(
        &self,
        wanted: &WantedGroup,
        ingress: &Ingress,
        vpc: &str,
        service: &ServiceId,
    ) -> Result<String, Fault> {
        let form = Form::default()
            .with("Name", &wanted.name)
            .with("TargetType", wanted.target_type)
            .with("Protocol", &ingress.protocol)
            .with("ProtocolVersion", &ingress.protocol_version)
            .with("Port", ingress.port)
            .with("VpcId", vpc)
            .checking_health(ingress)
            .with_pairs("Tags", [(SERVICE_TAG, service_tag(service))]);
        self.created_group(form).await
    }

    /// Changes a target group's health check to the file's.
    pub async fn modify_health_check(&self, arn: &str, ingress: &Ingress) -> Result<(), Fault> {
        let form = Form::default()
            .with("TargetGroupArn", arn)
            .checking_health(ingress);
        self.send("ModifyTargetGroup", form).await
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
        let form = Form::default()
            .with("TargetGroupArn", arn)
            .with_pairs("Attributes", attributes);
        self.send("ModifyTargetGroupAttributes", form).await
    }

    /// Deletes a target group; one that is gone already is no matter.
    ///
    /// # Errors
    /// "Not yet" while a rule that was deleted just now still counts as using it.
    pub async fn delete_target_group(&self, arn: &str) -> Result<(), Fault> {
        let form = Form::default().with("TargetGroupArn", arn);
        match self.send("DeleteTargetGroup", form).await {
            Err(fault) if fault.is("TargetGroupNotFound") => Ok(()),
            Err(fault) if fault.is("ResourceInUse") => Err(Fault::not_yet(format!(
                "{arn} is still in use by a listener or a rule"
            ))),
            answer => answer,
        }
    }

    /// The rules of a listener; none if the listener is gone.
    pub async fn rules(&self, listener: &str) -> Result<Vec<LiveRule>, Fault> {
        let mut rules = Vec::new();
        let mut marker = None;
        loop {
            let form = Form::default()
                .with("ListenerArn", listener)
                .continued_at(marker);
            let answer: Rules = match self.call("DescribeRules", form).await {
                Ok(answer) => answer,
                Err(fault) if fault.is("ListenerNotFound") => return Ok(rules),
                Err(fault) => return Err(fault),
            };
            rules.extend(answer.rules.members.into_iter().map(described_rule));
            marker = answer.next;
            if marker.is_none() {
                return Ok(rules);
            }
        }
    }

    /// The rules of these ARNs.
    ///
    /// # Errors
    /// Refused with the code `RuleNotFound` if one of them is gone.
    pub async fn rules_at(&self, arns: &[String]) -> Result<Vec<LiveRule>, Fault> {
        let form = Form::default().with_list("RuleArns", arns);
        let answer: Rules = self.call("DescribeRules", form).await?;
        Ok(answer
            .rules
            .members
            .into_iter()
            .map(described_rule)
            .collect())
    }

    /// Creates a rule that forwards what the file describes to `groups`.
    pub async fn create_rule(
        &self,
        ingress: &Ingress,
        priority: u32,
        groups: &[String],
        service: &ServiceId,
    ) -> Result<Created, Fault> {
        let form = Form::default()
            .with("ListenerArn", &ingress.listener_arn)
            .with("Priority", priority)
            .on_conditions(ingress)
            .forwarding_to(groups)
            .with_pairs("Tags", [(SERVICE_TAG, service_tag(service))]);
        let answer: Rules = match self.call("CreateRule", form).await {
            Ok(answer) => answer,
            Err(fault) if fault.is("PriorityInUse") => {
                return Ok(Created::PriorityInUse);
            }
            Err(fault) => return Err(fault),
        };
        let rule = answer.rules.into_first();
        rule.map(|rule| Created::Rule(rule.rule_arn))
            .ok_or_else(|| Fault::incomplete("elasticloadbalancing:CreateRule", "rule"))
    }

    /// Changes a rule's conditions to the file's, and, if `groups` are given, where it forwards to.
    pub async fn modify_rule(
        &self,
        arn: &str,
        ingress: &Ingress,
        groups: Option<&[String]>,
    ) -> Result<(), Fault> {
        let form = Form::default().with("RuleArn", arn).on_conditions(ingress);
        let form = match groups {
            Some(groups) => form.forwarding_to(groups),
            None => form,
        };
        self.send("ModifyRule", form).await
    }

    /// Gives a rule another priority.
    pub async fn set_rule_priority(&self, arn: &str, priority: u32) -> Result<(), Fault> {
        let form = Form::default()
            .with("RulePriorities.member.1.RuleArn", arn)
            .with("RulePriorities.member.1.Priority", priority);
        self.send("SetRulePriorities", form).await
    }

    /// Deletes a rule; one that is gone already is no matter.
    pub async fn delete_rule(&self, arn: &str) -> Result<(), Fault> {
        let form = Form::default().with("RuleArn", arn);
        match self.send("DeleteRule", form).await {
            Err(fault) if fault.is("RuleNotFound") => Ok(()),
            answer => answer,
        }
    }
}

impl Form {
    /// The next page of a list, after the one that answered `marker`.
    pub(super) fn continued_at(self, marker: Option<String>) -> Self {
        match marker {
            Some(marker) => self.with("Marker", marker),
            None => self,
        }
    }

    fn checking_health(self, ingress: &Ingress) -> Self {
        let check = &ingress.health_check;
        let codes = match &*ingress.protocol_version {
            "GRPC" => "Matcher.GrpcCode",
            _ => "Matcher.HttpCode",
        };
        self.with("HealthCheckPath", &check.path)
            .with(codes, &check.codes)
            .with("HealthCheckIntervalSeconds", check.interval_seconds)
            .with("HealthCheckTimeoutSeconds", check.timeout_seconds)
            .with("HealthyThresholdCount", check.healthy)
            .with("UnhealthyThresholdCount", check.unhealthy)
    }

    fn on_conditions(mut self, ingress: &Ingress) -> Self {
        let kinds = [
            ("host-header", "HostHeaderConfig", &ingress.hosts),
            ("path-pattern", "PathPatternConfig", &ingress.paths),
        ];
        let given = kinds
            .into_iter()
            .filter(|(_, _, values)| !values.is_empty());
        for ((field, config, values), number) in given.zip(1..) {
            let condition = format!("Conditions.member.{number}");
            self = self
                .with(format!("{condition}.Field"), field)
                .with_list(&format!("{condition}.{config}.Values"), values);
        }
        self
    }

    /// All requests go to the first of two groups, until ECS moves them
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html>).
    fn forwarding_to(self, groups: &[String]) -> Self {
        let form = self.with("Actions.member.1.Type", "forward");
        if let [only] = groups {
            return form.with("Actions.member.1.TargetGroupArn", only);
        }
        groups.iter().zip(1..).fold(form, |form, (group, number)| {
            let tuple = format!("Actions.member.1.ForwardConfig.TargetGroups.member.{number}");
            form.with(format!("{tuple}.TargetGroupArn"), group)
                .with(format!("{tuple}.Weight"), if number == 1 { 100 } else { 0 })
        })
    }
}

fn described_group(group: TargetGroup, tagged_for: Option<String>) -> LiveGroup {
    LiveGroup {
        arn: group.target_group_arn,
        target_type: group.target_type.unwrap_or_default(),
        protocol: group.protocol.unwrap_or_default(),
        protocol_version: group.protocol_version.unwrap_or_else(|| "HTTP1".into()),
        vpc: group.vpc_id.unwrap_or_default(),
        health_check: HealthCheck {
            path: group.health_check_path.unwrap_or_default(),
            codes: (group.matcher.http_code.or(group.matcher.grpc_code)).unwrap_or_default(),
            interval_seconds: group.health_check_interval_seconds,
            timeout_seconds: group.health_check_timeout_seconds,
            healthy: group.healthy_threshold_count,
            unhealthy: group.unhealthy_threshold_count,
        },
        tagged_for,
        load_balancers: group.load_balancer_arns.members,
    }
}
