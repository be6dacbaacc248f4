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
}

impl FollowRule {
    /// The images that the rule admits, latest first. Of `known`, which was followed, it may be known since when it has its
    /// tag.
    pub fn candidates(&self, tagged: Vec<Image>, known: Option<&Image>) -> Vec<Image> {
        let mut candidates: Vec<_> = tagged
            .into_iter()
            .filter(|image| self.tag.admits(&image.tag))
            .map(|image| match known {
                Some(known) if known.tag == image.tag && known.digest == image.digest => {
                    known.clone()
                }
                _ => image,
            })
            .collect();
        candidates.sort_by(|one, other| self.tag.order(other, one));
        candidates
    }
}

#[cfg(test)]
mod tests;
