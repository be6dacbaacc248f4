//! Service deployments and revisions: what is true about a rollout.

use serde_json::{Map, Value, json};

use super::state::{LastStatus, ServiceDeployment, State};
use super::{Ecs, page, strings, text};
use crate::cloud::fault::Fault;

impl Ecs {
    /// The newest first.
    pub(super) fn list_service_deployments(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let arn = state
            .service_arn(&cluster, text(input, "service"))
            .ok_or_else(super::services::no_service)?;
        let statuses = strings(input, "status");
        let created = |member: &str| input["createdAt"][member].as_f64();
        let (after, before) = (created("after"), created("before"));
        let mut found: Vec<&ServiceDeployment> = state
            .service_deployments
            .values()
            .filter(|deployment| deployment.service == arn)
            .filter(|deployment| {
                statuses.is_empty() || statuses.contains(&deployment.status.as_str())
            })
            .filter(|deployment| after.is_none_or(|moment| deployment.created_at >= moment))
            .filter(|deployment| before.is_none_or(|moment| deployment.created_at <= moment))
            .collect();
        found.sort_by(|one, other| {
            let newest = other
                .created_at
                .partial_cmp(&one.created_at)
                .unwrap_or(std::cmp::Ordering::Equal);
            newest.then_with(|| other.number.cmp(&one.number))
        });
        let briefs = found
            .into_iter()
            .map(|deployment| {
                let mut brief = shared(deployment);
                brief.insert(
                    "targetServiceRevisionArn".into(),
                    deployment.target.clone().into(),
                );
                brief.into()
            })
            .collect();
        Ok(page(input, "serviceDeployments", briefs, 20))
    }

    pub(super) fn describe_service_deployments(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let (mut found, mut failures) = (vec![], vec![]);
        for arn in strings(input, "serviceDeploymentArns") {
            match state.service_deployments.get(arn) {
                Some(deployment) => found.push(described(&state, deployment)),
                None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
            }
        }
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    }

    pub(super) fn describe_service_revisions(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let (mut found, mut failures) = (vec![], vec![]);
        for arn in strings(input, "serviceRevisionArns") {
            let Some(revision) = state.revisions.get(arn) else {
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                continue;
            };
            let mut fields = revision.fields.clone();
            fields.remove("enableExecuteCommand");
            for (name, value) in [
                ("serviceRevisionArn", json!(revision.arn)),
                ("serviceArn", json!(revision.service)),
                ("clusterArn", json!(revision.cluster_arn)),
                ("containerImages", json!(revision.container_images)),
                ("guardDutyEnabled", json!(false)),
                ("createdAt", json!(revision.created_at)),
            ] {
                fields.insert(name.into(), value);
            }
            if !revision.resolved.is_empty() {
                let resolved = json!({ "loadBalancers": revision.resolved });
                fields.insert("resolvedConfiguration".into(), resolved);
            }
            found.push(Value::from(fields));
        }
        Ok(json!({ "serviceRevisions": found, "failures": failures }))
    }

    /// Rolls the service back to its last completed deployment; ABORT is not played.
    pub(super) fn stop_service_deployment(&self, input: &Value) -> Result<Value, Fault> {
        let arn = text(input, "serviceDeploymentArn");
        if text(input, "stopType") == "ABORT" {
            return Err(Fault::client(
                "UnsupportedFeatureException",
                "The embedded cloud does not play the stop type ABORT: use ROLLBACK here.",
            ));
        }
        let mut state = self.inner.lock();
        let deployment = state.service_deployments.get(arn).ok_or_else(|| {
            Fault::client(
                "ServiceDeploymentNotFoundException",
                format!("Service deployment not found: {arn}"),
            )
        })?;
        if !matches!(deployment.status.as_str(), "PENDING" | "IN_PROGRESS") {
            return Err(Fault::client(
                "ConflictException",
                format!(
                    "Cannot stop service deployment {arn} because it is in status {}.",
                    deployment.status
                ),
            ));
        }
        let service = deployment.service.clone();
        if state
            .services
            .get(&service)
            .is_none_or(|service| service.last_completed.is_none())
        {
            return Err(Fault::client(
                "ClientException",
                format!(
                    "Cannot roll back service deployment {arn} because no earlier one has completed."
                ),
            ));
        }
        self.inner.decline(
            &mut state,
            &service,
            "Service deployment rolled back because of a stop request.",
        );
        Ok(json!({ "serviceDeploymentArn": arn }))
    }
}

