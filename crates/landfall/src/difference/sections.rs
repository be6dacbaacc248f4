//! Landfall's own sections against what is live: how AWS would be changed, in the words of the file.

use serde_json::Value;

use super::{Difference, member};
use crate::{
    live::LiveScaling,
    service_file::Ingress,
    step::ensure_scaling::{Change, scheduled_change, tracked_metric},
};

/// What the calls that `EnsureScaling` would make change.
pub fn scaling(live: &LiveScaling, changes: &[Change]) -> Vec<Difference> {
    let bounds = live.target.as_ref();
    let mut found = Vec::new();
    for change in changes {
        match change.operation {
            "RegisterScalableTarget" | "DeregisterScalableTarget" => {
                for (name, is, wanted) in [
                    (
                        "min",
                        bounds.map(|live| live.min),
                        &change.body["MinCapacity"],
                    ),
                    (
                        "max",
                        bounds.map(|live| live.max),
                        &change.body["MaxCapacity"],
                    ),
                ] {
                    let wanted = Some(wanted).filter(|wanted| !wanted.is_null());
                    let is = is.map(Value::from);
                    found.extend(member(&format!("autoscaling.{name}"), is.as_ref(), wanted));
                }
            }
            _ => {
                let (list, key, live) = if change.operation.ends_with("ScalingPolicy") {
                    ("targets", "PolicyName", &live.policies)
                } else {
                    ("scheduled", "ScheduledActionName", &live.actions)
                };
                let known = live.iter().find(|known| known[key] == *change.name);
                let is = known.map(in_words);
                let wanted = change
                    .operation
                    .starts_with("Put")
                    .then(|| in_words(&change.body));
                let named = [&wanted, &is].into_iter().flatten().find_map(|item| {
                    let name = item.get("metric").or_else(|| item.get("name"))?;
                    name.as_str().map(str::to_owned)
                });
                let name = named.unwrap_or_else(|| change.name.clone());
                let path = format!("autoscaling.{list}[{name}]");
                found.extend(exact(&path, is.as_ref(), wanted.as_ref()));
            }
        }
    }
    found
}

/// A policy or an action as an item of the section; one that the section cannot say as AWS has it.
fn in_words(item: &Value) -> Value {
    let policy = tracked_metric(item).map(|metric| metric.written());
    let action = || scheduled_change(item).map(|change| change.written());
    policy.or_else(action).unwrap_or_else(|| item.clone())
}

/// How an `ingress` section differs from what is there, `live`, in what the section says: a rule keeps its priority if
/// none is named.
pub fn ingress(live: Option<&Ingress>, wanted: &Ingress) -> Vec<Difference> {
    let (Some(live), wanted) = (live, wanted.written()) else {
        return exact("ingress", None, Some(&wanted.written().into()));
    };
    let mut live = live.written();
    if !wanted.contains_key("priority") {
        live.shift_remove("priority");
    }
    let sorted = |mut section: serde_json::Map<String, Value>| {
        for name in ["host", "path"] {
            if let Some(Value::Array(patterns)) = section.get_mut(name) {
                patterns.sort_by_key(Value::to_string);
            }
        }
        Value::Object(section)
    };
    exact("ingress", Some(&sorted(live)), Some(&sorted(wanted)))
}

/// That an `ingress` is there which the file does not ask for any more.
pub fn ingress_gone(live: &Ingress) -> Vec<Difference> {
    exact("ingress", Some(&live.written().into()), None)
}

/// How something differs that has to be what the file says, and nothing besides.
fn exact(path: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    super::compared(path, before, after, false)
}
