//! The images that a service follows: how what ECR shows becomes what should run.
//!
//! They are a field of [`DesiredState`]; the methods about them are here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    desired::DesiredState,
    follow::{FollowRule, Unadmitted},
    ignored::Reason,
    image::Image,
    record::Cause,
    together::group,
};

/// What ECR shows under a tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tagged {
    /// Nothing has the tag.
    Nothing,
    /// An image.
    Image(Image),
    /// Something that the service's tasks cannot run.
    Unfit(Reason),
}

/// A repository that is to be looked through for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The container.
    pub container: String,
    /// Its follow rule.
    pub rule: FollowRule,
    /// The image that it follows by this rule, or by one before that admitted it too.
    pub known: Option<Image>,
    /// An image of which an event told when it got its tag.
    pub heard: Option<Image>,
}

/// What was found in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Found {
    /// The latest image that the rule admits and the tasks can run. If there is none, the one that was followed, if its
    /// digest is still there.
    pub image: Option<Image>,
    /// The tags that come later, and why they were passed over.
    pub unfit: Vec<(String, Reason)>,
}

impl DesiredState {
    /// The containers whose follow rules admit `tag` of `repository`.
    pub fn followers_of(&self, repository: &str, tag: &str) -> Vec<(String, FollowRule)> {
        let follows = self.file.iter().flat_map(|file| &file.follows);
        follows
            .filter(|(_, rule)| rule.repository == repository && rule.tag.admits(tag))
            .map(|(container, rule)| (container.clone(), rule.clone()))
            .collect()
    }

    /// Why no container follows `tag` of `repository`; none if nothing follows the repository.
    pub fn unadmitted(&self, repository: &str, tag: &str) -> Option<Reason> {
        let follows = self.file.iter().flat_map(|file| file.follows.values());
        let rules = follows.filter(|rule| rule.repository == repository);
        let mut reasons: Vec<String> = Vec::new();
        for rule in rules {
            match rule.tag.admission(tag) {
                Ok(()) => return None,
                Err(Unadmitted::Attachment) => return Some(Reason::Attachment),
                Err(Unadmitted::Other(why)) if reasons.contains(&why) => {}
                Err(Unadmitted::Other(why)) => reasons.push(why),
            }
        }
        (!reasons.is_empty()).then(|| Reason::NotAdmitted {
            why: reasons.join(", "),
        })
    }

    /// Whether a container runs another image of the tag that `observed` has, so that joining it follows a moved tag.
    pub fn moves_tag(&self, observed: &Image) -> bool {
        let followers = self.followers_of(&observed.repository, &observed.tag);
        followers.iter().any(|(container, _)| {
            self.images.get(container).is_some_and(|known| {
                known.repository == observed.repository
                    && known.tag == observed.tag
                    && known.digest != observed.digest
            })
        })
    }

    /// The tags that keep `observed` from being followed, because they come later. Each of them may be gone.
    pub fn in_the_way_of(&self, observed: &Image) -> Vec<String> {
        let followers = self.followers_of(&observed.repository, &observed.tag);
        let followers = followers.into_iter();
        let alone = followers.filter(|(container, _)| self.is_alone(container));
        let known = alone.filter_map(|(container, rule)| {
            let known = self.images.get(&container)?;
            let joined = rule.tag.join(Some(known.clone()), observed.clone());
            (joined.tag != observed.tag).then(|| known.tag.clone())
        });
        let mut tags: Vec<String> = known.collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// What has to be looked for because these tags of `repository` are gone: the images of the containers that follow
    /// them.
    pub fn searches_without(&self, repository: &str, gone: &[String]) -> Vec<Search> {
        let follow = |container: &&str| {
            self.images
                .get(*container)
                .is_some_and(|known| known.repository == repository && gone.contains(&known.tag))
        };
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let containers = file.follows.keys().map(String::as_str);
        self.searches(&file.follows, containers.filter(follow))
    }

    /// What has to be looked for because `observed` is there: the images of containers that are released together with one
    /// that follows it.
    pub fn searches_with(&self, observed: &Image) -> Vec<Search> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let followers = self.followers_of(&observed.repository, &observed.tag);
        let followers = followers.iter().map(|(container, _)| container.as_str());
        let grouped = followers.filter(|container| !self.is_alone(container));
        let mut searches = self.searches(&file.follows, grouped);
        for search in &mut searches {
            let rule = &search.rule;
            if rule.repository == observed.repository && rule.tag.admits(&observed.tag) {
                search.heard = Some(observed.clone());
            }
        }
        searches
    }

