//! What people and programs beside Landfall do to the account that it works in, done to the embedded cloud in this process:
//! they push images, put service files, stop executions, and look at what runs. Journeys, simulation and demo wrap it.

use std::{fmt::Display, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cloud::{Cloud, ecr, ecs::SimulatedBehaviour, fault::Fault},
    local::CONFIG_BUCKET,
};

/// Acts on one embedded cloud, with no credentials and over no wire.
#[derive(Clone)]
pub struct Driver {
    cloud: Arc<Cloud>,
}

impl Driver {
    /// A driver of `cloud`.
    pub fn new(cloud: Arc<Cloud>) -> Self {
        Self { cloud }
    }

    /// Creates a repository, unless it is there.
    pub async fn ensure_repository(&self, name: &str) {
        let input = json!({ "repositoryName": name });
        // It is refused if it is there.
        let _ = self.cloud.ecr.call("CreateRepository", input).await;
    }

    /// Gives an image a tag, and answers the image's digest.
    ///
    /// # Errors
    /// ECR's, e.g. where the repository is missing or the image has that tag already.
    pub async fn push(&self, repository: &str, tag: &str, manifest: &str) -> Result<String, Fault> {
        let input =
            json!({ "repositoryName": repository, "imageManifest": manifest, "imageTag": tag });
        self.cloud.ecr.call("PutImage", input).await?;
        Ok(ecr::digest(manifest))
    }

    /// As [`Self::push`], and the image's simulated containers behave like this from their next start on.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn push_behaving(
        &self,
        repository: &str,
        tag: &str,
        manifest: &str,
        behaviour: SimulatedBehaviour,
    ) -> Result<String, Fault> {
        self.cloud.ecs.simulate(&ecr::digest(manifest), behaviour);
        self.push(repository, tag, manifest).await
    }

    /// Puts a service file at `key` of the config bucket.
    ///
    /// # Errors
    /// S3's.
    pub async fn put_file(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.object(Method::PUT, key, text).await
    }

    /// Deletes the service file at `key` of the config bucket.
    ///
    /// # Errors
    /// S3's.
    pub async fn delete_file(&self, key: &str) -> Result<(), Fault> {
        self.object(Method::DELETE, key, "").await
    }

    async fn object(&self, method: Method, key: &str, text: &str) -> Result<(), Fault> {
        let unreadable = |reason: &dyn Display| Fault::client("InvalidURI", reason.to_string());
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:4599/{CONFIG_BUCKET}/{key}"))
            .header("host", "127.0.0.1:4599")
            .header("content-length", text.len())
            .body(Bytes::from(text.to_owned()))
            .map_err(|error| unreadable(&error))?;
        let answer = self.cloud.handle(request).await;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Fault {
            status: answer.status().as_u16(),
            code: "Refused".into(),
            message: format!("{key}: {}", String::from_utf8_lossy(answer.body())),
        })
    }

    /// The ARNs of a state machine's executions, all or those of one status, newest first.
    ///
    /// # Errors
    /// Step Functions'.
    pub async fn executions(
        &self,
        state_machine: &str,
        status: Option<&str>,
    ) -> Result<Vec<String>, Fault> {
        let mut input = json!({ "stateMachineArn": state_machine, "maxResults": 1000 });
        if let Some(status) = status {
            input["statusFilter"] = status.into();
        }
        let listed = self.cloud.executions.call("ListExecutions", input).await?;
        let items = listed["executions"].as_array().into_iter().flatten();
        Ok(items
            .filter_map(|item| item["executionArn"].as_str())
            .map(str::to_owned)
            .collect())
    }

    /// The input of an execution; null if it is no JSON.
    ///
    /// # Errors
    /// Step Functions', e.g. where there is no such execution.
    pub async fn input(&self, execution: &str) -> Result<Value, Fault> {
        let input = json!({ "executionArn": execution });
        let described = self.cloud.executions.call("DescribeExecution", input);
        let described = described.await?;
        let input = described["input"].as_str().unwrap_or_default();
        Ok(serde_json::from_str(input).unwrap_or_default())
    }

    /// Stops an execution, as anybody may.
    ///
    /// # Errors
    /// Step Functions'.
    pub async fn stop_execution(&self, arn: &str) -> Result<(), Fault> {
        let input = json!({ "executionArn": arn });
        let stopped = self.cloud.executions.call("StopExecution", input).await;
        stopped.map(drop)
    }

    /// A service as ECS describes it; null if there is none, or no such cluster.
    ///
    /// # Errors
    /// ECS's.
    pub async fn service(&self, cluster: &str, service: &str) -> Result<Value, Fault> {
        let input = json!({ "cluster": cluster, "services": [service] });
        match self.cloud.ecs.call("DescribeServices", input).await {
            Ok(answer) => Ok(answer["services"][0].clone()),
            Err(fault) if fault.code == "ClusterNotFoundException" => Ok(Value::Null),
            Err(fault) => Err(fault),
        }
    }

    /// The container definitions of the revision that a service runs.
    ///
    /// # Errors
    /// ECS's, e.g. where there is no such service.
    pub async fn containers(&self, cluster: &str, service: &str) -> Result<Vec<Value>, Fault> {
        let revision = self.service(cluster, service).await?["taskDefinition"].clone();
        let input = json!({ "taskDefinition": revision });
        let answer = self.cloud.ecs.call("DescribeTaskDefinition", input).await?;
        let containers = answer["taskDefinition"]["containerDefinitions"].as_array();
        Ok(containers.cloned().unwrap_or_default())
    }

    /// How many requests there have been.
    pub fn requests(&self) -> usize {
        self.cloud.requests.requests().len()
    }

    /// The operations that changed ECS since the first `seen` requests of the log, oldest first.
    pub fn changes_in_ecs(&self, seen: usize) -> Vec<String> {
        let requests = self.cloud.requests.requests();
        let changes = requests.into_iter().skip(seen).filter(|entry| {
            let reads = ["Describe", "List"];
            entry.service == "ecs" && !reads.iter().any(|read| entry.operation.starts_with(read))
        });
        changes.map(|entry| entry.operation).collect()
    }
}

/// The manifest of an image without anything to run, whose containers ECS simulates. Another tag or repository is another
/// image.
pub fn manifest(repository: &str, tag: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "annotations": { "org.opencontainers.image.ref.name": format!("{repository}:{tag}") },
    })
    .to_string()
}

/// Asks every `pause` until there is an answer; none if `patience` ends before.
///
/// # Errors
/// The first that a question ends with.
pub async fn until<T, E, Asked>(
    patience: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> Asked,
) -> Result<Option<T>, E>
where
    Asked: Future<Output = Result<Option<T>, E>>,
{
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        if begun.elapsed() > patience {
            return Ok(None);
        }
        sleep(pause).await;
    }
}
