//! Step `EnsureIngress`: the target group and the listener rule by which requests reach the service.
//!
//! What Landfall made is found again by the target group's name, which follows from the service id, and by its tag; a
//! rule is Landfall's if it forwards to that group.

mod described;

use std::collections::BTreeSet;

pub use described::{LiveAttributes, described};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    content::ContentHash,
    live::{Balancer, Forward, LiveGroup, LiveRule},
    record::Release,
    refusal::Refusal,
    service_file::{Ingress, ServiceFile},
    service_id::ServiceId,
    service_section::has_two_groups,
    tags::service_tag,
    target_group::{group_names, name_of},
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// Before the service is changed, or after it did well.
    pub purpose: Purpose,
    /// For tidying: the target groups and the rule that the service was given.
    #[serde(default)]
    pub balancer: Option<Balancer>,
}

/// What the step is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Create and keep what the file asks for.
    Keep,
    /// Remove what the file does not ask for any more.
    Tidy,
    /// Remove what only the release asked for, which was bad: keep what the last good one asks for.
    Undo,
}

/// A target group as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGroup {
    /// Its name, unique in account and Region.
    pub name: String,
    /// `ip` or `instance`.
    pub target_type: &'static str,
}

/// What Elastic Load Balancing has for a section `ingress`: everything that the decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The id of the load balancer's VPC.
    pub vpc: String,
    /// All rules of the listener.
    pub rules: Vec<LiveRule>,
    /// The target groups that are wanted, each as ELB describes it; none if it does not exist yet.
    pub groups: Vec<(WantedGroup, Option<LiveGroup>)>,
}

/// What to change at Elastic Load Balancing so that requests reach the service as the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do about each target group, in the order of [`wanted_groups`].
    pub groups: Vec<GroupPlan>,
    /// What to do about the listener rule.
    pub rule: RulePlan,
}

/// What to do about a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupPlan {
    /// It is not there: create it.
    Create(WantedGroup),
    /// It is there.
    Keep {
        /// Its ARN.
        arn: String,
        /// Whether its health check has to be changed.
        modify_health_check: bool,
    },
}

impl GroupPlan {
    /// Its ARN; its name while it does not exist yet.
    pub fn arn_or_name(&self) -> &str {
        match self {
            Self::Create(wanted) => &wanted.name,
            Self::Keep { arn, .. } => arn,
        }
    }
}

/// What to do about the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePlan {
    /// There is none yet: create it with this priority.
    Create {
        /// A priority that no other rule has.
        priority: u32,
    },
    /// The rule is there.
    Keep {
        /// Its ARN.
        arn: String,
        /// Whether its conditions have to be changed.
        modify_conditions: bool,
        /// Whether its forward action has to be changed.
        modify_action: bool,
        /// The priority that it has to get, if another one.
        priority: Option<u32>,
    },
}

/// The target groups that a file asks for, first the one that most requests go to by the listener's rules: a service
/// that had two of them and is to have one keeps that one. Tasks with a network interface of their own are targets by
/// address, others by instance (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb.html>).
pub fn wanted_groups(
    file: &ServiceFile,
    service: &ServiceId,
    rules: &[LiveRule],
) -> Vec<WantedGroup> {
    let awsvpc = file.service.contains_key("networkConfiguration")
        || file
            .task_definition
            .get("networkMode")
            .and_then(Value::as_str)
            == Some("awsvpc");
    let target_type = if awsvpc { "ip" } else { "instance" };
    let count = if has_two_groups(file) { 2 } else { 1 };
    let mut names = group_names(service);
    let weight = |name: &str| {
        let forwards = rules.iter().flat_map(|rule| &rule.forwards_to);
        let of_group = forwards.filter(|forward| name_of(&forward.group) == Some(name));
        of_group.map(|forward| forward.weight).max().unwrap_or(0)
    };
    if weight(&names[1]) > weight(&names[0]) {
        names.swap(0, 1);
    }
    names
        .into_iter()
        .take(count)
        .map(|name| WantedGroup { name, target_type })
        .collect()
}

