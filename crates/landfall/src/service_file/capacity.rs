//! The sections `capacity` and `logs`: what has to be there before tasks can run and be read of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    conformity,
    document::{Node, NodeValue},
    mapping::{Mapping, Problems},
    problem::Problem,
};
use crate::api::Api;

/// What each item of `capacity` is the request of.
pub(super) const OPERATION: &str = "CreateCapacityProvider";

/// What log groups are created with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logs {
    /// How many days their events are kept.
    pub retention_days: u64,
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: 30 }
    }
}

impl Logs {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The numbers of days that a log group can keep its events
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
const RETENTIONS: [u64; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, 3654,
];

/// What a capacity provider is made of, of which each has one.
const KINDS: [&str; 2] = ["autoScalingGroupProvider", "managedInstancesProvider"];

pub(super) fn logs(section: &Mapping<'_>, problems: &mut Problems) -> Logs {
    section.only(&["retentionDays"], problems);
    let mut logs = Logs::default();
    let Some(days) = section.number("retentionDays", 1, 3653, problems) else {
        return logs;
    };
    if RETENTIONS.contains(&days) {
        logs.retention_days = days;
    } else {
        let nearest = RETENTIONS.iter().find(|each| **each > days);
        let position = section
            .get("retentionDays")
            .map_or(section.position(), |node| node.position);
        let message = format!("no log group can keep its events for {days} days");
        let problem = Problem::new(position, &section.path_of("retentionDays"), message);
        problems.add(problem.hint(format!(
            "the next that it can is {}",
            nearest.unwrap_or(&3653)
        )));
    }
    logs
}

/// The bodies of `CreateCapacityProvider`.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Vec<Map<String, Value>> {
    let NodeValue::Sequence(items) = &node.value else {
        let message = format!(
            "expected a list of capacity providers, found {}",
            node.kind()
        );
        problems.add(Problem::new(node.position, "capacity", message));
        return Vec::new();
    };
    let mut bodies = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(provider) = Mapping::of(item, &format!("capacity[{index}]"), problems) else {
            continue;
        };
        provider.needed_text(
            "name",
            "name the capacity provider, e.g. `name: web-ec2`",
            problems,
        );
        if KINDS
            .iter()
            .filter(|kind| provider.get(kind).is_some())
            .count()
            != 1
        {
            let message = format!("expected one of {}", KINDS.join(", "));
            let problem = Problem::new(provider.position(), &provider.path, message);
            problems.add(problem.hint("FARGATE and FARGATE_SPOT are there without being made"));
        }
        let request = Api::ecs().request(OPERATION);
        if let Value::Object(body) = conformity::as_sent(item, request) {
            bodies.push(body);
        }
    }
    bodies
}
