//! What a cluster and its tasks need besides the cluster: its settings, capacity providers and log groups. All of it is
//! asked and told as JSON, so that members which no SDK knows yet pass through and are compared.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use landfall::{
    service_file::ServiceFile,
    service_id::ServiceId,
    step::{
        ensure_cluster::{
            association, capacity_providers, cluster_update, is_of_one_cluster, wanted_log_groups,
        },
        register_task_definition::{SERVICE_TAG, service_tag},
    },
};
use serde_json::{Map, Value, json};

use crate::{
    Fault,
    raw::{ECS, JsonClient, LOGS},
};

/// Clusters' settings and capacity, and log groups.
#[derive(Clone, Debug)]
pub struct Surroundings {
    ecs: JsonClient,
    logs: JsonClient,
    region: String,
}

impl Surroundings {
    /// Clients.
    pub fn new(config: &SdkConfig) -> Self {
        let region = config.region().map(|region| region.as_ref().to_owned());
        Self {
            ecs: JsonClient::new(config, ECS),
            logs: JsonClient::new(config, LOGS),
            region: region.unwrap_or_default(),
        }
    }

    /// Creates the file's capacity providers that are missing: before the cluster is there those that belong to no
    /// cluster, because `CreateCluster` may name them; the others after that.
    ///
    /// # Errors
    /// As ECS answers.
    pub async fn create_capacity_providers(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
        of_one_cluster: bool,
    ) -> Result<(), Fault> {
        for body in self
            .missing_capacity_providers(file, service, of_one_cluster)
            .await?
        {
            self.tell("CreateCapacityProvider", &body).await?;
            tracing::info!(name = %body["name"], "created the capacity provider");
        }
        Ok(())
    }

    /// The file's capacity providers that are missing, as they would be created: those that belong to one cluster, or the
    /// others.
    ///
    /// # Errors
    /// As ECS answers.
    pub async fn missing_capacity_providers(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
        of_one_cluster: bool,
    ) -> Result<Vec<Map<String, Value>>, Fault> {
        let mut bodies = capacity_providers(file, service);
        bodies.retain(|body| is_of_one_cluster(body) == of_one_cluster);
        if bodies.is_empty() {
            return Ok(bodies);
        }
        let names: Vec<&Value> = bodies.iter().filter_map(|body| body.get("name")).collect();
        let mut asked = json!({ "capacityProviders": names });
        if of_one_cluster {
            asked["cluster"] = json!(service.cluster());
        }
        let answer = self.ecs.call("DescribeCapacityProviders", &asked).await?;
        let live: BTreeSet<&str> = items(&answer, "capacityProviders")
            .filter(|provider| provider["status"] != "INACTIVE")
            .filter_map(|provider| provider["name"].as_str())
            .collect();
        bodies.retain(|body| {
            let name = body.get("name").and_then(Value::as_str);
            !live.contains(name.unwrap_or_default())
        });
        Ok(bodies)
    }

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

    /// Makes the cluster what the file says of it, and associates the capacity providers that the file names.
    ///
    /// # Errors
    /// Transient while the cluster's capacity providers are being updated.
    pub async fn keep_cluster(&self, file: &ServiceFile, service: &ServiceId) -> Result<(), Fault> {
        let live = self.cluster(service).await?.ok_or_else(|| {
            Fault::Transient(format!(
                "the cluster {} is not shown yet",
                service.cluster()
            ))
        })?;
        if let Some(body) = cluster_update(file, &live) {
            self.tell("UpdateCluster", &body).await?;
            tracing::info!("changed the cluster's settings");
        }
        self.wait(&live)?;
        if let Some(body) = association(file, &live) {
            let answer = self.tell("PutClusterCapacityProviders", &body).await?;
            tracing::info!(providers = %body["capacityProviders"], "associated capacity providers");
            self.wait(&answer["cluster"])?;
        }
        Ok(())
    }

    fn wait(&self, cluster: &Value) -> Result<(), Fault> {
        match cluster["attachmentsStatus"].as_str() {
            Some("UPDATE_IN_PROGRESS") => Err(Fault::Transient(
                "the cluster's capacity providers are being updated".into(),
            )),
            _ => Ok(()),
        }
    }

    async fn tell(
        &self,
        operation: &'static str,
        body: &Map<String, Value>,
    ) -> Result<Value, Fault> {
        self.ecs.call(operation, &Value::Object(body.clone())).await
    }

    /// Creates the log groups that the file's containers write to and that are missing. One that is there stays as it is.
    ///
    /// # Errors
    /// As CloudWatch Logs answers.
    pub async fn create_log_groups(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
    ) -> Result<(), Fault> {
        for name in self.missing_log_groups(file).await? {
            let group =
                json!({ "logGroupName": name, "tags": { SERVICE_TAG: service_tag(service) } });
            self.logs.call("CreateLogGroup", &group).await?;
            let days = file.logs.retention_days;
            let retention = json!({ "logGroupName": name, "retentionInDays": days });
            self.logs.call("PutRetentionPolicy", &retention).await?;
            tracing::info!(log_group = name, days, "created the log group");
        }
        Ok(())
    }

    /// The log groups that would be created.
    ///
    /// # Errors
    /// As CloudWatch Logs answers.
    pub async fn missing_log_groups(&self, file: &ServiceFile) -> Result<Vec<String>, Fault> {
        let mut missing = Vec::new();
        for name in wanted_log_groups(file, &self.region) {
            let asked = json!({ "logGroupNamePrefix": name });
            let answer = self.logs.call("DescribeLogGroups", &asked).await?;
            if !items(&answer, "logGroups").any(|group| group["logGroupName"] == *name) {
                missing.push(name);
            }
        }
        Ok(missing)
    }
}

fn items<'a>(answer: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    answer[member].as_array().into_iter().flatten()
}
