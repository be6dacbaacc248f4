//! What happened in a run: everything that is known at its end, or why it could not be played at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use landfall::{record::Content, service_file::ServiceFile};
use landfall_local::cloud::{Cloud, fault::Fault, store::StoreError};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    fault::Faults,
    installation::InstallationError,
    scenario::{Behaviour, Scenario, Service},
    violation::Violation,
    witness::Witness,
};

/// Everything that is known at the end of a run.
pub struct Run {
    /// What was played.
    pub scenario: Scenario,
    /// The embedded cloud as it was left.
    pub cloud: Arc<Cloud>,
    /// Who changed what.
    pub witness: Arc<Witness>,
    /// What went wrong.
    pub faults: Arc<Faults>,
    /// Every image that was pushed, oldest first.
    pub pushes: Vec<Pushed>,
    /// What is known of each service.
    pub stories: Vec<Story>,
    /// Whether everything came to rest in time.
    pub quiet: bool,
    /// Events that no attempt could handle, even after the faults had ended.
    pub dead_letters: usize,
    /// Whether nobody may have heard of a foreign revision: the event was lost.
    pub drift_unheard: bool,
    /// Moments at which too little that is good served.
    pub gaps: Vec<Violation>,
}

/// An image that was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its repository.
    pub repository: String,
    /// Its tag at that time.
    pub tag: String,
    /// `sha256:…`
    pub digest: String,
    /// Its containers.
    pub behaviour: Behaviour,
    /// When.
    pub at: Timestamp,
    /// What the digest is of.
    pub manifest: String,
}

impl Service {
    /// Whether ECS keeps the containers of an image that was pushed running. A wrong answer is found out after a rolling
    /// deployment only.
    pub fn keeps_running(&self, pushes: &[Pushed], digest: &str) -> bool {
        let mut pushes = pushes.iter().filter(|push| push.digest == digest);
        pushes.any(|push| push.behaviour == Behaviour::WrongAnswer || self.is_good(push.behaviour))
    }

    /// Whether an image that was pushed proves good in this service.
    pub fn runs_well(&self, pushes: &[Pushed], digest: &str) -> bool {
        let mut pushes = pushes.iter().filter(|push| push.digest == digest);
        pushes.any(|push| self.is_good(push.behaviour))
    }
}

/// A service file as somebody uploaded it, which can be read once its placeholder has a value.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// What was uploaded.
    pub file: Value,
    /// What may come of it, by the hashes with which releases name it: with a placeholder, one content for each value that
    /// it ever had.
    pub(crate) contents: BTreeMap<String, Value>,
}

impl Uploaded {
    /// A file of a service whose parameter had these values so far.
    pub fn new(file: Value, service: &Service, parameters: &BTreeSet<u32>) -> Self {
        let mut uploaded = Self {
            contents: hash(&file)
                .map(|hash| (hash, file.clone()))
                .into_iter()
                .collect(),
            file,
        };
        for memory in parameters {
            uploaded.may_have(service, *memory);
        }
        uploaded
    }

    /// The service's parameter has this value.
    pub fn may_have(&mut self, service: &Service, memory: u32) {
        let placeholder = format!("${{ssm:{}}}", service.parameter_name());
        let text = self
            .file
            .to_string()
            .replace(&placeholder, &memory.to_string());
        let content = serde_json::from_str(&text).unwrap_or_default();
        self.contents
            .extend(hash(&content).map(|hash| (hash, content)));
    }

    /// Whether a release names it.
    pub fn is_of(&self, content: &Content) -> bool {
        self.contents.contains_key(&content.file.to_string())
    }
}

fn hash(file: &Value) -> Option<String> {
    let parsed = ServiceFile::parse(file.to_string().as_bytes()).ok()?;
    Some(parsed.stored().ok()?.0.to_string())
}

/// What happened to one service.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Every service file that can be read, oldest first.
    pub files: Vec<Uploaded>,
    /// The service file that lies in the bucket, if it can be read.
    pub file: Option<Value>,
    /// The revisions that the owner of an adopted service gave it, oldest first.
    pub owners: Vec<String>,
    /// What the parameter of the service ever was, in MiB.
    pub parameters: BTreeSet<u32>,
    /// Whether the service file was deleted and not put again.
    pub deleted: bool,
    /// The desired counts that strangers gave the service.
    pub counts: Vec<u64>,
    /// Until when a task may be missing, because a stranger stopped one.
    pub disturbed_until: Option<Instant>,
    /// Whether it was given a foreign revision.
    pub deployed: bool,
    /// Whether an operator took it back.
    pub taken_back: bool,
    /// How many of its executions were aborted.
    pub aborts: usize,
    /// How many of its executions ended without success, for whatever reason.
    pub died: usize,
}

impl Story {
    /// The file that a release names, with values in the places of placeholders.
    pub fn file_of(&self, content: &Content) -> Option<&Value> {
        let hash = content.file.to_string();
        let mut files = self.files.iter().rev();
        files.find_map(|file| file.contents.get(&hash))
    }
}

/// Why a run could not be played at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The runtime.
    #[error("the runtime does not start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The cloud.
    #[error(transparent)]
    Cloud(#[from] StoreError),
    /// The installation.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// What stands around it.
    #[error("{}: {}", .0.code, .0.message)]
    Neighbours(Fault),
}
