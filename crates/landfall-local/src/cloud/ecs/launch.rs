//! From a task definition to containers that can be started: images, commands, environments, ports.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::container::{HealthCheck, Healthy, How, Launch, SimulatedBehaviour};
use super::image::{DOCKER, ImageLookup, KEPT_BY_DOCKER, pinned};
use super::process::LogTarget;
use super::state::{State, Task};
use super::{Inner, list, strings, text};
use crate::{
    cloud::elb::{SimulatedHealth, SimulatedTarget},
    free_port::free_port,
};

/// One container of a task, ready to start.
pub(super) struct Prepared {
    pub(super) launch: Launch,
    pub(super) digest: String,
    pub(super) ports: Vec<Port>,
}

/// A container's port and the loopback port that stands for it.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) container: u64,
    pub(super) host: u16,
    protocol: String,
}

impl Port {
    /// The port as `networkBindings` show it.
    pub(super) fn binding(&self) -> Value {
        json!({
            "bindIP": "127.0.0.1",
            "containerPort": self.container,
            "hostPort": self.host,
            "protocol": self.protocol,
        })
    }
}

impl Prepared {
    /// How this container is as a target; nothing when there is a socket to ask.
    pub(super) fn simulated_target(&self) -> Option<SimulatedTarget> {
        match &self.launch.how {
            How::Process { .. } => None,
            How::Simulated(behaviour) => Some(SimulatedTarget {
                health: match behaviour.healthy {
                    Healthy::After(delay) => SimulatedHealth::From(Instant::now() + delay),
                    Healthy::Never => SimulatedHealth::Never,
                },
                says: behaviour.says,
            }),
        }
    }
}

/// Why a container cannot be started.
pub(super) struct LaunchFailure {
    pub(super) container: usize,
    pub(super) reason: String,
}

impl Inner {
    /// Prepares every container of a task.
    pub(super) fn prepare(&self, arn: &str) -> Result<Vec<Prepared>, LaunchFailure> {
        let mut state = self.lock();
        let gone = || LaunchFailure {
            container: 0,
            reason: "The task or its definition no longer exists.".into(),
        };
        let task = state.tasks.get(arn).ok_or_else(gone)?;
        let definition = state
            .task_definition(&task.task_definition)
            .ok_or_else(gone)?
            .fields
            .clone();
        let overrides = task.fields.get("overrides").cloned().unwrap_or_default();
        let digests = pinned_digests(&state, task);
        let id = task.id().to_owned();
        let containers = definition["containerDefinitions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut prepared = vec![];
        for (position, container) in containers.iter().enumerate() {
            let name = text(container, "name");
            let image = text(container, "image");
            let reference = digests
                .get(name)
                .map_or_else(|| image.to_owned(), |digest| pinned(image, digest));
            let lookup = (self.images)(&reference);
            let Some(digest) = lookup.digest().map(str::to_owned) else {
                let reason = format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {reference}: not found"
                );
                return Err(LaunchFailure {
                    container: position,
                    reason,
                });
            };
            let failed = |reason| LaunchFailure {
                container: position,
                reason,
            };
            let ports = ports(
                &mut state,
                container,
                matches!(lookup, ImageLookup::Local { .. }),
            )
            .map_err(failed)?;
            let over = list(&overrides, "containerOverrides")
                .iter()
                .find(|over| over["name"] == name);
            let environment = environment(container, over, &ports);
            let how = match lookup {
                ImageLookup::Local {
                    directory, command, ..
                } => How::Process {
                    directory,
                    command: command_of(container, over, command),
                    environment,
                },
                _ => How::Simulated(self.behaviour(&digest, &environment)),
            };
            let launch = Launch {
                how,
                check: self.health_check(container),
                stop_timeout: Duration::from_secs(container["stopTimeout"].as_u64().unwrap_or(30)),
                log: self.log_target(container, &id),
            };
            prepared.push(Prepared {
                launch,
                digest,
                ports,
            });
        }
        Ok(prepared)
    }

