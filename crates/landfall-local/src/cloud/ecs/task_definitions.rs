//! Task definitions: immutable, numbered revisions of a family.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::state::Tagged;
use super::{Ecs, list, page, strings, text};
use crate::cloud::fault::Fault;

/// The members for a task's size, and the unit that each may be written with.
const SIZES: [(&str, &str); 2] = [("cpu", "vcpu"), ("memory", "gb")];

/// Members of a container definition that are kept and returned, but change nothing about how the container runs here.
const NOT_PLAYED: [&str; 6] = [
    "dependsOn",
    "environmentFiles",
    "mountPoints",
    "restartPolicy",
    "secrets",
    "volumesFrom",
];

impl Ecs {
    pub(super) fn register_task_definition(&self, input: &Value) -> Result<Value, Fault> {
        valid(input)?;
        let family = text(input, "family");
        let world = &self.inner.world;
        let mut state = self.inner.lock();
        let revisions = state.families.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        let mut fields = Map::new();
        let arn = world.arn("ecs", &format!("task-definition/{family}:{revision}"));
        fields.insert("taskDefinitionArn".into(), arn.into());
        for (member, value) in input.as_object().into_iter().flatten() {
            if member != "tags" {
                fields.insert(member.clone(), value.clone());
            }
        }
        let containers: Vec<Value> = list(input, "containerDefinitions")
            .iter()
            .map(with_defaults)
            .collect();
        let fargate = strings(input, "requiresCompatibilities").contains(&"FARGATE");
        let compatibilities = if text(input, "networkMode") == "awsvpc" && fargate {
            json!(["EC2", "FARGATE"])
        } else {
            json!(["EC2"])
        };
        fields.insert("containerDefinitions".into(), containers.into());
        for (member, unit) in SIZES {
            if let Some(size) = units(text(input, member), unit) {
                fields.insert(member.into(), size.to_string().into());
            }
        }
        fields.insert("revision".into(), revision.into());
        fields.insert("status".into(), "ACTIVE".into());
        fields.insert("compatibilities".into(), compatibilities);
        fields.insert("registeredAt".into(), world.epoch_seconds().into());
        fields.insert(
            "registeredBy".into(),
            format!("arn:aws:iam::{}:root", world.account).into(),
        );
        for member in ["volumes", "placementConstraints"] {
            fields.entry(member).or_insert_with(|| json!([]));
        }
        for container in list(input, "containerDefinitions") {
            for member in NOT_PLAYED
                .into_iter()
                .filter(|member| container.get(*member).is_some_and(is_set))
            {
                let container = text(container, "name");
                tracing::warn!(
                    family,
                    container,
                    member,
                    "the embedded cloud keeps this member but does not play it"
                );
            }
        }
        let tags = list(input, "tags").to_vec();
        revisions.push(Tagged {
            fields: fields.clone(),
            tags: tags.clone(),
        });
        Ok(json!({ "taskDefinition": fields, "tags": tags }))
    }

    /// Tasks and services that run the revision go on; nothing more is given it
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html>).
    pub(super) fn deregister_task_definition(&self, input: &Value) -> Result<Value, Fault> {
        let wanted = text(input, "taskDefinition");
        let mut state = self.inner.lock();
        let arn = state
            .task_definition(wanted)
            .filter(|_| wanted.contains(':'))
            .and_then(|definition| definition.fields["taskDefinitionArn"].as_str())
            .map(str::to_owned);
        let mut revisions = state.families.values_mut().flatten();
        let definition = revisions
            .find(|definition| definition.fields["taskDefinitionArn"].as_str() == arn.as_deref());
        let definition = definition.ok_or_else(|| {
            let message = "The specified task definition does not exist.";
            Fault::client("ClientException", message)
        })?;
        let now = self.inner.world.epoch_seconds();
        definition.fields.insert("status".into(), "INACTIVE".into());
        definition
            .fields
            .insert("deregisteredAt".into(), now.into());
        Ok(json!({ "taskDefinition": definition.fields }))
    }

    pub(super) fn describe_task_definition(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let definition = state
            .task_definition(text(input, "taskDefinition"))
            .ok_or_else(|| {
                Fault::client("ClientException", "Unable to describe task definition.")
            })?;
        let tags = strings(input, "include").contains(&"TAGS");
        let tags = if tags {
            definition.tags.clone()
        } else {
            vec![]
        };
        Ok(json!({ "taskDefinition": definition.fields, "tags": tags }))
    }

    pub(super) fn list_task_definitions(&self, input: &Value) -> Result<Value, Fault> {
        let status = Some(text(input, "status"))
            .filter(|status| !status.is_empty())
            .unwrap_or("ACTIVE");
        let family = text(input, "familyPrefix");
        let state = self.inner.lock();
        let mut arns: Vec<Value> = state
            .families
            .iter()
            .filter(|(name, _)| family.is_empty() || *name == family)
            .flat_map(|(_, revisions)| revisions)
            .filter(|definition| definition.fields["status"] == status)
            .map(|definition| definition.fields["taskDefinitionArn"].clone())
            .collect();
        if text(input, "sort") == "DESC" {
            arns.reverse();
        }
        Ok(page(input, "taskDefinitionArns", arns, 100))
    }
}

