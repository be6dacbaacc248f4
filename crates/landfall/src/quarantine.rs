//! Quarantine: images that made a release bad are not released again by themselves.
//!
//! Only evidence against the release itself counts ([`crate::evidence`]): images are not left out for want of capacity.
//!
//! The bad release is compared with the last good one. If only images differ, those images are put into quarantine, as
//! one set. If the service file differs as well, the file may be the reason, and the release of a mended file shall have
//! the newest images: nothing is put into quarantine. Nor is it before the first good release: there is no other image to
//! run.
//!
//! **What a set says.** At least one of its images is bad. A set of one image says which: the image is left out. A larger
//! set says only that its images are in doubt, and the next releases find out by themselves. While an image in doubt is
//! among the newest, the newest images that were not good yet are tried one container at a time, beside the last good
//! images of the others:
//!
//! | bad | tried next | if that is good | if that is bad |
//! |---|---|---|---|
//! | {A2, B2} | {A2, B1} | B2 is bad: {A2, B1} stays | A2 is bad: {A1, B2} is tried |
//!
//! A good release takes its images out of all sets. A bad one makes a set of its own, which explains every larger set
//! that has all its images: those are dropped, and nothing speaks against the rest of their images any more. So with one
//! bad image among several there is at most one trial for each, and with more of them less than two.
//!
//! The trial that the newest open release makes is not given up for a push to another container, which waits for its
//! verdict: else a bad image would not be found out where pushes come faster than trials, and be tried together with each
//! of them. A push to the container that is tried takes the trial's place.
//!
//! A trial may end without evidence for or against its image, for example because a secret is missing. It is not made
//! again by itself: the images that are in no doubt, which were pushed since, have the next turn. So each push makes a
//! release in the end.
//!
//! While the followed file is not the last good one, it may be bad too. It is released without the images in doubt, and
//! those are tried after it was good: else file and image would be bad together, and neither would run.
//!
//! That two images are bad only together is not told from one of them being bad: the one that was tried first stays.
//!
//! Containers that are [released together](crate::together) count as one: a set of their images says which was bad, and none
//! of them is tried without the others.
//!
//! **With what containers run.** An image may need what only the next file gives its containers, such as a variable of the
//! environment. So images are in quarantine with what their containers ran with ([`ServiceFile::containers`]): a file with
//! something else there is released with the newest images, one with the same is not, whatever else it changes. If the
//! newest images are bad with the other file too, they stay in quarantine with the first: whoever goes back to it does not
//! meet them again.
//!
//! **How it ends.** A push of another image, a moved tag, a changed follow rule and an operator's `landfall retry` lift the
//! quarantine. Another upload of the same service file does not. A set stays as long as one of its images is the newest of
//! its container: that image is in doubt still.
//!
//! The images are a field of [`DesiredState`]; the methods about them are here.
//!
//! [`ServiceFile::containers`]: crate::service_file::ServiceFile::containers

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    content::ContentHash,
    desired::DesiredState,
    evidence::{Against, Brought},
    image::Image,
    record::{Cause, Content, Release, Verdict},
    together::group,
};

/// How many sets of images the desired state remembers at most: one for each bad release of the newest images.
const MOST: usize = 16;

/// Images of one bad release that the last good release did not have: at least one of them is bad.
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

/// One of the newest images that a release made now would not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut<'a> {
    /// The container that follows it.
    pub container: &'a str,
    /// The image.
    pub image: &'a Image,
    /// The release that was bad because of it, or whose images are tried one container at a time.
    pub release: u64,
    /// Whether it only waits until the images of other containers have been tried without it.
    pub waits: bool,
}

impl Quarantined {
    /// Whether this image is one of these.
    fn has(&self, container: &str, image: &Image) -> bool {
        self.images
            .get(container)
            .is_some_and(|digest| image.digest == *digest)
    }

    /// Whether `images` has all of these images.
    fn is_among(&self, images: &BTreeMap<String, Image>) -> bool {
        self.images.iter().all(|(container, digest)| {
            let image = images.get(container);
            image.is_some_and(|image| image.digest == *digest)
        })
    }

    /// Whether `images` has any of these images.
    fn meets(&self, images: &BTreeMap<String, Image>) -> bool {
        images
            .iter()
            .any(|(container, image)| self.has(container, image))
    }

