//! How a pushed image is joined into a service's desired state: the protocol of `image-pushed`, and of the sweep where
//! it finds that a push was missed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Guard, Guards};
use crate::{
    content::FileContent,
    desired::{DesiredState, FollowedFile},
    event::image_pushed::PushedTag,
    followed::{Found, Search, Tagged},
    image::Image,
    record::Record,
    versioned::{Versioned, WriteOutcome},
};

/// The state of the protocol in a trigger that joins an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    guards: Guards,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The desired state is read before ECR: so a stale answer of ECR's loses the compare-and-swap against a fresh one.
    ReadDesired,
    /// Which image has the tag now: the event may be old.
    ReadImage {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// Tags that are followed come later: is each of them still there? One that was a mistake is deleted, and gives way.
    IsThere {
        /// The image.
        joined: Joined,
        /// The tags that are not asked for yet.
        asked: Vec<String>,
    },
    /// Tags that are followed are gone: what is there instead?
    LookThrough(Joined),
    /// A release would have the images of other containers too: is the digest of each still there?
    LookForKept(Joined),
    /// The placeholders of the file are filled in with the values that they have now, before a release is made.
    Refresh(Joined),
    /// A followed tag moves to another image. Should the tag move back before the next sweep, the repository would be
    /// the same as at the last sweep, and the moved tag would stay unnoticed: so the sweep's memory of the repository
    /// is made invalid. That is written before the desired state, because this invocation may die.
    Distrust(Joined),
    /// Releases that were passed over are forgotten when the next one is made: their records are written before.
    Record(Joined),
    /// The image is written over the desired state that was read.
    WriteDesired(Joined),
    /// The status beside the service file no longer says that the service waits for a push, or that a placeholder has
    /// no value.
    KeepStatus(Joined),
    /// An execution is started for the release, also if another invocation made the release: that invocation may have
    /// died before it started one.
    Start {
        /// The release.
        release: u64,
    },
}

/// What a tag is found to have, as it is joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Joined {
    /// The desired state as it was read.
    pub read: Versioned<DesiredState>,
    repository: String,
    tag: String,
    tagged: Tagged,
    /// The tags that are followed and that nothing has any more.
    gone: Vec<String>,
    /// What is there instead of images that are gone.
    found: BTreeMap<String, Found>,
    /// Whether the images of other containers were looked for.
    is_sure: bool,
    values: Values,
    at: Timestamp,
}

