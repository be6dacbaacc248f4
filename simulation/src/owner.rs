//! The owner of a service that existed before Landfall, who describes its tasks.

use landfall_local::cloud::{Cloud, fault::Fault};
use serde_json::{Value, json};

use crate::scenario::Service;

/// The least memory of a task, in MiB: each revision of an owner has more than the one before.
const LEAST_MEMORY: usize = 512;

/// How many tasks the owner asks for.
pub(crate) const TASKS: u64 = 2;

/// Makes the service, as a template of its owner would. Answers the revision that it runs.
///
/// # Errors
/// As ECS refuses.
pub(crate) async fn creates(cloud: &Cloud, service: &Service) -> Result<String, Fault> {
    let cluster = service.id.cluster();
    let ecs = &cloud.ecs;
    ecs.call("CreateCluster", json!({ "clusterName": cluster }))
        .await?;
    let revision = registers(cloud, service, 0).await?;
    let breaker = json!({ "enable": service.circuit_breaker, "rollback": service.circuit_breaker });
    let input = json!({
        "cluster": cluster,
        "serviceName": service.id.service(),
        "taskDefinition": revision,
        "desiredCount": TASKS,
        "deploymentConfiguration": { "deploymentCircuitBreaker": breaker },
    });
    ecs.call("CreateService", input).await?;
    Ok(revision)
}

/// Registers the owner's next revision after `known` others; answers its ARN.
///
/// # Errors
/// As ECS refuses.
pub(crate) async fn registers(
    cloud: &Cloud,
    service: &Service,
    known: usize,
) -> Result<String, Fault> {
    let mut containers = service.containers();
    for container in &mut containers {
        container["image"] = json!("public.ecr.aws/owner/image:1");
    }
    let input = json!({
        "family": family(service),
        "cpu": "256",
        "memory": (LEAST_MEMORY + known).to_string(),
        "containerDefinitions": containers,
        "tags": [{ "key": "team", "value": "owner" }],
    });
    let answer = cloud.ecs.call("RegisterTaskDefinition", input).await?;
    Ok(text(&answer["taskDefinition"]["taskDefinitionArn"]))
}

/// The family of the owner's revisions, and of those that Landfall makes of them.
fn family(service: &Service) -> String {
    service.id.to_string().replace('/', "-")
}

/// Whether a revision has what its owner gave it: the memory of one of so many revisions, and the tag.
pub(crate) async fn is_of_owner(
    cloud: &Cloud,
    service: &Service,
    revision: &str,
    known: usize,
) -> bool {
    let input = json!({ "taskDefinition": revision, "include": ["TAGS"] });
    let answer = cloud.ecs.call("DescribeTaskDefinition", input).await;
    let answer = answer.unwrap_or_default();
    let memory: Option<usize> = text(&answer["taskDefinition"]["memory"]).parse().ok();
    let mut tags = answer["tags"].as_array().into_iter().flatten();
    answer["taskDefinition"]["family"] == *family(service)
        && memory.is_some_and(|memory| (LEAST_MEMORY..LEAST_MEMORY + known).contains(&memory))
        && tags.any(|tag| tag["key"] == "team" && tag["value"] == "owner")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
