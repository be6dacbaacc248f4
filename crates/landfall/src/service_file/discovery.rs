//! The section `discovery`: under which name in Cloud Map the service's tasks are found.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ServiceFile, containers,
    mapping::{Mapping, Problems},
    section::{DISCOVERY, deserialized},
};

/// A Cloud Map service in a namespace that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// The namespace's name.
    pub namespace: String,
    /// The Cloud Map service's name: in a DNS namespace tasks are found at `<name>.<namespace>`.
    pub name: String,
    /// Which record, in a DNS namespace.
    #[serde(rename = "type")]
    pub record: RecordType,
    /// How long, in seconds, a record may be remembered.
    pub ttl_seconds: u64,
    /// The container whose port an SRV record names.
    pub container: Option<String>,
    /// The port of that container.
    pub port: Option<u16>,
}

/// A kind of DNS record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordType {
    /// The address of each task.
    A,
    /// Address and port of each task.
    #[serde(rename = "SRV")]
    Srv,
}

impl RecordType {
    /// As DNS and Cloud Map call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Srv => "SRV",
        }
    }
}

impl Discovery {
    /// How long, in seconds, a record may be remembered unless the file says otherwise: what ECS's own console gives it.
    pub const TTL: u64 = 60;

    /// The section as it stands in a service file, without what need not be written.
    pub fn written(&self) -> Value {
        DISCOVERY.written(self).into()
    }

    /// The member of `serviceRegistries` that makes tasks register in the Cloud Map service with this ARN
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRegistry.html>).
    pub fn registry(&self, arn: &str) -> Value {
        let mut registry = json!({ "registryArn": arn });
        if let (Some(container), Some(port)) = (&self.container, self.port) {
            registry["containerName"] = json!(container);
            registry["containerPort"] = json!(port);
        }
        registry
    }
}

impl ServiceFile {
    /// The file with its tasks registered in the Cloud Map service with this ARN; unchanged if it asks for none.
    pub fn registered_in(mut self, arn: Option<&str>) -> Self {
        if let (Some(discovery), Some(arn)) = (&self.discovery, arn) {
            let registries = json!([discovery.registry(arn)]);
            self.service.insert("serviceRegistries".into(), registries);
        }
        self
    }
}

/// What the section has to fit to.
pub(super) struct Context<'a> {
    /// The names of the containers; none if they are not known.
    pub(super) containers: &'a [&'a str],
    /// The task definition's network mode.
    pub(super) network_mode: Option<&'a str>,
    /// Whether the `service` section registers its tasks by itself.
    pub(super) has_registries: bool,
}

/// Reads the section.
pub(super) fn read(
    section: &Mapping<'_>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Discovery> {
    let fields = DISCOVERY.read(section, problems);
    if context.has_registries {
        let message = "the service has serviceRegistries too, and ECS takes one registry";
        let problem = section.wrong(message);
        problems.add(problem.hint("keep one: `discovery`, or service.serviceRegistries"));
    }
    let record = if section.said("type") == Some("SRV") {
        RecordType::Srv
    } else {
        RecordType::A
    };
    // ECS gives a task an address of its own only in this mode
    // (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html).
    if record == RecordType::A && context.network_mode != Some("awsvpc") {
        let message = "an A record needs tasks with addresses of their own";
        let problem = section.wrong_at("type", message);
        problems.add(problem.hint(
            "set taskDefinition.networkMode to awsvpc, or use `type: SRV` with `container` and `port`",
        ));
    }
    containers::check_named(section, context.containers, problems);
    let given = (
        section.get("container").is_some(),
        section.get("port").is_some(),
    );
    let fitting = match record {
        RecordType::A => given == (false, false),
        RecordType::Srv => given == (true, true),
    };
    if !fitting {
        let message = match record {
            RecordType::A => "an A record names no container and no port",
            RecordType::Srv => "an SRV record names a container and its port",
        };
        let problem = section.wrong(message);
        problems.add(problem.hint("use `type: SRV` with both `container` and `port`, or neither"));
    }
    deserialized(section, fields, problems)
}

#[cfg(test)]
mod tests;
