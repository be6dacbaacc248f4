//! The section `autoscaling`: how many tasks the service may have, and what decides between the bounds.

mod written;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{
    document::{Node, NodeValue},
    mapping::{HOUR, Mapping, Problems, nearest},
    problem::Problem,
};

/// The metrics of ECS services that Application Auto Scaling knows by name
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html>).
pub const METRICS: [&str; 3] = [
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageMemoryUtilization",
    REQUESTS,
];
/// The metric that needs to know which target group it is about.
pub const REQUESTS: &str = "ALBRequestCountPerTarget";

/// The longest cooldown, in seconds; AWS names none.
const LONGEST_COOLDOWN: u64 = 24 * HOUR;
/// The most tasks a service can have by default
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>).
const MOST_TASKS: u64 = 5000;
/// AWS takes 256 characters, of which `landfall-` takes nine.
const LONGEST_NAME: usize = 247;

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
    /// One of [`METRICS`].
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

/// Reads the section; `is_daemon` says that the service has one task on each instance.
pub(super) fn read(
    section: &Mapping<'_>,
    is_daemon: bool,
    problems: &mut Problems,
) -> Option<Autoscaling> {
    section.only(&["min", "max", "targets", "scheduled"], problems);
    if is_daemon {
        let message = "a daemon service has one task on each instance";
        let problem = Problem::new(section.position(), &section.path, message);
        problems.add(problem.hint("remove `autoscaling`, or use the schedulingStrategy REPLICA"));
    }
    let bound = |name: &str, problems: &mut Problems| {
        if section.get(name).is_none() {
            let problem = Problem::new(
                section.position(),
                &section.path_of(name),
                "this field is missing",
            );
            problems
                .add(problem.hint("give the fewest and the most tasks, e.g. `min: 2`, `max: 10`"));
        }
        tasks(section, name, problems)
    };
    let min = bound("min", problems);
    let max = bound("max", problems);
    in_order(section, min, max, problems);
    let targets = items(section, "targets", problems);
    let targets: Vec<_> = targets
        .iter()
        .filter_map(|item| tracked_metric(item, problems))
        .collect();
    let scheduled = items(section, "scheduled", problems);
    let scheduled: Vec<_> = scheduled
        .iter()
        .filter_map(|item| scheduled_change(item, problems))
        .collect();
    unique(
        section,
        "targets",
        targets.iter().map(|each| &*each.metric),
        problems,
    );
    unique(
        section,
        "scheduled",
        scheduled.iter().map(|each| &*each.name),
        problems,
    );
    Some(Autoscaling {
        min: min?,
        max: max?,
        targets,
        scheduled,
    })
}

fn tasks(mapping: &Mapping<'_>, name: &str, problems: &mut Problems) -> Option<u32> {
    let number = mapping.number(name, 0, MOST_TASKS, problems)?;
    u32::try_from(number).ok()
}

fn in_order(mapping: &Mapping<'_>, min: Option<u32>, max: Option<u32>, problems: &mut Problems) {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let message = format!("`min` is {min}, which is more than `max`, {max}");
        problems.add(Problem::new(mapping.position(), &mapping.path, message));
    }
}

fn items<'a>(section: &Mapping<'a>, name: &str, problems: &mut Problems) -> Vec<Mapping<'a>> {
    let path = section.path_of(name);
    match section.get(name) {
        None => Vec::new(),
        Some(Node {
            value: NodeValue::Sequence(items),
            ..
        }) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Mapping::of(item, &format!("{path}[{index}]"), problems))
            .collect(),
        Some(node) => {
            let message = format!("expected a list, found {}", node.kind());
            problems.add(Problem::new(node.position, &path, message));
            Vec::new()
        }
    }
}

/// Names become names in AWS, where a second one would overwrite the first.
fn unique<'a>(
    section: &Mapping<'_>,
    list: &str,
    names: impl Iterator<Item = &'a str>,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !seen.insert(*name)) {
        let position = section
            .get(list)
            .map_or(section.position(), |node| node.position);
        let message = format!("`{name}` is here twice");
        problems.add(Problem::new(position, &section.path_of(list), message));
    }
}

