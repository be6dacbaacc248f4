//! How the load balancers of a service see it: whose targets are healthy, and where requests go.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use landfall::live::{LiveBalancer, LiveRule, TargetHealth};
use landfall_aws::{Fault, elb::Elb};

/// The targets by target group, and the shares of requests where there are two to choose from: in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Balance {
    /// `targets hello: 2 healthy`
    pub(super) targets: Option<String>,
    /// `requests hello-a 90 %, hello-b 10 %`
    pub(super) traffic: Option<String>,
}

impl Balance {
    /// What Elastic Load Balancing says now: one call for each target group, and one for the rules where ECS moves requests
    /// between two of them.
    pub(super) async fn of(elb: &Elb, balancers: &[LiveBalancer]) -> Result<Self, Fault> {
        let groups: Vec<&String> = balancers.iter().flat_map(LiveBalancer::groups).collect();
        let moved = balancers.iter().filter(|each| each.alternate.is_some());
        let rules = moved.filter_map(|each| each.rule.clone());
        // Of a Network Load Balancer it is the listener, which has no weights.
        let rules: Vec<String> = rules
            .filter(|arn| arn.contains(":listener-rule/"))
            .collect();
        let targets = try_join_all(groups.iter().map(|group| elb.targets(group)));
        let rules = async {
            if rules.is_empty() {
                Ok(Vec::new())
            } else {
                elb.rules_at(&rules).await
            }
        };
        let (targets, rules) = tokio::try_join!(targets, rules)?;
        let each = groups.iter().zip(&targets);
        let each: Vec<_> = each
            .filter_map(|(group, targets)| states(group, targets))
            .collect();
        Ok(Self {
            targets: (!each.is_empty()).then(|| format!("targets {}", each.join(", "))),
            traffic: shares(&rules),
        })
    }
}

/// How many targets of a group are in which state; none of a group without targets.
fn states(group: &str, targets: &[TargetHealth]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for target in targets {
        *counts.entry(&target.state).or_default() += 1;
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    (!counts.is_empty()).then(|| format!("{}: {}", name(group), counts.join(" ")))
}

fn shares(rules: &[LiveRule]) -> Option<String> {
    let mut weights: BTreeMap<&str, i32> = BTreeMap::new();
    for forward in rules.iter().flat_map(|rule| &rule.forwards_to) {
        *weights.entry(name(&forward.group)).or_default() += forward.weight;
    }
    let all: i32 = weights.values().sum();
    let shares: Vec<_> = weights
        .iter()
        .map(|(group, weight)| format!("{group} {} %", weight * 100 / all.max(1)))
        .collect();
    (shares.len() > 1).then(|| format!("requests {}", shares.join(", ")))
}

/// The name in the ARN of a target group.
fn name(group: &str) -> &str {
    let name = group.split(":targetgroup/").nth(1);
    name.and_then(|rest| rest.split('/').next())
        .unwrap_or(group)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use landfall::live::Forward;

    use super::*;

    const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/hello-a/73e2d6bc";

    #[test]
    fn targets_are_counted_by_state_and_requests_by_weight() {
        let target = |state: &str| TargetHealth {
            target: "10.0.0.1:80".into(),
            state: state.into(),
            description: None,
        };
        let targets = [target("initial"), target("healthy"), target("healthy")];
        let counted = states(GROUP, &targets);
        assert_eq!(counted.as_deref(), Some("hello-a: 2 healthy 1 initial"));
        assert_eq!(states(GROUP, &[]), None);

        let forward = |group: &str, weight| Forward {
            group: group.into(),
            weight,
        };
        let rule = |forwards_to| LiveRule {
            arn: "rule".into(),
            priority: Some(1),
            hosts: BTreeSet::new(),
            paths: BTreeSet::new(),
            other_conditions: Vec::new(),
            forwards_to,
            own_answer: None,
        };
        let other = GROUP.replace("hello-a", "hello-b");
        let moved = rule(vec![forward(GROUP, 90), forward(&other, 10)]);
        let shown = shares(&[moved]);
        assert_eq!(
            shown.as_deref(),
            Some("requests hello-a 90 %, hello-b 10 %")
        );
        assert_eq!(shares(&[rule(vec![forward(GROUP, 1)])]), None);
    }
}
