//! The section `ingress`: how requests come from an existing listener to the service.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    containers,
    document::{Node, NodeValue},
    mapping::{Mapping, Problems},
    section::{INGRESS, deserialized},
};
use crate::health_check::HealthCheck;

/// A target group and a rule of an existing listener, which Landfall makes and keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// The listener of an Application Load Balancer.
    pub listener_arn: String,
    /// The container that answers.
    pub container: String,
    /// The port that it listens on.
    pub port: u16,
    /// Host names, of which a request has to have one; any, if there is none here.
    pub hosts: Vec<String>,
    /// Path patterns, of which a request has to match one; any, if there is none here.
    pub paths: Vec<String>,
    /// The priority of the rule; Landfall chooses one if none is given.
    pub priority: Option<u32>,
    /// `HTTP` or `HTTPS`: what targets speak.
    pub protocol: String,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    pub protocol_version: String,
    /// How the load balancer finds out whether a target is well.
    pub health_check: HealthCheck,
    /// How long, in seconds, a target that goes may finish its requests.
    pub deregistration_delay_seconds: u64,
    /// For how long, in seconds, a client stays with its target, by a cookie of the load balancer's; none for not at all.
    pub stickiness_seconds: Option<u64>,
    /// The role by which ECS moves requests between two target groups; only for strategies that have two.
    pub role_arn: Option<String>,
}

impl Ingress {
    /// The section as it stands in a service file, without what need not be written.
    pub fn written(&self) -> Map<String, Value> {
        let mut section = INGRESS.written(self);
        if let Some(Value::Object(check)) = section.get_mut("healthCheck") {
            for (name, usual) in usual_check(&self.protocol_version) {
                if check.get(name).is_some_and(|value| value == usual) {
                    check.shift_remove(name);
                }
            }
            if check.is_empty() {
                section.shift_remove("healthCheck");
            }
        }
        section
    }
}

/// What a health check asks for and which codes are good, unless the file says so
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>).
fn usual_check(protocol_version: &str) -> [(&'static str, &'static str); 2] {
    if protocol_version == "GRPC" {
        [("path", "/AWS.ALB/healthcheck"), ("codes", "12")]
    } else {
        [("path", "/"), ("codes", "200")]
    }
}

/// What is known of the rest of the file.
pub(super) struct Context<'a> {
    /// The containers' names.
    pub(super) containers: &'a [&'a str],
    /// The service's deployment strategy: those with two target groups need a role.
    pub(super) strategy: Option<&'a str>,
}

/// Strategies that move requests between two target groups
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).
pub const TWO_GROUP_STRATEGIES: [&str; 3] = ["BLUE_GREEN", "LINEAR", "CANARY"];

pub(super) fn read(
    section: &Mapping<'_>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Ingress> {
    let mut fields = INGRESS.read(section, problems);
    containers::check_named(section, context.containers, problems);
    conditions(section, problems);
    role(section, context.strategy, problems);
    // Names of hosts are compared without regard to case, and AWS answers them in lower case.
    if let Some(Value::Array(hosts)) = fields.get_mut("hosts") {
        for host in hosts {
            *host = json!(host.as_str().map(str::to_ascii_lowercase));
        }
    }
    let version = fields.get("protocolVersion").and_then(Value::as_str);
    let usual = usual_check(version.unwrap_or_default());
    if let Some(Value::Object(check)) = fields.get_mut("healthCheck") {
        for (name, value) in usual {
            check.entry(name).or_insert_with(|| value.into());
        }
        let seconds = |name| check.get(name).and_then(Value::as_u64);
        let (timeout, interval) = (seconds("timeoutSeconds"), seconds("intervalSeconds"));
        if let (Some(timeout), Some(interval)) = (timeout, interval)
            && timeout > interval
        {
            let message = format!(
                "the timeout of {timeout} seconds is longer than the interval of {interval}"
            );
            problems.add(section.wrong_at("healthCheck", message));
        }
    }
    deserialized(section, fields, problems)
}

/// Which requests are for the service.
fn conditions(section: &Mapping<'_>, problems: &mut Problems) {
    let given = ["host", "path"].map(|name| section.get(name));
    if given.iter().all(Option::is_none) {
        let problem = section.wrong("neither `host` nor `path` is given");
        problems
            .add(problem.hint("say which requests are for this service; `path: \"/*\"` takes all"));
    }
    let count = |node: &Node| match &node.value {
        NodeValue::Sequence(patterns) => patterns.len(),
        _ => 1,
    };
    let patterns: usize = given.into_iter().flatten().map(count).sum();
    if let Some(most) = INGRESS.field("host").and_then(|host| host.most_items)
        && patterns > most
    {
        let message = format!("a rule has at most {most} host names and path patterns");
        problems.add(section.wrong(message));
    }
}

fn role(section: &Mapping<'_>, strategy: Option<&str>, problems: &mut Problems) {
    let Some(strategy) = strategy.filter(|strategy| TWO_GROUP_STRATEGIES.contains(strategy)) else {
        return;
    };
    if section.get("roleArn").is_none() {
        let message =
            format!("the strategy {strategy} needs a role by which ECS changes the listener rule");
        problems.add(
            section.wrong_at("roleArn", message).hint(
                "name a role with the policy AmazonECSInfrastructureRolePolicyForLoadBalancers",
            ),
        );
    }
}

#[cfg(test)]
mod tests;
