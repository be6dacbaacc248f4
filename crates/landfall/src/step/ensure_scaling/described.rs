//! What Application Auto Scaling describes, in the words of a service file.

use jiff::Timestamp;
use serde_json::{Number, Value};

use super::PREFIX;
use crate::{
    live::LiveScaling,
    service_file::autoscaling::{Autoscaling, REQUESTS, ScheduledChange, TrackedMetric, is_metric},
};

/// The `autoscaling` section that describes how a service is scaled, whether Landfall or anything else set that up.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// What a file can say.
    pub section: Autoscaling,
    /// The policies and actions that it cannot say, by name; Landfall leaves them alone.
    pub unsaid: Vec<String>,
}

/// The section that says how a service is scaled; none if it is not. `label` is that of the service's own load
/// balancer, which need not be written.
pub fn described(live: &LiveScaling, label: Option<&str>) -> Option<Described> {
    let target = live.target.as_ref()?;
    let mut unsaid = Vec::new();
    let mut targets: Vec<TrackedMetric> = Vec::new();
    for policy in &live.policies {
        match tracked_metric(policy) {
            // A file names each metric once.
            Some(metric) if targets.iter().all(|known| known.metric != metric.metric) => {
                let is_default = metric.resource_label.as_deref() == label;
                targets.push(TrackedMetric {
                    resource_label: metric.resource_label.filter(|_| !is_default),
                    ..metric
                });
            }
            _ => unsaid.extend(policy["PolicyName"].as_str().map(str::to_owned)),
        }
    }
    let mut scheduled: Vec<ScheduledChange> = Vec::new();
    for action in &live.actions {
        match scheduled_change(action) {
            Some(change) if scheduled.iter().all(|known| known.name != change.name) => {
                scheduled.push(change);
            }
            _ => unsaid.extend(action["ScheduledActionName"].as_str().map(str::to_owned)),
        }
    }
    Some(Described {
        section: Autoscaling {
            min: target.min,
            max: target.max,
            targets,
            scheduled,
        },
        unsaid,
    })
}

/// An item of `targets`, from a policy as it is described or put; none for a policy of another kind.
pub fn tracked_metric(policy: &Value) -> Option<TrackedMetric> {
    let configuration = &policy["TargetTrackingScalingPolicyConfiguration"];
    let metric = &configuration["PredefinedMetricSpecification"];
    let name = metric["PredefinedMetricType"].as_str()?;
    if !is_metric(name) {
        return None;
    }
    let label = metric["ResourceLabel"]
        .as_str()
        .filter(|_| name == REQUESTS);
    Some(TrackedMetric {
        metric: name.into(),
        value: as_written(&configuration["TargetValue"])?,
        scale_in_cooldown: configuration["ScaleInCooldown"].as_u64(),
        scale_out_cooldown: configuration["ScaleOutCooldown"].as_u64(),
        disable_scale_in: configuration["DisableScaleIn"] == true,
        resource_label: label.map(str::to_owned),
    })
}

/// An item of `scheduled`, from an action as it is described or put; none if it has no bounds.
pub fn scheduled_change(action: &Value) -> Option<ScheduledChange> {
    let name = action["ScheduledActionName"].as_str()?;
    let bound = |member: &str| {
        let tasks = action["ScalableTargetAction"][member].as_u64();
        tasks.and_then(|tasks| u32::try_from(tasks).ok())
    };
    let (min, max) = (bound("MinCapacity"), bound("MaxCapacity"));
    if min.is_none() && max.is_none() {
        return None;
    }
    let zone = action["Timezone"].as_str().filter(|zone| *zone != "UTC");
    let time = |member: &str| {
        #[allow(clippy::cast_possible_truncation)]
        let seconds = action[member].as_f64().map(|seconds| seconds as i64);
        seconds.and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    Some(ScheduledChange {
        name: name.strip_prefix(PREFIX).unwrap_or(name).into(),
        schedule: action["Schedule"].as_str()?.into(),
        timezone: zone.map(str::to_owned),
        min,
        max,
        start_time: time("StartTime"),
        end_time: time("EndTime"),
    })
}

/// AWS answers `60.0` where a request had `60`.
fn as_written(value: &Value) -> Option<Number> {
    let number = value.as_f64()?;
    let integer = format!("{number}").parse::<u64>().ok();
    integer.map_or_else(|| Number::from_f64(number), |integer| Some(integer.into()))
}