/// What the brief and the full description share.
fn shared(deployment: &ServiceDeployment) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in [
        ("serviceDeploymentArn", json!(deployment.arn)),
        ("serviceArn", json!(deployment.service)),
        ("clusterArn", json!(deployment.cluster_arn)),
        ("createdAt", json!(deployment.created_at)),
        ("startedAt", json!(deployment.created_at)),
        ("finishedAt", json!(deployment.finished_at)),
        ("status", json!(deployment.status)),
        ("statusReason", json!(deployment.status_reason)),
    ] {
        if !value.is_null() {
            fields.insert(name.into(), value);
        }
    }
    fields
}

fn described(state: &State, deployment: &ServiceDeployment) -> Value {
    let summary = |revision: &str, requested: usize| {
        let service = state.services.get(&deployment.service);
        let ids: Vec<&str> = service
            .map(|service| service.deployments.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|known| known.revision == revision)
            .map(|known| known.id.as_str())
            .collect();
        let count = |pending: bool| {
            state
                .tasks_of(&deployment.service)
                .filter(|task| {
                    task.deployment
                        .as_deref()
                        .is_some_and(|id| ids.contains(&id))
                })
                .filter(|task| {
                    if pending {
                        task.last_status < LastStatus::Running && task.desired_status == "RUNNING"
                    } else {
                        matches!(
                            task.last_status,
                            LastStatus::Running | LastStatus::Deactivating
                        )
                    }
                })
                .count()
        };
        json!({
            "arn": revision,
            "requestedTaskCount": requested,
            "runningTaskCount": count(false),
            "pendingTaskCount": count(true),
        })
    };
    let desired = state
        .services
        .get(&deployment.service)
        .map_or(0, |service| service.desired_count);
    let rolling_back = deployment.rollback.is_some();
    let mut fields = shared(deployment);
    let mut source: Vec<Value> = deployment
        .source
        .iter()
        .map(|source| summary(source, if rolling_back { desired } else { 0 }))
        .collect();
    let mut target = summary(&deployment.target, if rolling_back { 0 } else { desired });
    let shift = deployment.shift.as_ref();
    if let Some(shift) = shift {
        // On the way back it is the source that gets the requests.
        let percent = if rolling_back {
            100.0 - shift.percent()
        } else {
            shift.percent()
        };
        target["requestedProductionTrafficWeight"] = json!(percent);
        for source in &mut source {
            source["requestedProductionTrafficWeight"] = json!(100.0 - percent);
        }
    }
    let running = deployment.status == "IN_PROGRESS";
    let paused = deployment.pauses.stage().filter(|_| running);
    let stage = shift.map(|shift| shift.stage).or(paused);
    for (name, value) in [
        ("updatedAt", json!(deployment.updated_at)),
        ("stoppedAt", json!(deployment.stopped_at)),
        ("sourceServiceRevisions", json!(source)),
        ("targetServiceRevision", target),
        ("deploymentConfiguration", deployment.configuration.clone()),
        ("rollback", json!(deployment.rollback)),
        ("deploymentCircuitBreaker", deployment.breaker.clone()),
        ("lifecycleStage", json!(stage)),
        (
            "lifecycleHookDetails",
            match deployment.pauses.described() {
                none if none.is_empty() => Value::Null,
                reached => reached.into(),
            },
        ),
    ] {
        if !value.is_null() {
            fields.insert(name.into(), value);
        }
    }
    fields.into()
}
