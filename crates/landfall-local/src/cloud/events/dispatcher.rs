//! From the bus to the targets of the rules.

use std::sync::{Arc, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Events, REMEMBERED, pattern::Pattern};

/// Is given a function's name and the event for it. Must not block: whoever takes the event runs, retries, delays,
/// doubles or drops it as it sees fit.
pub type Deliver = Arc<dyn Fn(&str, Value) + Send + Sync>;

impl Events {
    /// Delivers every event from the bus to the targets of the rules that match it, until the bus is gone. Rules are
    /// asked in the order of their names.
    pub async fn dispatch(self, mut bus: UnboundedReceiver<Value>, deliver: Deliver) {
        while let Some(event) = bus.recv().await {
            let targets = self.targets_of(&event);
            tracing::debug!(
                source = event["source"].as_str(),
                detail_type = event["detail-type"].as_str(),
                targets = targets.len(),
                "event"
            );
            self.remember(event);
            for (function, payload) in targets {
                deliver(&function, payload);
            }
        }
    }

    /// The functions that get `event`, and what they get: the event, or a target's constant `Input`.
    fn targets_of(&self, event: &Value) -> Vec<(String, Value)> {
        let rules = self.rules();
        let matching = rules.values().filter(|rule| {
            let description = &rule.description;
            let pattern = rule.pattern.get_or_init(|| {
                let text = description.get("EventPattern").and_then(Value::as_str);
                Pattern::parse(text.unwrap_or_default()).ok()
            });
            description
                .get("State")
                .is_some_and(|state| state == "ENABLED")
                && pattern
                    .as_ref()
                    .is_some_and(|pattern| pattern.matches(event))
        });
        matching
            .flat_map(|rule| rule.targets.values())
            .filter_map(|target| {
                let function = target["Arn"].as_str().and_then(function_name)?;
                let input = target["Input"]
                    .as_str()
                    .and_then(|input| serde_json::from_str(input).ok());
                Some((function.to_owned(), input.unwrap_or_else(|| event.clone())))
            })
            .collect()
    }

    fn remember(&self, event: Value) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(event);
    }
}

/// `arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]` → name.
pub(super) fn function_name(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let service = parts.nth(2)?;
    let name = parts.nth(3)?;
    (service == "lambda" && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{cloud::bus::Bus, world::World};

    #[tokio::test(start_paused = true)]
    async fn an_event_reaches_exactly_the_enabled_rules_that_match_it() {
        let world = Arc::new(World::new(
            "000000000000",
            "eu-west-1",
            Timestamp::UNIX_EPOCH,
            1,
        ));
        let (bus, receiver) = Bus::new(world.clone());
        let events = Events::new(world, bus.clone());
        for (rule, source, state) in [
            ("pushes", "aws.ecr", "ENABLED"),
            ("paused", "aws.ecr", "DISABLED"),
            ("configs", "aws.s3", "ENABLED"),
        ] {
            let pattern = json!({ "source": [source] }).to_string();
            events
                .call(
                    "PutRule",
                    json!({ "Name": rule, "EventPattern": pattern, "State": state }),
                )
                .await
                .unwrap();
            let arn = format!("arn:aws:lambda:eu-west-1:000000000000:function:{rule}");
            events
                .call(
                    "PutTargets",
                    json!({ "Rule": rule, "Targets": [{ "Id": "1", "Arn": arn }] }),
                )
                .await
                .unwrap();
        }
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let sink = delivered.clone();
        let deliver: Deliver = Arc::new(move |function, event| {
            sink.lock().unwrap().push((function.to_owned(), event))
        });
        let task = tokio::spawn(events.clone().dispatch(receiver, deliver));
        bus.emit(
            "aws.ecr",
            "ECR Image Action",
            &[],
            json!({ "action-type": "PUSH" }),
        );
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        task.abort();
        let delivered = delivered.lock().unwrap();
        assert_eq!(
            delivered
                .iter()
                .map(|(function, _)| function.as_str())
                .collect::<Vec<_>>(),
            ["pushes"]
        );
        assert_eq!(delivered[0].1["detail"]["action-type"], "PUSH");
        assert_eq!(events.recent_events(), [delivered[0].1.clone()]);
    }
}
