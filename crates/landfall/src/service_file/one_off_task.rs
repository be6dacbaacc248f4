//! The sections `before` and `after`: tasks that run once around a release.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    document::{Node, NodeValue},
    mapping::{HOUR, Mapping, Problems},
    problem::Problem,
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
    pub(crate) fn word(self) -> &'static str {
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
    /// Nothing: it is told, and the release counts as good.
    #[default]
    Ignore,
    /// The release is bad.
    RollBack,
}

/// How long a task may take that names no `timeout`, in seconds.
const DEFAULT_TIMEOUT: u64 = 900;
/// How many tasks a section may have. They run one after the other.
const MOST: usize = 10;
/// Members of `RunTask` that Landfall fills in.
const FILLED_IN: [&str; 5] = [
    "cluster",
    "taskDefinition",
    "count",
    "startedBy",
    "clientToken",
];

/// Reads a section of tasks. `containers` are the names in the task definition; none if that is not in the file.
pub(super) fn read(
    section: &str,
    node: &Node,
    containers: Option<&[&str]>,
    problems: &mut Problems,
) -> Vec<OneOffTask> {
    let NodeValue::Sequence(items) = &node.value else {
        let message = format!("expected a list of tasks, found {}", node.kind());
        problems.add(Problem::new(node.position, section, message).hint(
            "list the tasks, each with `name`, `container` and `command`: they run one after the other",
        ));
        return Vec::new();
    };
    if items.len() > MOST {
        let message = format!(
            "there are {} tasks; at most {MOST} can run here",
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
    for (index, item) in items.iter().enumerate() {
        let path = format!("{section}[{index}]");
        let Some(mapping) = Mapping::of(item, &path, problems) else {
            continue;
        };
        if let Some((name, position)) = mapping.text("name", &mut Problems::default())
            && !names.insert(name)
        {
            let message = format!("there are two tasks named `{name}`");
            problems.add(Problem::new(position, &mapping.path_of("name"), message));
        }
        tasks.extend(task(section, &mapping, containers, problems));
    }
    tasks
}

fn task(
    section: &str,
    mapping: &Mapping<'_>,
    containers: Option<&[&str]>,
    problems: &mut Problems,
) -> Option<OneOffTask> {
    let mut fields = vec![
        "name",
        "container",
        "command",
        "environment",
        "cpu",
        "memory",
        "timeout",
        "runTask",
    ];
    if section == "after" {
        fields.push("onFailure");
    }
    mapping.only(&fields, problems);
    let name = mapping.needed_text("name", "name the task, e.g. `name: migrate`", problems);
    if let Some((name, position)) = name
        && !is_name(name)
    {
        let message = format!("`{name}` is no name of a task");
        problems.add(
            Problem::new(position, &mapping.path_of("name"), message)
                .hint("write 1 to 64 letters, digits, hyphens and underscores"),
        );
    }
    let container = mapping.needed_text(
        "container",
        "name the container of the task definition that runs the command",
        problems,
    );
    if let (Some((container, position)), Some(containers)) = (container, containers)
        && !containers.contains(&container)
    {
        let message =
            format!("there is no container `{container}` in taskDefinition.containerDefinitions");
        let near = super::mapping::nearest(container, containers.iter().copied());
        let problem = Problem::new(position, &mapping.path_of("container"), message);
        problems.add(match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("name one of its containers"),
        });
    }
    let on_failure = match mapping.text("onFailure", problems) {
        None | Some(("ignore", _)) => OnFailure::Ignore,
        Some(("roll-back", _)) => OnFailure::RollBack,
        Some((other, position)) => {
            let message = format!("`{other}` is not what can be done");
            problems.add(
                Problem::new(position, &mapping.path_of("onFailure"), message)
                    .hint("write `ignore` or `roll-back`"),
            );
            OnFailure::Ignore
        }
    };
    Some(OneOffTask {
        command: command(mapping, problems),
        environment: environment(mapping, problems),
        cpu: size(mapping, "cpu", problems),
        memory: size(mapping, "memory", problems),
        timeout_seconds: mapping
            .seconds("timeout", (10, 6 * HOUR), problems)
            .unwrap_or(DEFAULT_TIMEOUT),
        run_task: run_task(mapping, problems),
        on_failure,
        name: name?.0.into(),
        container: container?.0.into(),
    })
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}

fn command(mapping: &Mapping<'_>, problems: &mut Problems) -> Vec<String> {
    let path = mapping.path_of("command");
    let hint = "list the words of the command, e.g. `command: [python, migrate.py]`";
    let Some(node) = mapping.get("command") else {
        problems.add(Problem::new(mapping.position(), &path, "this field is missing").hint(hint));
        return Vec::new();
    };
    let words = match &node.value {
        NodeValue::Sequence(items) => items
            .iter()
            .map(|item| match &item.value {
                NodeValue::Scalar(Value::String(word)) => Some(word.clone()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>(),
        _ => None,
    };
    if words.is_none() {
        problems.add(
            Problem::new(node.position, &path, "expected a list of words, each text").hint(hint),
        );
    }
    words.unwrap_or_default()
}

/// As a container definition writes it: a list of `name` and `value`.
fn environment(mapping: &Mapping<'_>, problems: &mut Problems) -> Vec<Variable> {
    let Some(node) = mapping.get("environment") else {
        return Vec::new();
    };
    let path = mapping.path_of("environment");
    let NodeValue::Sequence(items) = &node.value else {
        let message = format!("expected a list of variables, found {}", node.kind());
        problems.add(
            Problem::new(node.position, &path, message)
                .hint("write each as `{ name: …, value: … }`, as in a container definition"),
        );
        return Vec::new();
    };
    let mut variables = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(pair) = Mapping::of(item, &format!("{path}[{index}]"), problems) else {
            continue;
        };
        pair.only(&["name", "value"], problems);
        let name = pair.needed_text("name", "name the variable", problems);
        let value = size(&pair, "value", problems);
        if let (Some((name, _)), Some(value)) = (name, value) {
            variables.push(Variable {
                name: name.into(),
                value,
            });
        }
    }
    variables
}

/// Text that people write as a whole number too.
fn size(mapping: &Mapping<'_>, name: &str, problems: &mut Problems) -> Option<String> {
    match &mapping.get(name)?.value {
        NodeValue::Scalar(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
        _ => mapping.text(name, problems).map(|(text, _)| text.into()),
    }
}

fn run_task(mapping: &Mapping<'_>, problems: &mut Problems) -> Map<String, Value> {
    let Some(section) = mapping.mapping("runTask", problems) else {
        return Map::new();
    };
    for (key, _) in section.entries() {
        if FILLED_IN.contains(&&*key.name) {
            let problem = Problem::new(
                key.position,
                &section.path_of(&key.name),
                "Landfall fills this in",
            );
            problems.add(problem.hint("remove it"));
        }
    }
    match section.node.to_json() {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
