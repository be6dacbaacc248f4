//! What other services ask of ECS: Application Auto Scaling sets desired counts, Cloud Map wants to know which tasks are
//! registered.

use serde_json::{Map, Value, json};

use super::state::{LastStatus, ServiceStatus, State, Task};
use super::{Ecs, list, text};

impl Ecs {
    /// The desired count of a service that is there and active.
    pub fn desired_count(&self, cluster: &str, service: &str) -> Option<usize> {
        let state = self.inner.lock();
        let arn = active(&state, cluster, service)?;
        Some(state.services[&arn].desired_count)
    }

    /// Sets the desired count of a service, as `UpdateService` would.
    pub fn set_desired_count(&self, cluster: &str, service: &str, count: usize) {
        let mut state = self.inner.lock();
        let arn = active(&state, cluster, service);
        if let Some(service) = arn.and_then(|arn| state.services.get_mut(&arn)) {
            service.desired_count = count;
            service.steady = false;
        }
        drop(state);
        self.inner.look.notify_one();
    }

    /// The running tasks that are registered in the Cloud Map service with this ARN: their ids and their attributes
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html>).
    pub fn registered_in(&self, registry: &str) -> Vec<(String, Value)> {
        let state = self.inner.lock();
        let running = state
            .tasks
            .values()
            .filter(|task| task.last_status == LastStatus::Running);
        running
            .filter_map(|task| {
                let entry = registration(&state, task, registry)?;
                Some((task.id().to_owned(), self.attributes(task, &entry)))
            })
            .collect()
    }

    fn attributes(&self, task: &Task, entry: &Value) -> Value {
        let mut attributes = Map::new();
        let service = task.service.as_deref().unwrap_or_default();
        let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        let family = last(&task.task_definition);
        for (name, value) in [
            ("AWS_INSTANCE_IPV4", "127.0.0.1".to_owned()),
            ("AWS_INIT_HEALTH_STATUS", "HEALTHY".into()),
            ("AVAILABILITY_ZONE", format!("{}a", self.inner.world.region)),
            ("REGION", self.inner.world.region.clone()),
            ("ECS_CLUSTER_NAME", last(&task.cluster_arn)),
            ("ECS_SERVICE_NAME", last(service)),
            (
                "ECS_TASK_DEFINITION_FAMILY",
                family.split(':').next().unwrap_or_default().into(),
            ),
        ] {
            attributes.insert(name.into(), value.into());
        }
        let container = task
            .containers
            .iter()
            .find(|container| container.name == text(entry, "containerName"));
        let bindings = container.and_then(|container| container.fields.get("networkBindings"));
        let bindings = bindings.and_then(Value::as_array).into_iter().flatten();
        let port = bindings
            .filter(|binding| binding["containerPort"] == entry["containerPort"])
            .find_map(|binding| binding["hostPort"].as_u64())
            .or(entry["containerPort"].as_u64());
        if let Some(port) = port {
            attributes.insert("AWS_INSTANCE_PORT".into(), port.to_string().into());
        }
        json!(attributes)
    }
}

fn active(state: &State, cluster: &str, service: &str) -> Option<String> {
    let arn = state.service_arn(cluster, service)?;
    (state.services[&arn].status == ServiceStatus::Active).then_some(arn)
}

/// The member of `serviceRegistries` by which a task is registered: its own deployment's, not the service's newest.
fn registration(state: &State, task: &Task, registry: &str) -> Option<Value> {
    let service = state.services.get(task.service.as_ref()?)?;
    let deployment = service
        .deployments
        .iter()
        .find(|deployment| Some(&deployment.id) == task.deployment.as_ref())?;
    let revision = state.revisions.get(&deployment.revision)?;
    let fields = Value::Object(revision.fields.clone());
    let found = list(&fields, "serviceRegistries")
        .iter()
        .find(|entry| text(entry, "registryArn") == registry);
    found.cloned()
}
