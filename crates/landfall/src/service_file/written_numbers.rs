//! Numbers where ECS takes text.
//!
//! Somebody who writes `value: 8080` means the text `8080`, and gets it. But YAML reads `012345678901` as 12345678901 and
//! `1.10` as 1.1: there the text that was meant would silently become another one, so quotes are asked for.

use serde_json::{Number, Value};

use super::{
    document::{Node, NodeValue},
    mapping::Problems,
    problem::{Position, Problem},
};

/// Reports every number of the task definition that stands where ECS takes text and would not keep its spelling.
pub(super) fn check(document: &Node, text: &[u8], problems: &mut Problems) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    let mut check = |node: Option<&Node>, path: String| {
        let Some(Node {
            position,
            value: NodeValue::Scalar(Value::Number(number)),
        }) = node
        else {
            return;
        };
        if !keeps_its_spelling(&lines, *position, number) {
            let message = format!("ECS takes text here, and this would become `{number}`");
            problems.add(Problem::new(*position, &path, message).hint("put it in quotes"));
        }
    };
    let Some(task_definition) = field(document, "taskDefinition") else {
        return;
    };
    for name in ["cpu", "memory"] {
        check(
            field(task_definition, name),
            format!("taskDefinition.{name}"),
        );
    }
    let containers = items(field(task_definition, "containerDefinitions"));
    for (index, container) in containers.iter().enumerate() {
        for (pair, variable) in items(field(container, "environment")).iter().enumerate() {
            let path =
                format!("taskDefinition.containerDefinitions[{index}].environment[{pair}].value");
            check(field(variable, "value"), path);
        }
    }
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    match &node.value {
        NodeValue::Mapping(entries) => entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node),
        _ => None,
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(NodeValue::Sequence(items)) => items,
        _ => &[],
    }
}

/// An alias stands for a number that is written elsewhere, so it is refused too.
fn keeps_its_spelling(lines: &[Vec<char>], position: Position, number: &Number) -> bool {
    let at = |count: u64| usize::try_from(count - 1).unwrap_or(usize::MAX);
    let written = lines
        .get(at(position.line))
        .and_then(|line| line.get(at(position.column)..))
        .unwrap_or_default()
        .iter()
        .take_while(|c| !c.is_whitespace() && !",]}".contains(**c));
    written.copied().eq(number.to_string().chars())
}
