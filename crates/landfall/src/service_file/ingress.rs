//! The section `ingress`: how requests come from an existing listener to the service.

mod written;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    document::{Node, NodeValue},
    mapping::{HOUR, Mapping, Problems},
    problem::Problem,
};

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
    /// The host name that a probe asks for: the first, with something in place of its wildcards.
    pub fn probed_host(&self) -> Option<String> {
        let host = self.hosts.first()?;
        Some(host.replace('*', "landfall").replace('?', "x"))
    }
}

/// The health check of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// What is asked for.
    pub path: String,
    /// Status codes of a good answer, e.g. `200`, `200-299` or `200,204`.
    pub codes: String,
    /// Seconds between two checks.
    pub interval_seconds: u64,
    /// How long, in seconds, an answer may take.
    pub timeout_seconds: u64,
    /// After how many good checks in a row an unhealthy target is healthy.
    pub healthy: u64,
    /// After how many bad checks in a row a target is unhealthy.
    pub unhealthy: u64,
}

/// What is known of the rest of the file.
pub(super) struct Surroundings<'a> {
    /// The containers' names.
    pub(super) containers: Vec<&'a str>,
    /// The strategies with two target groups need a role.
    pub(super) strategy: Option<&'a str>,
}

/// Strategies that move requests between two target groups
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).
pub const TWO_GROUP_STRATEGIES: [&str; 3] = ["BLUE_GREEN", "LINEAR", "CANARY"];

/// The longest host name or path pattern, in characters
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>).
const LONGEST_PATTERN: usize = 128;
/// Patterns of one rule: each counts as a value of a condition, and a rule has five at most
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
const MOST_PATTERNS: usize = 5;

/// How long, in seconds, a target that goes may finish its requests, unless the file says otherwise.
const DEREGISTRATION_DELAY: u64 = 300;

pub(super) fn read(
    section: &Mapping<'_>,
    surroundings: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Ingress> {
    section.only(
        &[
            "listenerArn",
            "container",
            "port",
            "host",
            "path",
            "priority",
            "protocol",
            "protocolVersion",
            "healthCheck",
            "deregistrationDelay",
            "stickiness",
            "roleArn",
        ],
        problems,
    );
    let listener_arn = section.needed_text(
        "listenerArn",
        "name a listener of an Application Load Balancer, e.g. `listenerArn: arn:aws:elasticloadbalancing:…:listener/app/…`",
        problems,
    );
    if let Some((arn, position)) = listener_arn
        && !arn.contains(":listener/app/")
    {
        let message = format!("`{arn}` is no ARN of a listener of an Application Load Balancer");
        let problem = Problem::new(position, &section.path_of("listenerArn"), message);
        problems.add(problem.hint("it contains `:listener/app/`"));
    }
    let container = section.needed_text(
        "container",
        "name the container that answers, e.g. `container: web`",
        problems,
    );
    if let Some((name, position)) = container
        && !surroundings.containers.is_empty()
        && !surroundings.containers.contains(&name)
    {
        let message =
            format!("there is no container `{name}` in taskDefinition.containerDefinitions");
        problems.add(Problem::new(
            position,
            &section.path_of("container"),
            message,
        ));
    }
    if section.get("port").is_none() {
        let problem = Problem::new(
            section.position(),
            &section.path_of("port"),
            "this field is missing",
        );
        problems.add(problem.hint("give the container's port, e.g. `port: 8080`"));
    }
    let port = section.number("port", 1, 65_535, problems);
    let hosts = patterns(section, "host", problems);
    for (host, node) in &hosts {
        if !host.contains('.')
            || !host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.*?".contains(c))
        {
            let problem = Problem::new(
                node.position,
                &section.path_of("host"),
                format!("`{host}` is no host name that a rule can have"),
            );
            problems
                .add(problem.hint("it has letters, digits, `-`, `*`, `?` and at least one dot"));
        }
    }
    let paths = patterns(section, "path", problems);
    for (path, node) in &paths {
        if !path.starts_with(['/', '*']) {
            let problem = Problem::new(
                node.position,
                &section.path_of("path"),
                format!("`{path}` is no path pattern"),
            );
            problems.add(problem.hint("start it with a slash, e.g. `/api/*`"));
        }
    }
    if section.get("host").is_none() && section.get("path").is_none() {
        let problem = Problem::new(
            section.position(),
            &section.path,
            "neither `host` nor `path` is given",
        );
        problems
            .add(problem.hint("say which requests are for this service; `path: \"/*\"` takes all"));
    }
    if hosts.len() + paths.len() > MOST_PATTERNS {
        let message = format!("a rule has at most {MOST_PATTERNS} host names and path patterns");
        problems.add(Problem::new(section.position(), &section.path, message));
    }
    let needs_role = surroundings
        .strategy
        .is_some_and(|strategy| TWO_GROUP_STRATEGIES.contains(&strategy));
    let role_arn = section.text("roleArn", problems);
    if needs_role && section.get("roleArn").is_none() {
        let strategy = surroundings.strategy.unwrap_or_default();
        let message =
            format!("the strategy {strategy} needs a role by which ECS changes the listener rule");
        let problem = Problem::new(section.position(), &section.path_of("roleArn"), message);
        problems.add(
            problem.hint(
                "name a role with the policy AmazonECSInfrastructureRolePolicyForLoadBalancers",
            ),
        );
    }
    let health_check = section.mapping("healthCheck", problems);
    let protocol_version = one_of(
        section,
        "protocolVersion",
        &["HTTP1", "HTTP2", "GRPC"],
        problems,
    );
    let health_check = health_check_of(health_check.as_ref(), protocol_version == "GRPC", problems);
    let text = |found: Option<(&str, _)>| found.map(|(text, _)| text.to_owned());
    Some(Ingress {
        listener_arn: text(listener_arn)?,
        container: text(container)?,
        port: u16::try_from(port?).ok()?,
        hosts: hosts
            .into_iter()
            .map(|(host, _)| host.to_ascii_lowercase())
            .collect(),
        paths: paths.into_iter().map(|(path, _)| path.to_owned()).collect(),
        priority: section
            .number("priority", 1, 50_000, problems)
            .and_then(|priority| u32::try_from(priority).ok()),
        protocol: one_of(section, "protocol", &["HTTP", "HTTPS"], problems).into(),
        protocol_version: protocol_version.into(),
        health_check,
        deregistration_delay_seconds: section
            .seconds("deregistrationDelay", (0, HOUR), problems)
            .unwrap_or(DEREGISTRATION_DELAY),
        stickiness_seconds: section.seconds("stickiness", (1, 168 * HOUR), problems),
        role_arn: text(role_arn),
    })
}

/// The defaults are those of `CreateTargetGroup`
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>), but that a new
/// target is asked every 15 seconds and counts after two good answers, so that a rollout does not take minutes.
fn default_health_check(grpc: bool) -> HealthCheck {
    HealthCheck {
        path: if grpc { "/AWS.ALB/healthcheck" } else { "/" }.into(),
        codes: if grpc { "12" } else { "200" }.into(),
        interval_seconds: 15,
        timeout_seconds: 5,
        healthy: 2,
        unhealthy: 2,
    }
}

