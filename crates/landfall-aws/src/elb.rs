//! Elastic Load Balancing: whether targets are healthy, and where a service is reached.

mod described;
pub mod ingress;

use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::{
    Client,
    types::{
        Action, ActionTypeEnum, ProtocolEnum, TargetGroup, TargetGroupAttribute, TargetTypeEnum,
    },
};
use landfall::{service_file::Ingress, step::verify_health::TargetHealth};

use crate::Fault;

const DESCRIBE_GROUPS: &str = "elasticloadbalancing:DescribeTargetGroups";

/// Where a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and port.
    pub url: String,
    /// The machine to connect to, if the host need not be known to DNS yet.
    pub connect_to: Option<String>,
}

/// Elastic Load Balancing, version 2.
#[derive(Clone, Debug)]
pub struct Elb(Client);

impl Elb {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// The targets of a target group.
    pub async fn targets(&self, target_group: &str) -> Result<Vec<TargetHealth>, Fault> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetHealth";
        let answer = self
            .0
            .describe_target_health()
            .target_group_arn(target_group)
            .send()
            .await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        let described = answer
            .target_health_descriptions()
            .iter()
            .map(|description| {
                let target = description
                    .target()
                    .ok_or_else(|| Fault::incomplete(CALL, "target"))?;
                let health = description
                    .target_health()
                    .ok_or_else(|| Fault::incomplete(CALL, "health"))?;
                Ok(TargetHealth {
                    target: format!(
                        "{}:{}",
                        target.id().unwrap_or("?"),
                        target.port().unwrap_or_default()
                    ),
                    state: health
                        .state()
                        .map(|state| state.as_str().to_owned())
                        .unwrap_or_default(),
                    description: health.description().map(str::to_owned),
                })
            });
        described.collect()
    }

    /// Creates an application load balancer with one listener on `port`, whose target group has the same `name` and
    /// takes tasks by address. Answers the target group's ARN. Health checks ask for `/` every 5 seconds; a target is
    /// drained for 5 seconds.
    pub async fn create_web_balancer(&self, name: &str, port: i32) -> Result<String, Fault> {
        let balancer = self
            .0
            .create_load_balancer()
            .name(name)
            .subnets("subnet-local")
            .send()
            .await;
        let balancer = balancer
            .map_err(|error| Fault::of("elasticloadbalancing:CreateLoadBalancer", error))?;
        let balancer = balancer
            .load_balancers()
            .first()
            .and_then(|balancer| balancer.load_balancer_arn());
        let balancer = balancer.ok_or_else(|| {
            Fault::incomplete("elasticloadbalancing:CreateLoadBalancer", "LoadBalancerArn")
        })?;
        let group = self
            .0
            .create_target_group()
            .name(name)
            .protocol(ProtocolEnum::Http)
            .port(port)
            .vpc_id("vpc-local")
            .target_type(TargetTypeEnum::Ip)
            .health_check_interval_seconds(5)
            .health_check_timeout_seconds(2)
            .healthy_threshold_count(2)
            .unhealthy_threshold_count(2)
            .send()
            .await;
        let group =
            group.map_err(|error| Fault::of("elasticloadbalancing:CreateTargetGroup", error))?;
        let group = group
            .target_groups()
            .first()
            .and_then(|group| group.target_group_arn());
        let group = group.ok_or_else(|| {
            Fault::incomplete("elasticloadbalancing:CreateTargetGroup", "TargetGroupArn")
        })?;
        let delay = TargetGroupAttribute::builder()
            .key("deregistration_delay.timeout_seconds")
            .value("5")
            .build();
        let modified = self
            .0
            .modify_target_group_attributes()
            .target_group_arn(group)
            .attributes(delay)
            .send()
            .await;
        modified.map_err(|error| {
            Fault::of("elasticloadbalancing:ModifyTargetGroupAttributes", error)
        })?;
        let forward = Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .target_group_arn(group)
            .build();
        let listener = self
            .0
            .create_listener()
            .load_balancer_arn(balancer)
            .protocol(ProtocolEnum::Http)
            .port(port);
        let created = listener.default_actions(forward).send().await;
        created.map_err(|error| Fault::of("elasticloadbalancing:CreateListener", error))?;
        Ok(group.to_owned())
    }

    /// The ARN of the load balancer that serves a target group; none if no listener forwards to it.
    pub async fn load_balancer_of(&self, target_group: &str) -> Result<Option<String>, Fault> {
        let group = self.group_at(target_group).await?;
        Ok(group.load_balancer_arns().first().cloned())
    }

    /// What the targets of a target group have to be: `ip`, `instance`, `lambda` or `alb`.
    ///
    /// # Errors
    /// Refused with the code `TargetGroupNotFound` if there is none.
    pub async fn target_type(&self, target_group: &str) -> Result<String, Fault> {
        let group = self.group_at(target_group).await?;
        let kind = group.target_type().map(|kind| kind.as_str().to_owned());
        kind.ok_or_else(|| Fault::incomplete(DESCRIBE_GROUPS, "TargetType"))
    }

    /// The path that a target group asks for health; none if it does not ask by HTTP.
    pub async fn health_check_path(&self, target_group: &str) -> Result<Option<String>, Fault> {
        let group = self.group_at(target_group).await?;
        Ok(group.health_check_path().map(str::to_owned))
    }

    async fn group_at(&self, arn: &str) -> Result<TargetGroup, Fault> {
        let request = self.0.describe_target_groups().target_group_arns(arn);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of(DESCRIBE_GROUPS, error))?;
        let group = answer.target_groups.unwrap_or_default().into_iter().next();
        group.ok_or_else(|| Fault::incomplete(DESCRIBE_GROUPS, "target group"))
    }

    /// Where an `ingress` is asked: its listener's load balancer, by the host name that its rule wants.
    ///
    /// # Errors
    /// Refused if the listener is gone.
    pub async fn ingress_address(&self, ingress: &Ingress) -> Result<Address, Fault> {
        let listener = self.listener(&ingress.listener_arn).await?;
        let balancer = self.load_balancer(&listener.load_balancer).await?;
        let host = ingress.probed_host();
        let scheme = listener.protocol.to_ascii_lowercase();
        Ok(Address {
            url: format!(
                "{scheme}://{}:{}",
                host.as_deref().unwrap_or(&balancer.dns_name),
                listener.port
            ),
            connect_to: host.map(|_| balancer.dns_name),
        })
    }

    /// The address of a listener of the load balancer that serves a target group, e.g. `http://name.elb.amazonaws.com:80`.
    /// A plain HTTP listener goes before an HTTPS one, whose certificate is for another name.
    ///
    /// # Errors
    /// Refused if no load balancer has a web listener for it.
    pub async fn address(&self, target_group: &str) -> Result<Address, Fault> {
        let balancer = self.load_balancer_of(target_group).await?;
        let unreachable = || {
            Fault::Refused(format!(
                "no load balancer listens for {target_group}: add a listener, or give verify.http.url in the service file"
            ))
        };
        let balancer = balancer.ok_or_else(unreachable)?;
        let balancers = self
            .0
            .describe_load_balancers()
            .load_balancer_arns(&balancer)
            .send()
            .await;
        let balancers = balancers
            .map_err(|error| Fault::of("elasticloadbalancing:DescribeLoadBalancers", error))?;
        let host = balancers
            .load_balancers()
            .first()
            .and_then(|balancer| balancer.dns_name());
        let host = host.ok_or_else(unreachable)?;
        let listeners = self
            .0
            .describe_listeners()
            .load_balancer_arn(balancer)
            .send()
            .await;
        let listeners = listeners
            .map_err(|error| Fault::of("elasticloadbalancing:DescribeListeners", error))?;
        let address = |protocol: ProtocolEnum, scheme: &str| {
            let mut listeners = listeners.listeners().iter();
            let port = listeners
                .find(|listener| listener.protocol() == Some(&protocol))?
                .port()?;
            Some(format!("{scheme}://{host}:{port}"))
        };
        let url = address(ProtocolEnum::Http, "http")
            .or_else(|| address(ProtocolEnum::Https, "https"))
            .ok_or_else(unreachable)?;
        Ok(Address {
            url,
            connect_to: None,
        })
    }
}
