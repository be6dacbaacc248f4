//! Step `RegisterTaskDefinition`: a revision whose images are pinned by digest.

mod adopt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    content::ContentHash,
    desired::GoodRelease,
    live::LiveRevision,
    plan::Plan,
    record::{Release, TaskDefinition},
    refusal::Refusal,
    service_file::ServiceFile,
    service_id::ServiceId,
    tags::{CONTENT_TAG, RELEASE_TAG, SERVICE_TAG, service_tag},
    task_definition::containers_mut,
};

pub use adopt::render_live;

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// The last good release, whose revision is used again if nothing in it changed.
    pub last_good: Option<GoodRelease>,
    /// How many executions have taken up this release, this one included.
    pub attempt: u32,
    /// How often the state machine has repeated the step in this execution.
    #[serde(default)]
    pub retries: u32,
    /// Since when the execution holds the claim.
    #[serde(default)]
    pub claimed_at: Option<Timestamp>,
    /// Whether ECS may have another `service` section than the release's: only then is there work besides the revision.
    #[serde(default)]
    pub apply_service: bool,
    /// Whether ECS was last given the section of the last good release.
    #[serde(default)]
    pub from_good: bool,
}

impl Input {
    /// Whether an earlier release may have left a listener rule, a target group or scaling of which the last good release's file
    /// says nothing: it was bad or unproven, or a newer one took its place.
    pub fn may_be_untidy(&self) -> bool {
        self.apply_service && !self.from_good && self.release.number > 1
    }

    /// Whether the revision may be there already: an execution or a process that died may have registered it.
    pub fn may_be_registered(&self) -> bool {
        self.attempt > 1 || self.retries > 0
    }
}

/// What the step answers.
pub type Output = Plan;

/// What `RegisterTaskDefinition` is to be sent, and its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The request body.
    pub body: Map<String, Value>,
    /// The hash of the body without Landfall's tags.
    pub content: ContentHash,
}

/// Fills the release's images into the file's task definition.
///
/// # Errors
/// Refused if the file does not fit the release, which only a damaged state bucket can bring about.
pub fn render(
    file: &ServiceFile,
    release: &Release,
    service: &ServiceId,
) -> Result<Registration, Refusal> {
    fill(file.task_definition.clone(), file, release, service)
}

/// A copy of a revision that Landfall did not register, as it is: the way back from a release before which nothing was good.
pub fn copy(live: &LiveRevision, release: u64, service: &ServiceId) -> Registration {
    tagged(live.registrable(), release, service)
}

fn fill(
    mut body: Map<String, Value>,
    file: &ServiceFile,
    release: &Release,
    service: &ServiceId,
) -> Result<Registration, Refusal> {
    // A file that was made from a described revision has its tags, and ECS refuses a key that is there twice.
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| {
            let key = tag.get("key").and_then(Value::as_str);
            ![Some(SERVICE_TAG), Some(CONTENT_TAG), Some(RELEASE_TAG)].contains(&key)
        });
    }
    for field in ["cpu", "memory"] {
        if let Some(value) = body.get_mut(field) {
            number_as_text(value);
        }
    }
    for container in containers_mut(&mut body) {
        let name = container
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if file.images.contains_key(&name) {
            let image = release.content.images.get(&name).ok_or_else(|| {
                Refusal::new(format!(
                    "release {} has no image for the container `{name}`",
                    release.number
                ))
            })?;
            container.insert("image".into(), image.pinned().into());
        }
        let environment = container
            .get_mut("environment")
            .and_then(Value::as_array_mut);
        for value in environment
            .into_iter()
            .flatten()
            .filter_map(|pair| pair.get_mut("value"))
        {
            number_as_text(value);
        }
    }
    Ok(tagged(body, release.number, service))
}

/// What is registered for a release of the service, with its hash and Landfall's tags.
fn tagged(mut body: Map<String, Value>, release: u64, service: &ServiceId) -> Registration {
    let content = ContentHash::of(&Value::Object(body.clone()));
    let tags = body.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.push(json!({ "key": SERVICE_TAG, "value": service_tag(service) }));
        tags.push(json!({ "key": RELEASE_TAG, "value": release.to_string() }));
        tags.push(json!({ "key": CONTENT_TAG, "value": content }));
    }
    Registration { body, content }
}

/// The last good revision, if it was made from the same content.
pub fn reusable(last_good: Option<&GoodRelease>, content: &ContentHash) -> Option<TaskDefinition> {
    last_good
        .map(|good| &good.task_definition)
        .filter(|revision| revision.content == *content)
        .cloned()
}

/// ECS takes these as text, people write them as numbers
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>).
fn number_as_text(value: &mut Value) {
    if matches!(value, Value::Number(_) | Value::Bool(_)) {
        *value = Value::String(value.to_string());
    }
}

#[cfg(test)]
mod tests;
