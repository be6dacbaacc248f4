//! The service file: what one ECS service should be, and which images it follows.
//!
//! `cluster`, `taskDefinition` and `service` hold exactly what ECS's `CreateCluster`, `RegisterTaskDefinition` and
//! `CreateService` take and are passed through; `images`, `ingress` and `verify` are Landfall's own.

mod conformity;
pub mod document;
mod ingress;
mod mapping;
pub mod one_off_task;
pub mod parameters;
mod place;
pub mod problem;
mod read;
mod rules;
mod spelling;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use ingress::{HealthCheck, Ingress, TWO_GROUP_STRATEGIES};
pub use one_off_task::{OnFailure, OneOffTask};
pub use parameters::{Draft, Values};
pub use problem::{Position, Problem, Rejection, Severity};
pub(crate) use spelling::nearest;

use crate::{content::ContentHash, follow::FollowRule, refusal::Refusal, service_id::ServiceId};

/// The largest service file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// An accepted service file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFile {
    /// What `CreateCluster` takes.
    pub cluster: Map<String, Value>,
    /// Container name → the image it follows.
    #[serde(default)]
    pub images: BTreeMap<String, FollowRule>,
    /// What `RegisterTaskDefinition` takes; followed containers have no `image`. Empty if the file adopts what the service
    /// runs: see [`Self::owns_task_definition`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub task_definition: Map<String, Value>,
    /// What `CreateService` takes, without `cluster` and `taskDefinition`.
    pub service: Map<String, Value>,
    /// How requests come from a listener to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// When a rollout counts as good.
    #[serde(default)]
    pub verify: Verify,
    /// Tasks that run before the service is touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<OneOffTask>,
    /// Tasks that run after the release proved good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<OneOffTask>,
}

/// When a rollout counts as good, beyond ECS's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verify {
    /// A request to the service.
    pub http: Option<HttpProbe>,
    /// For how long, in seconds, a healthy service is watched before the release counts as good.
    pub bake_seconds: u64,
    /// How long, in seconds, the rollout may take until ECS calls it complete, and then the checks until they pass.
    pub timeout_seconds: u64,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            http: None,
            bake_seconds: 0,
            timeout_seconds: 900,
        }
    }
}

/// A request that a healthy service answers as described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// Where to: a whole URL, or a path below the load balancer that serves the service's first target group.
    pub target: ProbeTarget,
    /// The status that has to be answered.
    pub status: u16,
    /// Text that the body has to contain.
    pub body: Option<String>,
    /// How long, in seconds, an answer may take.
    pub timeout_seconds: u64,
    /// Seconds between two looks.
    pub interval_seconds: u64,
    /// How many looks in a row have to be good.
    pub successes: u32,
    /// After how many bad looks in a row the release is given up.
    pub failures: u32,
}

/// Where an [`HttpProbe`] goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeTarget {
    /// A path below the service's load balancer.
    Path(String),
    /// A whole URL.
    Url(String),
}

/// What was found in the text of a service file.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    file: Option<ServiceFile>,
    /// Everything that was found, errors and warnings, in the order of the file.
    pub problems: Vec<Problem>,
}

impl Checked {
    fn of(file: Option<ServiceFile>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.position);
        Self { file, problems }
    }

    fn add(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
        self.problems.sort_by_key(|problem| problem.position);
    }

    fn refused(problems: Vec<Problem>) -> Self {
        Self::of(None, problems)
    }

    /// The file and the warnings, the first 50.
    ///
    /// # Errors
    /// The errors, if there are any.
    pub fn accepted(self) -> Result<(ServiceFile, Vec<Problem>), Rejection> {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            self.problems.into_iter().partition(Problem::is_error);
        match self.file {
            Some(file) if errors.is_empty() => Ok((file, problem::told(warnings))),
            _ => Err(Rejection::of(errors)),
        }
    }
}

impl ServiceFile {
    /// Reads a service file without placeholders, YAML or JSON. One that may have some is a [`Draft`] first.
    ///
    /// # Errors
    /// Every problem that was found, each with its place and what to do.
    pub fn parse(text: &[u8]) -> Result<Self, Rejection> {
        let checked = Draft::read(text)?.resolve(&Values::new());
        checked.accepted().map(|(file, _)| file)
    }

    /// Reads a service file, YAML or JSON, and tells everything that is to be told about it as it stands. What depends on
    /// the values of its placeholders is not asked.
    pub fn check(text: &[u8]) -> Checked {
        read::check(text)
    }

    /// Whether the task definition is the file's. If not, the file adopts a service that somebody else describes too: its
    /// live task definition is the base of each release, and another owner's revision is nothing strange.
    pub fn owns_task_definition(&self) -> bool {
        !self.task_definition.is_empty()
    }

    /// Which service the file describes.
    ///
    /// # Errors
    /// Refused if the stored document was not written by [`Self::parse`].
    pub fn service_id(&self) -> Result<ServiceId, Refusal> {
        let name = |section: &Map<String, Value>, key| {
            section.get(key).and_then(Value::as_str).map(str::to_owned)
        };
        match (
            name(&self.cluster, "clusterName"),
            name(&self.service, "serviceName"),
        ) {
            (Some(cluster), Some(service)) => ServiceId::new(&cluster, &service),
            _ => Err(Refusal::new(
                "the service file names no cluster.clusterName and service.serviceName",
            )),
        }
    }

    /// The file as it is kept in the state bucket, and its name there.
    ///
    /// # Errors
    /// Only if the file cannot be written as JSON, which an accepted one always can.
    pub fn stored(&self) -> Result<(ContentHash, String), serde_json::Error> {
        let document = serde_json::to_value(self)?;
        Ok((
            ContentHash::of(&document),
            serde_json::to_string(&document)?,
        ))
    }
}

#[cfg(test)]
mod tests;
