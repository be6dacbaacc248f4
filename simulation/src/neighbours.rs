//! What stands around a service: a load balancer's listener and a Cloud Map namespace, and the sections of a service file
//! that make use of them.

use std::sync::Arc;

use landfall::service_id::ServiceId;
use landfall_local::cloud::{Cloud, fault::Fault};
use serde_json::{Value, json};

const NAMESPACE: &str = "internal.example";

/// The listener and the namespace of one run.
#[derive(Clone, Debug)]
pub struct Neighbours {
    listener: String,
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
        })
    }

    /// Adds the sections `ingress`, `autoscaling`, `discovery` and `after` to a service file.
    pub fn added_to(&self, mut file: Value, service: &ServiceId) -> Value {
        let name = format!("{}-{}", service.cluster(), service.service());
        file["taskDefinition"]["containerDefinitions"][0]["portMappings"] =
            json!([{ "containerPort": 8080 }]);
        file["ingress"] = json!({
            "listenerArn": self.listener,
            "container": "web",
            "port": 8080,
            "host": format!("{name}.example.com"),
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
            "name": name,
            "type": "SRV",
            "container": "web",
            "port": 8080,
        });
        file["after"] = json!([{
            "name": "announce",
            "container": "web",
            "command": ["announce"],
            "environment": [
                { "name": "SIMULATED_EXIT_AFTER", "value": "1" },
                { "name": "SIMULATED_EXIT_CODE", "value": "0" },
            ],
        }]);
        file
    }
}