    /// What has to be looked for before a file with these rules is followed: by those that are new, and for the containers that
    /// are released together with others than before.
    pub fn searches_to_follow(&self, follows: &BTreeMap<String, FollowRule>) -> Vec<Search> {
        let new = self.new_rules(follows);
        let before = self.file.as_ref().map(|file| &file.follows);
        let containers = follows.keys().map(String::as_str).filter(|container| {
            new.iter().any(|(changed, _)| changed == container)
                || before
                    .is_some_and(|before| group(before, container) != group(follows, container))
        });
        self.searches(follows, containers)
    }

    /// What has to be looked for by the rules of these containers, and of those that are released together with them.
    pub fn searches<'a>(
        &self,
        follows: &'a BTreeMap<String, FollowRule>,
        containers: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Search> {
        let containers: BTreeSet<&str> = containers
            .into_iter()
            .flat_map(|container| group(follows, container))
            .collect();
        let rules = containers.into_iter();
        let rules = rules.filter_map(|container| follows.get_key_value(container));
        let search = |(container, rule): (&String, &FollowRule)| Search {
            known: self
                .images
                .get(container)
                .filter(|known| known.repository == rule.repository && rule.tag.admits(&known.tag))
                .cloned(),
            heard: None,
            container: container.clone(),
            rule: rule.clone(),
        };
        rules.map(search).collect()
    }

    /// Whether the container is released together with no other.
    pub fn is_alone(&self, container: &str) -> bool {
        let file = self.file.as_ref();
        file.is_none_or(|file| group(&file.follows, container).len() < 2)
    }

    /// Joins `observed`, the image that ECR shows now for a tag, into the images of every container whose follow rule
    /// admits the tag, and makes a new release if that changes what should run.
    pub fn join_image(&mut self, observed: &Image, now: Timestamp) {
        self.take_image(observed, now);
        self.release_pushed(observed, now);
    }

    /// Makes a release because `observed` was pushed, if that changes what should run.
    pub(crate) fn release_pushed(&mut self, observed: &Image, now: Timestamp) {
        let cause = Cause::ImagePushed {
            repository: observed.repository.clone(),
            tag: observed.tag.clone(),
            digest: observed.digest.clone(),
        };
        self.release_if_changed(cause, now);
    }

    /// Makes a release because a followed tag is gone, if that changes what should run.
    pub(crate) fn release_without(&mut self, repository: &str, tag: &str, now: Timestamp) {
        let cause = Cause::TagGone {
            repository: repository.into(),
            tag: tag.into(),
        };
        self.release_if_changed(cause, now);
    }

    /// Joins `observed` like [`Self::join_image`], but makes no release of it. Containers that are released together with
    /// others are left as they are: what they run is found by a search.
    pub fn take_image(&mut self, observed: &Image, now: Timestamp) {
        for (container, rule) in self.followers_of(&observed.repository, &observed.tag) {
            if !self.is_alone(&container) {
                continue;
            }
            let known = self.images.remove(&container);
            let given_up = [known.clone(), self.withdrawn.remove(&container)];
            let joined = rule.tag.join(known, observed.clone());
            let later = given_up
                .into_iter()
                .flatten()
                .filter(|image| rule.tag.order(image, &joined).is_gt())
                .max_by(|one, other| rule.tag.order(one, other));
            if let Some(later) = later {
                self.withdrawn.insert(container.clone(), later);
            }
            // A repeated event of what runs is nothing that was passed over.
            if joined.tag != observed.tag && !self.was_good(&container, observed) {
                let than = joined.tag.clone();
                let reason = Reason::Earlier { than };
                self.ignore(&observed.repository, &observed.tag, reason, now);
            }
            self.images.insert(container, joined);
        }
        self.no_longer_ignored(&[]);
        self.lift_quarantine();
    }

