//! An image in ECR.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::partition::Partition;

/// A tagged image of this account's registry, as ECR described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The registry's host, e.g. `<account>.dkr.ecr.<region>.amazonaws.com`.
    pub registry: String,
    /// The repository's name, e.g. `team/hello`.
    pub repository: String,
    /// The tag that a follow rule admitted.
    pub tag: String,
    /// `sha256:…` of the image's manifest.
    pub digest: String,
    /// ECR's `imagePushedAt`: when the digest came first. It stays as it is when the digest gets another tag
    /// (<https://github.com/aws/containers-roadmap/issues/214>).
    pub pushed_at: Timestamp,
    /// No later than when the digest got the tag, where that is known to be after [`Self::pushed_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged_at: Option<Timestamp>,
}

/// What is known of the time at which an image got its tag, besides what ECR says of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagTime {
    /// Nothing.
    Unknown,
    /// An event said that it got the tag at about this time.
    Said(Timestamp),
    /// It got the tag after this time.
    After(Timestamp),
}

/// How long after a digest first came the event of that push may be stamped. Both times are of the same moment; which of
/// the two is earlier, and by how much, ECR does not say, and an event's time has whole seconds. So only a later event is
/// one of another tag for the digest. By the digest's own time pushes keep their order also where an event was lost.
const STAMPED_LATE: SignedDuration = SignedDuration::from_secs(10);

/// The least time by which something is after something else: what ECR's times are told apart by.
const AFTER: SignedDuration = SignedDuration::from_millis(1);

impl Image {
    /// When the digest got the tag, as far as that is known.
    pub fn since(&self) -> Timestamp {
        self.tagged_at
            .map_or(self.pushed_at, |at| at.max(self.pushed_at))
    }

    /// The image with what else is known of the time at which it got the tag.
    #[must_use]
    pub fn tagged(mut self, time: TagTime) -> Self {
        let at = match time {
            TagTime::Unknown => return self,
            TagTime::Said(at) if at.duration_since(self.pushed_at) <= STAMPED_LATE => return self,
            TagTime::Said(at) => at,
            TagTime::After(at) => at + AFTER,
        };
        if at > self.since() {
            self.tagged_at = Some(at);
        }
        self
    }

    /// The reference that a task definition gets: by digest, so that every task of a release runs the same bytes.
    pub fn pinned(&self) -> String {
        format!("{}/{}@{}", self.registry, self.repository, self.digest)
    }
}

/// Whether clients give `tag` to what they attach to an image, such as a signature, an attestation or an SBOM:
/// `sha256-` and the digest of the image, alone or with an ending such as `.sig`, in the image's own repository
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>, and the referrers tag schema of
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema>, which cuts longer digests
/// off at 64 digits). The manifest may have an image's media types, so only the tag tells.
pub fn is_attachment(tag: &str) -> bool {
    let digits = tag
        .strip_prefix("sha256-")
        .or_else(|| tag.strip_prefix("sha512-"));
    let Some((digits, ending)) = digits.and_then(|digits| digits.split_at_checked(64)) else {
        return false;
    };
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (ending.is_empty() || ending.starts_with(['.', '-', '_']))
}

/// The host of `account`'s private registry in `region`
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>).
pub fn registry_host(account: &str, region: &str) -> String {
    let suffix = Partition::of(region).dns_suffix();
    format!("{account}.dkr.ecr.{region}.{suffix}")
}

/// Where an image reference of a private registry points, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The registry's host.
    pub registry: &'a str,
    /// The repository's name.
    pub repository: &'a str,
    /// The tag; `latest` if the reference has neither tag nor digest.
    pub tag: Option<&'a str>,
    /// `sha256:…`
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads a reference into a private ECR registry; none if it is another.
    pub fn read(image: &'a str) -> Option<Self> {
        let (registry, rest) = image.split_once('/')?;
        if !registry.contains(".dkr.ecr.") {
            return None;
        }
        let (name, digest) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (rest, None),
        };
        let (repository, tag) = match name.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (name, None),
        };
        Some(Self {
            registry,
            repository,
            tag: tag.or(digest.is_none().then_some("latest")),
            digest,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_clients_attach_to_an_image_is_known_by_its_tag() {
        let digits = "0123456789abcdef".repeat(4);
        for (tag, expected) in [
            (format!("sha256-{digits}"), true),
            (format!("sha256-{digits}.sig"), true),
            (format!("sha256-{digits}.att"), true),
            (format!("sha256-{digits}.sbom"), true),
            (format!("sha512-{digits}"), true),
            (format!("sha256-{}", &digits[1..]), false),
            (format!("sha256-{digits}0"), false),
            (format!("sha1-{digits}"), false),
            (format!("sha256-{}", digits.replace('f', "x")), false),
            ("sha256-1".into(), false),
            ("main-1".into(), false),
        ] {
            assert_eq!(is_attachment(&tag), expected, "{tag}");
        }
    }

    #[test]
    fn an_event_tells_when_a_digest_got_another_tag_and_nothing_of_its_own_push() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let image = Image {
            registry: "registry".into(),
            repository: "hello".into(),
            tag: "main-3".into(),
            digest: "sha256:1".into(),
            pushed_at: at(100),
            tagged_at: None,
        };
        for (time, expected) in [
            (TagTime::Unknown, 100_000),
            (TagTime::Said(at(99)), 100_000),
            (TagTime::Said(at(102)), 100_000),
            (TagTime::Said(at(900)), 900_000),
            (TagTime::After(at(99)), 100_000),
            (TagTime::After(at(100)), 100_001),
            (TagTime::After(at(101)), 101_001),
        ] {
            let tagged = image.clone().tagged(time);
            assert_eq!(tagged.since().as_millisecond(), expected, "{time:?}");
        }
        let known = image.tagged(TagTime::Said(at(900)));
        assert_eq!(known.clone().tagged(TagTime::Said(at(500))), known);
    }

    #[test]
    fn a_registry_is_in_the_domain_of_its_partition() {
        for (region, domain) in [
            ("eu-west-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
        ] {
            let host = format!("123456789012.dkr.ecr.{region}.{domain}");
            assert_eq!(registry_host("123456789012", region), host);
        }
    }
}