/// The values of the followed file's placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Values {
    /// The file has no placeholders, or no release is made.
    AsBefore,
    /// With the values the file says this.
    Refreshed(FileContent),
    /// A placeholder has no value: the image is joined, and no release is made.
    Missing,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask<'a> {
    /// The desired state of the service.
    ReadDesired,
    /// What has the pushed tag now, for the tasks of this file.
    ReadImage(&'a FollowedFile),
    /// Whether anything has this tag of the repository.
    IsThere(&'a str),
    /// To look through repositories for what the tasks of this file can run.
    LookThrough(&'a FollowedFile, Vec<Search>),
    /// To do so for those whose digest is gone.
    LookForKept(&'a FollowedFile, Vec<Search>),
    /// To fill in the values of the file's placeholders and store the file; where one has no value, the file's status
    /// says so.
    Refresh(&'a FollowedFile),
    /// To make the next sweep look at the image's repository.
    Distrust(&'a Image),
    /// To write these records, each unless the release has one, and to send the event that the release was concluded.
    Record(Vec<Record>),
    /// To write the desired state, unless it has changed since it was read.
    WriteDesired {
        /// The desired state as it was read.
        over: &'a Versioned<DesiredState>,
        /// The desired state to write.
        desired: Box<DesiredState>,
    },
    /// To bring the status of the followed service file up to date.
    KeepStatus(Box<DesiredState>),
    /// To start an execution for the release of this number.
    Start(u64),
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The desired state.
    Desired(Versioned<DesiredState>),
    /// What has the tag.
    Tagged(Tagged),
    /// Whether anything has the tag.
    IsThere(bool),
    /// What was found for each container that was looked for.
    Found(BTreeMap<String, Found>),
    /// What the file says with its values; none if a placeholder has no value.
    Refreshed(Option<FileContent>),
    /// What became of the write.
    Written(WriteOutcome),
    /// It is done.
    Done,
}

/// What became of a pushed image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// No follow rule of the service admits the tag.
    NotAdmitted,
    /// No image has the tag any more.
    NotTagged,
    /// What has the tag is nothing that the service's tasks can run.
    Unfit,
    /// No release waits for an execution.
    NothingToStart {
        /// Whether the service is on hold.
        held: bool,
    },
    /// An execution was started for the release.
    Started(u64),
}

impl Join {
    /// The protocol before its first question.
    pub fn begin(guards: Guards) -> Self {
        Self {
            guards,
            stage: Stage::ReadDesired,
        }
    }

    /// What is asked.
    pub fn ask(&self) -> Ask<'_> {
        match &self.stage {
            Stage::ReadDesired => Ask::ReadDesired,
            Stage::ReadImage { read } => match &read.file {
                Some(file) => Ask::ReadImage(file),
                None => Ask::ReadDesired,
            },
            Stage::IsThere { asked, .. } => match asked.last() {
                Some(tag) => Ask::IsThere(tag),
                None => Ask::ReadDesired,
            },
            Stage::LookThrough(joined) => match &joined.read.file {
                Some(file) => Ask::LookThrough(file, joined.searches()),
                None => Ask::ReadDesired,
            },
            Stage::LookForKept(joined) => match &joined.read.file {
                Some(file) => Ask::LookForKept(file, joined.kept()),
                None => Ask::ReadDesired,
            },
            Stage::Refresh(joined) => match &joined.read.file {
                Some(file) => Ask::Refresh(file),
                None => Ask::ReadDesired,
            },
            Stage::Distrust(joined) => match &joined.tagged {
                Tagged::Image(image) => Ask::Distrust(image),
                Tagged::Nothing | Tagged::Unfit(_) => Ask::ReadDesired,
            },
            Stage::Record(joined) => Ask::Record(joined.due_records()),
            Stage::WriteDesired(joined) => Ask::WriteDesired {
                over: &joined.read,
                desired: Box::new(joined.desired()),
            },
            Stage::KeepStatus(joined) => Ask::KeepStatus(Box::new(joined.desired())),
            Stage::Start { release } => Ask::Start(*release),
        }
    }

    /// Takes the answer about `pushed`; `now` is when it came. Answers what became of the push once that is known.
    pub fn on(&mut self, pushed: &PushedTag, answer: Answer, now: Timestamp) -> Option<Output> {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadDesired);
        self.stage = match (stage, answer) {
            (Stage::ReadDesired, Answer::Desired(read)) => {
                let (repository, tag) = (&pushed.repository, &pushed.tag);
                if !read.followers_of(repository, tag).is_empty() {
                    self.stage = Stage::ReadImage { read };
                    return None;
                }
                let Some(reason) = read.unadmitted(repository, tag) else {
                    return Some(Output::NotAdmitted);
                };
                return self.on_noted(Joined::new(read, pushed, Tagged::Unfit(reason), now));
            }
            (Stage::ReadImage { read }, Answer::Tagged(tagged)) => {
                let joined = Joined::new(read, pushed, tagged, now);
                return self.on_tagged(joined);
            }
            (Stage::IsThere { joined, mut asked }, Answer::IsThere(is_there)) => {
                let tag = asked.pop();
                let mut joined = joined;
                joined.gone.extend(tag.filter(|_| !is_there));
                return self.on_asked(joined, asked);
            }
            (Stage::LookThrough(joined), Answer::Found(found)) => {
                return self.on_found(Joined { found, ..joined });
            }
            (Stage::LookForKept(mut joined), Answer::Found(found)) => {
                joined.found.extend(found);
                joined.is_sure = true;
                return self.on_found(joined);
            }
            (Stage::Refresh(joined), Answer::Refreshed(content)) => {
                return self.on_joined(Joined {
                    values: content.map_or(Values::Missing, Values::Refreshed),
                    ..joined
                });
            }
            (Stage::Distrust(joined), Answer::Done) => return self.on_noted(joined),
            (Stage::Record(joined), Answer::Done) => Stage::WriteDesired(joined),
            (Stage::WriteDesired(_), Answer::Written(WriteOutcome::Conflict)) => Stage::ReadDesired,
            (Stage::WriteDesired(joined), Answer::Written(WriteOutcome::Done)) => {
                return self.on_written(joined);
            }
            (Stage::KeepStatus(joined), Answer::Done) => return self.on_reported(&joined),
            (Stage::Start { release }, Answer::Done) => return Some(Output::Started(release)),
            (stage, _) => stage,
        };
        None
    }

    fn on_tagged(&mut self, mut joined: Joined) -> Option<Output> {
        let asked = match &joined.tagged {
            Tagged::Image(image) => joined.read.in_the_way_of(image),
            Tagged::Unfit(_) => return self.on_noted(joined),
            Tagged::Nothing => {
                joined.gone.push(joined.tag.clone());
                if joined.searches().is_empty() {
                    return Some(Output::NotTagged);
                }
                Vec::new()
            }
        };
        self.on_asked(joined, asked)
    }

    fn on_asked(&mut self, joined: Joined, asked: Vec<String>) -> Option<Output> {
        if !asked.is_empty() {
            self.stage = Stage::IsThere { joined, asked };
            return None;
        }
        if !joined.searches().is_empty() {
            self.stage = Stage::LookThrough(joined);
            return None;
        }
        self.on_found(joined)
    }

    fn on_found(&mut self, joined: Joined) -> Option<Output> {
        if !joined.is_sure && joined.makes_release() && !joined.kept().is_empty() {
            self.stage = Stage::LookForKept(joined);
            return None;
        }
        if joined.needs_values() {
            self.stage = Stage::Refresh(joined);
            return None;
        }
        self.on_joined(joined)
    }

    fn on_joined(&mut self, joined: Joined) -> Option<Output> {
        if joined.moves_tag() {
            self.stage = Stage::Distrust(joined);
            return None;
        }
        self.on_noted(joined)
    }

    fn on_noted(&mut self, joined: Joined) -> Option<Output> {
        if joined.desired() != *joined.read {
            self.stage = if joined.due_records().is_empty() {
                Stage::WriteDesired(joined)
            } else {
                Stage::Record(joined)
            };
            return None;
        }
        self.on_written(joined)
    }

    fn on_written(&mut self, joined: Joined) -> Option<Output> {
        if joined.changes_status() {
            self.stage = Stage::KeepStatus(joined);
            return None;
        }
        self.on_reported(&joined)
    }

    /// A fresh answer of ECR's that changes nothing writes nothing that a stale one could lose against, as when a tag was
    /// moved away and back. So whoever followed a moved tag looks once more.
    fn on_reported(&mut self, joined: &Joined) -> Option<Output> {
        if joined.moves_tag() && self.guards.has(Guard::LookAgainAfterATagMoved) {
            self.stage = Stage::ReadDesired;
            return None;
        }
        if matches!(joined.tagged, Tagged::Unfit(_)) {
            return Some(
                if joined
                    .read
                    .followers_of(&joined.repository, &joined.tag)
                    .is_empty()
                {
                    Output::NotAdmitted
                } else {
                    Output::Unfit
                },
            );
        }
        let desired = joined.desired();
        let Some(next) = desired.next_release() else {
            let held = desired.hold.is_some();
            return Some(Output::NothingToStart { held });
        };
        self.stage = Stage::Start {
            release: next.number,
        };
        None
    }
}

impl Joined {
    fn new(
        read: Versioned<DesiredState>,
        pushed: &PushedTag,
        tagged: Tagged,
        at: Timestamp,
    ) -> Self {
        Self {
            read,
            repository: pushed.repository.clone(),
            tag: pushed.tag.clone(),
            tagged: match tagged {
                Tagged::Image(image) => Tagged::Image(image.tagged(pushed.at)),
                other => other,
            },
            gone: Vec::new(),
            found: BTreeMap::new(),
            is_sure: false,
            values: Values::AsBefore,
            at,
        }
    }

    /// The desired state with what was found in it.
    pub fn desired(&self) -> DesiredState {
        let mut desired = DesiredState::clone(&self.read);
        if let Values::Refreshed(content) = &self.values {
            desired.refresh_file(content.clone());
        }
        match &self.tagged {
            Tagged::Nothing => {}
            Tagged::Image(image) => desired.take_image(image, self.at),
            Tagged::Unfit(reason) => {
                desired.ignore(&self.repository, &self.tag, reason.clone(), self.at);
                return desired;
            }
        }
        desired.give_way(&self.found);
        desired.ignore_unfit(&self.found, self.at);
        if self.values == Values::Missing {
            return desired;
        }
        match (&self.tagged, self.gone.first()) {
            (Tagged::Image(image), None) => desired.release_pushed(image, self.at),
            (_, Some(gone)) => desired.release_without(&self.repository, gone, self.at),
            (_, None) => {}
        }
        if desired.last_number > self.read.last_number {
            desired.forget(self.read.due());
        }
        desired
    }

    /// What has to be looked for because tags are gone.
    fn searches(&self) -> Vec<Search> {
        let mut searches = match &self.tagged {
            Tagged::Image(image) => self.read.searches_with(image),
            Tagged::Nothing | Tagged::Unfit(_) => Vec::new(),
        };
        for search in self.read.searches_without(&self.repository, &self.gone) {
            if searches
                .iter()
                .all(|known| known.container != search.container)
            {
                searches.push(search);
            }
        }
        searches
    }

    /// The records that are written before the next release is made.
    fn due_records(&self) -> Vec<Record> {
        if !self.makes_release() {
            return Vec::new();
        }
        let record = |release| Record::passed_over(&self.read.service, release, self.at);
        self.read.due().iter().map(record).collect()
    }

    /// The images that a release would keep, and that were not looked at.
    fn kept(&self) -> Vec<Search> {
        let mut kept = self.desired().searches_for_known();
        kept.retain(|search| match (&search.known, &self.tagged) {
            _ if self.found.contains_key(&search.container) => false,
            (Some(known), Tagged::Image(image)) => known.digest != image.digest,
            (known, _) => known.is_some(),
        });
        kept
    }

    fn moves_tag(&self) -> bool {
        match &self.tagged {
            Tagged::Image(image) => self.read.moves_tag(image) && !self.desired().moves_tag(image),
            Tagged::Nothing | Tagged::Unfit(_) => false,
        }
    }

    fn has_placeholders(&self) -> bool {
        let file = self.read.file.as_ref();
        file.is_some_and(|file| file.placeholders.is_some())
    }

    fn makes_release(&self) -> bool {
        self.desired().last_number > self.read.last_number
    }

    fn needs_values(&self) -> bool {
        self.has_placeholders() && self.makes_release()
    }

    /// Whether the status has to be written: the first admitted image ends the waiting for it, a release of a file with
    /// placeholders ends a status that says that one has no value, and the status names the tags that were passed over.
    fn changes_status(&self) -> bool {
        !self.read.waiting_for().is_empty()
            || self.needs_values()
            || !self.found.is_empty()
            || self.desired().ignored != self.read.ignored
    }
}

#[cfg(test)]
mod tests;
