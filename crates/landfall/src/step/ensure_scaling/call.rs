//! The requests to Application Auto Scaling, and whether what it has is what they would make.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{Change, PREFIX};
use crate::{
    service_file::autoscaling::{Autoscaling, REQUESTS, ScheduledChange, TrackedMetric},
    service_id::ServiceId,
    tags::{SERVICE_TAG, service_tag},
};

/// The service namespace of ECS.
pub const NAMESPACE: &str = "ecs";
/// What is scaled.
pub const DIMENSION: &str = "ecs:service:DesiredCount";
/// No time zone is further behind UTC than this, in hours.
const FURTHEST_BEHIND: i64 = 12;

/// How Application Auto Scaling names a service
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>).
pub fn resource_id(service: &ServiceId) -> String {
    format!("service/{}/{}", service.cluster(), service.service())
}

fn about(service: &ServiceId, members: Value) -> Value {
    let mut body = json!({
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id(service),
        "ScalableDimension": DIMENSION,
    });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    body
}

/// Tags can only be given to a new target
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>).
pub(super) fn register(service: &ServiceId, wanted: &Autoscaling, is_new: bool) -> Change {
    let mut members = json!({ "MinCapacity": wanted.min, "MaxCapacity": wanted.max });
    if is_new {
        members["Tags"] = json!({ SERVICE_TAG: service_tag(service) });
    }
    Change {
        operation: "RegisterScalableTarget",
        name: String::new(),
        body: about(service, members),
    }
}

pub(super) fn deregister(service: &ServiceId) -> Change {
    Change {
        operation: "DeregisterScalableTarget",
        name: String::new(),
        body: about(service, json!({})),
    }
}

pub(super) fn delete(
    service: &ServiceId,
    operation: &'static str,
    member: &str,
    name: &str,
) -> Change {
    Change {
        operation,
        name: name.into(),
        body: about(service, json!({ member: name })),
    }
}

/// There is one policy for each metric, as AWS recommends
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html>).
pub(super) fn put_policy(
    service: &ServiceId,
    target: &TrackedMetric,
    label: Option<&str>,
) -> Change {
    let mut metric = json!({ "PredefinedMetricType": target.metric });
    let label = target.resource_label.as_deref().or(label);
    if let Some(label) = label.filter(|_| target.metric == REQUESTS) {
        metric["ResourceLabel"] = json!(label);
    }
    let mut configuration = json!({
        "TargetValue": target.value,
        "PredefinedMetricSpecification": metric,
        "DisableScaleIn": target.disable_scale_in,
    });
    for (member, seconds) in [
        ("ScaleInCooldown", target.scale_in_cooldown),
        ("ScaleOutCooldown", target.scale_out_cooldown),
    ] {
        if let Some(seconds) = seconds {
            configuration[member] = json!(seconds);
        }
    }
    let name = format!("{PREFIX}{}", target.metric);
    let members = json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": configuration,
    });
    Change {
        operation: "PutScalingPolicy",
        body: about(service, members),
        name,
    }
}

/// The time zone is always sent: what is left out of an update stays
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>).
pub(super) fn put_action(service: &ServiceId, scheduled: &ScheduledChange) -> Change {
    let mut bounds = Map::new();
    for (member, tasks) in [
        ("MinCapacity", scheduled.min),
        ("MaxCapacity", scheduled.max),
    ] {
        if let Some(tasks) = tasks {
            bounds.insert(member.into(), json!(tasks));
        }
    }
    let name = format!("{PREFIX}{}", scheduled.name);
    let mut members = json!({
        "ScheduledActionName": name,
        "Schedule": scheduled.schedule,
        "ScalableTargetAction": bounds,
    });
    if !scheduled.schedule.starts_with("rate(") {
        members["Timezone"] = json!(scheduled.timezone.as_deref().unwrap_or("UTC"));
    }
    for (member, at) in [
        ("StartTime", scheduled.start_time),
        ("EndTime", scheduled.end_time),
    ] {
        if let Some(at) = at {
            members[member] = json!(at.as_second());
        }
    }
    Change {
        operation: "PutScheduledAction",
        body: about(service, members),
        name,
    }
}

/// Whether a schedule has certainly nothing left to do: AWS takes none that lies in the past. `at` is in a time zone
/// that is not looked up here, so that half a day more has to be over; AWS says it of the rest.
pub(super) fn is_over(scheduled: &ScheduledChange, now: Timestamp) -> bool {
    let at = scheduled
        .schedule
        .strip_prefix("at(")
        .and_then(|at| at.strip_suffix(')'))
        .and_then(|at| at.parse::<DateTime>().ok())
        .and_then(|at| at.to_zoned(TimeZone::UTC).ok())
        .map(|at| at.timestamp() + SignedDuration::from_hours(FURTHEST_BEHIND));
    at.is_some_and(|at| at < now) || scheduled.end_time.is_some_and(|end| end < now)
}

/// The live policy that `put` would change: Landfall's with its name, or a foreign one that tracks the same metric. AWS
/// takes no second one: "Only one TargetTrackingScaling policy for a given metric specification is allowed"
/// (<https://github.com/cdklabs/cdk-ecs-service-extensions/issues/35>).
pub(super) fn standing_policy<'a>(live: &'a [Value], put: &Change) -> Option<&'a Value> {
    const METRIC: &str = "/TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification";
    let named = live.iter().find(|known| known["PolicyName"] == *put.name);
    named.or_else(|| {
        let metric = put.body.pointer(METRIC);
        live.iter().find(|known| known.pointer(METRIC) == metric)
    })
}

/// The live scheduled action that `put` would change: Landfall's, or a foreign one with the name that the file gives.
pub(super) fn standing_action<'a>(live: &'a [Value], put: &Change) -> Option<&'a Value> {
    let called = |name: &str| {
        live.iter()
            .find(|known| known["ScheduledActionName"] == *name)
    };
    called(&put.name).or_else(|| called(put.name.strip_prefix(PREFIX)?))
}

pub(super) fn is_same_policy(known: &Value, wanted: &Value) -> bool {
    const CONFIGURATION: &str = "TargetTrackingScalingPolicyConfiguration";
    known["PolicyType"] == wanted["PolicyType"]
        && comparable(&known[CONFIGURATION]) == comparable(&wanted[CONFIGURATION])
}

pub(super) fn is_same_action(known: &Value, wanted: &Value) -> bool {
    [
        "Schedule",
        "Timezone",
        "StartTime",
        "EndTime",
        "ScalableTargetAction",
    ]
    .iter()
    .all(|member| {
        let zone = |value: &Value| match (*member, value) {
            ("Timezone", Value::Null) => json!("UTC"),
            (_, value) => comparable(value),
        };
        zone(&known[*member]) == zone(&wanted[*member])
    })
}

/// AWS answers numbers with fractions where whole ones were sent, and defaults that were not.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)))
            .map(|(member, value)| (member.clone(), comparable(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