fn is_set(member: &Value) -> bool {
    !member.is_null() && member.as_array().is_none_or(|items| !items.is_empty())
}

/// The members that ECS adds to a container definition.
fn with_defaults(container: &Value) -> Value {
    let mut container = container.clone();
    if let Some(fields) = container.as_object_mut() {
        for (member, default) in [
            ("cpu", json!(0)),
            ("portMappings", json!([])),
            ("essential", json!(true)),
            ("environment", json!([])),
            ("mountPoints", json!([])),
            ("volumesFrom", json!([])),
            ("systemControls", json!([])),
        ] {
            fields.entry(member).or_insert(default);
        }
        for mapping in fields
            .get_mut("portMappings")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(mapping) = mapping.as_object_mut() {
                mapping.entry("protocol").or_insert_with(|| json!("tcp"));
            }
        }
    }
    container
}

fn valid(input: &Value) -> Result<(), Fault> {
    let refuse = |message: String| Err(Fault::client("ClientException", message));
    let family = text(input, "family");
    if family.is_empty() {
        return refuse("Family should not be null or empty.".into());
    }
    if family.len() > 255
        || !family
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return refuse(format!("Family contains invalid characters: '{family}'."));
    }
    let containers = list(input, "containerDefinitions");
    if containers.is_empty() {
        return refuse("Container list cannot be empty.".into());
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let name = text(container, "name");
        if name.is_empty() || text(container, "image").is_empty() {
            return refuse(format!(
                "Container.{} should not be null or empty.",
                if name.is_empty() { "name" } else { "image" }
            ));
        }
        if !names.insert(name) {
            return refuse(format!(
                "Container names must be unique within a task definition: '{name}' appears twice."
            ));
        }
        let has_memory = ["memory", "memoryReservation"]
            .iter()
            .any(|member| container.get(member).is_some());
        if text(input, "memory").is_empty() && !has_memory {
            return refuse(
                "Invalid setting for container '".to_owned()
                    + name
                    + "'. At least one of 'memory' or 'memoryReservation' must be specified.",
            );
        }
    }
    if !containers
        .iter()
        .any(|container| container.get("essential").and_then(Value::as_bool) != Some(false))
    {
        return refuse("At least one container must be essential.".into());
    }
    for (member, unit) in SIZES {
        let size = text(input, member);
        if !size.is_empty() && units(size, unit).is_none() {
            return refuse(format!("Invalid '{member}' setting for task."));
        }
    }
    if strings(input, "requiresCompatibilities").contains(&"FARGATE") {
        if text(input, "networkMode") != "awsvpc" {
            return refuse("Fargate only supports network mode ‘awsvpc’.".into());
        }
        let (cpu, memory) = (text(input, "cpu"), text(input, "memory"));
        if cpu.is_empty() || memory.is_empty() {
            return refuse(
                "Fargate requires task definition to have cpu and memory at the task level.".into(),
            );
        }
        let size = units(cpu, "vcpu").zip(units(memory, "gb"));
        if !size.is_some_and(|(cpu, memory)| fargate_has(cpu, memory)) {
            return refuse("No Fargate configuration exists for given values.".into());
        }
    }
    Ok(())
}

/// `256` or `.25 vCPU` as CPU units, `512` or `0.5 GB` as MiB: ECS registers a task's size as such a number.
fn units(text: &str, unit: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase().replace(' ', "");
    match text.strip_suffix(unit) {
        Some(number) => {
            let units = number.parse::<f64>().ok()? * 1024.0;
            (0.0..1e9).contains(&units).then_some(units as u64)
        }
        None => text.parse().ok(),
    }
}

/// Whether Fargate has tasks of this size, in CPU units and MiB
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>).
fn fargate_has(cpu: u64, memory: u64) -> bool {
    let between = |low: u64, high: u64, step: u64| {
        (low * 1024..=high * 1024).contains(&memory) && memory.is_multiple_of(step * 1024)
    };
    match cpu {
        256 => matches!(memory, 512 | 1024 | 2048),
        512 => between(1, 4, 1),
        1024 => between(2, 8, 1),
        2048 => between(4, 16, 1),
        4096 => between(8, 30, 1),
        8192 => between(16, 60, 4),
        16384 => between(32, 120, 8),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{fargate_has, units};

    #[test]
    fn fargate_takes_only_its_own_sizes() {
        for (cpu, memory, exists) in [
            ("256", "512", true),
            ("256", "4096", false),
            (".25 vCPU", "0.5 GB", true),
            ("1 vCPU", "3 GB", true),
            ("1024", "1024", false),
            ("8192", "20480", true),
            ("8192", "21504", false),
            ("300", "512", false),
        ] {
            let has = units(cpu, "vcpu")
                .zip(units(memory, "gb"))
                .is_some_and(|(cpu, memory)| fargate_has(cpu, memory));
            assert_eq!(has, exists, "cpu {cpu} with memory {memory}");
        }
    }
}