fn tracked_metric(mapping: &Mapping<'_>, problems: &mut Problems) -> Option<TrackedMetric> {
    let fields = [
        "metric",
        "value",
        "scaleInCooldown",
        "scaleOutCooldown",
        "disableScaleIn",
        "resourceLabel",
    ];
    mapping.only(&fields, problems);
    let hint = format!("the metrics are {}", METRICS.join(", "));
    let metric = mapping.needed_text("metric", &hint, problems);
    if let Some((metric, position)) = metric
        && !METRICS.contains(&metric)
    {
        let near = nearest(metric, METRICS.into_iter());
        let hint = near.map_or(hint, |near| format!("did you mean `{near}`?"));
        let message = format!("`{metric}` is no metric that a service is scaled by here");
        problems.add(Problem::new(position, &mapping.path_of("metric"), message).hint(hint));
    }
    let label = mapping.text("resourceLabel", problems);
    if let (Some((_, position)), Some((metric, _))) = (label, metric)
        && metric != REQUESTS
    {
        let message = format!("only {REQUESTS} has a resourceLabel");
        let path = mapping.path_of("resourceLabel");
        problems.add(Problem::new(position, &path, message).hint("remove it"));
    }
    let cooldown = |name: &str, problems: &mut Problems| {
        mapping.seconds(name, (0, LONGEST_COOLDOWN), problems)
    };
    let (scale_in_cooldown, scale_out_cooldown) = (
        cooldown("scaleInCooldown", problems),
        cooldown("scaleOutCooldown", problems),
    );
    let disable_scale_in = match mapping.get("disableScaleIn") {
        None => false,
        Some(node) => match node.value {
            NodeValue::Scalar(Value::Bool(disable)) => disable,
            _ => {
                let message = format!("expected true or false, found {}", node.kind());
                let path = mapping.path_of("disableScaleIn");
                problems.add(Problem::new(node.position, &path, message));
                false
            }
        },
    };
    let value = positive(mapping, problems);
    Some(TrackedMetric {
        metric: metric?.0.into(),
        value: value?,
        scale_in_cooldown,
        scale_out_cooldown,
        disable_scale_in,
        resource_label: label.map(|(label, _)| label.into()),
    })
}

fn positive(mapping: &Mapping<'_>, problems: &mut Problems) -> Option<Number> {
    let node = mapping.get("value");
    if let Some(NodeValue::Scalar(Value::Number(number))) = node.map(|node| &node.value)
        && number.as_f64().is_some_and(|number| number > 0.0)
    {
        return Some(number.clone());
    }
    let position = node.map_or(mapping.position(), |node| node.position);
    let problem = Problem::new(
        position,
        &mapping.path_of("value"),
        "expected a number greater than 0",
    );
    problems.add(
        problem
            .hint("the value to hold: per cent of CPU or memory, or requests per minute and task"),
    );
    None
}

fn scheduled_change(mapping: &Mapping<'_>, problems: &mut Problems) -> Option<ScheduledChange> {
    let fields = [
        "name",
        "schedule",
        "timezone",
        "min",
        "max",
        "startTime",
        "endTime",
    ];
    mapping.only(&fields, problems);
    let name = mapping.needed_text("name", "name the change, e.g. `name: morning`", problems);
    if let Some((name, position)) = name {
        let fits = (1..=LONGEST_NAME).contains(&name.chars().count())
            && name.trim() == name
            && !name.contains(|c: char| c.is_control() || ":/|".contains(c));
        if !fits {
            let message = format!("`{name}` is no name of a scheduled action");
            let problem = Problem::new(position, &mapping.path_of("name"), message);
            problems.add(problem.hint("AWS takes no `:`, `/` or `|`, and at most 256 characters with `landfall-` before it"));
        }
    }
    let hint = "write `cron(0 8 ? * MON-FRI *)`, `rate(1 day)` or `at(2030-01-31T08:00:00)`";
    let schedule = mapping.needed_text("schedule", hint, problems);
    if let Some((schedule, position)) = schedule {
        let known = ["at(", "rate(", "cron("];
        if !(known.iter().any(|kind| schedule.starts_with(kind)) && schedule.ends_with(')')) {
            let message = format!("`{schedule}` is no schedule");
            problems.add(Problem::new(position, &mapping.path_of("schedule"), message).hint(hint));
        }
    }
    let (min, max) = (
        tasks(mapping, "min", problems),
        tasks(mapping, "max", problems),
    );
    in_order(mapping, min, max, problems);
    if mapping.get("min").is_none() && mapping.get("max").is_none() {
        let problem = Problem::new(
            mapping.position(),
            &mapping.path,
            "neither `min` nor `max` is given",
        );
        problems.add(problem.hint("say which bound changes"));
    }
    let (start_time, end_time) = (
        time(mapping, "startTime", problems),
        time(mapping, "endTime", problems),
    );
    Some(ScheduledChange {
        name: name?.0.into(),
        schedule: schedule?.0.into(),
        timezone: mapping
            .text("timezone", problems)
            .map(|(zone, _)| zone.into()),
        min,
        max,
        start_time,
        end_time,
    })
}

fn time(mapping: &Mapping<'_>, name: &str, problems: &mut Problems) -> Option<Timestamp> {
    let (text, position) = mapping.text(name, problems)?;
    let time = text.parse().ok();
    if time.is_none() {
        let message = format!("`{text}` is no point in time");
        let problem = Problem::new(position, &mapping.path_of(name), message);
        problems.add(problem.hint("write it like `2030-01-31T08:00:00Z`"));
    }
    time
}

#[cfg(test)]
mod tests;
