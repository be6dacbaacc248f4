//! The section as it stands in a service file: the other way round.

use serde_json::{Map, Value, json};

use super::{DEREGISTRATION_DELAY, HealthCheck, Ingress, default_health_check};

impl Ingress {
    /// The section, without what need not be written.
    pub fn written(&self) -> Map<String, Value> {
        let mut section = Map::new();
        let mut add = |name: &str, value: Value, default: Value| {
            if value != default {
                section.insert(name.into(), value);
            }
        };
        add("listenerArn", json!(self.listener_arn), Value::Null);
        add("container", json!(self.container), Value::Null);
        add("port", json!(self.port), Value::Null);
        add("host", one_or_several(&self.hosts), json!([]));
        add("path", one_or_several(&self.paths), json!([]));
        add("priority", json!(self.priority), Value::Null);
        add("protocol", json!(self.protocol), json!("HTTP"));
        add(
            "protocolVersion",
            json!(self.protocol_version),
            json!("HTTP1"),
        );
        let default = default_health_check(self.protocol_version == "GRPC");
        add(
            "healthCheck",
            self.health_check.written(&default),
            json!({}),
        );
        add(
            "deregistrationDelay",
            json!(self.deregistration_delay_seconds),
            json!(DEREGISTRATION_DELAY),
        );
        add("stickiness", json!(self.stickiness_seconds), Value::Null);
        add("roleArn", json!(self.role_arn), Value::Null);
        section
    }
}

impl HealthCheck {
    fn written(&self, default: &Self) -> Value {
        let mut fields = Map::new();
        for (name, value, usual) in [
            ("path", json!(self.path), json!(default.path)),
            ("codes", json!(self.codes), json!(default.codes)),
            (
                "interval",
                json!(self.interval_seconds),
                json!(default.interval_seconds),
            ),
            (
                "timeout",
                json!(self.timeout_seconds),
                json!(default.timeout_seconds),
            ),
            ("healthy", json!(self.healthy), json!(default.healthy)),
            ("unhealthy", json!(self.unhealthy), json!(default.unhealthy)),
        ] {
            if value != usual {
                fields.insert(name.into(), value);
            }
        }
        fields.into()
    }
}

fn one_or_several(patterns: &[String]) -> Value {
    match patterns {
        [only] => json!(only),
        several => json!(several),
    }
}