/// Makes sure that a group with the wanted name can serve.
///
/// # Errors
/// Refused if the group is foreign, or if it differs in what cannot be changed.
fn usable(
    live: &LiveGroup,
    wanted: &WantedGroup,
    ingress: &Ingress,
    vpc: &str,
    service: &ServiceId,
) -> Result<(), Refusal> {
    let tag = service_tag(service);
    if live.tagged_for.as_ref() != Some(&tag) {
        return Err(Refusal::new(format!(
            "the target group {} is not Landfall's for {service}: it lacks the tag landfall:service={tag}; delete it, or \
             give it that tag",
            live.arn
        )));
    }
    let fixed = [
        ("target type", live.target_type.as_str(), wanted.target_type),
        ("protocol", &live.protocol, &ingress.protocol),
        (
            "protocol version",
            &live.protocol_version,
            &ingress.protocol_version,
        ),
        ("VPC", &live.vpc, vpc),
    ];
    match fixed.iter().find(|(_, has, wants)| has != wants) {
        None => Ok(()),
        Some((what, has, wants)) => Err(Refusal::new(format!(
            "the target group {} has the {what} {has}, the service file asks for {wants}, and no target group can \
             change that: release the file without `ingress` first, then with it",
            live.arn
        ))),
    }
}

/// Decides what to do about target groups and rule.
///
/// # Errors
/// Refused if a target group of the wanted name is not Landfall's or differs in what cannot be changed, and as
/// [`plan_rule`] refuses.
pub fn plan(ingress: &Ingress, service: &ServiceId, seen: &Seen) -> Result<Plan, Refusal> {
    let mut groups = Vec::new();
    for (wanted, live) in &seen.groups {
        groups.push(match live {
            Some(live) => {
                usable(live, wanted, ingress, &seen.vpc, service)?;
                GroupPlan::Keep {
                    arn: live.arn.clone(),
                    modify_health_check: live.health_check != ingress.health_check,
                }
            }
            None => GroupPlan::Create(wanted.clone()),
        });
    }
    // A rule forwards to ARNs, never to names: a group that does not exist yet makes `modify_action` true for a rule that
    // forwards to the other one, as it has to be.
    let known = groups.iter().map(GroupPlan::arn_or_name);
    let known: Vec<String> = known.map(str::to_owned).collect();
    let rule = plan_rule(ingress, service, &seen.rules, &known)?;
    Ok(Plan { groups, rule })
}

/// What to do about the listener's rule. `live` are all its rules, `groups` the ARNs of the service's target groups,
/// with names in place of the ARNs of those that do not exist yet.
///
/// # Errors
/// Refused if a foreign rule has the same conditions or the priority that the file gives.
pub fn plan_rule(
    ingress: &Ingress,
    service: &ServiceId,
    live: &[LiveRule],
    groups: &[String],
) -> Result<RulePlan, Refusal> {
    let is_managed = |rule: &&LiveRule| {
        let forwards = groups.iter().any(|group| rule.forwards_to(group));
        rule.priority.is_some() && forwards
    };
    let hosts: BTreeSet<String> = ingress.hosts.iter().cloned().collect();
    let paths: BTreeSet<String> = ingress.paths.iter().cloned().collect();
    let same = |rule: &LiveRule| {
        rule.hosts == hosts && rule.paths == paths && rule.other_conditions.is_empty()
    };
    let managed = live.iter().find(is_managed);
    let others = || {
        live.iter()
            .filter(|rule| !is_managed(rule) && rule.priority.is_some())
    };
    if let Some(rule) = others().find(|rule| same(rule)) {
        return Err(Refusal::new(format!(
            "the listener has a rule for the same {} already, which is not Landfall's for {service}: {}",
            describe(ingress),
            rule.arn
        )));
    }
    if let Some(priority) = ingress.priority
        && let Some(rule) = others().find(|rule| rule.priority == Some(priority))
    {
        return Err(Refusal::new(format!(
            "ingress.priority {priority} is in use by another rule: {}; give another one, or none",
            rule.arn
        )));
    }
    let Some(managed) = managed else {
        let used: BTreeSet<u32> = live.iter().filter_map(|rule| rule.priority).collect();
        let priority = ingress
            .priority
            .or_else(|| free_priority(ingress, service, &used));
        return match priority {
            Some(priority) => Ok(RulePlan::Create { priority }),
            None => Err(Refusal::new("the listener has no free priority left")),
        };
    };
    Ok(RulePlan::Keep {
        arn: managed.arn.clone(),
        modify_conditions: !same(managed),
        modify_action: !forwards_as_wanted(managed, groups),
        priority: ingress
            .priority
            .filter(|wanted| managed.priority != Some(*wanted)),
    })
}

