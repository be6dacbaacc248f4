//! Scheduled actions.

use serde_json::{Value, json};

use super::{Scaling, about, invalid, no_target, resource_id};
use crate::cloud::fault::Fault;

impl Scaling {
    /// What an update leaves out stays, but start and end
    /// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>).
    pub(super) fn put_action(&self, input: &Value) -> Result<Value, Fault> {
        let id = resource_id(input)?;
        let name = input["ScheduledActionName"].as_str().unwrap_or_default();
        if name.is_empty() || name.len() > 256 || name.contains([':', '/', '|']) {
            return Err(invalid(format!("ScheduledActionName is not valid: {name}")));
        }
        let mut targets = self.targets();
        let target = targets.get_mut(id).ok_or_else(|| no_target(id))?;
        let known = target.actions.get(name).cloned();
        let mut action = known.unwrap_or_else(|| {
            let resource = format!(
                "scheduledAction:{}:resource/ecs/{id}:scheduledActionName/{name}",
                self.world.uuid()
            );
            about(
                id,
                json!({
                    "ScheduledActionName": name,
                    "ScheduledActionARN": self.world.arn("autoscaling", &resource),
                    "CreationTime": self.world.epoch_seconds(),
                }),
            )
        });
        if let Some(members) = action.as_object_mut() {
            members.remove("StartTime");
            members.remove("EndTime");
        }
        for member in [
            "Schedule",
            "Timezone",
            "StartTime",
            "EndTime",
            "ScalableTargetAction",
        ] {
            if !input[member].is_null() {
                action[member] = input[member].clone();
            }
        }
        let schedule = action["Schedule"].as_str().unwrap_or_default();
        let kinds = ["at(", "rate(", "cron("];
        if !(kinds.iter().any(|kind| schedule.starts_with(kind)) && schedule.ends_with(')')) {
            return Err(invalid(format!(
                "Schedule expression is not valid: {schedule}"
            )));
        }
        target.actions.insert(name.into(), action);
        Ok(json!({}))
    }

    pub(super) fn describe_actions(&self, input: &Value) -> Result<Value, Fault> {
        self.described(input, "ScheduledActions", "ScheduledAction", |target| {
            &target.actions
        })
    }

    pub(super) fn delete_action(&self, input: &Value) -> Result<Value, Fault> {
        self.without(input, "ScheduledActionName", "scheduled action", |target| {
            &mut target.actions
        })
    }
}
