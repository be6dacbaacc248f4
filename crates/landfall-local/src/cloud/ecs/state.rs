//! What ECS remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::hooks::Pauses;
use super::shift::Shift;
use crate::cloud::fault::Fault;

/// Stopped tasks can be described for this many seconds.
pub(super) const STOPPED_TASKS_KEPT: f64 = 3600.0;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) clusters: BTreeMap<String, Tagged>,
    pub(super) families: BTreeMap<String, Vec<Tagged>>,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) service_deployments: BTreeMap<String, ServiceDeployment>,
    pub(super) revisions: BTreeMap<String, Revision>,
    #[serde(default)]
    pub(super) capacity_providers: BTreeMap<String, Tagged>,
    #[serde(default)]
    pub(super) simulated_ports: u16,
}

/// A resource that is nothing but its fields.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tagged {
    pub(super) fields: Map<String, Value>,
    pub(super) tags: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) fields: Map<String, Value>,
    pub(super) tags: Vec<Value>,
    pub(super) client_token: Option<String>,
    pub(super) status: ServiceStatus,
    pub(super) desired_count: usize,
    /// The first one is PRIMARY.
    pub(super) deployments: Vec<Deployment>,
    pub(super) last_completed: Option<Deployment>,
    pub(super) events: Vec<Value>,
    pub(super) steady: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) revision: String,
    pub(super) service_deployment: String,
    pub(super) rollout: Rollout,
    pub(super) reason: String,
    pub(super) failed_tasks: usize,
    pub(super) impaired: bool,
    pub(super) retry_at: Option<f64>,
    pub(super) created_at: f64,
    pub(super) updated_at: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// What a deployment brings: everything whose change makes a new one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Revision {
    pub(super) arn: String,
    pub(super) service: String,
    pub(super) cluster_arn: String,
    pub(super) fields: Map<String, Value>,
    pub(super) container_images: Vec<Value>,
    /// For each load balancer the target group that was chosen, where there are two.
    #[serde(default)]
    pub(super) resolved: Vec<Value>,
    pub(super) created_at: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServiceDeployment {
    pub(super) arn: String,
    /// Orders the deployments of one moment.
    pub(super) number: usize,
    pub(super) service: String,
    pub(super) cluster_arn: String,
    pub(super) status: String,
    pub(super) status_reason: Option<String>,
    pub(super) target: String,
    pub(super) source: Option<String>,
    pub(super) configuration: Value,
    pub(super) rollback: Option<Value>,
    pub(super) breaker: Value,
    /// How its requests move, where there are two revisions side by side.
    #[serde(default)]
    pub(super) shift: Option<Shift>,
    /// Where it waited for somebody, or waits.
    #[serde(default)]
    pub(super) pauses: Pauses,
    pub(super) created_at: f64,
    pub(super) updated_at: f64,
    pub(super) finished_at: Option<f64>,
    pub(super) stopped_at: Option<f64>,
}

impl ServiceDeployment {
    /// Whether it still changes something.
    pub(super) fn is_running(&self) -> bool {
        matches!(
            self.status.as_str(),
            "PENDING" | "IN_PROGRESS" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS"
        )
    }
}

/// A task's `lastStatus`, in the order of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum LastStatus {
    Provisioning,
    Pending,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) arn: String,
    pub(super) cluster_arn: String,
    pub(super) service: Option<String>,
    pub(super) deployment: Option<String>,
    pub(super) client_token: Option<String>,
    pub(super) task_definition: String,
    pub(super) fields: Map<String, Value>,
    pub(super) tags: Vec<Value>,
    pub(super) last_status: LastStatus,
    pub(super) desired_status: String,
    pub(super) containers: Vec<Container>,
    pub(super) moments: BTreeMap<String, f64>,
    pub(super) stop_code: Option<String>,
    pub(super) stopped_reason: Option<String>,
    pub(super) targets: Vec<TargetReference>,
    pub(super) version: u64,
    /// It stopped for a reason of its own, which its deployment has yet to count.
    pub(super) failed: bool,
    /// It has been up at least once.
    pub(super) proven: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TargetReference {
    pub(super) group: String,
    pub(super) id: String,
    pub(super) port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) fields: Map<String, Value>,
    pub(super) name: String,
    pub(super) essential: bool,
    pub(super) health: ContainerHealth,
    pub(super) exited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ContainerHealth {
    /// The container has no health check.
    None,
    Unknown,
    Healthy,
    Unhealthy,
}

