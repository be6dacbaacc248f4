//! How a pushed image is joined into a service's desired state: the protocol of `image-pushed`, and of the sweep where
//! it finds that a push was missed.

use jiff::Timestamp;

use super::{Guard, Guards};
use crate::{
    content::FileContent,
    desired::{DesiredState, FollowedFile},
    event::image_pushed::PushedTag,
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

/// An image that is joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Joined {
    /// The desired state as it was read.
    pub read: Versioned<DesiredState>,
    image: Image,
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
    /// The image that has the pushed tag now.
    ReadImage,
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
    /// The image; none if no image has the tag.
    Image(Option<Image>),
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
            Stage::ReadImage { .. } => Ask::ReadImage,
            Stage::Refresh(joined) => match &joined.read.file {
                Some(file) => Ask::Refresh(file),
                None => Ask::ReadDesired,
            },
            Stage::Distrust(joined) => Ask::Distrust(&joined.image),
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
                let followers = read.followers_of(&pushed.repository, &pushed.tag);
                if followers.is_empty() {
                    return Some(Output::NotAdmitted);
                }
                Stage::ReadImage { read }
            }
            (Stage::ReadImage { .. }, Answer::Image(None)) => return Some(Output::NotTagged),
            (Stage::ReadImage { read }, Answer::Image(Some(image))) => {
                let joined = Joined {
                    read,
                    image,
                    values: Values::AsBefore,
                    at: now,
                };
                if joined.needs_values() {
                    Stage::Refresh(joined)
                } else {
                    return self.on_joined(joined);
                }
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

    fn on_joined(&mut self, joined: Joined) -> Option<Output> {
        if joined.moves_tag() {
            self.stage = Stage::Distrust(joined);
            return None;
        }
        self.on_noted(joined)
    }

    fn on_noted(&mut self, joined: Joined) -> Option<Output> {
        if joined.desired() != *joined.read {
            self.stage = match joined.due_records().is_empty() {
                true => Stage::WriteDesired(joined),
                false => Stage::Record(joined),
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
    /// The desired state with the image in it.
    pub fn desired(&self) -> DesiredState {
        let mut desired = DesiredState::clone(&self.read);
        match &self.values {
            Values::AsBefore => desired.join_image(&self.image, self.at),
            Values::Refreshed(content) => {
                desired.refresh_file(content.clone());
                desired.join_image(&self.image, self.at);
            }
            Values::Missing => desired.take_image(&self.image),
        }
        desired
    }

    /// The records that are written before the next release is made.
    fn due_records(&self) -> Vec<Record> {
        if !self.makes_release() {
            return Vec::new();
        }
        let record = |release| Record::passed_over(&self.read.service, release, self.at);
        self.read.due().iter().map(record).collect()
    }

    fn moves_tag(&self) -> bool {
        self.read.moves_tag(&self.image)
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

    /// Whether the status has to be written: the first admitted image ends the waiting for it, and a release of a file
    /// with placeholders ends a status that says that one has no value.
    fn changes_status(&self) -> bool {
        !self.read.waiting_for().is_empty() || self.needs_values()
    }
}

#[cfg(test)]
mod tests;