    fn was_good(&self, container: &str, image: &Image) -> bool {
        let good = self.last_good.as_ref();
        let good = good.and_then(|good| good.content.images.get(container));
        good.is_some_and(|good| good.digest == image.digest)
    }

    /// Replaces the images of these containers, whose tags are gone, by what was found instead. While nothing was found for
    /// one, it waits for a push: nothing is released of a digest that is gone.
    pub fn give_way(&mut self, found: &BTreeMap<String, Found>) {
        for (container, found) in found {
            self.withdrawn.remove(container);
            match &found.image {
                Some(image) => self.images.insert(container.clone(), image.clone()),
                None => self.images.remove(container),
            };
        }
        self.no_longer_ignored(&[]);
        self.lift_quarantine();
    }

    /// What has to be looked for before a release is made of the images that are followed: is the digest of each still there?
    pub fn searches_for_known(&self) -> Vec<Search> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let mut searches = self.searches(&file.follows, file.follows.keys().map(String::as_str));
        searches.retain(|search| search.known.is_some());
        searches
    }

    /// Does `change` with the images that are there. Those whose digest is gone give way to what was found instead, and if that
    /// changes what should run, a release is made.
    pub fn change_without(
        &mut self,
        gone: &BTreeMap<String, Found>,
        now: Timestamp,
        change: impl FnOnce(&mut Self),
    ) {
        let before = self.images.clone();
        if !gone.is_empty() {
            self.give_way(gone);
            self.ignore_unfit(gone, now);
        }
        change(self);
        let mut replaced = before.values().filter(|known| {
            let mut images = self.images.values();
            images.all(|image| image.digest != known.digest)
        });
        if let Some(known) = replaced.next() {
            self.release_without(&known.repository, &known.tag, now);
        }
    }

    /// Joins what a search found of every rule: what came since the file was read.
    pub fn catch_up(&mut self, found: &BTreeMap<String, Found>, now: Timestamp) {
        for (container, found) in found {
            let Some(image) = &found.image else { continue };
            if self.is_alone(container) {
                self.join_image(image, now);
            } else {
                self.images.insert(container.clone(), image.clone());
            }
        }
        self.lift_quarantine();
        let mut found = found.values().filter_map(|found| found.image.as_ref());
        if let Some(image) = found.next_back() {
            self.release_pushed(image, now);
        }
    }

    /// Joins what a search found of every rule when somebody asks for the newest. What was given up because its tag was moved back
    /// stays given up.
    pub fn take_found(&mut self, found: &BTreeMap<String, Found>, now: Timestamp) {
        let follows = self.file.as_ref().map(|file| &file.follows);
        let is_given_up = |container: &String, image: &Image| {
            let rule = follows.and_then(|follows| follows.get(container));
            let given_up = self.withdrawn.get(container);
            rule.zip(given_up)
                .is_some_and(|(rule, given_up)| rule.tag.order(image, given_up).is_le())
        };
        let mut taken = found.clone();
        taken.retain(|container, found| {
            let image = found.image.as_ref();
            image.is_some_and(|image| !is_given_up(container, image))
        });
        self.catch_up(&taken, now);
        self.ignore_unfit(found, now);
    }

    /// Notes which tags searches passed over.
    pub fn ignore_unfit(&mut self, found: &BTreeMap<String, Found>, now: Timestamp) {
        for (container, found) in found {
            let file = self.file.as_ref();
            let Some(rule) = file.and_then(|file| file.follows.get(container)) else {
                continue;
            };
            let repository = rule.repository.clone();
            for (tag, reason) in found.unfit.iter().rev() {
                self.ignore(&repository, tag, reason.clone(), now);
            }
        }
    }
}