/// Whether the rule forwards to the service's target groups as the file asks for. Between two groups ECS moves the requests:
/// a rule that knows both is left as it is. To one group all of them go: a deployment that was to move them to another may
/// have been ended half way, and nothing says that ECS takes them back then.
fn forwards_as_wanted(rule: &LiveRule, groups: &[String]) -> bool {
    let mut gets_requests = rule.forwards_to.iter().filter(|each| each.weight > 0);
    let known = groups.iter().all(|group| rule.forwards_to(group));
    known && (groups.len() > 1 || gets_requests.all(|each| groups.contains(&each.group)))
}

/// Whether the rule sends requests elsewhere than to the only target group that the service was given: a deployment with two
/// groups, which that one ended, has moved them after the rule was looked at.
pub fn leads_astray(rule: &LiveRule, balancer: &Balancer) -> bool {
    balancer.only_group().is_some_and(|group| {
        rule.arn == balancer.rule && !forwards_as_wanted(rule, std::slice::from_ref(group))
    })
}

/// The rules of the file's listener as they will be once the step has done its work, for whoever has to know before. The
/// service's target groups, and their ARNs, are answered with them: names in place of those that do not exist yet.
///
/// # Errors
/// As [`plan_rule`] refuses.
pub fn rules_to_be(
    file: &ServiceFile,
    ingress: &Ingress,
    service: &ServiceId,
    live: &[LiveRule],
) -> Result<(Vec<LiveRule>, Vec<String>), Refusal> {
    let arn = |wanted: WantedGroup| {
        let mut forwards = live.iter().flat_map(|rule| &rule.forwards_to);
        let known = forwards.find(|forward| name_of(&forward.group) == Some(&*wanted.name));
        known.map_or(wanted.name, |forward| forward.group.clone())
    };
    let groups: Vec<String> = wanted_groups(file, service, live)
        .into_iter()
        .map(arn)
        .collect();
    let (arn, priority) = match plan_rule(ingress, service, live, &groups)? {
        RulePlan::Create { priority } => ("the rule of `ingress`".to_owned(), Some(priority)),
        RulePlan::Keep { arn, priority, .. } => {
            let kept = live.iter().find(|rule| rule.arn == arn);
            let priority = priority.or_else(|| kept.and_then(|rule| rule.priority));
            (arn, priority)
        }
    };
    let mut rules: Vec<LiveRule> = live
        .iter()
        .filter(|rule| rule.arn != arn)
        .cloned()
        .collect();
    rules.push(LiveRule {
        arn,
        priority,
        hosts: ingress.hosts.iter().cloned().collect(),
        paths: ingress.paths.iter().cloned().collect(),
        other_conditions: Vec::new(),
        forwards_to: groups
            .iter()
            .map(|group| Forward {
                group: group.clone(),
                weight: 1,
            })
            .collect(),
        own_answer: None,
    });
    Ok((rules, groups))
}

fn describe(ingress: &Ingress) -> String {
    match (ingress.hosts.is_empty(), ingress.paths.is_empty()) {
        (false, false) => format!(
            "host {} and path {}",
            ingress.hosts.join(", "),
            ingress.paths.join(", ")
        ),
        (false, true) => format!("host {}", ingress.hosts.join(", ")),
        _ => format!("path {}", ingress.paths.join(", ")),
    }
}

/// The next priority that no rule has, from a place that follows from the service and its conditions: rules with host
/// and path come before those with one of them, those before a rule for everything, and longer patterns before shorter
/// ones, so that `/api/v1/*` is asked before `/api/*`.
fn free_priority(ingress: &Ingress, service: &ServiceId, used: &BTreeSet<u32>) -> Option<u32> {
    const BAND: u32 = 10_000;
    const LAST: u32 = 50_000;
    let everything = ingress.hosts.is_empty()
        && ingress
            .paths
            .iter()
            .any(|path| ["/*", "*"].contains(&&**path));
    let band = match (ingress.hosts.is_empty(), ingress.paths.is_empty()) {
        _ if everything => 3,
        (false, false) => 1,
        _ => 2,
    };
    let length = |patterns: &[String]| patterns.iter().map(String::len).min().unwrap_or(0);
    let length = (length(&ingress.hosts) + length(&ingress.paths)).min(255);
    let each = BAND / 256;
    let hash = ContentHash::of(&json!(service)).to_string();
    let spread = u32::from_str_radix(&hash[..4], 16).unwrap_or(0) % each;
    let from = band * BAND + (255 - u32::try_from(length).unwrap_or(0)) * each + spread;
    (from..=LAST)
        .chain(1..from)
        .find(|priority| !used.contains(priority))
}

#[cfg(test)]
mod tests;
