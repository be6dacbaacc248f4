//! A revision of a task definition in ECS.

use serde_json::{Map, Value};

use crate::{
    content::ContentHash,
    service_id::ServiceId,
    tags::{CONTENT_TAG, SERVICE_TAG, service_tag},
    task_definition::containers,
};

/// A revision as `DescribeTaskDefinition` answers it, member for member, with those that Landfall does not know yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveRevision {
    /// The member `taskDefinition`.
    pub fields: Map<String, Value>,
    /// The member `tags`.
    pub tags: Vec<Value>,
}

/// Landfall's own tags begin with this.
const OWN_TAGS: &str = "landfall:";

/// The prefix of tags that AWS sets, and that no request may have
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>).
const AWS_TAGS: &str = "aws:";

impl LiveRevision {
    /// The members of `TaskDefinition` that `RegisterTaskDefinition` has not
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html>). Everything else is sent
    /// again, also what a later API adds.
    pub const ANSWERED_ONLY: [&str; 9] = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    ];

    /// The body of `RegisterTaskDefinition` that registers the same again: the tags are sorted, because ECS promises no
    /// order of them.
    pub fn registrable(&self) -> Map<String, Value> {
        let mut body = self.fields.clone();
        body.retain(|member, _| !Self::ANSWERED_ONLY.contains(&&**member));
        let mut tags = self.tags.clone();
        tags.retain(|tag| {
            let key = key_of(tag).to_ascii_lowercase();
            !key.starts_with(OWN_TAGS) && !key.starts_with(AWS_TAGS)
        });
        tags.sort_by(|left, right| key_of(left).cmp(key_of(right)));
        if !tags.is_empty() {
            body.insert("tags".into(), tags.into());
        }
        body
    }

    /// Whether Landfall registered it for `service` from `content`.
    pub fn was_made_from(&self, content: &ContentHash, service: &ServiceId) -> bool {
        let has = |key: &str, value: &str| {
            let mut tags = self.tags.iter();
            tags.any(|tag| {
                key_of(tag) == key && tag.get("value").and_then(Value::as_str) == Some(value)
            })
        };
        has(SERVICE_TAG, &service_tag(service)) && has(CONTENT_TAG, &content.to_string())
    }

    /// The names of its containers.
    pub fn containers(&self) -> Vec<&str> {
        containers(&self.fields)
            .filter_map(|container| container.get("name")?.as_str())
            .collect()
    }
}

fn key_of(tag: &Value) -> &str {
    tag.get("key").and_then(Value::as_str).unwrap_or_default()
}
