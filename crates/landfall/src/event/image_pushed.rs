//! "ECR Image Action": an image was pushed, or something else happened to one; "ECR Replication Action": one came from
//! another registry, which makes no push
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html>).

use serde::Deserialize;
use serde_json::Value;

use super::{Heard, excerpt, open, within};
use crate::{
    image::{TagTime, registry_host},
    refusal::Refusal,
};

/// A tag that was pushed to a repository of this account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedTag {
    /// The repository's name.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// When an image got the tag, as far as that is known.
    pub at: TagTime,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    action_type: String,
    result: String,
    repository_name: String,
    #[serde(default)]
    image_tag: String,
}

/// Reads the event for a Landfall that is installed in `account` and `region`.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value, account: &str, region: &str) -> Result<Heard<PushedTag>, Refusal> {
    let envelope = open::<Detail>(
        event,
        "aws.ecr",
        &["ECR Image Action", "ECR Replication Action"],
    )?;
    let Detail {
        action_type,
        result,
        repository_name,
        image_tag,
    } = envelope.detail;
    within("repository-name", &repository_name, 256)?;
    if !["PUSH", "REPLICATE"].contains(&&*action_type) {
        return Ok(Heard::Ignore(format!(
            "the action is {}, not PUSH or REPLICATE",
            excerpt(&action_type)
        )));
    }
    if result != "SUCCESS" {
        return Ok(Heard::Ignore(format!("it ended with {}", excerpt(&result))));
    }
    if (&*envelope.account, &*envelope.region) != (account, region) {
        let registry = registry_host(&excerpt(&envelope.account), &excerpt(&envelope.region));
        return Ok(Heard::Ignore(format!(
            "the registry {registry} is not this account's in this Region"
        )));
    }
    if image_tag.is_empty() {
        return Ok(Heard::Ignore("the image has no tag".into()));
    }
    within("image-tag", &image_tag, 128)?;
    Ok(Heard::Look(PushedTag {
        repository: repository_name,
        tag: image_tag,
        at: envelope.time.map_or(TagTime::Unknown, TagTime::Said),
    }))
}
