//! What has to be there before a service file can be rolled out: roles, images, networks, load balancing, secrets, log
//! groups, namespaces and capacity that it names and does not make.

mod capacity;
mod service;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    follow::FollowRule, image::Image as ReleasedImage, platform::Platform,
    service_file::ServiceFile, step::ensure_cluster::wanted_log_groups,
};

/// One thing that a service file takes for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prerequisite {
    /// Which member of the file names it.
    pub path: String,
    /// What it is.
    pub thing: Thing,
}

/// What may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// An IAM role, by name, and the service that it has to trust.
    Role(String, &'static str),
    /// An instance profile, by name.
    InstanceProfile(String),
    /// An image that a follow rule admits, for the task's platform.
    Image(FollowRule, Platform),
    /// An image of the last good release, which a roll-back starts tasks of.
    WayBack(ReleasedImage),
    /// A subnet.
    Subnet(String),
    /// A security group.
    SecurityGroup(String),
    /// A target group, by ARN, and what its targets have to be: `ip` or `instance`.
    TargetGroup(String, &'static str),
    /// A secret of Secrets Manager, by ARN.
    Secret(String),
    /// A parameter of Systems Manager, by name.
    Parameter(String),
    /// A log group, by name, and its Region if the file names one.
    LogGroup(String, Option<String>),
    /// A listener of a load balancer, by ARN.
    Listener(String),
    /// A Cloud Map namespace, by name.
    Namespace(String),
    /// A Cloud Map service, by ARN.
    Registry(String),
    /// A capacity provider that the file does not describe, by name, and the cluster.
    CapacityProvider(String, String),
    /// An Auto Scaling group, by name.
    AutoScalingGroup(String),
}

/// Who tasks get their roles from
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>).
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// Who gets the roles by which ECS changes load balancers, volumes and instances
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html>).
const ECS: &str = "ecs.amazonaws.com";

/// What was found of a prerequisite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "about")]
pub enum Finding {
    /// It is there.
    Ok(String),
    /// It is not there, or is not what it has to be; with what to do.
    Missing(String),
    /// That cannot be said; with why.
    Unknown(String),
}

/// The error codes with which AWS's services answer that the caller lacks a permission.
const NOT_ALLOWED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedException",
];

/// What a refusal with `code` says of a prerequisite: that it is not there if the code is one of `absent`, else
/// nothing.
pub fn refused(call: &str, code: &str, absent: &[&str], hint: &str) -> Finding {
    if absent.contains(&code) {
        Finding::Missing(hint.into())
    } else if NOT_ALLOWED.contains(&code) {
        Finding::Unknown(format!("not allowed to ask: that needs {call}"))
    } else {
        Finding::Unknown(format!("{call} answers {code}"))
    }
}

/// Whether a role's trust policy lets an AWS service have it, e.g. `ecs-tasks.amazonaws.com`.
pub fn trusts(policy: &Value, service: &str) -> bool {
    let items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    items(&policy["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && items(&statement["Principal"]["Service"])
                .iter()
                .any(|trusted| trusted == service)
    })
}

/// The digest of the configuration that an image's manifest names
/// (<https://github.com/opencontainers/image-spec/blob/main/manifest.md>).
pub fn configuration(manifest: &Value) -> Option<&str> {
    manifest.pointer("/config/digest")?.as_str()
}

/// What an image's configuration says it runs on
/// (<https://github.com/opencontainers/image-spec/blob/main/config.md>).
pub fn platform_of(configuration: &Value) -> Option<Platform> {
    let text = |member: &str| configuration[member].as_str().map(str::to_owned);
    Some(Platform {
        os: text("os")?,
        architecture: text("architecture")?,
    })
}

