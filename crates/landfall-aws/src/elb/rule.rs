//! A listener rule, from Elastic Load Balancing's words into decisions'.

use std::collections::BTreeSet;

use landfall::live::{Forward, LiveRule, OtherCondition, OwnAnswer};

use super::wire::{Action, Condition, Patterns, RedirectConfig, Rule};

/// A rule of a listener.
pub(super) fn described_rule(rule: Rule) -> LiveRule {
    let (mut hosts, mut paths) = (BTreeSet::new(), BTreeSet::new());
    let mut other_conditions = Vec::new();
    for condition in rule.conditions.members {
        match condition.field.as_deref() {
            Some("host-header") => {
                match named(condition.host_header_config, condition.values.members) {
                    Some(named) => hosts.extend(named.iter().map(|host| host.to_ascii_lowercase())),
                    None => other_conditions.push(OtherCondition::Unknown),
                }
            }
            Some("path-pattern") => {
                match named(condition.path_pattern_config, condition.values.members) {
                    Some(named) => paths.extend(named),
                    None => other_conditions.push(OtherCondition::Unknown),
                }
            }
            _ => other_conditions.push(other(condition)),
        }
    }
    LiveRule {
        arn: rule.rule_arn,
        priority: rule.priority.parse().ok(),
        hosts,
        paths,
        other_conditions,
        ..acting(rule.actions.members)
    }
}

/// A rule without conditions that does this: a listener's default.
pub(super) fn acting(actions: Vec<Action>) -> LiveRule {
    let own_answer = actions.iter().find_map(own_answer);
    LiveRule {
        arn: String::new(),
        priority: None,
        hosts: BTreeSet::new(),
        paths: BTreeSet::new(),
        other_conditions: Vec::new(),
        forwards_to: actions.into_iter().flat_map(forwards).collect(),
        own_answer,
    }
}

/// The patterns of a condition of host names or paths; none if they are regular expressions.
fn named(config: Option<Patterns>, values: Vec<String>) -> Option<Vec<String>> {
    match config {
        None => Some(values),
        Some(config) if config.regex_values.members.is_empty() => Some(config.values.members),
        Some(_) => None,
    }
}

fn other(condition: Condition) -> OtherCondition {
    if let Some(config) = condition.http_header_config
        && let Some(name) = config.http_header_name
        && config.regex_values.members.is_empty()
    {
        let patterns = config.values.members;
        return OtherCondition::Header { name, patterns };
    }
    if let Some(config) = condition.http_request_method_config {
        return OtherCondition::Method(config.values.members);
    }
    if let Some(config) = condition.query_string_config {
        let pairs = config.values.members.into_iter();
        return OtherCondition::Query(pairs.map(|pair| (pair.key, pair.value)).collect());
    }
    OtherCondition::Unknown
}

fn own_answer(action: &Action) -> Option<OwnAnswer> {
    match &*action.kind {
        "redirect" => {
            let to = action.redirect_config.as_ref().map(redirected);
            Some(OwnAnswer::Redirect(to.unwrap_or_default()))
        }
        "fixed-response" => {
            let config = action.fixed_response_config.as_ref();
            let status = config.map(|config| config.status_code.clone());
            Some(OwnAnswer::Fixed(status.unwrap_or_default()))
        }
        kind if kind.starts_with("authenticate-") => Some(OwnAnswer::Authentication),
        _ => None,
    }
}

/// The parts that are not named stay as they are
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>).
fn redirected(config: &RedirectConfig) -> String {
    let protocol = config.protocol.as_deref().unwrap_or("#{protocol}");
    format!(
        "{}://{}:{}{}",
        protocol.to_ascii_lowercase(),
        config.host.as_deref().unwrap_or("#{host}"),
        config.port.as_deref().unwrap_or("#{port}"),
        config.path.as_deref().unwrap_or("/#{path}")
    )
}

fn forwards(action: Action) -> Vec<Forward> {
    let several = action.forward_config.map(|config| config.groups.members);
    match several {
        Some(several) if !several.is_empty() => several
            .into_iter()
            .filter_map(|tuple| {
                Some(Forward {
                    group: tuple.target_group_arn?,
                    weight: tuple.weight.unwrap_or(1),
                })
            })
            .collect(),
        _ => (action.target_group_arn.into_iter())
            .map(|group| Forward { group, weight: 1 })
            .collect(),
    }
}
