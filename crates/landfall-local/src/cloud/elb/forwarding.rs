//! What forwards to which target group.

use serde_json::Value;

use super::State;
use super::input::{list, string};

/// The target groups of a forward action, in either notation.
pub(super) fn forwarded_groups(action: &Value) -> impl Iterator<Item = &str> {
    let weighted = action
        .get("ForwardConfig")
        .map(|config| list(config, "TargetGroups"))
        .unwrap_or_default();
    let plain = string(action, "TargetGroupArn").filter(|_| weighted.is_empty());
    plain.into_iter().chain(
        weighted
            .iter()
            .filter_map(|tuple| string(tuple, "TargetGroupArn")),
    )
}

/// The load balancers whose listeners or rules forward to the group.
pub(super) fn load_balancers_of(state: &State, group: &str) -> Vec<String> {
    let forwards = |actions: &Value| {
        actions.as_array().is_some_and(|all| {
            all.iter()
                .any(|action| forwarded_groups(action).any(|arn| arn == group))
        })
    };
    let mut found: Vec<String> = state
        .listeners
        .iter()
        .filter(|(arn, fields)| {
            forwards(&fields["DefaultActions"])
                || state
                    .rules
                    .values()
                    .any(|rule| rule.listener == **arn && forwards(&rule.fields["Actions"]))
        })
        .filter_map(|(_, fields)| fields["LoadBalancerArn"].as_str().map(str::to_owned))
        .collect();
    found.dedup();
    found
}
