//! What requests reach a service by: the target groups in ECS's description of it, and ELB's target groups and rules.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::health_check::HealthCheck;

/// One entry of a service's `loadBalancers`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveBalancer {
    /// The target group's ARN.
    pub target_group: String,
    /// The second target group's ARN, for strategies that move requests from one to the other.
    pub alternate: Option<String>,
    /// The listener rule by whose weights they move.
    pub rule: Option<String>,
    /// The role by which ECS changes that rule.
    pub role: Option<String>,
    /// The container that answers.
    pub container: String,
    /// The port that it listens on.
    pub port: u64,
}

impl LiveBalancer {
    /// Its target groups.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.target_group).chain(&self.alternate)
    }

    /// Whether a file's entry says the same. Which of two groups comes first does not matter: they change places with
    /// every deployment.
    pub(crate) fn is(&self, said: &Value) -> bool {
        let advanced = &said["advancedConfiguration"];
        let of = |value: &Value| value.as_str().map(str::to_owned);
        let mut said_groups = [
            of(&said["targetGroupArn"]),
            of(&advanced["alternateTargetGroupArn"]),
        ];
        let mut groups = [Some(self.target_group.clone()), self.alternate.clone()];
        said_groups.sort();
        groups.sort();
        groups == said_groups
            && self.rule == of(&advanced["productionListenerRule"])
            && self.role == of(&advanced["roleArn"])
            && said["containerName"] == *self.container
            && said["containerPort"] == self.port
    }
}

/// The target groups and the rule by which a load balancer reaches a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Balancer {
    /// The target group's ARN.
    pub target_group: String,
    /// The second target group's ARN, for strategies that have two.
    pub alternate_target_group: Option<String>,
    /// The listener rule's ARN.
    pub rule: String,
}

impl Balancer {
    /// The target group's ARN, where there is no second one.
    pub fn only_group(&self) -> Option<&String> {
        let has_two = self.alternate_target_group.is_some();
        Some(&self.target_group).filter(|_| !has_two)
    }
}

/// A target group as ELB describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveGroup {
    /// Its ARN.
    pub arn: String,
    /// `ip`, `instance` or others.
    pub target_type: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    pub protocol_version: String,
    /// The VPC's id.
    pub vpc: String,
    /// Path, codes, interval, timeout, healthy and unhealthy count of its health check.
    pub health_check: HealthCheck,
    /// The value of the tag `landfall:service`.
    pub tagged_for: Option<String>,
    /// The load balancers that forward to it.
    pub load_balancers: Vec<String>,
}

/// A rule as ELB describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRule {
    /// Its ARN.
    pub arn: String,
    /// Its priority; none for the listener's default.
    pub priority: Option<u32>,
    /// Its host names.
    pub hosts: BTreeSet<String>,
    /// Its path patterns.
    pub paths: BTreeSet<String>,
    /// Its conditions of other kinds, all of which a request has to meet.
    pub other_conditions: Vec<OtherCondition>,
    /// Where it forwards to.
    pub forwards_to: Vec<Forward>,
    /// What the load balancer does by itself with a request: instead of forwarding it, or before that.
    pub own_answer: Option<OwnAnswer>,
}

/// A condition that is neither of host names nor of path patterns. Its values are patterns, of which a request has to match
/// one (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherCondition {
    /// `http-header`
    Header {
        /// The header's name.
        name: String,
        /// Values of it.
        patterns: Vec<String>,
    },
    /// `http-request-method`
    Method(Vec<String>),
    /// `query-string`: keys, none for any, and values.
    Query(Vec<(Option<String>, String)>),
    /// `source-ip`, a regular expression, or a kind that is not known here: whether a probe meets it cannot be told.
    Unknown,
}

/// What a load balancer does without a target
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnAnswer {
    /// It redirects there, a URL with ELB's own placeholders such as `#{host}`.
    Redirect(String),
    /// It answers with this status.
    Fixed(String),
    /// It wants users to log in first.
    Authentication,
}

impl LiveRule {
    /// Whether it forwards to a target group, however few requests.
    pub fn forwards_to(&self, group: &str) -> bool {
        self.forwards_to
            .iter()
            .any(|forward| forward.group == group)
    }
}

/// A target group that a rule forwards to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Its ARN.
    pub group: String,
    /// Its share of the requests.
    pub weight: i32,
}

/// A registered target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// Its address, `id:port`.
    pub target: String,
    /// `initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `unused`, `draining` or `unavailable`
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>).
    pub state: String,
    /// Why it is not healthy.
    pub description: Option<String>,
}
