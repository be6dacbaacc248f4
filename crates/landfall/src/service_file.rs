//! The service file: what one ECS service should be, and which images it follows.
//!
//! `cluster`, `taskDefinition` and `service` hold exactly what ECS's `CreateCluster`, `RegisterTaskDefinition` and
//! `CreateService` take and are passed through; `images`, `ingress`, `autoscaling`, `discovery` and `verify` are Landfall's
//! own.

pub mod autoscaling;
mod capacity;
mod conformity;
mod containers;
pub mod discovery;
pub mod document;
mod draft;
mod http_probe;
mod identity;
mod images;
mod ingress;
mod mapping;
mod mistaken;
pub mod one_off_task;
pub mod parameters;
mod place;
pub mod problem;
mod read;
mod rules;
mod section;
mod spelling;
mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use autoscaling::Autoscaling;
pub use capacity::Logs;
pub use discovery::Discovery;
pub use draft::Draft;
pub use ingress::{Ingress, TWO_GROUP_STRATEGIES};
pub use one_off_task::{OnFailure, OneOffTask, Phase};
pub use parameters::{Placeholder, Site, Source, Values};
pub use problem::{Position, Problem, Rejection, Severity};
pub(crate) use spelling::nearest;
pub use verify::Verify;

use crate::{content::ContentHash, follow::FollowRule, refusal::Refusal, service_id::ServiceId};

/// The members of a task definition that say nothing to a container: its name, and labels.
const NO_MATTER_TO_CONTAINERS: [&str; 2] = ["family", "tags"];

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
    /// What `RegisterTaskDefinition` takes; followed containers have no `image`. Empty if the file adopts what the
    /// service runs: see [`Self::owns_task_definition`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub task_definition: Map<String, Value>,
    /// What `CreateService` takes, without `cluster` and `taskDefinition`.
    pub service: Map<String, Value>,
    /// What `CreateCapacityProvider` takes, for each that the cluster has to have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity: Vec<Map<String, Value>>,
    /// What log groups are created with.
    #[serde(default, skip_serializing_if = "Logs::is_default")]
    pub logs: Logs,
    /// How requests come from a listener to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// How many tasks it may have, and what decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Under which name in Cloud Map its tasks are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
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

/// What was found in the text of a service file.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    file: Option<ServiceFile>,
    /// Everything that was found, errors and warnings, in the order of the file.
    pub problems: Vec<Problem>,
    /// Where a value is filled in when the file is uploaded, in the order of the file.
    pub sites: Vec<Site>,
}

impl Checked {
    fn of(file: Option<ServiceFile>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.position);
        Self {
            file,
            problems,
            sites: Vec::new(),
        }
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
            Some(file) if errors.is_empty() => Ok((file, problem::limited(warnings))),
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

    /// Reads a service file, YAML or JSON, and reports everything that is wrong with it as it stands. What depends
    /// on the values of its placeholders is not asked.
    pub fn check(text: &[u8]) -> Checked {
        mistaken::explained(text, read::check(text))
    }

    /// Whether the task definition is the file's. If not, the file adopts a service that its owner describes elsewhere:
    /// its live task definition is the base of each release, and another owner's revision is nothing strange.
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

    /// The hash of what the containers run with: the section `taskDefinition` without its name and its tags, and the tasks
    /// before and after the rollout, which run in the same containers. How many tasks there are, what is in front of them
    /// and how they are verified is not in it.
    pub fn containers(&self) -> ContentHash {
        let mut task_definition = self.task_definition.clone();
        task_definition.retain(|member, _| !NO_MATTER_TO_CONTAINERS.contains(&&**member));
        ContentHash::of(&json!([task_definition, self.before, self.after]))
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
