//! What a sweep remembers, and what it finds that no event told.
//!
//! A sweep never decides what should run. It finds out where something changed since it last looked, and then what the
//! triggers do is done there.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{content::ContentHash, desired::DesiredState, image::Image};

/// How many shards there are: a number that the usual intervals divide.
const SHARDS: u8 = 60;

/// ListExecutions is eventually consistent
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>): what it may not have told
/// at one look is looked at again at the next.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// A part of all repositories and service files, which a sweep looks at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard(u8);

/// What was there when a shard was last looked at and everything in it joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Repository → [`fingerprint`] of its tags. Anything else there says that it has to be looked at.
    #[serde(default)]
    pub repositories: BTreeMap<String, String>,
    /// Key of a service file → which one it was.
    #[serde(default)]
    pub files: BTreeMap<String, FileMark>,
}

/// How a listing tells one upload of a service file from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMark {
    /// Its entity tag, which changes with the content.
    pub etag: String,
    /// When it was uploaded, to the second.
    pub last_modified: Timestamp,
}

/// Up to when the deaths of executions are dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionsSeen {
    /// Everything that died before this was looked at.
    pub until: Timestamp,
}

impl Shard {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard of a repository or of a service file's key.
    pub fn of(name: &str) -> Self {
        let hash = ContentHash::of(&name.into()).to_string();
        let number = hash.bytes().take(8).fold(0u32, |number, digit| {
            number.wrapping_mul(31).wrapping_add(digit.into())
        });
        // Below 60, so it fits.
        Self(u8::try_from(number % u32::from(SHARDS)).unwrap_or_default())
    }

    /// Its number, from 0.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl ExecutionsSeen {
    /// From when on deaths have to be looked at.
    pub fn since(self) -> Timestamp {
        self.until.checked_sub(OVERLAP).unwrap_or(self.until)
    }
}

/// What tells one content of a repository from another: its tags, the images that have them, and when they came.
pub fn fingerprint(listing: &[Image]) -> String {
    let lines: BTreeSet<_> = listing
        .iter()
        .map(|image| format!("{} {} {}", image.tag, image.digest, image.pushed_at))
        .collect();
    ContentHash::of(&json!(lines)).to_string()
}

/// A note in place of a repository's [`fingerprint`]: a service was given another image of a tag that it follows, so what
/// the repository holds has to be looked at again, even if it is what it was before.
pub fn moved(image: &Image, now: Timestamp) -> String {
    format!("{} was moved to {} by {now}", image.tag, image.digest)
}

/// The tags of `repository` whose pushes a service has missed, given everything that is tagged there.
///
/// That is the tag that it follows, if another image has it; and the latest admitted tag, if that comes after all that
/// the service has known, also after an image that was withdrawn by moving its tag back. So nothing older is found again.
pub fn missed(desired: &DesiredState, repository: &str, listing: &[Image]) -> BTreeSet<String> {
    let mut missed = BTreeSet::new();
    let rules = desired.rules_in_force().into_iter();
    for (container, rule) in rules.filter(|(_, rule)| rule.repository == repository) {
        let known = desired.images.get(&container);
        let now = known.and_then(|known| listing.iter().find(|image| image.tag == known.tag));
        if let (Some(known), Some(now)) = (known, now)
            && known.digest != now.digest
        {
            missed.insert(now.tag.clone());
        }
        let admitted = listing.iter().filter(|image| rule.tag.admits(&image.tag));
        let Some(latest) = admitted.max_by(|one, other| rule.tag.order(one, other)) else {
            continue;
        };
        let mut before = [known, now, desired.withdrawn.get(&container)]
            .into_iter()
            .flatten();
        if before.all(|known| rule.tag.order(known, latest) == Ordering::Less) {
            missed.insert(latest.tag.clone());
        }
    }
    missed
}

/// The keys of service files that are new, changed or gone. `told` are those that have a status: one may have come and gone
/// between two sweeps.
pub fn changed_files(
    known: &BTreeMap<String, FileMark>,
    listed: &BTreeMap<String, FileMark>,
    told: &BTreeSet<String>,
) -> BTreeSet<String> {
    let changed = listed
        .iter()
        .filter(|(key, mark)| known.get(*key) != Some(mark))
        .map(|(key, _)| key);
    let gone = known.keys().chain(told);
    let gone = gone.filter(|key| !listed.contains_key(*key));
    changed.chain(gone).cloned().collect()
}

#[cfg(test)]
mod tests;
