//! Tasks: listed, described, run and stopped on request.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::state::{Container, ContainerHealth, LastStatus, State, Task};
use super::{Ecs, Inner, at_most, invalid, list, page, strings, text};
use crate::cloud::fault::Fault;

/// The filters of `ListTasks` besides `startedBy`: "When you specify startedBy as the filter, it must be the only filter that
/// you use" (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html>). The answer to anything else:
/// <https://github.com/aws/aws-sdk-go-v2/issues/1893>.
const OTHER_FILTERS: [&str; 5] = [
    "containerInstance",
    "desiredStatus",
    "family",
    "launchType",
    "serviceName",
];
/// The most tasks that one call describes; the message is ECS's (<https://github.com/sil-org/ecs-deploy/issues/266>).
const DESCRIBED_AT_ONCE: usize = 100;

impl Ecs {
    pub(super) fn list_tasks(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        state.expire(self.inner.world.epoch_seconds());
        let (cluster, cluster_arn) = state.cluster(input)?;
        let is_given = |member: &&str| !text(input, member).is_empty();
        if is_given(&"startedBy") && OTHER_FILTERS.iter().any(is_given) {
            return Err(invalid("cannot specify startedBy with other arguments"));
        }
        let wanted = Some(text(input, "desiredStatus"))
            .filter(|status| !status.is_empty())
            .unwrap_or("RUNNING");
        let service = match text(input, "serviceName") {
            "" => None,
            name => Some(
                state
                    .service_arn(&cluster, name)
                    .ok_or_else(super::services::no_service)?,
            ),
        };
        let family = text(input, "family");
        let matches = |task: &Task, member: &str| {
            let wanted = text(input, member);
            wanted.is_empty() || task.fields.get(member).is_some_and(|value| value == wanted)
        };
        let arns = state
            .tasks
            .values()
            .filter(|task| task.cluster_arn == cluster_arn && task.desired_status == wanted)
            .filter(|task| self.inner.is_shown(task))
            .filter(|task| service.is_none() || task.service == service)
            .filter(|task| {
                family.is_empty() || task.task_definition.contains(&format!("/{family}:"))
            })
            .filter(|task| matches(task, "startedBy") && matches(task, "launchType"))
            .map(|task| task.arn.clone().into())
            .collect();
        Ok(page(input, "taskArns", arns, 100))
    }

