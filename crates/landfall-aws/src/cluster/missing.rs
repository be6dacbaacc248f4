//! What of a cluster's needs is missing: read by releases, and by `landfall diff`, which changes nothing.

use landfall::{
    service_file::ServiceFile, service_id::ServiceId, step::ensure_cluster::wanted_log_groups,
};
use serde_json::{Map, Value, json};

use super::{ClusterNeeds, items};
use crate::Fault;

impl ClusterNeeds {
    /// The cluster of a service with its settings and attachments; none if it is not shown.
    ///
    /// # Errors
    /// As ECS answers.
    pub async fn cluster(&self, service: &ServiceId) -> Result<Option<Value>, Fault> {
        let include = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS"];
        let asked = json!({ "clusters": [service.cluster()], "include": include });
        let answer = self.ecs.call("DescribeClusters", &asked).await?;
        Ok(items(&answer, "clusters").next().cloned())
    }

    /// The file's capacity providers that would be created: those that belong to one cluster, or the others.
    ///
    /// # Errors
    /// As ECS answers.
    pub async fn missing_capacity_providers(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
        of_one_cluster: bool,
    ) -> Result<Vec<Map<String, Value>>, Fault> {
        let described = self.described_providers(file, service, of_one_cluster);
        let missing = described.await?.into_iter();
        let missing = missing.filter(|(_, known)| known.is_none());
        Ok(missing.map(|(body, _)| body).collect())
    }

    /// The log groups that would be created.
    ///
    /// # Errors
    /// As CloudWatch Logs answers.
    pub async fn missing_log_groups(&self, file: &ServiceFile) -> Result<Vec<String>, Fault> {
        let mut missing = Vec::new();
        for name in wanted_log_groups(file, &self.region) {
            if self.log_group(&name).await?.is_none() {
                missing.push(name);
            }
        }
        Ok(missing)
    }
}
