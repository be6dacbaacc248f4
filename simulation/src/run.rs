//! A run of a scenario, from its first move to what it came to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use landfall::tags::CONTENT_TAG;
use landfall_local::cloud::{Cloud, fault::Fault, store::StoreError};
use serde_json::{Value, json};

use crate::{
    fault::{Faults, Made},
    installation::InstallationError,
    invariant::{self, Violation},
    scenario::{Behaviour, Scenario},
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
    /// Moments at which nothing good served.
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

/// What happened to one service.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The service file that lies in the bucket, if it is a good one.
    pub file: Option<Value>,
    /// The revisions that the owner of an adopted service gave it, oldest first.
    pub owners: Vec<String>,
    /// What the parameter of the service ever was, in MiB.
    pub parameters: BTreeSet<u32>,
    /// Whether the service file was deleted and not put again.
    pub deleted: bool,
    /// Whether the service has a foreign change in ECS.
    pub foreign_changes: bool,
    /// Whether it was given a foreign revision.
    pub deployed: bool,
    /// How many of its executions were aborted.
    pub aborts: usize,
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
    /// How many calls and states were hit by a fault.
    pub faults: usize,
    /// How many of the calls were hit because something was away.
    pub unanswered: usize,
    /// How many executions were aborted.
    pub aborts: usize,
    /// How many changes to ECS came from an execution that had ended already.
    pub late_changes: usize,
    /// The task definition revisions that have the same content as one before them.
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

/// The revisions that Landfall registered although there was one of the same family and content.
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
        let tags = described["tags"].as_array().into_iter().flatten();
        let content = tags
            .filter(|tag| tag["key"] == CONTENT_TAG)
            .find_map(|tag| tag["value"].as_str());
        if let Some(content) = content
            && !seen.insert(format!(
                "{} {content}",
                described["taskDefinition"]["family"]
            ))
        {
            doubles.push(arn.as_str().unwrap_or_default().to_owned());
        }
    }
    doubles
}