    /// What was set for the image; a container's environment may say otherwise.
    fn behaviour(&self, digest: &str, environment: &[(String, String)]) -> SimulatedBehaviour {
        let behaviours = self
            .behaviours
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut behaviour = behaviours.get(digest).cloned().unwrap_or_default();
        let said = |name: &str| {
            environment
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        let seconds = |text: &str| {
            text.parse()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        };
        if let Some(after) = said("SIMULATED_EXIT_AFTER").and_then(seconds) {
            let code = said("SIMULATED_EXIT_CODE")
                .and_then(|code| code.parse().ok())
                .unwrap_or(1);
            behaviour.exits = Some((after, code));
        }
        if behaviour.needs.is_some_and(|name| said(name).is_none()) {
            behaviour.exits = Some((Duration::ZERO, 1));
        }
        match said("SIMULATED_HEALTHY_AFTER") {
            Some("never") => behaviour.healthy = Healthy::Never,
            Some(text) => {
                behaviour.healthy = seconds(text).map_or(behaviour.healthy, Healthy::After)
            }
            None => {}
        }
        behaviour
    }

    fn health_check(&self, container: &Value) -> Option<HealthCheck> {
        let check = container
            .get("healthCheck")
            .filter(|check| !check.is_null())?;
        let command = strings(check, "command");
        let command: Vec<String> = match command.split_first() {
            Some((&"NONE", _)) | None => return None,
            Some((&"CMD", arguments)) => arguments
                .iter()
                .map(|argument| (*argument).into())
                .collect(),
            Some((&"CMD-SHELL", script)) => vec!["/bin/sh".into(), "-c".into(), script.join(" ")],
            Some(_) => command.iter().map(|argument| (*argument).into()).collect(),
        };
        let number =
            |member: &str, default| check.get(member).and_then(Value::as_u64).unwrap_or(default);
        let scaled =
            |seconds| Duration::from_secs(seconds).mul_f64(self.settings.health_check_time_scale);
        Some(HealthCheck {
            command,
            interval: scaled(number("interval", 30)),
            timeout: Duration::from_secs(number("timeout", 5)),
            retries: number("retries", 3).max(1),
            start_period: Duration::from_secs(number("startPeriod", 0)),
        })
    }

    /// Where its lines go. Those of a container that says nothing are kept as well, as Docker does on an instance.
    fn log_target(&self, container: &Value, task: &str) -> Option<LogTarget> {
        let configuration = &container["logConfiguration"];
        let options = &configuration["options"];
        let name = text(container, "name");
        let (group, prefix) = match configuration["logDriver"].as_str() {
            Some("awslogs") => (
                text(options, "awslogs-group"),
                text(options, "awslogs-stream-prefix"),
            ),
            Some(_) => return None,
            None => (KEPT_BY_DOCKER, DOCKER),
        };
        let stream = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/{name}/{task}"),
        };
        Some(LogTarget {
            sink: self.logs.clone(),
            group: group.into(),
            stream,
        })
    }
}

/// The digests that a service's deployment has pinned, by container.
fn pinned_digests(state: &State, task: &Task) -> BTreeMap<String, String> {
    let service = task
        .service
        .as_ref()
        .and_then(|service| state.services.get(service));
    let deployment = service.and_then(|service| {
        service
            .deployments
            .iter()
            .find(|d| task.deployment.as_deref() == Some(d.id.as_str()))
    });
    let revision = deployment.and_then(|deployment| state.revisions.get(&deployment.revision));
    let images = revision
        .map(|revision| revision.container_images.as_slice())
        .unwrap_or_default();
    images
        .iter()
        .filter_map(|image| {
            Some((
                image["containerName"].as_str()?.to_owned(),
                image["imageDigest"].as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// A loopback port for each port mapping. A simulated container listens nowhere: its ports are numbers only.
fn ports(state: &mut State, container: &Value, real: bool) -> Result<Vec<Port>, String> {
    let mut ports = vec![];
    for mapping in list(container, "portMappings") {
        let Some(number) = mapping["containerPort"].as_u64() else {
            continue;
        };
        let host = if real {
            free_port().map_err(|error| {
                format!("CannotStartContainerError: no free loopback port: {error}")
            })?
        } else {
            state.simulated_ports = state.simulated_ports.wrapping_add(1) % 28_000;
            32_768 + state.simulated_ports
        };
        let protocol = mapping["protocol"].as_str().unwrap_or("tcp").to_owned();
        ports.push(Port {
            container: number,
            host,
            protocol,
        });
    }
    Ok(ports)
}

fn environment(container: &Value, over: Option<&Value>, ports: &[Port]) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = vec![];
    if let Some(first) = ports.first() {
        environment.push(("PORT".into(), first.host.to_string()));
    }
    environment.extend(
        ports
            .iter()
            .map(|port| (format!("PORT_{}", port.container), port.host.to_string())),
    );
    let given = list(container, "environment").iter().chain(
        over.map(|over| list(over, "environment"))
            .unwrap_or_default(),
    );
    environment.extend(given.map(|pair| {
        (
            text(pair, "name").to_owned(),
            text(pair, "value").to_owned(),
        )
    }));
    environment
}

fn command_of(container: &Value, over: Option<&Value>, image: Vec<String>) -> Vec<String> {
    let words = |value: &Value, member: &str| {
        strings(value, member)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let overridden = over.map(|over| words(over, "command")).unwrap_or_default();
    let command = if overridden.is_empty() {
        words(container, "command")
    } else {
        overridden
    };
    let entry_point = words(container, "entryPoint");
    if entry_point.is_empty() && command.is_empty() {
        image
    } else {
        [entry_point, command].concat()
    }
}
