//! Invariant 2, of what a good release brings besides its tasks: whether it is there at rest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    file::RETENTION_DAYS,
    invariant::{Violation, Wanted, live},
    owner,
    run::{Run, Story},
    scenario::{SIDECAR, Service, WEB},
};

/// What the newest file asks for, and is not there although its release succeeded.
pub(crate) async fn missing(
    run: &Run,
    service: &Service,
    story: &Story,
    wanted: &Wanted<'_>,
) -> Vec<Violation> {
    let Some(file) = story.file.as_ref().filter(|_| !story.deployed) else {
        return Vec::new();
    };
    let live = live(run, service).await;
    let mut missing = images(run, service, &live, wanted).await;
    missing.extend(answers(run, service, file).await);
    if !file["capacity"].is_null() {
        missing.extend(capacity(run, service, &live).await);
    }
    if service.adopted {
        let revision = live["taskDefinition"].as_str().unwrap_or_default();
        if !owner::is_of_owner(&run.cloud, service, revision, story.owners.len()).await {
            missing.push(format!("runs {revision}, which its owner did not describe"));
        }
    }
    let violation = |text| Violation::new(2, &service.id, text);
    missing.into_iter().map(violation).collect()
}

/// Each followed container of the revision runs its newest image.
async fn images(run: &Run, service: &Service, live: &Value, wanted: &Wanted<'_>) -> Vec<String> {
    let input = json!({ "taskDefinition": live["taskDefinition"] });
    let answer = run.cloud.ecs.call("DescribeTaskDefinition", input).await;
    let answer = answer.unwrap_or_default();
    let containers = answer["taskDefinition"]["containerDefinitions"].as_array();
    let runs: BTreeMap<_, _> = containers
        .into_iter()
        .flatten()
        .filter_map(|container| Some((container["name"].as_str()?, container["image"].as_str()?)))
        .collect();
    let has = |container: &str| runs.get(container).copied().unwrap_or_default();
    let mut missing = Vec::new();
    for (container, push) in &wanted.images {
        if !has(container).ends_with(&push.digest) {
            missing.push(format!(
                "runs {} in {container}, and should run {}",
                has(container),
                push.tag
            ));
        }
    }
    let expected = if service.sidecar.is_some() {
        vec![SIDECAR, WEB]
    } else {
        vec![WEB]
    };
    if runs.keys().copied().collect::<Vec<_>>() != expected {
        missing.push(format!("has the containers {:?}", runs.keys()));
    }
    missing
}

/// With a listener rule in its file, the service answers requests.
async fn answers(run: &Run, service: &Service, file: &Value) -> Option<String> {
    if file["ingress"].is_null() {
        return None;
    }
    let answer = run.cloud.elb.answer(80, &service.host(), "/").await?;
    (answer.status() != 200).then(|| {
        let status = answer.status();
        format!("answers {status} to requests for {}", service.host())
    })
}

/// The capacity provider is the cluster's and the service's, and the log group has its retention.
async fn capacity(run: &Run, service: &Service, live: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    let provider = service.capacity_provider();
    let input = json!({ "clusters": [service.id.cluster()] });
    let answer = run.cloud.ecs.call("DescribeClusters", input).await;
    let cluster = answer.unwrap_or_default()["clusters"][0].take();
    let providers = cluster["capacityProviders"].as_array();
    if !providers.is_some_and(|providers| providers.contains(&json!(provider))) {
        missing.push(format!(
            "is in a cluster without the capacity provider {provider}"
        ));
    }
    if live["capacityProviderStrategy"][0]["capacityProvider"] != *provider {
        missing.push(format!(
            "has the strategy {}",
            live["capacityProviderStrategy"]
        ));
    }
    if cluster["settings"][0]["value"] != "enabled" {
        missing.push(format!("is in a cluster with {}", cluster["settings"]));
    }
    let input = json!({ "logGroupNamePrefix": service.log_group() });
    let answer = run.cloud.logs.call("DescribeLogGroups", input).await;
    let group = answer.unwrap_or_default()["logGroups"][0].take();
    if group["retentionInDays"] != RETENTION_DAYS {
        missing.push(format!("has the log group {group}"));
    }
    missing
}
