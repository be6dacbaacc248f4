//! What stands around a service: a load balancer's listener and a Cloud Map namespace, and the sections of a service file
//! that make use of them.

use std::sync::Arc;

use landfall_local::cloud::{Cloud, ecs::SimulatedBehaviour, fault::Fault};
use serde_json::{Value, json};

use crate::{
    file::{ROLE, task},
    scenario::{Edition, Service, Strategy, WEB},
};

const NAMESPACE: &str = "internal.example";

/// The listener and the namespace of one run.
#[derive(Clone, Debug)]
pub struct Neighbours {
    listener: String,
    region: String,
}

impl Neighbours {
    /// Puts them into an empty cloud, as somebody else's template would.
    ///
    /// # Errors
    /// As the embedded cloud refuses.
    pub async fn settle(cloud: &Arc<Cloud>) -> Result<Self, Fault> {
        let elb = &cloud.elb;
        let balancer = elb
            .call("CreateLoadBalancer", json!({ "Name": "web" }))
            .await?;
        let nobody =
            json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } });
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": "80",
            "DefaultActions": [nobody],
        });
        let listener = elb.call("CreateListener", listener).await?;
        let namespace = json!({ "Name": NAMESPACE, "Vpc": "vpc-1" });
        cloud
            .cloud_map
            .call("CreatePrivateDnsNamespace", namespace)
            .await?;
        let arn = listener["Listeners"][0]["ListenerArn"].as_str();
        Ok(Self {
            listener: arn.unwrap_or_default().into(),
            region: cloud.world.region.clone(),
        })
    }

    /// The file of an edition, whose sections name this listener, this namespace and a log group of this Region.
    pub fn file(&self, service: &Service, edition: Edition) -> Value {
        let mut file = service.file(edition);
        if edition.sections {
            self.add_sections(&mut file, service, edition);
        }
        if edition.capacity {
            let options = json!({
                "awslogs-group": service.log_group(),
                "awslogs-region": self.region,
            });
            file["taskDefinition"]["containerDefinitions"][0]["logConfiguration"] =
                json!({ "logDriver": "awslogs", "options": options });
        }
        file
    }

    /// Adds the sections `ingress`, `autoscaling`, `discovery` and `after`.
    fn add_sections(&self, file: &mut Value, service: &Service, edition: Edition) {
        file["taskDefinition"]["containerDefinitions"][0]["portMappings"] =
            json!([{ "containerPort": 8080 }]);
        file["ingress"] = json!({
            "listenerArn": self.listener,
            "container": WEB,
            "port": 8080,
            "host": service.host(),
            "healthCheck": { "interval": "5s" },
            "deregistrationDelay": "1s",
        });
        file["autoscaling"] = json!({
            "min": 1,
            "max": 10,
            "targets": [{ "metric": "ECSServiceAverageCPUUtilization", "value": 60 }],
            "scheduled": [{ "name": "morning", "schedule": "cron(0 8 ? * MON-FRI *)", "min": 2 }],
        });
        file["discovery"] = json!({
            "namespace": NAMESPACE,
            "name": service.id.to_string().replace('/', "-"),
            "type": "SRV",
            "container": WEB,
            "port": 8080,
        });
        let mut tasks = vec![task("announce", "1", 0)];
        tasks.extend(file["after"].as_array().cloned().unwrap_or_default());
        file["after"] = tasks.into();
        if edition.strategy != Strategy::Rolling {
            file["ingress"]["roleArn"] = json!(ROLE);
        }
        for (member, value) in strategy(edition.strategy) {
            file["service"]["deploymentConfiguration"][member] = value;
        }
        if service.probe {
            let answer = SimulatedBehaviour::default().says.trim();
            // A good release has to come through, whatever befalls a few of its looks.
            file["verify"]["http"] = json!({ "path": "/", "body": answer, "failures": 5 });
        }
    }
}

/// What `deploymentConfiguration` says of a strategy.
fn strategy(strategy: Strategy) -> Vec<(&'static str, Value)> {
    match strategy {
        Strategy::Rolling => Vec::new(),
        Strategy::BlueGreen { bake_minutes } => vec![
            ("strategy", json!("BLUE_GREEN")),
            ("bakeTimeInMinutes", json!(bake_minutes)),
        ],
        Strategy::Linear => {
            let steps = json!({ "stepPercent": 25, "stepBakeTimeInMinutes": 1 });
            vec![
                ("strategy", json!("LINEAR")),
                ("linearConfiguration", steps),
            ]
        }
        Strategy::Canary => {
            let canary = json!({ "canaryPercent": 20, "canaryBakeTimeInMinutes": 2 });
            vec![
                ("strategy", json!("CANARY")),
                ("canaryConfiguration", canary),
                ("bakeTimeInMinutes", json!(1)),
            ]
        }
    }
}
