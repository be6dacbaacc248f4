//! Elastic Load Balancing: whether targets are healthy, and by which listeners a service is reached.

mod described;
mod doors;
pub mod ingress;
mod rule;
mod wire;

use aws_config::SdkConfig;
use landfall::live::TargetHealth;

use self::wire::{Form, LoadBalancers, TargetGroup, TargetGroups, TargetHealths};
use crate::{
    Fault,
    raw::{ELASTIC_LOAD_BALANCING, QueryClient},
};

const DESCRIBE_GROUPS: &str = "elasticloadbalancing:DescribeTargetGroups";

/// Elastic Load Balancing, version 2.
#[derive(Clone, Debug)]
pub struct Elb(QueryClient);

impl Elb {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(QueryClient::new(config, ELASTIC_LOAD_BALANCING))
    }

    /// The targets of a target group.
    pub async fn targets(&self, target_group: &str) -> Result<Vec<TargetHealth>, Fault> {
        let form = Form::default().with("TargetGroupArn", target_group);
        let answer: TargetHealths = self.call("DescribeTargetHealth", form).await?;
        let described = answer.descriptions.members.into_iter();
        Ok(described
            .map(|each| TargetHealth {
                target: format!("{}:{}", each.target.id, each.target.port),
                state: each.target_health.state,
                description: each.target_health.description,
            })
            .collect())
    }

    /// Creates an application load balancer with one listener on `port`, whose target group has the same `name` and
    /// takes tasks by address. Answers the target group's ARN. Health checks ask for `/` every 5 seconds; a target is
    /// drained for 5 seconds.
    pub async fn create_web_balancer(&self, name: &str, port: i32) -> Result<String, Fault> {
        let form = Form::default()
            .with("Name", name)
            .with_list("Subnets", ["subnet-local"]);
        let created: LoadBalancers = self.call("CreateLoadBalancer", form).await?;
        let balancer = created.balancers.into_first();
        let balancer = balancer.ok_or_else(|| {
            Fault::incomplete("elasticloadbalancing:CreateLoadBalancer", "load balancer")
        })?;
        let form = Form::default()
            .with("Name", name)
            .with("Protocol", "HTTP")
            .with("Port", port)
            .with("VpcId", "vpc-local")
            .with("TargetType", "ip")
            .with("HealthCheckIntervalSeconds", 5)
            .with("HealthCheckTimeoutSeconds", 2)
            .with("HealthyThresholdCount", 2)
            .with("UnhealthyThresholdCount", 2);
        let group = self.created_group(form).await?;
        let form = Form::default()
            .with("TargetGroupArn", &group)
            .with_pairs("Attributes", [("deregistration_delay.timeout_seconds", 5)]);
        self.send("ModifyTargetGroupAttributes", form).await?;
        let form = Form::default()
            .with("LoadBalancerArn", balancer.load_balancer_arn)
            .with("Protocol", "HTTP")
            .with("Port", port)
            .with("DefaultActions.member.1.Type", "forward")
            .with("DefaultActions.member.1.TargetGroupArn", &group);
        self.send("CreateListener", form).await?;
        Ok(group)
    }

    async fn created_group(&self, form: Form) -> Result<String, Fault> {
        let created: TargetGroups = self.call("CreateTargetGroup", form).await?;
        let group = created
            .groups
            .into_first()
            .map(|group| group.target_group_arn);
        group.ok_or_else(|| {
            Fault::incomplete("elasticloadbalancing:CreateTargetGroup", "target group")
        })
    }

    /// The ARN of the load balancer that serves a target group; none if no listener forwards to it.
    pub async fn load_balancer_of(&self, target_group: &str) -> Result<Option<String>, Fault> {
        let group = self.group_at(target_group).await?;
        Ok(group.load_balancer_arns.into_first())
    }

    /// What the targets of a target group have to be: `ip`, `instance`, `lambda` or `alb`.
    ///
    /// # Errors
    /// Refused with the code `TargetGroupNotFound` if there is none.
    pub async fn target_type(&self, target_group: &str) -> Result<String, Fault> {
        let group = self.group_at(target_group).await?;
        let kind = group.target_type;
        kind.ok_or_else(|| Fault::incomplete(DESCRIBE_GROUPS, "TargetType"))
    }

    /// The path that a target group asks for health; none if it does not ask by HTTP.
    pub async fn health_check_path(&self, target_group: &str) -> Result<Option<String>, Fault> {
        Ok(self.group_at(target_group).await?.health_check_path)
    }

    async fn group_at(&self, arn: &str) -> Result<TargetGroup, Fault> {
        let form = Form::default().with_list("TargetGroupArns", [arn]);
        let answer: TargetGroups = self.call("DescribeTargetGroups", form).await?;
        let group = answer.groups.into_first();
        group.ok_or_else(|| Fault::incomplete(DESCRIBE_GROUPS, "target group"))
    }
}
