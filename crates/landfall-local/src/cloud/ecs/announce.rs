//! ECS's events: sentences in a service's list, and envelopes on the event bus
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html>).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Inner;
use super::state::{Deployment, Service, Task};

impl Inner {
    /// Puts a sentence on top of the service's events, of which the newest hundred are kept.
    pub(super) fn say(&self, service: &mut Service, message: &str) {
        let message = format!("(service {}) {message}", service.name);
        let event = json!({ "id": self.world.uuid(), "createdAt": self.world.epoch_seconds(), "message": message });
        service.events.insert(0, event);
        service.events.truncate(100);
    }

    /// "ECS Deployment State Change".
    pub(super) fn announce_deployment(
        &self,
        service: &str,
        deployment: &Deployment,
        name: &str,
        reason: &str,
    ) {
        let kind = if name == "SERVICE_DEPLOYMENT_FAILED" {
            "ERROR"
        } else {
            "INFO"
        };
        let detail = json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": self.time(deployment.updated_at),
            "reason": reason,
        });
        self.bus.emit(
            "aws.ecs",
            "ECS Deployment State Change",
            &[service.to_owned()],
            detail,
        );
    }

    /// "ECS Service Action".
    pub(super) fn announce_action(&self, service: &Service, name: &str) {
        let kind = match name {
            "SERVICE_STEADY_STATE" => "INFO",
            _ => "WARN",
        };
        let detail = json!({
            "eventType": kind,
            "eventName": name,
            "clusterArn": service.cluster_arn(),
            "createdAt": self.time(self.world.epoch_seconds()),
        });
        self.bus.emit(
            "aws.ecs",
            "ECS Service Action",
            std::slice::from_ref(&service.arn),
            detail,
        );
    }

    /// "ECS Task State Change". In events timestamps are written out.
    pub(super) fn announce_task(&self, task: &Task) {
        let mut detail = task.described();
        if let Some(members) = detail.as_object_mut() {
            for (name, value) in members.iter_mut() {
                if let (true, Some(seconds)) = (name.ends_with("At"), value.as_f64()) {
                    *value = self.time(seconds);
                }
            }
            members.remove("tags");
            members.insert("updatedAt".into(), self.time(self.world.epoch_seconds()));
        }
        self.bus.emit(
            "aws.ecs",
            "ECS Task State Change",
            std::slice::from_ref(&task.arn),
            detail,
        );
    }

    fn time(&self, seconds: f64) -> Value {
        let moment =
            Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap_or(Timestamp::UNIX_EPOCH);
        moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into()
    }
}
