//! The section `autoscaling`: how many tasks the service may have, and what decides between the bounds.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{
    mapping::{Mapping, Problems},
    section::{AUTOSCALING, Field, deserialized},
};

/// The metric that needs to know which target group it is about.
pub const REQUESTS: &str = "ALBRequestCountPerTarget";

/// How the service is scaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscaling {
    /// The fewest tasks.
    pub min: u32,
    /// The most tasks.
    pub max: u32,
    /// Metrics that are held at a value.
    #[serde(default)]
    pub targets: Vec<TrackedMetric>,
    /// Changes of the bounds at certain times.
    #[serde(default)]
    pub scheduled: Vec<ScheduledChange>,
}

/// A metric that Application Auto Scaling holds at a value by adding and removing tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackedMetric {
    /// One that [`is_metric`].
    pub metric: String,
    /// The value to hold.
    pub value: Number,
    /// Seconds after one removal of tasks before the next.
    pub scale_in_cooldown: Option<u64>,
    /// Seconds to wait for added tasks to take effect.
    pub scale_out_cooldown: Option<u64>,
    /// Whether tasks are only added.
    pub disable_scale_in: bool,
    /// Which load balancer and target group [`REQUESTS`] is about; absent: those of the service.
    pub resource_label: Option<String>,
}

/// New bounds at a certain time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledChange {
    /// Its name, unique in the file.
    pub name: String,
    /// `at(…)`, `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// The time zone of `at` and `cron`; absent: UTC.
    pub timezone: Option<String>,
    /// The fewest tasks from then on.
    pub min: Option<u32>,
    /// The most tasks from then on.
    pub max: Option<u32>,
    /// When a recurring schedule begins.
    pub start_time: Option<Timestamp>,
    /// When it ends.
    pub end_time: Option<Timestamp>,
}

/// Whether a service can be scaled by the metric of this name.
pub fn is_metric(name: &str) -> bool {
    list("targets")
        .and_then(|targets| targets.field("metric"))
        .is_some_and(|metric| metric.has_value(name))
}

fn list(name: &str) -> Option<&'static Field> {
    AUTOSCALING.field(name)
}

fn item_written(list: Option<&Field>, item: &impl Serialize) -> Value {
    list.map(|list| list.item_written(item))
        .unwrap_or_default()
        .into()
}

impl Autoscaling {
    /// The section as it stands in a service file, without what need not be written.
    pub fn written(&self) -> Value {
        AUTOSCALING.written(self).into()
    }
}

impl TrackedMetric {
    /// An item of `targets`.
    pub fn written(&self) -> Value {
        item_written(list("targets"), self)
    }
}

impl ScheduledChange {
    /// An item of `scheduled`.
    pub fn written(&self) -> Value {
        item_written(list("scheduled"), self)
    }
}

/// Reads the section; `is_daemon` says that the service has one task on each instance.
pub(super) fn read(
    section: &Mapping<'_>,
    is_daemon: bool,
    problems: &mut Problems,
) -> Option<Autoscaling> {
    let fields = AUTOSCALING.read(section, problems);
    if is_daemon {
        let message = "a daemon service has one task on each instance";
        let problem = section.wrong(message);
        problems.add(problem.hint("remove `autoscaling`, or use the schedulingStrategy REPLICA"));
    }
    in_order(section, problems);
    for target in section.items("targets") {
        label(&target, problems);
    }
    for change in section.items("scheduled") {
        in_order(&change, problems);
        if change.get("min").is_none() && change.get("max").is_none() {
            let problem = change.wrong("neither `min` nor `max` is given");
            problems.add(problem.hint("say which bound changes"));
        }
    }
    for (list, name) in [("targets", "metric"), ("scheduled", "name")] {
        unique(section, list, name, problems);
    }
    deserialized(section, fields, problems)
}

fn in_order(mapping: &Mapping<'_>, problems: &mut Problems) {
    let (min, max) = (mapping.integer("min"), mapping.integer("max"));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let message = format!("`min` is {min}, which is more than `max`, {max}");
        problems.add(mapping.wrong(message));
    }
}

fn label(target: &Mapping<'_>, problems: &mut Problems) {
    let is_another = target
        .said("metric")
        .is_some_and(|metric| metric != REQUESTS);
    if is_another && target.get("resourceLabel").is_some() {
        let message = format!("only {REQUESTS} has a resourceLabel");
        problems.add(target.wrong_at("resourceLabel", message).hint("remove it"));
    }
}

/// Names become names in AWS, where a second one would overwrite the first.
fn unique(section: &Mapping<'_>, list: &str, name: &str, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for item in section.items(list) {
        if let Some(name_here) = item.said(name)
            && !seen.insert(name_here)
        {
            let message = format!("`{name_here}` is here twice");
            problems.add(item.wrong_at(name, message));
        }
    }
}

#[cfg(test)]
mod tests;
