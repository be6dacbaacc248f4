//! Which tags a follow rule admits, and their order.

use std::{cmp::Ordering, fmt};

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::order::{Order, Part, Unordered, range_of};
use crate::{
    image::{Image, is_attachment},
    refusal::Refusal,
};

/// Which tags a follow rule admits, and their order.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct TagPolicy {
    written: Written,
    admits: Admits,
    order: Order,
    part: Part,
}

/// A tag policy as it stands in a service file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// `semver:<range>`, `glob:<pattern>`, `regex:<pattern>` or one exact tag.
    pub tag: String,
    /// The part of a tag that is compared, by the names of groups of the pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<String>,
    /// `numerical`, `alphabetical` or `semver:<range>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// What is wrong with a tag policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// In which of its fields.
    pub field: &'static str,
    /// What, and what to write.
    pub refusal: Refusal,
}

/// Why a tag is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unadmitted {
    /// It is the tag of a signature, an attestation or an SBOM.
    Attachment,
    /// The rule does not match it; with what does not.
    Other(String),
}

#[derive(Clone)]
enum Admits {
    Semver,
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
    /// Reads a tag policy without an order of its own.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(tag: &str) -> Result<Self, Refusal> {
        let written = Written {
            tag: tag.into(),
            ..Written::default()
        };
        Self::read(written).map_err(|flaw| flaw.refusal)
    }

    /// Reads a tag policy as it is written in a service file.
    ///
    /// # Errors
    /// Refused if it is empty, its range, pattern or order does not parse, it is no tag that ECR takes, or the order has
    /// nothing to compare.
    pub fn read(written: Written) -> Result<Self, Flaw> {
        let flaw = |field| move |refusal| Flaw { field, refusal };
        let (admits, usual) = admits(&written.tag).map_err(flaw("tag"))?;
        let (order, part) = match (&admits, written.order.as_deref()) {
            (_, None) if written.extract.is_some() => {
                return Err(flaw("extract")(Refusal::new(
                    "nothing compares the part; add `order: numerical`, `order: alphabetical` or `order: \"semver:*\"`, \
                     or remove `extract`",
                )));
            }
            (_, None) => (usual, Part::Whole),
            (Admits::Semver, Some(_)) => {
                return Err(flaw("order")(Refusal::new(
                    "versions have their order already; remove `order`, or admit the tags by `glob:` or `regex:`",
                )));
            }
            (Admits::Exact, Some(_)) => {
                return Err(flaw("order")(Refusal::new(
                    "one exact tag has no order; remove `order`, or admit several tags by `glob:` or `regex:`",
                )));
            }
            (Admits::Glob(_), Some(_)) if written.extract.is_some() => {
                return Err(flaw("extract")(Refusal::new(
                    "a `glob:` has no parts with names; write a `regex:`, such as `regex:main-(?<build>[0-9]+)`",
                )));
            }
            (admits, Some(order)) => {
                let order = Order::parse(order).map_err(flaw("order"))?;
                let part = match admits {
                    Admits::Regex(regex) => {
                        let part = Part::of(regex, written.extract.as_deref());
                        part.map_err(flaw("extract"))?
                    }
                    _ => Part::Whole,
                };
                let compares_all = matches!(part, Part::Whole);
                if compares_all && !matches!(order, Order::Alphabetical) {
                    compares_something(&written.tag).map_err(flaw("order"))?;
                }
                (order, part)
            }
        };
        Ok(Self {
            written,
            admits,
            order,
            part,
        })
    }

    /// Whether `tag` is one that this policy follows. A semver range admits pre-releases only where it names one, and
    /// takes `v1.2.3` for `1.2.3`.
    pub fn admits(&self, tag: &str) -> bool {
        self.admission(tag).is_ok()
    }

    /// Nothing, or why `tag` is not one that this policy follows.
    pub fn admission(&self, tag: &str) -> Result<(), Unadmitted> {
        if is_attachment(tag) {
            return Err(Unadmitted::Attachment);
        }
        let written = &self.written;
        let Some(part) = self.part(tag) else {
            return Err(Unadmitted::Other(format!("it is not `{}`", written.tag)));
        };
        self.order.takes(&part).map_err(|unordered| {
            let what = match &self.part {
                Part::Whole => "it".to_owned(),
                Part::Template(_) => format!("its part `{part}`"),
            };
            let of = match (unordered, &self.order) {
                (Unordered::OutOfRange, Order::Semver(range)) => format!(" {range}"),
                _ => String::new(),
            };
            Unadmitted::Other(format!("{what} is {unordered}{of}"))
        })
    }

    /// The one tag of an exact policy.
    pub fn exact(&self) -> Option<&str> {
        matches!(self.admits, Admits::Exact).then_some(&*self.written.tag)
    }

    /// Whether it depends on the time at which they were put which of several tags comes later.
    pub fn is_by_time(&self) -> bool {
        matches!(self.order, Order::Time) && self.exact().is_none()
    }

    /// Which of two admitted images comes later: in the order that their tags have by themselves, then by when their
    /// digests got the tags, then by ECR's push time. The digest only makes the order total, so that the same images give
    /// the same answer in whatever order they are met.
    pub fn order(&self, left: &Image, right: &Image) -> Ordering {
        self.compare(&left.tag, &right.tag)
            .then_with(|| left.since().cmp(&right.since()))
            .then_with(|| left.pushed_at.cmp(&right.pushed_at))
            .then_with(|| left.digest.cmp(&right.digest))
            .then_with(|| left.tag.cmp(&right.tag))
    }

    /// Of which version an admitted tag is: two tags are of the same one if their rules compare them as equal.
    pub fn version(&self, tag: &str) -> Option<String> {
        self.order.version(&self.part(tag)?)
    }

    /// Whether tags of this policy and of the other can be of one version: both are ordered by numbers, by names, by versions
    /// or by time.
    pub fn is_like(&self, other: &Self) -> bool {
        self.order.is_like(&other.order)
    }

    /// Which of two tags comes later in the order that they have by themselves.
    pub(crate) fn compare(&self, left: &str, right: &str) -> Ordering {
        let part = |tag| self.part(tag).unwrap_or_default();
        self.order.compare(&part(left), &part(right))
    }

    /// The part of `tag` that is compared; none if the policy's tag or pattern is another.
    fn part(&self, tag: &str) -> Option<String> {
        let is_it = match &self.admits {
            Admits::Regex(regex) => {
                let captures = regex.captures(tag)?;
                return Some(self.part.in_match(&captures));
            }
            Admits::Semver => true,
            Admits::Glob(glob) => glob.is_match(tag),
            Admits::Exact => tag == self.written.tag,
        };
        is_it.then(|| tag.to_owned())
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
                // It was put no earlier than what it replaces.
                let since = known.since().max(observed.since());
                let tagged_at = (since > observed.pushed_at).then_some(since);
                Image {
                    tagged_at,
                    ..observed
                }
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

/// Which tags are admitted, and the order where none is written.
fn admits(text: &str) -> Result<(Admits, Order), Refusal> {
    if text.len() > LONGEST {
        let length = text.len();
        return Err(Refusal::new(format!(
            "the tag policy has {length} bytes, at most {LONGEST} are taken: a tag has no more than 128 characters"
        )));
    }
    match text.split_once(':') {
        Some(("semver", range)) => Ok((Admits::Semver, Order::Semver(range_of(range)?))),
        Some(("glob" | "regex", "")) => Err(Refusal::new(
            "the pattern is empty; `glob:*` admits every tag",
        )),
        Some(("glob", pattern)) => GlobBuilder::new(pattern)
            .build()
            .map(|glob| (Admits::Glob(glob.compile_matcher()), Order::Time))
            .map_err(|error| Refusal::new(format!("the pattern does not parse: {error}"))),
        // By itself first: `a)|(?:b` only parses inside the anchoring group, which it would leave.
        Some(("regex", pattern)) => regex(pattern)
            .and_then(|_| regex(&format!("^(?:{pattern})$")))
            .map(|regex| (Admits::Regex(regex), Order::Time))
            .map_err(|error| Refusal::new(format!("the pattern does not parse: {error}"))),
        Some((kind, _)) => Err(Refusal::new(format!(
            "`{kind}:` is no tag policy; write `semver:<range>`, `glob:<pattern>`, `regex:<pattern>` or one exact tag"
        ))),
        None if is_tag(text) => Ok((Admits::Exact, Order::Time)),
        None => Err(Refusal::new(format!(
            "`{text}` is no image tag: ECR takes 1 to 128 letters, digits, `.`, `_` and `-`, not starting with `.` or `-`"
        ))),
    }
}

/// Refuses to compare whole tags as numbers or versions where each begins with a letter that is of neither.
fn compares_something(text: &str) -> Result<(), Refusal> {
    let pattern = text.split_once(':').map_or(text, |(_, pattern)| pattern);
    let mut characters = pattern.chars();
    let (first, second) = (characters.next(), characters.next());
    let is_repeated = second.is_some_and(|second| "?*{".contains(second));
    let is_letter = first.is_some_and(|first| first.is_ascii_alphabetic() && first != 'v');
    if !is_letter || is_repeated || pattern.contains('|') {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "the whole tag is compared, and no tag that `{text}` admits is a number or a version; name the part that is one, \
         as in `regex:main-(?<build>[0-9]+)`"
    )))
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

impl PartialEq for TagPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for TagPolicy {}

/// As it was written: a compiled pattern takes pages.
impl fmt::Debug for TagPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl fmt::Display for TagPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written.tag)
    }
}

impl fmt::Display for Unadmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attachment => {
                f.write_str("it is the tag of a signature, an attestation or an SBOM of an image")
            }
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.refusal)
    }
}

impl TryFrom<Written> for TagPolicy {
    type Error = Flaw;

    fn try_from(written: Written) -> Result<Self, Flaw> {
        Self::read(written)
    }
}

impl From<TagPolicy> for Written {
    fn from(policy: TagPolicy) -> Self {
        policy.written
    }
}