    pub(super) fn describe_tasks(&self, input: &Value) -> Result<Value, Fault> {
        let tags = strings(input, "include").contains(&"TAGS");
        let mut state = self.inner.lock();
        state.expire(self.inner.world.epoch_seconds());
        let (cluster, cluster_arn) = state.cluster(input)?;
        let wanted = strings(input, "tasks");
        if wanted.is_empty() {
            return Err(invalid("Tasks cannot be empty."));
        }
        at_most(DESCRIBED_AT_ONCE, &wanted, "taskIds")?;
        let (mut tasks, mut failures) = (vec![], vec![]);
        for reference in wanted {
            let found = find(&state, &cluster_arn, reference);
            match found.filter(|task| self.inner.is_shown(task)) {
                Some(task) => {
                    let mut described = task.described();
                    if tags {
                        described["tags"] = json!(task.tags);
                    }
                    tasks.push(described);
                }
                None => {
                    let id = reference.rsplit('/').next().unwrap_or(reference);
                    let arn = self.inner.world.arn("ecs", &format!("task/{cluster}/{id}"));
                    failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                }
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    pub(super) fn stop_task(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.inner.lock();
        let (_, cluster_arn) = state.cluster(input)?;
        let arn = find(&state, &cluster_arn, text(input, "task")).map(|task| task.arn.clone());
        let task = arn
            .and_then(|arn| state.tasks.get_mut(&arn))
            .ok_or_else(|| invalid("The referenced task was not found."))?;
        let reason = Some(text(input, "reason"))
            .filter(|reason| !reason.is_empty())
            .unwrap_or("Task stopped by user");
        self.inner.stop(task, "UserInitiated", reason);
        let answer = json!({ "task": task.described() });
        drop(state);
        self.inner.look.notify_one();
        Ok(answer)
    }

    pub(super) fn run_task(&self, input: &Value) -> Result<Value, Fault> {
        let inner = &self.inner;
        let mut state = inner.lock();
        let (cluster, cluster_arn) = state.cluster(input)?;
        let token = input.get("clientToken").and_then(Value::as_str);
        if let Some(token) = token {
            let known: Vec<&Task> = state
                .tasks
                .values()
                .filter(|task| {
                    task.cluster_arn == cluster_arn && task.client_token.as_deref() == Some(token)
                })
                .collect();
            if let Some(first) = known.first() {
                if !asks_for(&state, input, first) {
                    let message = "The provided clientToken is already in use with a different RunTask request.";
                    return Err(Fault::client("ConflictException", message));
                }
                let known: Vec<Value> = known.into_iter().map(Task::described).collect();
                return Ok(json!({ "tasks": known, "failures": [] }));
            }
        }
        let definition = state
            .task_definition(text(input, "taskDefinition"))
            .filter(|definition| definition.fields["status"] == "ACTIVE")
            .ok_or_else(|| Fault::client("ClientException", "TaskDefinition not found."))?;
        let definition = definition.fields.clone();
        let count = input.get("count").and_then(Value::as_u64).unwrap_or(1);
        if !(1..=10).contains(&count) {
            return Err(invalid("Count must be between 1 and 10."));
        }
        if let Some(reason) = inner.places_none() {
            return Ok(json!({ "tasks": [], "failures": [{ "reason": reason }] }));
        }
        let family = text(&Value::from(definition.clone()), "family").to_owned();
        let mut requested = Map::new();
        for member in [
            "launchType",
            "platformVersion",
            "startedBy",
            "enableExecuteCommand",
            "overrides",
            "group",
        ] {
            if let Some(value) = input.get(member) {
                requested.insert(member.into(), value.clone());
            }
        }
        requested
            .entry("group")
            .or_insert_with(|| format!("family:{family}").into());
        let mut started = vec![];
        for _ in 0..count {
            let mut task = inner.new_task(&cluster, &cluster_arn, &definition, requested.clone());
            task.tags = list(input, "tags").to_vec();
            task.client_token = token.map(str::to_owned);
            inner.announce_task(&task);
            started.push(task.arn.clone());
            state.tasks.insert(task.arn.clone(), task);
        }
        let tasks: Vec<Value> = started
            .iter()
            .map(|arn| state.tasks[arn].described())
            .collect();
        drop(state);
        for arn in &started {
            self.begin_task(arn);
        }
        Ok(json!({ "tasks": tasks, "failures": [] }))
    }
}

impl Inner {
    /// Whether reads know a task yet: "The Amazon ECS API follows an eventual consistency model"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>).
    fn is_shown(&self, task: &Task) -> bool {
        let created = task.moments.get("createdAt").copied().unwrap_or_default();
        let age = self.world.epoch_seconds() - created;
        task.service.is_some() || age >= self.settings.task_lag.as_secs_f64()
    }

    /// Another task of the service's PRIMARY deployment, not started yet.
    pub(super) fn service_task(&self, state: &State, service: &str) -> Option<Task> {
        let service = state.services.get(service)?;
        let primary = service.deployments.first()?;
        let revision = state.revisions.get(&primary.revision)?;
        let definition = &state
            .task_definition(revision.fields.get("taskDefinition")?.as_str()?)?
            .fields;
        let mut requested = Map::new();
        for member in ["launchType", "platformVersion", "enableExecuteCommand"] {
            if let Some(value) = revision.fields.get(member) {
                requested.insert(member.into(), value.clone());
            }
        }
        requested.insert("group".into(), format!("service:{}", service.name).into());
        requested.insert("startedBy".into(), primary.id.clone().into());
        let mut task = self.new_task(
            &service.cluster,
            &service.cluster_arn(),
            definition,
            requested,
        );
        task.service = Some(service.arn.clone());
        task.deployment = Some(primary.id.clone());
        match service.fields.get("propagateTags").and_then(Value::as_str) {
            Some("SERVICE") => task.tags.clone_from(&service.tags),
            Some("TASK_DEFINITION") => {
                let arn = definition["taskDefinitionArn"].as_str().unwrap_or_default();
                task.tags = state
                    .task_definition(arn)
                    .map(|definition| definition.tags.clone())
                    .unwrap_or_default();
            }
            _ => {}
        }
        Some(task)
    }

    fn new_task(
        &self,
        cluster: &str,
        cluster_arn: &str,
        definition: &Map<String, Value>,
        requested: Map<String, Value>,
    ) -> Task {
        let id = self.world.hex(32);
        let arn = self.world.arn("ecs", &format!("task/{cluster}/{id}"));
        let mut fields = Map::new();
        for member in ["cpu", "memory", "ephemeralStorage"] {
            if let Some(value) = definition.get(member) {
                fields.insert(member.into(), value.clone());
            }
        }
        for (member, default) in [
            ("attachments", json!([])),
            (
                "attributes",
                json!([{ "name": "ecs.cpu-architecture", "value": "x86_64" }]),
            ),
            ("availabilityZone", json!(format!("{}a", self.world.region))),
            ("enableExecuteCommand", json!(false)),
            ("launchType", json!("EC2")),
            (
                "overrides",
                json!({ "containerOverrides": [], "inferenceAcceleratorOverrides": [] }),
            ),
            ("tags", json!([])),
        ] {
            fields.insert(member.into(), default);
        }
        fields.extend(requested);
        if fields["launchType"] == "FARGATE" {
            fields.insert("platformVersion".into(), "1.4.0".into());
            fields.insert("platformFamily".into(), "Linux".into());
        }
        let containers = definition["containerDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| {
                let mut fields = Map::new();
                let container_arn = self.world.arn(
                    "ecs",
                    &format!("container/{cluster}/{id}/{}", self.world.uuid()),
                );
                for (member, value) in [
                    ("containerArn", json!(container_arn)),
                    ("taskArn", json!(arn)),
                    ("name", container["name"].clone()),
                    ("image", container["image"].clone()),
                    ("lastStatus", json!("PENDING")),
                    ("networkBindings", json!([])),
                    ("networkInterfaces", json!([])),
                    (
                        "cpu",
                        json!(container["cpu"].as_u64().unwrap_or(0).to_string()),
                    ),
                ] {
                    fields.insert(member.into(), value);
                }
                for member in ["memory", "memoryReservation"] {
                    if let Some(size) = container[member].as_u64() {
                        fields.insert(member.into(), size.to_string().into());
                    }
                }
                let watched = strings(&container["healthCheck"], "command")
                    .first()
                    .is_some_and(|first| *first != "NONE");
                Container {
                    fields,
                    name: text(container, "name").into(),
                    essential: container["essential"].as_bool().unwrap_or(true),
                    health: if watched {
                        ContainerHealth::Unknown
                    } else {
                        ContainerHealth::None
                    },
                    exited: false,
                }
            })
            .collect();
        Task {
            arn,
            cluster_arn: cluster_arn.into(),
            service: None,
            deployment: None,
            client_token: None,
            task_definition: definition["taskDefinitionArn"]
                .as_str()
                .unwrap_or_default()
                .into(),
            fields,
            tags: vec![],
            last_status: LastStatus::Provisioning,
            desired_status: "RUNNING".into(),
            containers,
            moments: BTreeMap::from([("createdAt".into(), self.world.epoch_seconds())]),
            stop_code: None,
            stopped_reason: None,
            targets: vec![],
            version: 1,
            failed: false,
            proven: false,
        }
    }
}

/// Whether a request with the token of `task` is the request that started it.
fn asks_for(state: &State, input: &Value, task: &Task) -> bool {
    let same_definition = state
        .task_definition(text(input, "taskDefinition"))
        .is_some_and(|definition| definition.fields["taskDefinitionArn"] == *task.task_definition);
    let same = |member: &str| {
        input
            .get(member)
            .is_none_or(|value| task.fields.get(member) == Some(value))
    };
    same_definition && same("startedBy") && same("overrides")
}

fn find<'a>(state: &'a State, cluster_arn: &str, reference: &str) -> Option<&'a Task> {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    state
        .tasks
        .values()
        .find(|task| task.cluster_arn == cluster_arn && task.id() == id)
}
