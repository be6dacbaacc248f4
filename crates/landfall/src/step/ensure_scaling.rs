//! Step `EnsureScaling`: Application Auto Scaling does what the service file says, once the release is verified.

mod call;
mod described;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use call::{DIMENSION, NAMESPACE, resource_id};
pub use described::{Described, described, scheduled_change, tracked_metric};

use crate::{
    desired::GoodRelease,
    live::LiveScaling,
    record::Release,
    service_file::autoscaling::{Autoscaling, REQUESTS},
    service_id::ServiceId,
};

/// How the names of Landfall's policies and scheduled actions begin. Those of others are left alone, but for a policy
/// that holds a metric of the file's, or an action that has the name of one.
pub const PREFIX: &str = "landfall-";

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release, which is verified.
    pub release: Release,
    /// The last good release before it, whose scaling is put back if AWS refuses this one's.
    pub last_good: Option<GoodRelease>,
}

/// What the step answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The calls that changed something, in order, e.g. `PutScalingPolicy landfall-ECSServiceAverageCPUUtilization`.
    pub changes: Vec<String>,
}

/// A call that brings Application Auto Scaling closer to the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The operation.
    pub operation: &'static str,
    /// The name of the policy or scheduled action; empty for the scalable target.
    pub name: String,
    /// The request.
    pub body: Value,
}

impl Change {
    fn rename(&mut self, member: &str, name: &str) {
        self.name = name.into();
        self.body[member] = name.into();
    }
}

/// Whether the file has a metric whose load balancer has to be looked up.
pub fn needs_label(wanted: Option<&Autoscaling>) -> bool {
    wanted
        .into_iter()
        .flat_map(|each| &each.targets)
        .any(|target| target.metric == REQUESTS && target.resource_label.is_none())
}

/// The label by which Application Auto Scaling knows a target group behind a load balancer, from their ARNs
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html>).
pub fn resource_label(load_balancer: &str, target_group: &str) -> Option<String> {
    let (_, balancer) = load_balancer.split_once(":loadbalancer/")?;
    let (_, group) = target_group.split_once(":targetgroup/")?;
    Some(format!("{balancer}/targetgroup/{group}"))
}

/// The calls that have to be made, in order; none if all is as the file says. `label` is the resource label of the
/// service's target group.
///
/// A foreign policy for the same metric, or a foreign scheduled action with the same name, is changed under its
/// own name and never deleted.
///
/// Where the section asks for the bounds that `before`, the section that was brought last, asked for, they stay as they are:
/// somebody or a scheduled action has set others since.
///
/// Without a section Landfall's policies and actions go, and the scalable target too if Landfall registered it and
/// nobody else has put anything on it.
pub fn plan(
    service: &ServiceId,
    wanted: Option<&Autoscaling>,
    before: Option<&Autoscaling>,
    live: &LiveScaling,
    label: Option<&str>,
    now: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut policies, mut actions) = (BTreeSet::new(), BTreeSet::new());
    if let Some(wanted) = wanted {
        let bounds = (wanted.min, wanted.max);
        let asked_before = before.is_some_and(|before| (before.min, before.max) == bounds);
        let stands = live
            .target
            .as_ref()
            .is_some_and(|target| asked_before || (target.min, target.max) == bounds);
        if !stands {
            changes.push(call::register(service, wanted, live.target.is_none()));
        }
        for target in &wanted.targets {
            let mut put = call::put_policy(service, target, label);
            let known = call::standing_policy(&live.policies, &put);
            if let Some(name) = known.and_then(|known| known["PolicyName"].as_str()) {
                put.rename("PolicyName", name);
            }
            if !known.is_some_and(|known| call::is_same_policy(known, &put.body)) {
                changes.push(put.clone());
            }
            policies.insert(put.name);
        }
        for scheduled in &wanted.scheduled {
            let mut put = call::put_action(service, scheduled);
            let known = call::standing_action(&live.actions, &put);
            if let Some(name) = known.and_then(|known| known["ScheduledActionName"].as_str()) {
                put.rename("ScheduledActionName", name);
            }
            let stands = known.is_some_and(|known| call::is_same_action(known, &put.body));
            if !stands && !call::is_over(scheduled, now) {
                changes.push(put.clone());
            }
            actions.insert(put.name);
        }
    }
    let mut others = false;
    for (list, member, operation, retained) in [
        (
            &live.policies,
            "PolicyName",
            "DeleteScalingPolicy",
            &policies,
        ),
        (
            &live.actions,
            "ScheduledActionName",
            "DeleteScheduledAction",
            &actions,
        ),
    ] {
        for name in list.iter().filter_map(|each| each[member].as_str()) {
            if !name.starts_with(PREFIX) {
                others = true;
            } else if !retained.contains(name) {
                changes.push(call::delete(service, operation, member, name));
            }
        }
    }
    let target_goes = wanted.is_none() && !others;
    if target_goes && live.target.as_ref().is_some_and(|target| target.is_ours) {
        changes.push(call::deregister(service));
    }
    changes
}

#[cfg(test)]
mod tests;
