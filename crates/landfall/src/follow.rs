//! Which image of a repository a container should run.

use std::{cmp::Ordering, fmt};

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::{image::Image, refusal::Refusal};

/// For one container: the repository whose images it runs, and which tags it admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRule {
    /// The name of an ECR repository in this account and Region.
    pub repository: String,
    /// Which tags are admitted, and their order.
    pub tag: TagPolicy,
}

/// Which tags a follow rule admits. Written `semver:<range>`, `glob:<pattern>`, `regex:<pattern>` or one exact tag.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPolicy {
    text: String,
    admits: Admits,
}

#[derive(Clone)]
enum Admits {
    Semver(VersionReq),
    Glob(GlobMatcher),
    Regex(Regex),
    Exact,
}

/// The longest tag policy, in bytes; a tag has 128 characters at most.
const LONGEST: usize = 256;

/// How large a compiled pattern may be, in bytes: a short one can stand for a very large automaton.
const LARGEST_AUTOMATON: usize = 1 << 20;

fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(LARGEST_AUTOMATON)
        .dfa_size_limit(LARGEST_AUTOMATON)
        .build()
}

impl TagPolicy {
    /// Reads a tag policy as it is written in a service file.
    ///
    /// # Errors
    /// Refused if it is empty, its range or pattern does not parse, or it is no tag that ECR takes.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            let length = text.len();
            return Err(Refusal::new(format!(
                "the tag policy has {length} bytes, at most {LONGEST} are taken: a tag has no more than 128 characters"
            )));
        }
        let admits = match text.split_once(':') {
            Some(("semver", range)) => VersionReq::parse(range).map(Admits::Semver).map_err(|error| {
                Refusal::new(format!("`{range}` is no version range ({error}); write one like `^1.2` or `>=1.4, <2`"))
            })?,
            Some(("glob" | "regex", "")) => {
                return Err(Refusal::new("the pattern is empty; `glob:*` admits every tag"));
            }
            Some(("glob", pattern)) => GlobBuilder::new(pattern)
                .build()
                .map(|glob| Admits::Glob(glob.compile_matcher()))
                .map_err(|error| Refusal::new(format!("the pattern does not parse: {error}")))?,
            // By itself first: `a)|(?:b` only parses inside the anchoring group, which it would leave.
            Some(("regex", pattern)) => regex(pattern)
                .and_then(|_| regex(&format!("^(?:{pattern})$")))
                .map(Admits::Regex)
                .map_err(|error| Refusal::new(format!("the pattern does not parse: {error}")))?,
            Some((kind, _)) => {
                return Err(Refusal::new(format!(
                    "`{kind}:` is no tag policy; write `semver:<range>`, `glob:<pattern>`, `regex:<pattern>` or one exact tag"
                )));
            }
            None if is_tag(text) => Admits::Exact,
            None => {
                return Err(Refusal::new(format!(
                    "`{text}` is no image tag: ECR takes 1 to 128 letters, digits, `.`, `_` and `-`, not starting with `.` or `-`"
                )));
            }
        };
        Ok(Self {
            text: text.into(),
            admits,
        })
    }

    /// Whether `tag` is one that this policy follows. A semver range admits pre-releases only where it names one, and
    /// takes `v1.2.3` for `1.2.3`.
    pub fn admits(&self, tag: &str) -> bool {
        match &self.admits {
            Admits::Semver(range) => version(tag).is_some_and(|version| range.matches(&version)),
            Admits::Glob(glob) => glob.is_match(tag),
            Admits::Regex(regex) => regex.is_match(tag),
            Admits::Exact => tag == self.text,
        }
    }

    /// The one tag of an exact policy.
    pub fn exact(&self) -> Option<&str> {
        matches!(self.admits, Admits::Exact).then_some(&*self.text)
    }

    /// Which of two admitted images comes later: semver precedence, then ECR's push time. The digest only makes the
    /// order total, so that the same images give the same answer in whatever order they are met.
    pub fn order(&self, left: &Image, right: &Image) -> Ordering {
        let precedence = match &self.admits {
            Admits::Semver(_) => match (version(&left.tag), version(&right.tag)) {
                (Some(left), Some(right)) => left.cmp_precedence(&right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            },
            _ => Ordering::Equal,
        };
        precedence
            .then_with(|| left.pushed_at.cmp(&right.pushed_at))
            .then_with(|| left.digest.cmp(&right.digest))
            .then_with(|| left.tag.cmp(&right.tag))
    }

    /// The image to run, given the one known so far and what ECR says now of an admitted tag.
    ///
    /// Tags move: for the tag that is already followed, ECR's present answer replaces what was known, also when the
    /// tag was moved back to an older image, as a promotion by tag does. Between tags the later in [`Self::order`]
    /// wins. `observed` has to be read from ECR after `known` was read from the desired state; compare-and-swap then
    /// keeps a stale observation from overwriting a fresh one.
    pub fn join(&self, known: Option<Image>, observed: Image) -> Image {
        match known {
            Some(known) if known.tag == observed.tag && known.repository == observed.repository => {
                observed
            }
            Some(known) if known.repository == observed.repository && self.admits(&known.tag) => {
                match self.order(&known, &observed) {
                    Ordering::Less => observed,
                    Ordering::Equal | Ordering::Greater => known,
                }
            }
            _ => observed,
        }
    }
}

/// Whether ECR takes `text` as an image tag
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html>, as in the OCI distribution
/// specification).
fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(word)
        && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

impl PartialEq for TagPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TagPolicy {}

/// As it was written: a compiled pattern takes pages.
impl fmt::Debug for TagPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TagPolicy").field(&self.text).finish()
    }
}

impl fmt::Display for TagPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for TagPolicy {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<TagPolicy> for String {
    fn from(policy: TagPolicy) -> Self {
        policy.text
    }
}

#[cfg(test)]
mod tests;