/// What `file` takes for granted. `task_definition` is the file's, or for an adopted service what it runs.
/// Log groups in `region` that Landfall creates
/// are not among it.
pub fn of(
    file: &ServiceFile,
    task_definition: &Map<String, Value>,
    region: &str,
) -> Vec<Prerequisite> {
    let mut found = Vec::new();
    let mut add = |path: String, thing: Thing| {
        let known: &Vec<Prerequisite> = &found;
        if known.iter().all(|one| one.thing != thing) {
            found.push(Prerequisite { path, thing });
        }
    };
    let made = wanted_log_groups(file, region);
    for member in ["executionRoleArn", "taskRoleArn"] {
        if let Some(role) = text(task_definition.get(member)) {
            add(
                format!("taskDefinition.{member}"),
                Thing::Role(name_of(role), TASKS),
            );
        }
    }
    let platform = Platform::of(task_definition);
    for (container, rule) in &file.images {
        add(
            format!("images.{container}"),
            Thing::Image(rule.clone(), platform.clone()),
        );
    }
    for (path, container) in containers(task_definition) {
        for (list, member) in [
            ("secrets", "valueFrom"),
            ("logConfiguration.secretOptions", "valueFrom"),
        ] {
            let items = list
                .split('.')
                .try_fold(container, |value, name| value.get(name));
            for (index, item) in items
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
            {
                if let Some(reference) = text(item.get(member)) {
                    add(format!("{path}.{list}[{index}]"), secret(reference));
                }
            }
        }
        let credentials = container.pointer("/repositoryCredentials/credentialsParameter");
        if let Some(reference) = text(credentials) {
            add(format!("{path}.repositoryCredentials"), secret(reference));
        }
        if let Some((group, region)) = log_group(container)
            && !made.contains(group)
        {
            add(
                format!("{path}.logConfiguration"),
                Thing::LogGroup(group.into(), region.map(str::to_owned)),
            );
        }
    }
    for (path, thing) in service::named(file, task_definition)
        .into_iter()
        .chain(capacity::named(file))
    {
        add(path, thing);
    }
    found
}

/// A name, or the end of the ARN that goes on with it: `arn:aws:iam::…:role/path/name`.
fn name_of(name_or_arn: &str) -> String {
    let name = name_or_arn.rsplit('/').next();
    name.unwrap_or(name_or_arn).to_owned()
}

fn text(value: Option<&Value>) -> Option<&str> {
    value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn containers(task_definition: &Map<String, Value>) -> impl Iterator<Item = (String, &Value)> {
    let containers = task_definition
        .get("containerDefinitions")
        .and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, container)| {
            let name = text(container.get("name")).map_or(index.to_string(), str::to_owned);
            (
                format!("taskDefinition.containerDefinitions[{name}]"),
                container,
            )
        })
}

/// The secret that a `valueFrom` names: a secret's ARN, which may go on with a key, a stage and a version; a
/// parameter's ARN or its name (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html>).
fn secret(reference: &str) -> Thing {
    let parts: Vec<&str> = reference.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "secretsmanager", ..] if parts.len() >= 7 => Thing::Secret(parts[..7].join(":")),
        ["arn", _, "ssm", _, _, resource] => {
            let name = resource.strip_prefix("parameter").unwrap_or(resource);
            // A name without folders stands in the ARN behind a slash that is not its own.
            let name = if name[1.min(name.len())..].contains('/') {
                name
            } else {
                name.trim_start_matches('/')
            };
            Thing::Parameter(name.into())
        }
        _ => Thing::Parameter(reference.into()),
    }
}

/// The log group of a container that logs by `awslogs`, and its Region, unless ECS is told to create it.
fn log_group(container: &Value) -> Option<(&str, Option<&str>)> {
    let configuration = container.get("logConfiguration")?;
    let options = configuration.get("options")?;
    let created = options
        .get("awslogs-create-group")
        .is_some_and(|value| value == "true" || value == true);
    if text(configuration.get("logDriver"))? != "awslogs" || created {
        return None;
    }
    Some((
        text(options.get("awslogs-group"))?,
        text(options.get("awslogs-region")),
    ))
}

#[cfg(test)]
mod tests;
