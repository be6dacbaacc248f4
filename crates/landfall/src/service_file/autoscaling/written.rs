//! The section as it stands in a service file: the other way round.

use serde_json::{Map, Value, json};

use super::{Autoscaling, ScheduledChange, TrackedMetric};

impl Autoscaling {
    /// The section, without what need not be written.
    pub fn written(&self) -> Value {
        let mut section = json!({ "min": self.min, "max": self.max });
        for (list, items) in [
            (
                "targets",
                self.targets
                    .iter()
                    .map(TrackedMetric::written)
                    .collect::<Vec<_>>(),
            ),
            (
                "scheduled",
                self.scheduled
                    .iter()
                    .map(ScheduledChange::written)
                    .collect(),
            ),
        ] {
            if !items.is_empty() {
                section[list] = items.into();
            }
        }
        section
    }
}

impl TrackedMetric {
    /// An item of `targets`.
    pub fn written(&self) -> Value {
        without_nothing(json!({
            "metric": self.metric,
            "value": self.value,
            "scaleInCooldown": self.scale_in_cooldown,
            "scaleOutCooldown": self.scale_out_cooldown,
            "disableScaleIn": self.disable_scale_in.then_some(true),
            "resourceLabel": self.resource_label,
        }))
    }
}

impl ScheduledChange {
    /// An item of `scheduled`.
    pub fn written(&self) -> Value {
        without_nothing(json!({
            "name": self.name,
            "schedule": self.schedule,
            "timezone": self.timezone,
            "min": self.min,
            "max": self.max,
            "startTime": self.start_time,
            "endTime": self.end_time,
        }))
    }
}

fn without_nothing(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
