//! The sections `before` and `after`: tasks that run once around a release.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    containers,
    document::{Node, NodeValue},
    mapping::{Mapping, Problems},
    problem::Problem,
    section::{AFTER, BEFORE, ONE_OFF_TASK, deserialized},
};

/// When tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before the service is touched.
    Before,
    /// After the release proved good.
    After,
}

impl Phase {
    /// The name of its section in a service file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A task of the release's own revision that runs once, to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneOffTask {
    /// Its name within its section.
    pub name: String,
    /// The container that gets the command, and whose exit code counts.
    pub container: String,
    /// The command; empty for the container's own.
    pub command: Vec<String>,
    /// Environment variables that the container gets besides its own.
    #[serde(default)]
    pub environment: Vec<Variable>,
    /// The task's CPU units, in place of the task definition's.
    pub cpu: Option<String>,
    /// The task's memory, in place of the task definition's.
    pub memory: Option<String>,
    /// How long, in seconds, it may take.
    pub timeout_seconds: u64,
    /// What its failure means for the release. Only asked of tasks that run after it: a release whose task before it
    /// failed is never rolled out.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Further members of `RunTask`.
    #[serde(default)]
    pub run_task: Map<String, Value>,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What the failure of a task after the rollout means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Nothing: it is reported, and the release counts as good.
    #[default]
    Ignore,
    /// The release is bad.
    RollBack,
}

/// Members of `RunTask` that Landfall fills in.
const FILLED_IN: [&str; 5] = [
    "cluster",
    "taskDefinition",
    "count",
    "startedBy",
    "clientToken",
];

/// When the tasks of a section run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// Reads a section of tasks. `containers` are the names in the task definition; none if that is not in the file.
pub(super) fn read(
    when: When,
    node: &Node,
    containers: &[&str],
    problems: &mut Problems,
) -> Vec<OneOffTask> {
    let (section, described) = match when {
        When::Before => ("before", &BEFORE),
        When::After => ("after", &AFTER),
    };
    if let NodeValue::Sequence(items) = &node.value
        && let Some(most) = described.most_items
        && items.len() > most
    {
        let message = format!(
            "there are {} tasks; at most {most} can run here",
            items.len()
        );
        problems.add(
            Problem::new(node.position, section, message)
                .hint("let one task do the work of several"),
        );
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let mut tasks = Vec::new();
    for task in described.mappings(node, section, problems) {
        let mut fields = ONE_OFF_TASK.read(&task, problems);
        if let Some(name) = task.said("name")
            && !names.insert(name)
        {
            problems.add(task.wrong_at("name", format!("there are two tasks named `{name}`")));
        }
        containers::check_named(&task, containers, problems);
        if when == When::Before && task.get("onFailure").is_some() {
            let problem = task.wrong_at("onFailure", "only tasks of `after` have this field");
            problems.add(
                problem.hint("remove it: if a task of `before` fails, the service is not touched"),
            );
        }
        filled_in(&task, problems);
        // A variable without a value is none.
        if let Some(Value::Array(variables)) = fields.get_mut("environment") {
            variables.retain(|variable| variable.get("value").is_some());
        }
        tasks.extend(deserialized(&task, fields, problems));
    }
    tasks
}

fn filled_in(task: &Mapping<'_>, problems: &mut Problems) {
    let Some(section) = task.mapping_at("runTask") else {
        return;
    };
    for (key, _) in section.entries() {
        if FILLED_IN.contains(&&*key.name) {
            let path = section.path_of(&key.name);
            let problem = Problem::new(key.position, &path, "Landfall fills this in");
            problems.add(problem.hint("remove it"));
        }
    }
}
