//! The service file of an edition.

use serde_json::{Value, json};

use crate::scenario::{Before, Edition, SIDECAR, Service, WEB};

/// A role that ECS may use.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/landfall";
/// For how many days the log group of an edition with capacity keeps its events.
pub const RETENTION_DAYS: u32 = 7;

impl Service {
    /// The service file of an edition, without what `Neighbours` add to it.
    pub fn file(&self, edition: Edition) -> Value {
        let mut file = if self.adopted {
            json!({ "service": { "serviceName": self.id.service() } })
        } else {
            self.described(edition)
        };
        file["cluster"]["clusterName"] = json!(self.id.cluster());
        for (container, repository, rule) in self.follows() {
            file["images"][container] = json!({ "repository": repository, "tag": rule.text() });
        }
        file["verify"] = json!({ "bake": format!("{}s", edition.bake), "timeout": "3m" });
        if let Some(Before { takes, exit_code }) = edition.before {
            let takes = format!("{}.{}", takes / 10, takes % 10);
            file["before"] = json!([task("migrate", &takes, exit_code)]);
        }
        if let Some(after) = edition.after {
            let mut smoke = task("smoke", "2", after.exit_code);
            if after.rolls_back {
                smoke["onFailure"] = json!("roll-back");
            }
            file["after"] = json!([smoke]);
        }
        file
    }

    /// The host name under which its editions with sections are asked.
    pub fn host(&self) -> String {
        format!("{}-{}.example.com", self.id.cluster(), self.id.service())
    }

    /// The name of the capacity provider that its editions with capacity have.
    pub fn capacity_provider(&self) -> String {
        format!("{}-managed", self.id.cluster())
    }

    /// The name of the log group that its editions with capacity have.
    pub fn log_group(&self) -> String {
        format!("/tasks/{}", self.id)
    }

    /// The name of the parameter that the memory of its tasks is taken from.
    pub fn parameter_name(&self) -> String {
        format!("/tasks/{}/memory", self.id)
    }

    /// The sections of a file that describes tasks and service.
    fn described(&self, edition: Edition) -> Value {
        let memory = if self.parameter {
            format!("${{ssm:{}}}", self.parameter_name())
        } else {
            edition.memory.to_string()
        };
        let mut service = json!({
            "serviceName": self.id.service(),
            "desiredCount": edition.desired_count,
            "deploymentConfiguration": {
                // Another file has another section, of which nothing depends.
                "maximumPercent": if edition.memory == 512 { 200 } else { 300 },
                "deploymentCircuitBreaker": { "enable": self.circuit_breaker, "rollback": self.circuit_breaker },
            },
        });
        if self.pauses {
            service["deploymentConfiguration"]["lifecycleHooks"] =
                json!([{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }]);
        }
        let mut file = json!({});
        if edition.capacity {
            let provider = self.capacity_provider();
            service["capacityProviderStrategy"] =
                json!([{ "capacityProvider": provider, "weight": 1 }]);
            file["cluster"]["settings"] =
                json!([{ "name": "containerInsights", "value": "enabled" }]);
            file["capacity"] = json!([{
                "name": provider,
                "managedInstancesProvider": {
                    "infrastructureRoleArn": ROLE,
                    "instanceLaunchTemplate": {
                        "ec2InstanceProfileArn": "arn:aws:iam::000000000000:instance-profile/ecs",
                        "networkConfiguration": { "subnets": ["subnet-1"] },
                    },
                },
            }]);
            file["logs"] = json!({ "retentionDays": RETENTION_DAYS });
        }
        file["taskDefinition"] = json!({
            "family": format!("{}-{}", self.id.cluster(), self.id.service()),
            "cpu": "256",
            "memory": memory,
            "containerDefinitions": self.containers(),
        });
        file["service"] = service;
        file
    }

    /// The definitions of its containers, without images.
    pub fn containers(&self) -> Vec<Value> {
        let mut web = json!({ "name": WEB, "essential": true });
        if self.health_check {
            let command = json!(["CMD-SHELL", "true"]);
            web["healthCheck"] =
                json!({ "command": command, "interval": 10, "retries": 2, "timeout": 2 });
        }
        let sidecar = self.sidecar.iter();
        let sidecar = sidecar.map(|_| json!({ "name": SIDECAR, "essential": true }));
        [web].into_iter().chain(sidecar).collect()
    }
}

/// A task that exits after some seconds.
pub fn task(name: &str, after: &str, exit_code: u8) -> Value {
    let variable = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "name": name,
        "container": WEB,
        "command": [name],
        "environment": [
            variable("SIMULATED_EXIT_AFTER", after),
            variable("SIMULATED_EXIT_CODE", &exit_code.to_string()),
        ],
    })
}

/// Whether a service file has a task whose failure makes every release of it a bad one.
pub fn fails(file: &Value) -> bool {
    let tasks = |section: &str| file[section].as_array().cloned().unwrap_or_default();
    let exits_badly = |task: &Value| {
        let variables = task["environment"].as_array().into_iter().flatten();
        let mut codes = variables.filter(|variable| variable["name"] == "SIMULATED_EXIT_CODE");
        codes.any(|code| code["value"] != "0")
    };
    tasks("before").iter().any(exits_badly)
        || tasks("after")
            .iter()
            .any(|task| task["onFailure"] == "roll-back" && exits_badly(task))
}
