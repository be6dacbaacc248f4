//! A run of a scenario, from its first move to what it came to.

use std::collections::{BTreeMap, BTreeSet};

use landfall::tags::{CONTENT_TAG, RELEASE_TAG};
use landfall_local::cloud::Cloud;
use serde_json::json;

use crate::{
    fault::Made, invariant, scenario::Scenario, stage::Stage, story::RunError, violation::Violation,
};

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
