//! What a cluster and its tasks need besides the cluster: its settings, capacity providers and log groups. All of it is
//! read and written as JSON, so that members which no SDK knows yet pass through and are compared.

mod missing;

use aws_config::SdkConfig;
use landfall::{
    service_file::ServiceFile,
    service_id::ServiceId,
    step::ensure_cluster::{
        association, capacity_providers, cluster_update, is_of_one_cluster, wanted_log_groups,
    },
    tags::{SERVICE_TAG, service_tag},
};
use serde_json::{Map, Value, json};

use crate::{
    Fault,
    raw::{ECS, JsonClient, LOGS},
};

/// Clusters' settings and capacity, and log groups.
#[derive(Clone, Debug)]
pub struct ClusterNeeds {
    ecs: JsonClient,
    logs: JsonClient,
    region: String,
}

impl ClusterNeeds {
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
    /// cluster, because `CreateCluster` may name them; the others after that. Answers what has to be waited for: ECS takes
    /// only active ones (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProvider.html>).
    ///
    /// # Errors
    /// As ECS answers; refused if it failed to make one.
    pub async fn create_capacity_providers(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
        of_one_cluster: bool,
    ) -> Result<Option<String>, Fault> {
        let mut busy = None;
        for (body, known) in self
            .described_providers(file, service, of_one_cluster)
            .await?
        {
            let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
            let provider = match known {
                Some(known) => known,
                None => {
                    let mut made = self.send("CreateCapacityProvider", &body).await?;
                    tracing::info!(name, "created the capacity provider");
                    made["capacityProvider"].take()
                }
            };
            if provider["updateStatus"] == "CREATE_FAILED" {
                let why = provider["updateStatusReason"].as_str();
                let why = why.unwrap_or("no reason given");
                return Err(Fault::refused(format!(
                    "ECS could not make the capacity provider {name}: {why}"
                )));
            }
            let status = provider["status"].as_str().unwrap_or("ACTIVE");
            if status != "ACTIVE" {
                busy = Some(format!("the capacity provider {name} is {status}"));
            }
        }
        Ok(busy)
    }

    /// The file's capacity providers as they would be created, each with what ECS describes of it unless it is missing.
    async fn described_providers(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
        of_one_cluster: bool,
    ) -> Result<Vec<(Map<String, Value>, Option<Value>)>, Fault> {
        let mut bodies = capacity_providers(file, service);
        bodies.retain(|body| is_of_one_cluster(body) == of_one_cluster);
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&Value> = bodies.iter().filter_map(|body| body.get("name")).collect();
        let mut asked = json!({ "capacityProviders": names });
        if of_one_cluster {
            asked["cluster"] = json!(service.cluster());
        }
        let answer = self.ecs.call("DescribeCapacityProviders", &asked).await?;
        let described = |body: Map<String, Value>| {
            let known = items(&answer, "capacityProviders")
                .filter(|known| known["status"] != "INACTIVE")
                .find(|known| Some(&known["name"]) == body.get("name"));
            let known = known.cloned();
            (body, known)
        };
        Ok(bodies.into_iter().map(described).collect())
    }

    /// Makes the cluster what the file says of it, and associates the capacity providers that the file names. Answers what
    /// has to be waited for.
    ///
    /// # Errors
    /// As ECS answers.
    pub async fn keep_cluster(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
    ) -> Result<Option<String>, Fault> {
        let live = self.cluster(service).await?.ok_or_else(|| {
            Fault::not_yet(format!(
                "the cluster {} is not shown yet",
                service.cluster()
            ))
        })?;
        if let Some(body) = cluster_update(file, &live) {
            self.send("UpdateCluster", &body).await?;
            tracing::info!("changed the cluster's settings");
        }
        let busy = |cluster: &Value| {
            (cluster["attachmentsStatus"] == "UPDATE_IN_PROGRESS")
                .then(|| "the cluster's capacity providers are being updated".to_owned())
        };
        if let Some(busy) = busy(&live) {
            return Ok(Some(busy));
        }
        match association(file, &live) {
            None => Ok(None),
            Some(body) => {
                let answer = self.send("PutClusterCapacityProviders", &body).await?;
                tracing::info!(providers = %body["capacityProviders"], "associated capacity providers");
                Ok(busy(&answer["cluster"]))
            }
        }
    }

    async fn send(
        &self,
        operation: &'static str,
        body: &Map<String, Value>,
    ) -> Result<Value, Fault> {
        self.ecs.call(operation, &Value::Object(body.clone())).await
    }

