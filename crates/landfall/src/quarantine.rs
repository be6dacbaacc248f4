//! Quarantine: images that made a release bad are not released again by themselves.
//!
//! Who is to blame follows from the last good release. Did only images differ from it, then those images are, together.
//! Did the service file differ as well, it may be the file, and whoever mends the file wants the newest images. Before
//! anything was good there is nothing to keep instead.
//!
//! While images are in quarantine their containers keep the last good ones. Something else that is pushed, a tag that
//! moves, a changed follow rule and another upload of the same service file lift it.
//!
//! The desired state keeps the images; what it does to them is written here, as a part of that type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    image::Image,
    record::{Content, Release, Verdict},
};

/// How many are remembered. Each stands for another release that was bad of what is followed now.
const MOST: usize = 16;

/// Images that were bad together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The release that was bad because of them.
    pub release: u64,
    /// Container name → `sha256:…`
    pub images: BTreeMap<String, String>,
}

impl Quarantined {
    /// Whether all of them are among `images`.
    fn is_among(&self, images: &BTreeMap<String, Image>) -> bool {
        self.images.iter().all(|(container, digest)| {
            images
                .get(container)
                .is_some_and(|image| image.digest == *digest)
        })
    }
}

impl DesiredState {
    /// What a release made now would run: the newest images, but for those in quarantine the last good ones.
    pub fn images_to_run(&self) -> BTreeMap<String, Image> {
        let mut images = self.images.clone();
        let Some(good) = &self.last_good else {
            return images;
        };
        for quarantined in &self.quarantine {
            if !quarantined.is_among(&self.images) {
                continue;
            }
            for container in quarantined.images.keys() {
                if let Some(image) = good.content.images.get(container) {
                    images.insert(container.clone(), image.clone());
                }
            }
        }
        images
    }

    /// The newest images that are left out, with the release that was bad because of them.
    pub fn left_out(&self) -> Vec<(&String, &Image, u64)> {
        let run = self.images_to_run();
        let release = |container: &String| {
            let mut of = self.quarantine.iter();
            of.find(|quarantined| quarantined.images.contains_key(container))
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

    /// Forgets what is no longer the newest: should it come back, then because somebody wants it.
    pub(crate) fn lift_quarantine(&mut self) {
        let images = &self.images;
        self.quarantine
            .retain(|quarantined| quarantined.is_among(images));
    }

    /// Draws the conclusion from a release that got its verdict.
    pub(crate) fn judge_images(&mut self, release: &Release, verdict: Verdict) {
        match verdict {
            Verdict::Succeeded => {
                let proven = &release.content.images;
                self.quarantine
                    .retain(|quarantined| !quarantined.is_among(proven));
            }
            Verdict::RolledBack | Verdict::Failed => self.quarantine_images(release),
            Verdict::Superseded | Verdict::Rejected | Verdict::Drifted => {}
        }
    }

    /// A service file that was uploaded while the bad images were on their way made a release of both.
    pub(crate) fn replace_what_is_left_out(&mut self) {
        let Some(newest) = self.newest_open().cloned() else {
            return;
        };
        let content = Content {
            file: newest.content.file.clone(),
            images: self.images_to_run(),
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
        };
        let is_new = !self
            .quarantine
            .iter()
            .any(|known| known.images == quarantined.images);
        if !quarantined.images.is_empty() && is_new && quarantined.is_among(&self.images) {
            self.quarantine.push(quarantined);
            let over = self.quarantine.len().saturating_sub(MOST);
            self.quarantine.drain(..over);
        }
    }
}