/// Limits are those of `CreateTargetGroup`.
fn health_check_of(
    section: Option<&Mapping<'_>>,
    grpc: bool,
    problems: &mut Problems,
) -> HealthCheck {
    let mut check = default_health_check(grpc);
    let Some(section) = section else { return check };
    section.only(
        &[
            "path",
            "codes",
            "interval",
            "timeout",
            "healthy",
            "unhealthy",
        ],
        problems,
    );
    if let Some((path, _)) = section.url_path("path", problems) {
        check.path = path.into();
    }
    // Somebody who writes `codes: 200` means the text.
    match section.get("codes").map(|node| &node.value) {
        Some(NodeValue::Scalar(Value::Number(code))) => check.codes = code.to_string(),
        Some(_) => {
            if let Some((codes, _)) = section.text("codes", problems) {
                check.codes = codes.into();
            }
        }
        None => {}
    }
    let mut seconds =
        |name, limits, default| section.seconds(name, limits, problems).unwrap_or(default);
    check.interval_seconds = seconds("interval", (5, 300), check.interval_seconds);
    check.timeout_seconds = seconds("timeout", (2, 120), check.timeout_seconds);
    check.healthy = section
        .number("healthy", 2, 10, problems)
        .unwrap_or(check.healthy);
    check.unhealthy = section
        .number("unhealthy", 2, 10, problems)
        .unwrap_or(check.unhealthy);
    if check.timeout_seconds > check.interval_seconds {
        let message = format!(
            "the timeout of {} seconds is longer than the interval of {}",
            check.timeout_seconds, check.interval_seconds
        );
        problems.add(Problem::new(section.position(), &section.path, message));
    }
    check
}

/// The field `name`, one pattern or a list of them.
fn patterns<'a>(
    section: &Mapping<'a>,
    name: &str,
    problems: &mut Problems,
) -> Vec<(&'a str, &'a Node)> {
    let nodes: &[Node] = match section.get(name) {
        None => return Vec::new(),
        Some(Node {
            value: NodeValue::Sequence(items),
            ..
        }) => items,
        Some(node) => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for node in nodes {
        match &node.value {
            NodeValue::Scalar(Value::String(text))
                if !text.is_empty() && text.len() <= LONGEST_PATTERN =>
            {
                found.push((text.as_str(), node));
            }
            _ => {
                let message = format!(
                    "expected text of 1 to {LONGEST_PATTERN} characters, or a list of such"
                );
                problems.add(Problem::new(node.position, &section.path_of(name), message));
            }
        }
    }
    found
}

/// The field `name`, one of `values`, of which the first is the default.
fn one_of(
    section: &Mapping<'_>,
    name: &str,
    values: &[&'static str],
    problems: &mut Problems,
) -> &'static str {
    let default = values.first().copied().unwrap_or_default();
    let Some((written, position)) = section.text(name, problems) else {
        return default;
    };
    match values.iter().find(|value| **value == written) {
        Some(value) => value,
        None => {
            let message = format!("expected one of {}", values.join(", "));
            problems.add(Problem::new(position, &section.path_of(name), message));
            default
        }
    }
}

#[cfg(test)]
mod tests;
