//! Quarantine: images that made a release bad are not released again by themselves.
//!
//! Only evidence against the release itself counts ([`crate::evidence`]): images are not left out for want of capacity.
//!
//! The bad release is compared with the last good one. If only images differ, those images are put into quarantine
//! together. If the service file differs as well, the file may be the reason, and the release of a mended file shall
//! have the newest images: nothing is put into quarantine. Nor is it before the first good release: there is no other
//! image to run.
//!
//! An image may need what only the next file gives its containers, such as a variable of the environment. So images are
//! in quarantine with what their containers ran with ([`ServiceFile::containers`]): a file with something else there is
//! released with the newest images, one with the same is not, whatever else it changes. If the newest images are bad with
//! the other file too, they stay in quarantine with the first: whoever goes back to it does not meet them again.
//!
//! While images are in quarantine their containers keep the last good images. A push of another image, a moved tag, a
//! changed follow rule and an operator's `landfall retry` lift the quarantine. Another upload of the same service file does
//! not.
//!
//! The images are a field of [`DesiredState`]; the methods about them are here.
//!
//! [`ServiceFile::containers`]: crate::service_file::ServiceFile::containers

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    content::ContentHash,
    desired::DesiredState,
    evidence::Against,
    image::Image,
    record::{Content, Release, Verdict},
};

/// How many sets of images the desired state remembers at most: one for each bad release of the newest images.
const MOST: usize = 16;

/// The images of one bad release that the last good release did not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The release that was bad because of them.
    pub release: u64,
    /// Container name → `sha256:…`
    pub images: BTreeMap<String, String>,
    /// The hash of what the containers ran with, of the release's service file; none if it is from before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<ContentHash>,
}

impl Quarantined {
    /// Whether `images` has all of these images.
    fn is_among(&self, images: &BTreeMap<String, Image>) -> bool {
        self.images.iter().all(|(container, digest)| {
            images
                .get(container)
                .is_some_and(|image| image.digest == *digest)
        })
    }

    /// Whether the images were bad in containers that run with this too. What is not known of either counts as the same:
    /// an image that was bad stays where it is.
    fn ran_with(&self, containers: Option<&ContentHash>) -> bool {
        match (&self.containers, containers) {
            (Some(bad), Some(now)) => bad == now,
            _ => true,
        }
    }
}

impl DesiredState {
    /// The images that a release made now would run: the newest ones, and in place of those in quarantine the last good
    /// ones.
    pub fn images_to_run(&self) -> BTreeMap<String, Image> {
        let mut images = self.images.clone();
        let Some(good) = &self.last_good else {
            return images;
        };
        for quarantined in self.in_force() {
            for container in quarantined.images.keys() {
                if let Some(image) = good.content.images.get(container) {
                    images.insert(container.clone(), image.clone());
                }
            }
        }
        images
    }

    /// The sets of images in quarantine that the followed file would be released with otherwise.
    fn in_force(&self) -> impl Iterator<Item = &Quarantined> {
        let file = self.file.as_ref();
        let containers = file.and_then(|file| file.containers.as_ref());
        self.quarantine.iter().filter(move |quarantined| {
            quarantined.is_among(&self.images) && quarantined.ran_with(containers)
        })
    }

    /// The newest images that are in quarantine: container name, image, and the number of the release that was bad
    /// because of it.
    pub fn left_out(&self) -> Vec<(&String, &Image, u64)> {
        let run = self.images_to_run();
        let release = |container: &String| {
            self.in_force()
                .find(|quarantined| quarantined.images.contains_key(container))
                .map(|quarantined| quarantined.release)
        };
        self.images
            .iter()
            .filter(|(container, image)| {
                run.get(*container)
                    .is_some_and(|other| other.digest != image.digest)
            })
            .filter_map(|(container, image)| Some((container, image, release(container)?)))
            .collect()
    }

    /// Lifts the quarantine of images that are no longer the newest. If they become the newest again, they were pushed
    /// or asked for again.
    pub(crate) fn lift_quarantine(&mut self) {
        let images = &self.images;
        self.quarantine
            .retain(|quarantined| quarantined.is_among(images));
    }

    /// Puts the images of a bad `release` into quarantine if the evidence speaks against it, and lifts the quarantine of a
    /// good one's.
    pub(crate) fn judge_images(&mut self, release: &Release, verdict: Verdict, against: Against) {
        match verdict {
            Verdict::Succeeded => {
                let proven = &release.content.images;
                self.quarantine
                    .retain(|quarantined| !quarantined.is_among(proven));
            }
            Verdict::RolledBack | Verdict::Failed if against == Against::Release => {
                self.quarantine_images(release)
            }
            Verdict::RolledBack
            | Verdict::Failed
            | Verdict::Unproven
            | Verdict::Superseded
            | Verdict::Rejected
            | Verdict::Drifted
            | Verdict::Undecided => {}
        }
    }

    /// Replaces the newest open release if it has images in quarantine: the service file was uploaded while their
    /// release was still open, which made a release of both.
    pub(crate) fn replace_what_is_left_out(&mut self) {
        let Some(newest) = self.newest_open().cloned() else {
            return;
        };
        let content = Content {
            images: self.images_to_run(),
            ..newest.content.clone()
        };
        if !self.left_out().is_empty() && !newest.content.runs_the_same_as(&content) {
            self.last_number += 1;
            self.open.push(Release {
                number: self.last_number,
                content,
                ..newest
            });
        }
    }

    fn quarantine_images(&mut self, release: &Release) {
        let Some(good) = &self.last_good else { return };
        if good.content.file != release.content.file {
            return;
        }
        let good = &good.content.images;
        let differs = |container: &String, image: &Image| {
            good.get(container)
                .is_none_or(|good| good.digest != image.digest)
        };
        let images: BTreeMap<_, _> = release
            .content
            .images
            .iter()
            .filter(|(container, image)| differs(container, image))
            .map(|(container, image)| (container.clone(), image.digest.clone()))
            .collect();
        let quarantined = Quarantined {
            release: release.number,
            images,
            containers: release.content.containers.clone(),
        };
        let is_new = !self.quarantine.iter().any(|known| {
            known.images == quarantined.images && known.containers == quarantined.containers
        });
        if !quarantined.images.is_empty() && is_new && quarantined.is_among(&self.images) {
            self.quarantine.push(quarantined);
            let over = self.quarantine.len().saturating_sub(MOST);
            self.quarantine.drain(..over);
        }
    }
}
