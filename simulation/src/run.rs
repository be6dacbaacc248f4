//! A run of a scenario, from its first move to what it came to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use landfall::{
    record::Content,
    service_file::ServiceFile,
    tags::{CONTENT_TAG, RELEASE_TAG},
};
use landfall_local::cloud::{Cloud, fault::Fault, store::StoreError};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    fault::{Faults, Made},
    installation::InstallationError,
    invariant::{self, Violation},
    scenario::{Behaviour, Scenario, Service},
    stage::Stage,
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

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Whether conditional writes were unconditional.
    pub unconditional: bool,
    /// What did not hold; nothing in a good run.
    pub violations: Vec<Violation>,
    /// What happened when.
    pub timeline: String,
    /// The calls that functions made, in their order.
    pub calls: Vec<Made>,
    /// The states that executions entered, in their order.
    pub states: Vec<String>,
    /// How many calls and states were hit by a fault that was planned for them.
    pub faults: usize,
    /// How many of the calls were hit because something was away.
    pub unanswered: usize,
    /// How many executions were aborted.
    pub aborts: usize,
    /// How many changes to ECS came from an execution that had ended already.
    pub late_changes: usize,
    /// The task definition revisions that were registered a second time for their release.
    pub doubles: Vec<String>,
    /// How many releases got which verdict.
    pub verdicts: BTreeMap<String, usize>,
}

impl Report {
    /// What did not hold, and how to play the run again; nothing for a good run.
    pub fn findings(&self) -> String {
        let seed = self.seed;
        let mut text = String::new();
        for violation in &self.violations {
            text.push_str(&format!("seed {seed}: {violation}\n"));
        }
        if !text.is_empty() {
            let unconditional = if self.unconditional {
                " --unconditional"
            } else {
                ""
            };
            text.push_str(&format!(
                "replay: cargo run --profile simulation -p landfall-simulation -- --seed {seed}{unconditional}\n"
            ));
        }
        text
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

/// Plays the scenario of a seed on a paused clock, and asks about every invariant.
///
/// # Errors
/// When Landfall cannot be installed; that is no finding of the scenario.
pub fn play(scenario: Scenario) -> Result<Report, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let mut stage = Stage::set(scenario).await?;
        stage.play().await;
        let (run, journal) = stage.end().await;
        let violations = invariant::broken(&run).await;
        let mut announced = run.witness.announced();
        announced
            .sort_by(|one, other| (&one.service, one.number).cmp(&(&other.service, other.number)));
        announced.dedup();
        let mut verdicts = BTreeMap::new();
        for verdict in announced {
            *verdicts.entry(verdict.verdict.to_string()).or_default() += 1;
        }
        let changes = run.witness.changes();
        let report = Report {
            seed: run.scenario.seed,
            unconditional: run.scenario.unconditional,
            violations,
            timeline: journal.timeline(),
            calls: run.faults.calls(),
            states: run.faults.entries(),
            faults: run.faults.hits(),
            unanswered: run.faults.unanswered(),
            aborts: run.stories.iter().map(|story| story.aborts).sum(),
            late_changes: changes.iter().filter(|change| !change.alive).count(),
            doubles: doubles(&run.cloud).await,
            verdicts,
        };
        // The functions hold the cloud that holds them.
        run.cloud.functions.stop();
        run.cloud.ecs.shutdown().await;
        Ok(report)
    })
}

/// The revisions that Landfall registered although there was one of the same family, content and release.
async fn doubles(cloud: &Cloud) -> Vec<String> {
    let listed = cloud.ecs.call("ListTaskDefinitions", json!({})).await;
    let listed = listed.unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut doubles = Vec::new();
    for arn in listed["taskDefinitionArns"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let input = json!({ "taskDefinition": arn, "include": ["TAGS"] });
        let described = cloud.ecs.call("DescribeTaskDefinition", input).await;
        let described = described.unwrap_or_default();
        let tag = |key: &str| {
            let mut tags = described["tags"].as_array().into_iter().flatten();
            let found = tags.find(|tag| tag["key"] == key)?;
            found["value"].as_str()
        };
        let family = &described["taskDefinition"]["family"];
        if let (Some(content), Some(release)) = (tag(CONTENT_TAG), tag(RELEASE_TAG))
            && !seen.insert(format!("{family} {release} {content}"))
        {
            doubles.push(arn.as_str().unwrap_or_default().to_owned());
        }
    }
    doubles
}
