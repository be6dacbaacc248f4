//! The containers of `taskDefinition`, as the sections need them that name containers.

use std::collections::BTreeSet;

use super::{
    document::{Node, NodeValue},
    mapping::{Mapping, Problems},
    problem::{Position, Problem},
    rules::did_you_mean,
    spelling::misspelt,
};

/// A container.
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) position: Position,
    pub(super) path: String,
    pub(super) image: Option<Position>,
}

/// Reads them, and says what they lack to be known by name.
pub(super) fn read<'a>(
    task_definition: &Mapping<'a>,
    problems: &mut Problems,
) -> Vec<Container<'a>> {
    task_definition.needed_text(
        "family",
        "name the task definition's family, e.g. `family: hello`",
        problems,
    );
    let path = task_definition.path_of("containerDefinitions");
    let hint = "list at least one container, each with a `name`";
    let items = match task_definition.get("containerDefinitions") {
        None => {
            let problem = task_definition.wrong_at("containerDefinitions", "this field is missing");
            problems.add(problem.hint(hint));
            return Vec::new();
        }
        Some(Node {
            value: NodeValue::Sequence(items),
            ..
        }) if !items.is_empty() => items,
        Some(node) => {
            problems.add(
                Problem::new(node.position, &path, "expected a list of containers").hint(hint),
            );
            return Vec::new();
        }
    };
    let mut containers: Vec<Container<'_>> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(mapping) = Mapping::of(item, &path, problems) else {
            continue;
        };
        let Some(name) = mapping.needed_text("name", "every container has a name", problems) else {
            continue;
        };
        if !names.insert(name) {
            let message = format!("there are two containers named `{name}`");
            problems.add(mapping.wrong_at("name", message));
        }
        containers.push(Container {
            name,
            position: mapping.get("name").unwrap_or(item).position,
            path,
            image: mapping
                .entries()
                .find(|(key, _)| {
                    key.name == "image" || misspelt(&key.name, std::iter::once("image")).is_some()
                })
                .map(|(_, node)| node.position),
        });
    }
    containers
}

/// A problem if the field `container` of `section` names one that is not among these; nothing if there are none, which
/// are not known then.
pub(super) fn check_named(section: &Mapping<'_>, names: &[&str], problems: &mut Problems) {
    if let Some(name) = section.said("container")
        && !names.is_empty()
        && !names.contains(&name)
    {
        let message =
            format!("there is no container `{name}` in taskDefinition.containerDefinitions");
        let hint = did_you_mean(name, names.iter().copied(), "the containers are");
        problems.add(section.wrong_at("container", message).hint(hint));
    }
}
