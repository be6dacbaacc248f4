//! Which image of a repository a container should run.

mod order;
mod policy;

use serde::{Deserialize, Serialize};

pub use self::policy::{Flaw, TagPolicy, Unadmitted, Written};
use crate::image::Image;

/// For one container: the repository whose images it runs, and which tags it admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRule {
    /// The name of an ECR repository in this account and Region.
    pub repository: String,
    /// Which tags are admitted, and their order.
    #[serde(flatten)]
    pub tag: TagPolicy,
    /// The container with which it is released together or not at all, with an image of the same version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
}

impl FollowRule {
    /// The images that the rule admits, latest first. Of those in `known` it may be known since when they have their tags.
    pub fn candidates(&self, tagged: Vec<Image>, known: &[&Image]) -> Vec<Image> {
        let mut candidates: Vec<_> = tagged
            .into_iter()
            .filter(|image| self.tag.admits(&image.tag))
            .map(|image| {
                let mut known = known.iter();
                let known =
                    known.find(|known| known.tag == image.tag && known.digest == image.digest);
                known.map_or(image, |known| Image::clone(known))
            })
            .collect();
        candidates.sort_by(|one, other| self.tag.order(other, one));
        candidates
    }
}

#[cfg(test)]
mod tests;