    /// Whether all images of `other` are among these, in containers that ran with the same.
    fn is_explained_by(&self, other: &Self) -> bool {
        let mut images = other.images.iter();
        self.containers == other.containers
            && images.all(|(container, digest)| self.images.get(container) == Some(digest))
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
    /// The images that a release made now would run: the newest ones, and in place of those that are left out the last
    /// good ones.
    pub fn images_to_run(&self) -> BTreeMap<String, Image> {
        let mut images = self.images.clone();
        let good = self.last_good.as_ref().map(|good| &good.content.images);
        for left in self.left_out() {
            if let Some(good) = good.and_then(|good| good.get(left.container)) {
                images.insert(left.container.to_owned(), good.clone());
            }
        }
        images
    }

    /// The newest images that a release made now would not run: those that are bad, and while one is in doubt those that
    /// were not good yet and whose turn it is not.
    pub fn left_out(&self) -> Vec<LeftOut<'_>> {
        let unproven = self.unproven_images();
        let bad = unproven.iter().filter_map(|(container, image)| {
            Some(LeftOut {
                container,
                image,
                release: self.bad_since(container, image)?,
                waits: false,
            })
        });
        let mut left_out: Vec<_> = bad.collect();
        if let Some(release) = self.in_doubt() {
            let untried = self.untried();
            let tried = self.tried_next(&untried);
            let waiting = untried
                .into_iter()
                .filter(|(container, _)| !tried.contains(container));
            left_out.extend(waiting.map(|(container, image)| LeftOut {
                container,
                image,
                release,
                waits: true,
            }));
        }
        left_out
    }

    /// The newest images that were not good yet.
    fn unproven_images(&self) -> BTreeMap<&str, &Image> {
        self.differing(&self.images)
    }

    /// The unproven images that are not known to be bad.
    fn untried(&self) -> BTreeMap<&str, &Image> {
        let mut unproven = self.unproven_images();
        unproven.retain(|container, image| self.bad_since(container, image).is_none());
        unproven
    }

    /// The release that was bad because of this image alone.
    fn bad_since(&self, container: &str, image: &Image) -> Option<u64> {
        self.blamed_since(container, image, true)
    }

    /// The first bad release with this image in its set, which was the only one of the set or not.
    fn blamed_since(&self, container: &str, image: &Image, alone: bool) -> Option<u64> {
        let mut known = self.in_force();
        let known =
            known.find(|known| self.blames_one(known) == alone && known.has(container, image));
        known.map(|known| known.release)
    }

    /// Whether the images are of one container, or of containers that are released together and all have them still: then it
    /// is known which was bad.
    fn blames_one(&self, quarantined: &Quarantined) -> bool {
        let mut containers = quarantined.images.keys();
        match (quarantined.images.len(), containers.next()) {
            (1, _) => true,
            (_, Some(first)) => {
                let group = self.group(first);
                containers.all(|other| group.contains(&**other))
                    && quarantined.is_among(&self.images)
            }
            (_, None) => false,
        }
    }

    /// The containers that are released together with this one.
    fn group<'a>(&'a self, container: &'a str) -> BTreeSet<&'a str> {
        match &self.file {
            Some(file) => group(&file.follows, container),
            None => [container].into(),
        }
    }

    /// The bad release of which it is not known which image was bad, while one of those may still be tried.
    pub(crate) fn in_doubt(&self) -> Option<u64> {
        let untried = self.untried();
        let mut untried = untried.iter();
        untried.find_map(|(container, image)| self.doubted_since(container, image))
    }

    /// The bad release that had this image among others, of which it is not known which was bad.
    fn doubted_since(&self, container: &str, image: &Image) -> Option<u64> {
        self.blamed_since(container, image, false)
    }

