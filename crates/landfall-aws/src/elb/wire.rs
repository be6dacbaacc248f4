//! What Elastic Load Balancing answers, and how its lists and structures are sent
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>).

use std::fmt::Display;

use serde::{Deserialize, de::DeserializeOwned};

use super::Elb;
use crate::{Fault, raw::Members};

/// The parameters of one call. Members of a list are `<Name>.member.<N>`, counted from 1, and a structure's are
/// `<Name>.<Member>` (<https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>).
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn with(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    pub(super) fn with_list<T: Display>(
        self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let numbered = values.into_iter().zip(1..);
        numbered.fold(self, |form, (value, number)| {
            form.with(format!("{name}.member.{number}"), value)
        })
    }

    /// A list of keys and values.
    pub(super) fn with_pairs<T: Display>(
        self,
        name: &str,
        pairs: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Self {
        let numbered = pairs.into_iter().zip(1..);
        numbered.fold(self, |form, ((key, value), number)| {
            form.with(format!("{name}.member.{number}.Key"), key)
                .with(format!("{name}.member.{number}.Value"), value)
        })
    }
}

impl Elb {
    /// Calls `operation` and answers what is in its element `<operation>Result`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        form: Form,
    ) -> Result<T, Fault> {
        let answer: Answer<T> = self.0.call(operation, &form.0).await?;
        Ok(answer.result)
    }

    /// Calls `operation`, whose answer says nothing.
    pub(super) async fn send(&self, operation: &'static str, form: Form) -> Result<(), Fault> {
        self.0
            .call::<Empty>(operation, &form.0)
            .await
            .map(|Empty {}| ())
    }
}

#[derive(Deserialize)]
struct Empty {}

#[derive(Deserialize)]
struct Answer<T> {
    #[serde(
        rename = "DescribeListenersResult",
        alias = "DescribeLoadBalancersResult",
        alias = "DescribeRulesResult",
        alias = "DescribeTagsResult",
        alias = "DescribeTargetGroupAttributesResult",
        alias = "DescribeTargetGroupsResult",
        alias = "DescribeTargetHealthResult",
        alias = "CreateLoadBalancerResult",
        alias = "CreateRuleResult",
        alias = "CreateTargetGroupResult"
    )]
    result: T,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listeners {
    #[serde(default, rename = "Listeners")]
    pub(super) listeners: Members<Listener>,
    #[serde(rename = "NextMarker")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listener {
    pub(super) listener_arn: String,
    pub(super) load_balancer_arn: String,
    /// None for a Gateway Load Balancer.
    pub(super) protocol: Option<String>,
    /// None for a Gateway Load Balancer.
    pub(super) port: Option<i32>,
    #[serde(default)]
    pub(super) default_actions: Members<Action>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoadBalancers {
    #[serde(default, rename = "LoadBalancers")]
    pub(super) balancers: Members<LoadBalancer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoadBalancer {
    pub(super) load_balancer_arn: String,
    pub(super) vpc_id: Option<String>,
    /// `internet-facing` or `internal`; none for a Gateway Load Balancer.
    pub(super) scheme: Option<String>,
    #[serde(rename = "DNSName")]
    pub(super) dns_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TargetGroups {
    #[serde(default, rename = "TargetGroups")]
    pub(super) groups: Members<TargetGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetGroup {
    pub(super) target_group_arn: String,
    pub(super) target_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) protocol_version: Option<String>,
    pub(super) vpc_id: Option<String>,
    pub(super) health_check_path: Option<String>,
    #[serde(default)]
    pub(super) health_check_interval_seconds: u64,
    #[serde(default)]
    pub(super) health_check_timeout_seconds: u64,
    #[serde(default)]
    pub(super) healthy_threshold_count: u64,
    #[serde(default)]
    pub(super) unhealthy_threshold_count: u64,
    #[serde(default)]
    pub(super) matcher: Matcher,
    #[serde(default)]
    pub(super) load_balancer_arns: Members<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Matcher {
    pub(super) http_code: Option<String>,
    pub(super) grpc_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Attributes {
    #[serde(default, rename = "Attributes")]
    pub(super) attributes: Members<Pair>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pair {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagDescriptions {
    #[serde(default, rename = "TagDescriptions")]
    pub(super) descriptions: Members<TagDescription>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagDescription {
    #[serde(default, rename = "Tags")]
    pub(super) tags: Members<Pair>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TargetHealths {
    #[serde(default, rename = "TargetHealthDescriptions")]
    pub(super) descriptions: Members<TargetHealthDescription>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetHealthDescription {
    pub(super) target: Target,
    pub(super) target_health: Health,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    pub(super) id: String,
    #[serde(default)]
    pub(super) port: i32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Health {
    pub(super) state: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    #[serde(default, rename = "Rules")]
    pub(super) rules: Members<Rule>,
    #[serde(rename = "NextMarker")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rule {
    pub(super) rule_arn: String,
    /// A number, or `default` for the listener's default.
    pub(super) priority: String,
    #[serde(default)]
    pub(super) conditions: Members<Condition>,
    #[serde(default)]
    pub(super) actions: Members<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Condition {
    pub(super) field: Option<String>,
    /// The older way to tell hosts and paths.
    #[serde(default)]
    pub(super) values: Members<String>,
    pub(super) host_header_config: Option<Patterns>,
    pub(super) path_pattern_config: Option<Patterns>,
    pub(super) http_header_config: Option<Patterns>,
    pub(super) http_request_method_config: Option<Patterns>,
    pub(super) query_string_config: Option<QueryPatterns>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Patterns {
    /// The header, of a condition about one.
    pub(super) http_header_name: Option<String>,
    #[serde(default)]
    pub(super) values: Members<String>,
    #[serde(default)]
    pub(super) regex_values: Members<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct QueryPatterns {
    #[serde(default, rename = "Values")]
    pub(super) values: Members<QueryPattern>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueryPattern {
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RedirectConfig {
    pub(super) protocol: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FixedResponseConfig {
    #[serde(default)]
    pub(super) status_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Action {
    #[serde(default, rename = "Type")]
    pub(super) kind: String,
    pub(super) redirect_config: Option<RedirectConfig>,
    pub(super) fixed_response_config: Option<FixedResponseConfig>,
    pub(super) target_group_arn: Option<String>,
    pub(super) forward_config: Option<ForwardConfig>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ForwardConfig {
    #[serde(default, rename = "TargetGroups")]
    pub(super) groups: Members<Weighted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Weighted {
    pub(super) target_group_arn: Option<String>,
    pub(super) weight: Option<i32>,
}
