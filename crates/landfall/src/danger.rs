//! The way back in danger: images of the last good release that are gone from ECR.
//!
//! The last good release runs its images by digest. A lifecycle rule may expire an image that lost its tag, also while
//! tasks run it: then ECS can start no more tasks of it, neither to scale out nor to go back to it
//! (<https://github.com/aws/containers-roadmap/issues/1078>). A revision that was deregistered is no danger: it is
//! registered again.
//!
//! A sweep finds out, because an image that goes changes its repository. Only the images of followed containers are
//! asked for: the others are named in the file, and may be in any registry.
//!
//! The danger is a field of [`DesiredState`]; the methods about it are here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{desired::DesiredState, image::Image, service_id::ServiceId};

/// What of the way back is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Danger {
    /// The last good release.
    pub release: u64,
    /// Container name → its image that is gone.
    pub images: BTreeMap<String, Image>,
    /// Since when that is known.
    pub since: Timestamp,
}

/// The detail of the event that reports a danger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The service.
    pub service: ServiceId,
    /// What is gone.
    pub danger: Danger,
    /// The danger in a sentence, with what to do.
    pub message: String,
}

impl Danger {
    /// The danger in a sentence, with what to do.
    pub fn message(&self) -> String {
        let gone = self.images.iter().map(|(container, image)| {
            let Image {
                repository,
                tag,
                digest,
                ..
            } = image;
            format!("{repository}:{tag} ({digest}, container {container})")
        });
        format!(
            "the way back is in danger: of release {}, {} is gone from ECR, so no more tasks of it can start. Push the same \
             image again, or release another one; and let no lifecycle rule expire what services run",
            self.release,
            gone.collect::<Vec<_>>().join(", ")
        )
    }
}

impl DesiredState {
    /// The images of the last good release that are of this repository, with their containers.
    pub fn way_back_through(&self, repository: &str) -> Vec<(&String, &Image)> {
        let good = self.last_good.iter();
        let images = good.flat_map(|good| &good.content.images);
        images
            .filter(|(_, image)| image.repository == repository)
            .collect()
    }

    /// Notes which images of `repository` are gone, of those that the last good release has: `is_gone` says so of a digest.
    /// Answers what is to be reported, if more is gone than was known.
    pub fn note_gone(
        &mut self,
        repository: &str,
        is_gone: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Option<Report> {
        let release = self.last_good.as_ref()?.number;
        let gone: Vec<_> = self
            .way_back_through(repository)
            .into_iter()
            .filter(|(_, image)| is_gone(&image.digest))
            .map(|(container, image)| (container.clone(), image.clone()))
            .collect();
        let known = self
            .danger
            .take()
            .filter(|danger| danger.release == release);
        let since = known.as_ref().map_or(now, |danger| danger.since);
        let known = known.map(|danger| danger.images).unwrap_or_default();
        let mut images = known.clone();
        images.retain(|_, image| image.repository != repository);
        images.extend(gone);
        if images.is_empty() {
            return None;
        }
        let is_more = images
            .keys()
            .any(|container| !known.contains_key(container));
        let danger = Danger {
            release,
            images,
            since,
        };
        self.danger = Some(danger.clone());
        is_more.then(|| Report {
            service: self.service.clone(),
            message: danger.message(),
            danger,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::{
        evidence::Against,
        record::Verdict,
        sample::{at, desired, good, release},
    };

    #[test]
    fn what_is_gone_is_reported_once_and_forgotten_when_it_is_back_or_another_release_is_good() {
        let digest = good(1).content.images["web"].digest.clone();
        let mut lost = desired(&[2]);
        assert_eq!(
            lost.note_gone("other", |_| true, at(5)),
            None,
            "another repository"
        );
        assert_eq!(lost.danger, None);
        let report = lost
            .note_gone("hello", |gone| gone == digest, at(6))
            .unwrap();
        assert_eq!((report.danger.release, report.danger.since), (1, at(6)));
        assert!(report.message.contains("hello:1.1.0"), "{}", report.message);
        assert_eq!(lost.note_gone("hello", |_| true, at(7)), None, "once");
        assert_eq!(lost.note_gone("other", |_| true, at(7)), None);
        assert_eq!(lost.danger.as_ref().unwrap().since, at(6));

        let mut back = lost.clone();
        assert_eq!(back.note_gone("hello", |_| false, at(8)), None);
        assert_eq!(back.danger, None);

        let mut bad = lost.clone();
        bad.conclude(2, Verdict::RolledBack, Against::Release, None, at(9));
        assert_eq!(bad.danger, lost.danger, "it is the way back still");
        lost.conclude(
            2,
            Verdict::Succeeded,
            Against::Release,
            Some(&good(2).task_definition),
            at(9),
        );
        assert_eq!(lost.danger, None);
        let gone = lost.note_gone("hello", |_| true, at(9)).unwrap();
        assert_eq!(gone.danger.images["web"], release(2).content.images["web"]);
    }

    #[test]
    fn before_anything_was_good_there_is_no_way_to_lose() {
        let mut new = desired(&[2]);
        new.last_good = None;
        assert_eq!(new.note_gone("hello", |_| true, at(5)), None);
        assert_eq!(new.danger, None);
    }
}