impl ContainerHealth {
    fn name(self) -> &'static str {
        match self {
            Self::None | Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

impl Task {
    /// The last part of the ARN.
    pub(super) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.last_status == LastStatus::Stopped
    }

    /// Ends the task without its processes' help.
    pub(super) fn lost(&mut self, reason: &str, now: f64) {
        self.desired_status = "STOPPED".into();
        self.last_status = LastStatus::Stopped;
        self.stop_code
            .get_or_insert_with(|| "TerminationNotice".into());
        self.stopped_reason.get_or_insert_with(|| reason.into());
        self.moments.insert("stoppedAt".into(), now);
        for container in &mut self.containers {
            container
                .fields
                .insert("lastStatus".into(), "STOPPED".into());
        }
        self.version += 1;
    }

    /// The task as DescribeTasks and the task state change event show it.
    pub(super) fn described(&self) -> Value {
        let mut fields = self.fields.clone();
        let watched = self
            .containers
            .iter()
            .filter(|c| c.essential && c.health != ContainerHealth::None);
        let health = watched
            .map(|container| container.health)
            .reduce(|worst, next| match (worst, next) {
                (ContainerHealth::Unhealthy, _) | (_, ContainerHealth::Unhealthy) => {
                    ContainerHealth::Unhealthy
                }
                (ContainerHealth::Unknown, _) | (_, ContainerHealth::Unknown) => {
                    ContainerHealth::Unknown
                }
                _ => ContainerHealth::Healthy,
            });
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|container| {
                let mut fields = container.fields.clone();
                fields.insert("healthStatus".into(), container.health.name().into());
                fields.into()
            })
            .collect();
        for (name, value) in [
            ("taskArn", json!(self.arn)),
            ("clusterArn", json!(self.cluster_arn)),
            ("taskDefinitionArn", json!(self.task_definition)),
            ("lastStatus", json!(self.last_status)),
            ("desiredStatus", json!(self.desired_status)),
            (
                "healthStatus",
                json!(health.unwrap_or(ContainerHealth::None).name()),
            ),
            ("containers", json!(containers)),
            ("version", json!(self.version)),
        ] {
            fields.insert(name.into(), value);
        }
        fields.extend(
            self.moments
                .iter()
                .map(|(name, moment)| (name.clone(), json!(moment))),
        );
        for (name, value) in [
            ("stopCode", &self.stop_code),
            ("stoppedReason", &self.stopped_reason),
        ] {
            if let Some(value) = value {
                fields.insert(name.into(), json!(value));
            }
        }
        fields.into()
    }
}

impl Service {
    pub(super) fn cluster_arn(&self) -> String {
        let (prefix, _) = self.arn.split_once(":service/").unwrap_or_default();
        format!("{prefix}:cluster/{}", self.cluster)
    }

    pub(super) fn deployment_configuration(&self) -> Value {
        let configuration = self.fields.get("deploymentConfiguration");
        configuration.cloned().unwrap_or_default()
    }
}

impl State {
    /// The active cluster that a name or ARN means; nothing means `default`.
    pub(super) fn cluster(&self, input: &Value) -> Result<(String, String), Fault> {
        let wanted = input
            .get("cluster")
            .and_then(Value::as_str)
            .unwrap_or("default");
        let name = wanted.rsplit('/').next().unwrap_or(wanted);
        let cluster = self
            .clusters
            .get(name)
            .filter(|cluster| cluster.fields["status"] == "ACTIVE")
            .ok_or_else(|| Fault::client("ClusterNotFoundException", "Cluster not found."))?;
        Ok((
            name.to_owned(),
            cluster.fields["clusterArn"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ))
    }

    /// The service that a name or ARN means in `cluster`.
    pub(super) fn service_arn(&self, cluster: &str, wanted: &str) -> Option<String> {
        let name = wanted.rsplit('/').next().unwrap_or(wanted);
        self.services
            .values()
            .find(|s| s.cluster == cluster && s.name == name)
            .map(|s| s.arn.clone())
    }

    /// The task definition that `family`, `family:revision` or an ARN means. A family alone means its newest active one.
    pub(super) fn task_definition(&self, wanted: &str) -> Option<&Tagged> {
        let short = wanted.rsplit('/').next().unwrap_or(wanted);
        match short.split_once(':') {
            Some((family, revision)) => {
                let revision: u64 = revision.parse().ok()?;
                self.families
                    .get(family)?
                    .iter()
                    .find(|definition| definition.fields["revision"] == revision)
            }
            None => self
                .families
                .get(short)?
                .iter()
                .rev()
                .find(|definition| definition.fields["status"] == "ACTIVE"),
        }
    }

    /// The tags of any resource by its ARN.
    pub(super) fn tags_mut(&mut self, arn: &str) -> Result<&mut Vec<Value>, Fault> {
        let mut resources = self
            .clusters
            .values_mut()
            .chain(self.families.values_mut().flatten())
            .filter(|resource| resource.fields.values().take(2).any(|value| value == arn))
            .map(|resource| &mut resource.tags)
            .chain(
                self.services
                    .values_mut()
                    .filter(|service| service.arn == arn)
                    .map(|service| &mut service.tags),
            )
            .chain(
                self.tasks
                    .values_mut()
                    .filter(|task| task.arn == arn)
                    .map(|task| &mut task.tags),
            );
        resources.next().ok_or_else(|| {
            super::invalid(format!(
                "The specified resource could not be found: '{arn}'. Check the ARN and try again."
            ))
        })
    }

    pub(super) fn tasks_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks
            .values()
            .filter(move |task| task.service.as_deref() == Some(service))
    }

    /// Forgets tasks that stopped over an hour ago.
    pub(super) fn expire(&mut self, now: f64) {
        self.tasks.retain(|_, task| {
            !task.is_stopped()
                || task
                    .moments
                    .get("stoppedAt")
                    .is_none_or(|stopped| now - stopped < STOPPED_TASKS_KEPT)
        });
    }
}