    /// Creates the log groups that the file's containers write to and that are missing. One that is there stays as it is,
    /// but for one of Landfall's that got no retention, because the process died before.
    ///
    /// # Errors
    /// As CloudWatch Logs answers.
    pub async fn create_log_groups(
        &self,
        file: &ServiceFile,
        service: &ServiceId,
    ) -> Result<(), Fault> {
        for name in wanted_log_groups(file, &self.region) {
            let existing = match self.log_group(&name).await? {
                None => self.created_before(&name, service).await?,
                existing => existing,
            };
            if let Some(group) = existing
                && !self.lacks_retention(&group).await?
            {
                continue;
            }
            let days = file.logs.retention_days;
            let retention = json!({ "logGroupName": name, "retentionInDays": days });
            self.logs.call("PutRetentionPolicy", &retention).await?;
            tracing::info!(log_group = name, days, "created the log group");
        }
        Ok(())
    }

    /// Creates a log group. If it is there already, answers it: another release has created it meanwhile, or the answer to this
    /// call's first attempt was lost.
    ///
    /// # Errors
    /// Transient while CloudWatch Logs says that the group is there, and does not show it.
    async fn created_before(
        &self,
        name: &str,
        service: &ServiceId,
    ) -> Result<Option<Value>, Fault> {
        let tags = json!({ SERVICE_TAG: service_tag(service) });
        let group = json!({ "logGroupName": name, "tags": tags });
        match self.logs.call("CreateLogGroup", &group).await {
            Ok(_) => Ok(None),
            Err(fault) if fault.is("ResourceAlreadyExistsException") => {
                let shown = self.log_group(name).await?;
                let unseen = || Fault::transient(format!("the log group {name} is not shown yet"));
                shown.map(Some).ok_or_else(unseen)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn log_group(&self, name: &str) -> Result<Option<Value>, Fault> {
        let asked = json!({ "logGroupNamePrefix": name });
        let answer = self.logs.call("DescribeLogGroups", &asked).await?;
        let mut groups = items(&answer, "logGroups");
        Ok(groups.find(|group| group["logGroupName"] == *name).cloned())
    }

    /// Whether a log group is Landfall's and keeps everything for ever.
    async fn lacks_retention(&self, group: &Value) -> Result<bool, Fault> {
        if !group["retentionInDays"].is_null() {
            return Ok(false);
        }
        let arn = group["logGroupArn"].as_str().or(group["arn"].as_str());
        let arn = arn.unwrap_or_default().trim_end_matches(":*");
        let asked = json!({ "resourceArn": arn });
        let answer = self.logs.call("ListTagsForResource", &asked).await?;
        Ok(!answer["tags"][SERVICE_TAG].is_null())
    }
}

fn items<'a>(answer: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    answer[member].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::raw::recorded::Aws;

    const FILE: &[u8] = b"cluster: { clusterName: web }
taskDefinition:
  family: hello
  containerDefinitions:
    - name: web
      image: hello
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: { awslogs-group: /tasks/hello, awslogs-region: eu-west-1, awslogs-stream-prefix: web }
service: { serviceName: hello }
";
    const NONE: (u16, &str) = (200, r#"{"logGroups":[]}"#);
    const CREATED_BEFORE: (u16, &str) = (400, r#"{"__type":"ResourceAlreadyExistsException"}"#);
    const WITHOUT_RETENTION: (u16, &str) = (
        200,
        r#"{"logGroups":[{"logGroupName":"/tasks/hello","logGroupArn":"arn:group"}]}"#,
    );
    const OURS: (u16, &str) = (200, r#"{"tags":{"landfall:service":"web/hello"}}"#);
    const DONE: (u16, &str) = (200, "{}");

    /// The calls that are made for the log group of a file, where these are the answers, and the name of the failure.
    async fn calls(answers: &[(u16, &'static str)]) -> Vec<String> {
        let aws = Aws::answering(answers);
        let needs = ClusterNeeds::new(&aws.config("eu-west-1").build());
        let service = ServiceId::new("web", "hello").unwrap();
        let file = ServiceFile::parse(FILE).unwrap();
        let made = needs.create_log_groups(&file, &service).await;
        let targets = aws.asked().into_iter().filter_map(|asked| asked.target);
        let mut calls: Vec<_> = targets
            .map(|target| target.replace("Logs_20140328.", ""))
            .collect();
        calls.extend(made.err().map(|fault| fault.name().to_owned()));
        calls
    }

    #[tokio::test]
    async fn a_log_group_of_which_the_answer_was_lost_gets_its_retention() {
        assert_eq!(
            calls(&[NONE, CREATED_BEFORE, WITHOUT_RETENTION, OURS, DONE]).await,
            [
                "DescribeLogGroups",
                "CreateLogGroup",
                "DescribeLogGroups",
                "ListTagsForResource",
                "PutRetentionPolicy",
            ]
        );
        assert_eq!(
            calls(&[NONE, CREATED_BEFORE, NONE]).await,
            [
                "DescribeLogGroups",
                "CreateLogGroup",
                "DescribeLogGroups",
                "Transient",
            ]
        );
    }
}
