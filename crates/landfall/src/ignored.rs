//! The tags that a service's follow rules passed over, and why: the last few, for people. Nothing is decided by them.
//!
//! They are a field of [`DesiredState`]; the methods about them are here.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{desired::DesiredState, follow::Unadmitted};

/// How many tags are remembered for each kind of reason: a signature comes with every image, and shall not make forgotten
/// what is rare.
const MOST_OF_A_KIND: usize = 3;

/// A tag that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredTag {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Why it was passed over.
    #[serde(flatten)]
    pub reason: Reason,
    /// When it was first passed over for this reason.
    pub at: Timestamp,
}

/// Why a tag is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// No follow rule of the service admits it.
    NotAdmitted {
        /// What does not match.
        why: String,
    },
    /// It is the tag of a signature, an attestation or an SBOM of an image.
    Attachment,
    /// It is no container image.
    #[serde(rename_all = "camelCase")]
    Artifact {
        /// What it is instead.
        media_type: String,
    },
    /// It is an index without an image for what the tasks run on.
    Platform {
        /// What the tasks run on: `os/architecture`.
        needs: String,
        /// What the index has images for.
        offers: String,
    },
    /// The tag that is followed comes later in the rule's order.
    Earlier {
        /// That tag.
        than: String,
    },
    /// Another container is released together with the one that follows it, and has no image of this version.
    Incomplete {
        /// Which repositories lack the version.
        lacks: String,
    },
    /// What a later version of Landfall noted.
    #[serde(other)]
    Unknown,
}

impl From<Unadmitted> for Reason {
    fn from(unadmitted: Unadmitted) -> Self {
        match unadmitted {
            Unadmitted::Attachment => Self::Attachment,
            Unadmitted::Other(why) => Self::NotAdmitted { why },
        }
    }
}

impl IgnoredTag {
    /// Whether nobody meant the tag to be passed over, so that something has to be done about it.
    pub fn is_mistake(&self) -> bool {
        matches!(self.reason, Reason::Platform { .. })
    }
}

impl DesiredState {
    /// Notes that a tag is passed over. What is noted already stays as it is.
    pub fn ignore(&mut self, repository: &str, tag: &str, reason: Reason, now: Timestamp) {
        let is_it = |known: &IgnoredTag| known.repository == repository && known.tag == tag;
        let mut known = self.ignored.iter();
        if known.any(|known| is_it(known) && known.reason == reason) {
            return;
        }
        self.ignored.retain(|known| !is_it(known));
        self.ignored.push(IgnoredTag {
            repository: repository.into(),
            tag: tag.into(),
            reason,
            at: now,
        });
        let kind = |ignored: &IgnoredTag| std::mem::discriminant(&ignored.reason);
        if let Some(newest) = self.ignored.last().map(kind) {
            let mut over = self
                .ignored
                .iter()
                .filter(|one| kind(one) == newest)
                .count();
            self.ignored.retain(|one| {
                let goes = kind(one) == newest && over > MOST_OF_A_KIND;
                over -= usize::from(goes);
                !goes
            });
        }
    }

    /// Forgets what was passed over of tags that are followed now, and of repositories whose rules changed.
    pub(crate) fn no_longer_ignored(&mut self, changed: &[&str]) {
        let images = &self.images;
        self.ignored.retain(|ignored| {
            let mut followed = images.values();
            !changed.contains(&&*ignored.repository)
                && !followed
                    .any(|image| image.repository == ignored.repository && image.tag == ignored.tag)
        });
    }
}

impl fmt::Display for IgnoredTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.repository, self.tag, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAdmitted { why } => f.write_str(why),
            Self::Attachment => Unadmitted::Attachment.fmt(f),
            Self::Artifact { media_type } => {
                write!(f, "it is no container image, but `{media_type}`")
            }
            Self::Platform { needs, offers } => write!(
                f,
                "it has no image for {needs}, which the tasks run on, only for {offers}: build it for {needs} and push it \
                 again, or set taskDefinition.runtimePlatform"
            ),
            Self::Earlier { than } => write!(f, "{than} comes later"),
            Self::Incomplete { lacks } => {
                write!(f, "it waits for an image of the same version in {lacks}")
            }
            Self::Unknown => f.write_str("a later version of Landfall noted why"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, desired};

    #[test]
    fn the_last_few_of_each_kind_are_remembered_each_once() {
        let mut state = desired(&[1]);
        let other = |why: &str| Reason::NotAdmitted { why: why.into() };
        state.ignore("hello", "dev-1", other("it is not `main`"), at(0));
        for number in 0..9 {
            state.ignore(
                "hello",
                &format!("sig-{number}"),
                Reason::Attachment,
                at(number),
            );
        }
        state.ignore("hello", "dev-1", other("it is not `main`"), at(20));
        state.ignore("hello", "sig-7", Reason::Attachment, at(21));
        let shown: Vec<_> = state
            .ignored
            .iter()
            .map(|ignored| (&*ignored.tag, ignored.at.as_second()))
            .collect();
        assert_eq!(
            shown,
            [("dev-1", 0), ("sig-6", 6), ("sig-7", 7), ("sig-8", 8)]
        );

        state.ignore("hello", "dev-1", other("it is not `prod`"), at(22));
        assert_eq!(state.ignored.len(), 4);
        assert_eq!(
            state.ignored[3].to_string(),
            "hello:dev-1: it is not `prod`"
        );
        state.no_longer_ignored(&["hello"]);
        assert_eq!(state.ignored, []);
    }
}
