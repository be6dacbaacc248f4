//! How DescribeServices shows a service.

use serde_json::{Map, Value, json};

use super::state::{LastStatus, Rollout, Service, ServiceStatus, State};

/// The service as DescribeServices shows it.
pub(super) fn described(state: &State, service: &Service, tags: bool) -> Value {
    let count = |deployment: Option<&str>, running: bool| {
        state
            .tasks_of(&service.arn)
            .filter(|task| deployment.is_none_or(|id| task.deployment.as_deref() == Some(id)))
            .filter(|task| {
                if running {
                    matches!(
                        task.last_status,
                        LastStatus::Running | LastStatus::Deactivating
                    )
                } else {
                    task.last_status < LastStatus::Running && task.desired_status == "RUNNING"
                }
            })
            .count()
    };
    let inactive = service.status == ServiceStatus::Inactive;
    let deployments: Vec<Value> = service
        .deployments
        .iter()
        .enumerate()
        .filter(|_| !inactive)
        .map(|(position, deployment)| {
            let primary = position == 0;
            let revision = state.revisions.get(&deployment.revision);
            let mut fields: Map<String, Value> = revision
                .map(|revision| revision.fields.clone())
                .unwrap_or_default()
                .into_iter()
                .filter(|(name, _)| {
                    !matches!(
                        name.as_str(),
                        "loadBalancers"
                            | "serviceRegistries"
                            | "enableExecuteCommand"
                            | "gatewayConnectors"
                            | "monitoring"
                    )
                })
                .collect();
            let desired = if primary && deployment.rollout != Rollout::Failed {
                service.desired_count
            } else {
                0
            };
            for (name, value) in [
                ("id", json!(deployment.id)),
                ("status", json!(if primary { "PRIMARY" } else { "ACTIVE" })),
                ("desiredCount", json!(desired)),
                ("pendingCount", json!(count(Some(&deployment.id), false))),
                ("runningCount", json!(count(Some(&deployment.id), true))),
                ("failedTasks", json!(deployment.failed_tasks)),
                ("createdAt", json!(deployment.created_at)),
                ("updatedAt", json!(deployment.updated_at)),
                ("rolloutState", json!(deployment.rollout)),
                ("rolloutStateReason", json!(deployment.reason)),
            ] {
                fields.insert(name.into(), value);
            }
            fields.into()
        })
        .collect();
    let mut fields = service.fields.clone();
    for (name, value) in [
        ("serviceArn", json!(service.arn)),
        ("serviceName", json!(service.name)),
        ("clusterArn", json!(service.cluster_arn())),
        ("status", json!(service.status)),
        ("desiredCount", json!(service.desired_count)),
        ("runningCount", json!(count(None, true))),
        ("pendingCount", json!(count(None, false))),
        ("deployments", json!(deployments)),
        ("events", json!(service.events)),
    ] {
        fields.insert(name.into(), value);
    }
    if let Some(primary) = service.deployments.first().filter(|_| !inactive) {
        let running = state
            .service_deployments
            .get(&primary.service_deployment)
            .is_some_and(|d| d.is_running());
        if running {
            fields.insert(
                "currentServiceDeployment".into(),
                primary.service_deployment.clone().into(),
            );
        }
        let revisions: Vec<Value> = service
            .deployments
            .iter()
            .enumerate()
            .map(|(position, deployment)| {
                json!({
                    "arn": deployment.revision,
                    "requestedTaskCount": if position == 0 { service.desired_count } else { 0 },
                    "runningTaskCount": count(Some(&deployment.id), true),
                    "pendingTaskCount": count(Some(&deployment.id), false),
                })
            })
            .collect();
        fields.insert("currentServiceRevisions".into(), revisions.into());
    }
    if tags {
        fields.insert("tags".into(), json!(service.tags));
    }
    fields.into()
}
