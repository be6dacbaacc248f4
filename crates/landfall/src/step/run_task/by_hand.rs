//! A task of a service file that somebody runs by hand: as a release runs it, and for no verdict.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Input, Run, request::requested};
use crate::{
    content::ContentHash,
    record::Release,
    service_file::{OneOffTask, Phase, ServiceFile},
    service_id::ServiceId,
    tags::RUN_BY_TAG,
};

impl Input {
    /// For a task that somebody runs with the revision of a release.
    pub fn by_hand(
        service: &ServiceId,
        release: Release,
        task_definition: String,
        phase: Phase,
    ) -> Self {
        Self {
            service: service.clone(),
            execution: String::new(),
            release,
            // Every operation of ECS takes a cluster's name for its ARN.
            cluster: service.cluster().to_owned(),
            task_definition,
            phase,
            look: None,
        }
    }

    /// A task that ECS is asked for by hand now. Its `startedBy` is the same each time, so that one which runs is found, and
    /// is not a release's.
    pub fn run_by_hand(&self, task: &OneOffTask, now: Timestamp) -> Run {
        let named = json!([self.service, "by hand", self.key(task)]);
        let identity = ContentHash::of(&named).to_string();
        Run {
            started_by: format!("landfall/run/{}", &identity[..40]),
            ..self.run(task, now)
        }
    }
}

/// The body of `RunTask` for a task that somebody runs by hand: that of a release, but that it is another request each time, and
/// has the caller's ARN in a tag. `startedBy` takes no colon
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>).
pub fn body_by_hand(
    input: &Input,
    file: &ServiceFile,
    task: &OneOffTask,
    run: &Run,
    by: &str,
) -> Map<String, Value> {
    let named = json!([run.started_by, by, run.started_at]);
    let token = ContentHash::of(&named).to_string();
    let mut body = requested(input, file, task, &run.started_by, &token);
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        tags.push(json!({ "key": RUN_BY_TAG, "value": tag_value(by) }));
    }
    body
}

/// The end of `text` as the value of a tag: at most 256 letters, digits, spaces and `+ - = . _ : / @`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>). Names of sessions may have commas besides
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
fn tag_value(text: &str) -> String {
    let allowed = |c: char| {
        if c.is_alphanumeric() || " +-=._:/@".contains(c) {
            c
        } else {
            '_'
        }
    };
    let characters: Vec<char> = text.chars().map(allowed).collect();
    characters[characters.len().saturating_sub(256)..]
        .iter()
        .collect()
}
