//! Fields that are another tool's or of one of ECS's answers: one message tells all of them and what to do.

use super::super::{
    document::{Key, Node},
    problem::Problem,
};
use super::Path;
use crate::{
    api::Structure,
    live::{LiveRevision, LiveService},
};

/// Fields of a service in a Compose file, and what a container of ECS has for them
/// (<https://docs.docker.com/reference/compose-file/services/>).
const COMPOSE: [(&str, &str); 26] = [
    ("ports", "`portMappings: [{ containerPort: … }]`"),
    ("expose", "`portMappings: [{ containerPort: … }]`"),
    ("env_file", "`environmentFiles`"),
    (
        "depends_on",
        "`dependsOn: [{ containerName: …, condition: START }]`",
    ),
    ("volumes", "`mountPoints`, with `volumes` in taskDefinition"),
    ("restart", "`restartPolicy: { enabled: true }`"),
    ("build", "`images` with the repository to follow"),
    ("networks", "`networkConfiguration` in service"),
    ("network_mode", "`networkMode` in taskDefinition"),
    ("container_name", "`name`"),
    ("working_dir", "`workingDirectory`"),
    ("mem_limit", "`memory`"),
    ("mem_reservation", "`memoryReservation`"),
    ("cpus", "`cpu`, 1024 units for one processor"),
    ("cap_add", "`linuxParameters.capabilities.add`"),
    ("cap_drop", "`linuxParameters.capabilities.drop`"),
    ("extra_hosts", "`extraHosts`"),
    ("labels", "`dockerLabels`"),
    ("logging", "`logConfiguration`"),
    (
        "deploy",
        "`desiredCount` and `deploymentConfiguration` in service",
    ),
    ("stop_grace_period", "`stopTimeout`, in seconds"),
    ("shm_size", "`linuxParameters.sharedMemorySize`, in MiB"),
    ("read_only", "`readonlyRootFilesystem`"),
    ("stdin_open", "`interactive`"),
    ("tty", "`pseudoTerminal`"),
    ("platform", "`runtimePlatform` in taskDefinition"),
];

/// Fields of one mapping that are foreign in the same way.
pub(super) enum Foreign<'a> {
    Compose(Vec<&'a Key>),
    Answered(Vec<&'a Key>, &'static str),
}

/// What is foreign among the fields of a structure.
pub(super) fn found(entries: &[(Key, Node)], structure: Structure) -> Vec<Foreign<'_>> {
    let has = |name| structure.member(name).is_some();
    let among = |names: &dyn Fn(&str) -> bool| -> Vec<_> {
        entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| names(&key.name) && !has(&key.name))
            .collect()
    };
    let mut found = Vec::new();
    if has("portMappings") {
        found.push(Foreign::Compose(among(&|name| equivalent(name).is_some())));
    } else if has("requiresCompatibilities") {
        let keys = among(&|name| LiveRevision::ANSWERED_ONLY.contains(&name));
        found.push(Foreign::Answered(keys, "DescribeTaskDefinition"));
    } else if has("schedulingStrategy") {
        let keys = among(&|name| LiveService::ANSWERED_ONLY.contains(&name));
        found.push(Foreign::Answered(keys, "DescribeServices"));
    }
    found.retain(|foreign| !foreign.keys().is_empty());
    found
}

fn equivalent(name: &str) -> Option<&'static str> {
    let known = COMPOSE.iter().find(|(compose, _)| *compose == name);
    known.map(|(_, ecs)| *ecs)
}

impl Foreign<'_> {
    fn keys(&self) -> &[&Key] {
        match self {
            Self::Compose(keys) | Self::Answered(keys, _) => keys,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.keys().iter().any(|key| key.name == name)
    }

    pub(super) fn problem(&self, node: &Node, path: &Path<'_>) -> Problem {
        let keys = self.keys();
        let (position, path) = match keys {
            [only] => (only.position, Path::Field(path, &only.name).to_string()),
            _ => (
                keys.first().map_or(node.position, |key| key.position),
                path.to_string(),
            ),
        };
        let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
        let names = names.join(", ");
        match self {
            Self::Compose(_) => {
                let instead: Vec<_> = keys
                    .iter()
                    .filter_map(|key| {
                        Some(format!("{} for `{}`", equivalent(&key.name)?, key.name))
                    })
                    .collect();
                let message = format!(
                    "fields of a Compose file that a container of ECS does not have: {names}"
                );
                Problem::new(position, &path, message).hint(format!("write {}", instead.join("; ")))
            }
            Self::Answered(_, operation) => {
                let message = format!("{operation} answers this, and nothing takes it: {names}");
                Problem::warning(position, &path, message).hint("remove it")
            }
        }
    }
}
