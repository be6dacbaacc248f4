//! What a sweep remembers of the last one, and what it finds that no event reported.
//!
//! A sweep never decides what should run. It finds the repositories and service files that changed since the last
//! sweep, and does for them what the triggers do.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    content::ContentHash,
    desired::DesiredState,
    image::{Image, TagTime},
    service_id::ServiceId,
};

/// How many shards there are: a number that the usual intervals divide.
const SHARDS: u8 = 60;

/// ListExecutions is eventually consistent
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>): an execution that it did
/// not list yet in one sweep is listed in the next, which asks again for this much of the time before.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// A part of all repositories, service files and services: one sweep looks at one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard(u8);

/// The repositories and service files of a shard as they were when the last sweep of it had joined them all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Repository → [`fingerprint`] of its images. Any other text there makes the next sweep look at the repository.
    #[serde(default)]
    pub repositories: BTreeMap<String, String>,
    /// Key of a service file → which upload of it.
    #[serde(default)]
    pub files: BTreeMap<String, FileMark>,
    /// Services with a hold to end once AWS answers again, each with the release that ended undecided.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undecided: BTreeMap<ServiceId, u64>,
}

/// What distinguishes two uploads of a service file in a bucket listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMark {
    /// Its entity tag, which changes with the content.
    pub etag: String,
    /// When it was uploaded, to the second.
    pub last_modified: Timestamp,
}

/// Up to when sweeps have dealt with executions that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionsSeen {
    /// Every execution that died before this time has been dealt with.
    pub until: Timestamp,
}

impl Shard {
    /// All shards.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard of a repository, of a service file's key or of a service.
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
    /// The start of the time in which the next sweep looks for executions that died.
    pub fn since(self) -> Timestamp {
        self.until.checked_sub(OVERLAP).unwrap_or(self.until)
    }
}

/// All images of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those with a tag, once for each.
    pub tagged: Vec<Image>,
    /// The digests of the others: a service may run an image that lost its tag.
    pub untagged: BTreeSet<String>,
    /// The digests of those with a tag that are indexes of images for several platforms.
    pub indexes: BTreeSet<String>,
}

impl Listing {
    /// Whether an image is there.
    pub fn has(&self, digest: &str) -> bool {
        let mut tagged = self.tagged.iter();
        self.untagged.contains(digest) || tagged.any(|image| image.digest == digest)
    }
}

/// A hash of everything in a repository: its tags, the images that have them, when they were pushed, and the images without
/// a tag.
pub fn fingerprint(listing: &Listing) -> String {
    let tagged = listing.tagged.iter();
    let tagged = tagged.map(|image| format!("{} {} {}", image.tag, image.digest, image.pushed_at));
    let lines: BTreeSet<_> = tagged.chain(listing.untagged.iter().cloned()).collect();
    ContentHash::of(&json!(lines)).to_string()
}

/// The text that stands in place of a repository's [`fingerprint`] after a service was given another image of a tag
/// that it follows: the next sweep has to look at the repository, even if it holds the same as before.
pub fn moved(image: &Image, now: Timestamp) -> String {
    format!("{} was moved to {} by {now}", image.tag, image.digest)
}

/// The tags of a repository and which images had them when a sweep had last joined them all, as hashes: a repository may have
/// a hundred thousand of them.
///
/// ECR does not say when an image got a tag. But what has a tag now and had not when the followed image had its own came
/// after that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenTags(BTreeSet<String>);

/// How many hexadecimal digits of a hash are kept of a tag: enough for no two of them to have the same by chance.
const DIGITS: usize = 16;

impl SeenTags {
    /// Those that are listed.
    pub fn of(listing: &Listing) -> Self {
        Self(listing.tagged.iter().map(Self::hash).collect())
    }

    /// Whether the image had its tag.
    pub fn has(&self, image: &Image) -> bool {
        self.0.contains(&Self::hash(image))
    }

    fn hash(image: &Image) -> String {
        let hash = ContentHash::of(&json!([image.tag, image.digest])).to_string();
        hash.chars().take(DIGITS).collect()
    }
}

/// The tags of `repository` whose pushes or deletions a service has missed, given everything that is tagged there, and what
/// is known of when the tags were put.
///
/// These are the tag that the service follows, if another image has that tag now or nothing has it; and the latest admitted
/// tag, if it comes after the images that the service follows and has withdrawn. So no older image is found again. `seen`
/// are the tags that were there at the last sweep, if any rule asked for them.
pub fn missed(
    desired: &DesiredState,
    repository: &str,
    listing: &[Image],
    seen: Option<&SeenTags>,
) -> BTreeMap<String, TagTime> {
    let mut missed = BTreeMap::new();
    let rules = desired.rules_in_force().into_iter();
    for (container, rule) in rules.filter(|(_, rule)| rule.repository == repository) {
        let known = desired.images.get(&container);
        let now = known.and_then(|known| listing.iter().find(|image| image.tag == known.tag));
        if let Some(known) = known
            && now.is_none_or(|now| known.digest != now.digest)
        {
            missed.insert(known.tag.clone(), TagTime::Unknown);
        }
        let later = |image: &Image| match (known, seen) {
            (Some(known), Some(seen)) if seen.has(known) && !seen.has(image) => {
                TagTime::After(known.since())
            }
            _ => TagTime::Unknown,
        };
        let admitted = listing.iter().filter(|image| rule.tag.admits(&image.tag));
        let admitted = admitted.map(|image| match known {
            Some(known) if known.tag == image.tag && known.digest == image.digest => known.clone(),
            _ => image.clone().tagged(later(image)),
        });
        let Some(latest) = admitted.max_by(|one, other| rule.tag.order(one, other)) else {
            continue;
        };
        let mut before = [known, now, desired.withdrawn.get(&container)]
            .into_iter()
            .flatten();
        // Of containers that are released together, which version they can have is seen when all their repositories are.
        let is_incomplete = !desired.is_alone(&container)
            && known.is_none_or(|known| rule.tag.order(known, &latest).is_lt());
        if is_incomplete || before.all(|known| rule.tag.order(known, &latest) == Ordering::Less) {
            let at = later(&latest);
            missed.insert(latest.tag, at);
        }
    }
    missed
}

/// The keys of service files that are new, changed or gone: `known` are the files of the last sweep, `listed` those
/// that are there now, `with_status` the keys that have a status object. A file that was uploaded and deleted between
/// two sweeps is in neither list, but has a status.
pub fn changed_files(
    known: &BTreeMap<String, FileMark>,
    listed: &BTreeMap<String, FileMark>,
    with_status: &BTreeSet<String>,
) -> BTreeSet<String> {
    let changed = listed
        .iter()
        .filter(|(key, mark)| known.get(*key) != Some(mark))
        .map(|(key, _)| key);
    let gone = known.keys().chain(with_status);
    let gone = gone.filter(|key| !listed.contains_key(*key));
    changed.chain(gone).cloned().collect()
}

#[cfg(test)]
mod tests;