    /// The containers of which the next release runs the newest images, while one of those that are `untried` is in
    /// doubt.
    fn tried_next<'a>(&self, untried: &BTreeMap<&'a str, &Image>) -> BTreeSet<&'a str> {
        let mut beyond_doubt = untried.clone();
        beyond_doubt.retain(|container, image| self.doubted_since(container, image).is_none());
        let beyond_doubt: BTreeSet<_> = beyond_doubt.into_keys().collect();
        if !self.follows_good_file() {
            return beyond_doubt;
        }
        let first = || {
            let group = untried.keys().next().map(|container| self.group(container));
            let untried = untried.keys().copied();
            untried
                .filter(|container| {
                    group
                        .as_ref()
                        .is_some_and(|group| group.contains(container))
                })
                .collect()
        };
        let of_untried = |brought: &BTreeMap<&str, &Image>| -> BTreeSet<_> {
            let containers = untried.keys().copied();
            containers
                .filter(|container| brought.contains_key(container))
                .collect()
        };
        let turn = if let Some(open) = self.newest_by_itself() {
            let brought = self.differing(&open.content.images);
            let mut images = brought.iter();
            let groups = brought.keys().map(|container| self.group(container));
            match groups.collect::<BTreeSet<_>>().len() {
                1 => of_untried(&brought),
                _ if images.all(|(name, image)| self.doubted_since(name, image).is_none()) => {
                    beyond_doubt
                }
                _ => first(),
            }
        } else if let Some(silent) = self.said_nothing() {
            if beyond_doubt.is_empty() {
                of_untried(&self.differing(&silent.images))
            } else {
                beyond_doubt
            }
        } else {
            first()
        };
        if turn.is_empty() { first() } else { turn }
    }

    /// Whether the followed file is the last good release's, so that only images can be bad.
    fn follows_good_file(&self) -> bool {
        let good = self.last_good.as_ref().map(|good| &good.content.file);
        self.file.as_ref().map(|file| &file.content) == good
    }

    /// Those of the images that the last good release does not run, of the containers of which it runs another.
    fn differing<'a>(&self, images: &'a BTreeMap<String, Image>) -> BTreeMap<&'a str, &'a Image> {
        let good = self.last_good.as_ref().map(|good| &good.content.images);
        let differing = images.iter().filter(|(container, image)| {
            let good = good.and_then(|good| good.get(*container));
            good.is_some_and(|good| good.digest != image.digest)
        });
        differing
            .map(|(container, image)| (&**container, image))
            .collect()
    }

    /// What the last concluded release of the followed file had, if its verdict says nothing about the images that it
    /// brought.
    fn said_nothing(&self) -> Option<&Content> {
        let content = &self.concluded.as_ref()?.content;
        let is_followed = self.file.as_ref()?.content == content.file;
        let mut known = self.in_force();
        let is_explained = known.any(|known| known.is_among(&content.images));
        let brought = !self.differing(&content.images).is_empty();
        (is_followed && brought && !is_explained).then_some(content)
    }

    /// The sets of images in quarantine that the followed file would be released with otherwise.
    fn in_force(&self) -> impl Iterator<Item = &Quarantined> {
        let file = self.file.as_ref();
        let containers = file.and_then(|file| file.containers.as_ref());
        self.quarantine.iter().filter(move |quarantined| {
            quarantined.meets(&self.images) && quarantined.ran_with(containers)
        })
    }

    /// Lifts the quarantine of images of which none is the newest any more. If they become the newest again, they were
    /// pushed or asked for again.
    pub(crate) fn lift_quarantine(&mut self) {
        let images = &self.images;
        self.quarantine
            .retain(|quarantined| quarantined.meets(images));
    }

    /// Puts the images of a bad `release` into quarantine if the evidence speaks against it, and takes a good one's out.
    pub(crate) fn judge_images(&mut self, release: &Release, verdict: Verdict, against: Against) {
        match verdict {
            Verdict::Succeeded => self.acquit(&release.content),
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

    /// Brings what is released next in step with what a verdict has shown of the images: `doubted` is the release whose
    /// images were in doubt before it.
    ///
    /// The newest open release is replaced if it has images that are left out now: the service file was uploaded while
    /// their release was still open, which made a release of both. It is a trial if the image waits now whose push it was
    /// made for. If none is open, the next trial is released.
    pub(crate) fn release_after_verdict(&mut self, doubted: Option<u64>, now: Timestamp) {
        let doubted = self.in_doubt().or(doubted);
        let Some(newest) = self.newest_open().cloned() else {
            if let Some(release) = doubted {
                self.release_if_changed(Cause::Trial { release }, now);
            }
            return;
        };
        if newest.cause.is_by_hand() {
            return;
        }
        let content = Content {
            images: self.images_to_run(),
            ..newest.content.clone()
        };
        let concerns = doubted.is_some() || !self.left_out().is_empty();
        let follows_the_same = newest.content.images.keys().eq(content.images.keys());
        if concerns && follows_the_same && !newest.content.runs_the_same_as(&content) {
            let (cause, created_at) = match doubted {
                Some(release) if !newest.cause.is_met_by(&content) => {
                    (Cause::Trial { release }, now)
                }
                _ => (newest.cause, newest.created_at),
            };
            self.last_number += 1;
            self.open.push(Release {
                number: self.last_number,
                content,
                cause,
                created_at,
                acts: newest.acts,
            });
        }
    }

    /// Takes the images of a good release out of quarantine. In containers that run with something else than theirs, they
    /// are known to be good only if all images of a set are.
    fn acquit(&mut self, good: &Content) {
        self.quarantine.retain_mut(|quarantined| {
            if !quarantined.ran_with(good.containers.as_ref()) {
                return !quarantined.is_among(&good.images);
            }
            quarantined.images.retain(|container, digest| {
                let good = good.images.get(container);
                good.is_none_or(|good| good.digest != *digest)
            });
            !quarantined.images.is_empty()
        });
        self.lift_quarantine();
    }

    /// The images that `release` brings, which the last good release did not run.
    pub fn brought_by(&self, release: &Release) -> Brought {
        let good = self.last_good.as_ref().map(|good| &good.content.images);
        let images = release.content.images.iter();
        images
            .filter(|(container, image)| {
                let before = good.and_then(|good| good.get(*container));
                before.is_none_or(|before| before.digest != image.digest)
            })
            .map(|(container, image)| (container.clone(), image.digest.clone()))
            .collect()
    }

    fn quarantine_images(&mut self, release: &Release) {
        let Some(good) = &self.last_good else { return };
        if good.content.file != release.content.file {
            return;
        }
        let quarantined = Quarantined {
            release: release.number,
            images: self.brought_by(release),
            containers: release.content.containers.clone(),
        };
        let mut known = self.quarantine.iter();
        let is_new = !known.any(|known| quarantined.is_explained_by(known));
        if !quarantined.images.is_empty() && is_new && quarantined.meets(&self.images) {
            self.quarantine
                .retain(|known| !known.is_explained_by(&quarantined));
            self.quarantine.push(quarantined);
            let over = self.quarantine.len().saturating_sub(MOST);
            self.quarantine.drain(..over);
        }
    }
}
