//! Somebody who lets paused deployments go on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use landfall::service_id::ServiceId;
use landfall_local::cloud::{Cloud, fault::Fault};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::scenario::Scenario;

/// How long a deployment waits before it is continued.
const THINKS_FOR: Duration = Duration::from_secs(20);

/// Continues the deployments of the services that have pause hooks.
pub(crate) struct Approver {
    cloud: Arc<Cloud>,
    services: Vec<ServiceId>,
    /// The hooks that wait, and since when they were seen.
    seen: BTreeMap<String, Instant>,
}

impl Approver {
    /// One for the services of a scenario.
    pub(crate) fn new(cloud: Arc<Cloud>, scenario: &Scenario) -> Self {
        let paused = scenario.services.iter().filter(|service| service.pauses);
        Self {
            cloud,
            services: paused.map(|service| service.id.clone()).collect(),
            seen: BTreeMap::new(),
        }
    }

    /// Continues what has waited for long enough. A service that is not there yet waits for nothing.
    pub(crate) async fn look(&mut self) {
        for service in self.services.clone() {
            for (deployment, hook) in self.awaited(&service).await.unwrap_or_default() {
                let now = Instant::now();
                let since = *self.seen.entry(hook.clone()).or_insert(now);
                if now.duration_since(since) >= THINKS_FOR {
                    let input = json!({ "serviceDeploymentArn": deployment, "hookId": hook });
                    // A newer deployment may have come just now.
                    let _ = self
                        .cloud
                        .ecs
                        .call("ContinueServiceDeployment", input)
                        .await;
                }
            }
        }
    }

    /// The hooks of a service that wait, with their deployments.
    async fn awaited(&self, service: &ServiceId) -> Result<Vec<(String, String)>, Fault> {
        let listed = json!({
            "cluster": service.cluster(), "service": service.service(), "status": ["IN_PROGRESS"],
        });
        let listed = self
            .cloud
            .ecs
            .call("ListServiceDeployments", listed)
            .await?;
        let briefs = listed["serviceDeployments"]
            .as_array()
            .into_iter()
            .flatten();
        let arns: Vec<&Value> = briefs.map(|brief| &brief["serviceDeploymentArn"]).collect();
        let input = json!({ "serviceDeploymentArns": arns });
        let described = self
            .cloud
            .ecs
            .call("DescribeServiceDeployments", input)
            .await?;
        let mut found = Vec::new();
        for deployment in described["serviceDeployments"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let arn = deployment["serviceDeploymentArn"]
                .as_str()
                .unwrap_or_default();
            let hooks = deployment["lifecycleHookDetails"]
                .as_array()
                .into_iter()
                .flatten();
            let hooks = hooks.filter(|hook| hook["status"] == "AWAITING_ACTION");
            let ids = hooks.filter_map(|hook| hook["hookId"].as_str());
            found.extend(ids.map(|id| (arn.to_owned(), id.to_owned())));
        }
        Ok(found)
    }
}
