//! An accepted service file becomes what a service follows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Accepted, Answer, Ask, Next, Unfollow};
use crate::{
    desired::DesiredState,
    followed::{Found, Search},
    protocol::{Guard, Guards},
    record::Record,
    service_file::Rejection,
    service_id::ServiceId,
    status::FileStatus,
    versioned::{Versioned, WriteOutcome},
};

/// How far the taking up has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taking {
    accepted: Versioned<Accepted>,
    /// The service that the file is noted to describe.
    described: Option<ServiceId>,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The desired state is read before it is made sure that the file is still the current one: so a slow invocation
    /// with an old file loses the compare-and-swap.
    ReadDesired,
    /// The service follows a file with another key: is that file still there?
    IsOtherThere {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// Before a service follows the file for the first time, the sweep's memory gets an entry for the file. Should the
    /// file be deleted without an event, and should every invocation for it have died before it wrote the status, a
    /// sweep finds that the file is missing.
    Expect {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// Followers are noted before repositories are looked through, so that no push falls in between.
    PutFollower {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// Which of the new repositories, counted from 0.
        nth: usize,
    },
    /// The service that the file described before stops following it.
    Unfollow {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// How far that has come.
        unfollow: Unfollow,
    },
    /// Which service the file describes is noted before that service follows it: so an invocation that finds the file
    /// deleted knows which service has to stop following it.
    PutSource {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// The repositories of the rules that are not in force yet.
    LookThrough {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// Whether the file is still the current one.
    CurrentVersion {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// What was found in the repositories.
        found: BTreeMap<String, Found>,
    },
    /// A release would have the images of the rules that were in force before: is the digest of each still there?
    LookForKept(Change),
    /// Releases that were passed over are forgotten when the next one is made: their records are written before.
    Record(Change),
    /// The file is written over the desired state that was read.
    WriteDesired(Change),
    /// A deletion before the service follows changes nothing that this invocation could lose against. So a service that
    /// follows the file for the first time makes sure once more that the file is there.
    CurrentVersionAgain(Change),
    /// The file is gone. An invocation that looked meanwhile may have noted another service.
    PutSourceAgain,
    /// A push between the look through a repository and the write finds that no rule admits its tag yet. So after a
    /// rule came into force its repository is looked through once more, also by an invocation that may repeat one which
    /// was killed in between.
    ReadToCatchUp,
    /// The repositories of the rules that are in force.
    LookThroughAgain {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// The images that were pushed meanwhile are written over the desired state that was read.
    WriteCaughtUp(Change),
    /// The status beside the file.
    PutStatus(Change),
}

/// A change of the desired state by what was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The desired state as it was read.
    pub read: Versioned<DesiredState>,
    found: BTreeMap<String, Found>,
    /// What is there instead of images that are gone; none before they were looked for.
    instead: Option<BTreeMap<String, Found>>,
    kind: Kind,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Follow,
    CatchUp,
}

impl Change {
    fn caught_up(
        read: Versioned<DesiredState>,
        found: BTreeMap<String, Found>,
        at: Timestamp,
    ) -> Self {
        Self {
            read,
            found,
            instead: None,
            kind: Kind::CatchUp,
            at,
        }
    }

    /// The stage in which the change is written.
    fn written(self) -> Stage {
        match self.kind {
            Kind::Follow => Stage::WriteDesired(self),
            Kind::CatchUp => Stage::WriteCaughtUp(self),
        }
    }
}

impl Taking {
    pub(super) fn begin(accepted: Versioned<Accepted>, described: Option<ServiceId>) -> Self {
        Self {
            accepted,
            described,
            stage: Stage::ReadDesired,
        }
    }

    pub(super) fn ask(&self) -> Ask<'_> {
        let service = &self.accepted.service;
        match &self.stage {
            Stage::ReadDesired | Stage::ReadToCatchUp => Ask::ReadDesired(service),
            Stage::IsOtherThere { read } => match &read.file {
                Some(file) => Ask::IsThere(&file.key),
                None => Ask::ReadDesired(service),
            },
            Stage::Expect { .. } => Ask::Expect,
            Stage::PutFollower { read, nth } => match self.new_repositories(read).nth(*nth) {
                Some(repository) => Ask::PutFollower(repository, service),
                None => Ask::ReadDesired(service),
            },
            Stage::Unfollow { unfollow, .. } => unfollow.ask(),
            Stage::PutSource { .. } | Stage::PutSourceAgain => Ask::PutSource(service),
            Stage::LookThrough { read } => {
                let file = &self.accepted.file;
                Ask::LookThrough(file, read.searches_to_follow(&file.follows))
            }
            Stage::LookThroughAgain { read } => match &read.file {
                Some(file) => {
                    let all = file.follows.keys().map(String::as_str);
                    Ask::LookThrough(file, read.searches(&file.follows, all))
                }
                None => Ask::ReadDesired(service),
            },
            Stage::LookForKept(change) => Ask::LookForKept(&self.accepted.file, self.kept(change)),
            Stage::CurrentVersion { .. } | Stage::CurrentVersionAgain(_) => Ask::CurrentVersion,
            Stage::Record(change) => Ask::Record(self.due_records(change)),
            Stage::WriteDesired(change) | Stage::WriteCaughtUp(change) => Ask::WriteDesired {
                over: &change.read,
                desired: Box::new(self.desired(change)),
            },
            Stage::PutStatus(change) => match FileStatus::of(&self.desired(change)) {
                Some(status) => {
                    let warnings = self.accepted.warnings.clone();
                    Ask::PutStatus(Box::new(status.with_warnings(warnings)))
                }
                None => Ask::ReadDesired(service),
            },
        }
    }

    pub(super) fn on(mut self, guards: Guards, answer: Answer, now: Timestamp) -> Next<Self> {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadDesired);
        self.stage = match (stage, answer) {
            (Stage::ReadDesired, Answer::Desired(read)) => {
                let key = &self.accepted.file.key;
                if read.file.as_ref().is_some_and(|file| file.key != *key) {
                    Stage::IsOtherThere { read }
                } else {
                    self.on_free(read)
                }
            }
            (Stage::IsOtherThere { read }, Answer::IsThere(true)) => {
                return Next::Reject(self.described_elsewhere(&read));
            }
            (Stage::IsOtherThere { read }, Answer::IsThere(false)) => self.on_free(read),
            (Stage::Expect { read }, Answer::Done) => self.on_follower(read, 0),
            (Stage::PutFollower { read, nth }, Answer::Done) => self.on_follower(read, nth + 1),
            (Stage::Unfollow { read, unfollow }, answer) => {
                match unfollow.on(&self.accepted.file.key, answer) {
                    Next::Stage(unfollow) => Stage::Unfollow { read, unfollow },
                    Next::Over => Stage::PutSource { read },
                    _ => return Next::Changed,
                }
            }
            (Stage::PutSource { read }, Answer::Done) => {
                self.described = Some(self.accepted.service.clone());
                self.on_source(read)
            }
            (Stage::LookThrough { read }, Answer::Found(found)) => {
                Stage::CurrentVersion { read, found }
            }
            (Stage::CurrentVersion { read, found }, Answer::Version(version)) => {
                if !self.is_current(version) {
                    return Next::Changed;
                }
                let change = Change {
                    read,
                    found,
                    instead: None,
                    kind: Kind::Follow,
                    at: now,
                };
                return self.on_found(change, guards);
            }
            (Stage::LookForKept(change), Answer::Found(found)) => {
                let instead = Some(found);
                return self.on_found(Change { instead, ..change }, guards);
            }
            (Stage::Record(change), Answer::Done) => change.written(),
            (Stage::WriteDesired(_), Answer::Written(WriteOutcome::Conflict)) => Stage::ReadDesired,
            (Stage::WriteDesired(change), Answer::Written(WriteOutcome::Done)) => {
                return self.on_written(change, guards);
            }
            (Stage::CurrentVersionAgain(change), Answer::Version(version)) => {
                if self.is_current(version) {
                    return self.on_followed(change, guards);
                }
                Stage::PutSourceAgain
            }
            (Stage::PutSourceAgain, Answer::Done) => return Next::Changed,
            (Stage::ReadToCatchUp, Answer::Desired(read)) if read.file.is_some() => {
                Stage::LookThroughAgain { read }
            }
            // It was let go of meanwhile: there is nothing to look through.
            (Stage::ReadToCatchUp, Answer::Desired(read)) => {
                let change = Change::caught_up(read, BTreeMap::new(), now);
                return self.on_found(change, guards);
            }
            (Stage::LookThroughAgain { read }, Answer::Found(found)) => {
                let change = Change::caught_up(read, found, now);
                return self.on_found(change, guards);
            }
            (Stage::WriteCaughtUp(_), Answer::Written(WriteOutcome::Conflict)) => {
                Stage::ReadToCatchUp
            }
            (Stage::WriteCaughtUp(change), Answer::Written(WriteOutcome::Done)) => {
                return self.on_caught_up(change);
            }
            (Stage::PutStatus(change), Answer::Done) => {
                return Next::Start(Box::new(self.desired(&change)));
            }
            (stage, _) => stage,
        };
        Next::Stage(self)
    }

    /// No other file describes the service.
    fn on_free(&self, read: Versioned<DesiredState>) -> Stage {
        if self.is_followed_by(&read) {
            self.on_follower(read, 0)
        } else {
            Stage::Expect { read }
        }
    }

    /// So many of the new repositories have the service as a follower.
    fn on_follower(&self, read: Versioned<DesiredState>, noted: usize) -> Stage {
        if noted < self.new_repositories(&read).count() {
            return Stage::PutFollower { read, nth: noted };
        }
        match &self.described {
            Some(described) if *described == self.accepted.service => self.on_source(read),
            Some(other) => {
                let version = Some(self.accepted.file.version_id.clone());
                let unfollow = Unfollow::begin(other.clone(), version);
                Stage::Unfollow { read, unfollow }
            }
            None => Stage::PutSource { read },
        }
    }

    fn on_source(&self, read: Versioned<DesiredState>) -> Stage {
        if read.new_rules(&self.accepted.file.follows).is_empty() {
            let found = BTreeMap::new();
            return Stage::CurrentVersion { read, found };
        }
        Stage::LookThrough { read }
    }

    /// A change that is in the desired state already is not written, and the others after the records that are due.
    fn on_found(mut self, change: Change, guards: Guards) -> Next<Self> {
        let desired = self.desired(&change);
        let is_there = desired == *change.read;
        let makes_release = desired.last_number > change.read.last_number;
        let is_sure = change.instead.is_some() || self.kept(&change).is_empty();
        self.stage = match change.kind {
            Kind::Follow if makes_release && !is_sure => Stage::LookForKept(change),
            Kind::Follow if is_there => return self.on_written(change, guards),
            Kind::CatchUp if is_there => return self.on_caught_up(change),
            Kind::Follow | Kind::CatchUp if self.due_records(&change).is_empty() => {
                change.written()
            }
            Kind::Follow | Kind::CatchUp => Stage::Record(change),
        };
        Next::Stage(self)
    }

    fn on_written(mut self, change: Change, guards: Guards) -> Next<Self> {
        let again = guards.has(Guard::LookAgainAfterTheFirstFollow);
        if !self.is_followed_by(&change.read) && again {
            self.stage = Stage::CurrentVersionAgain(change);
            return Next::Stage(self);
        }
        self.on_followed(change, guards)
    }

    fn on_followed(mut self, change: Change, guards: Guards) -> Next<Self> {
        let file = &self.accepted.file;
        let before = change.read.file.as_ref();
        let may_repeat = before.is_some_and(|before| before.version_id == file.version_id);
        let has_new_rules = !change.read.new_rules(&file.follows).is_empty();
        if guards.has(Guard::LookThroughOnceMore) && (may_repeat || has_new_rules) {
            self.stage = Stage::ReadToCatchUp;
            return Next::Stage(self);
        }
        self.on_caught_up(change)
    }

    fn on_caught_up(mut self, change: Change) -> Next<Self> {
        let desired = self.desired(&change);
        if desired.file.is_none() {
            // It was let go of meanwhile: there is no status to write.
            return Next::Start(Box::new(desired));
        }
        self.stage = Stage::PutStatus(change);
        Next::Stage(self)
    }

    /// The records that are written before the next release is made.
    fn due_records(&self, change: &Change) -> Vec<Record> {
        let read = &change.read;
        if self.desired(change).last_number == read.last_number {
            return Vec::new();
        }
        let record = |release| Record::passed_over(&read.service, release, change.at);
        read.due().iter().map(record).collect()
    }

    fn desired(&self, change: &Change) -> DesiredState {
        let mut desired = DesiredState::clone(&change.read);
        match change.kind {
            Kind::Follow => {
                let file = self.accepted.file.clone();
                if let Some(instead) = &change.instead {
                    desired.give_way(instead);
                }
                let images = change.found.iter();
                let images = images.map(|(name, found)| (name.clone(), found.image.clone()));
                desired.follow_file(file, images.collect(), change.at);
            }
            Kind::CatchUp => {
                desired.catch_up(&change.found, change.at);
            }
        }
        desired.ignore_unfit(&change.found, change.at);
        if desired.last_number > change.read.last_number {
            desired.forget(change.read.due());
        }
        desired
    }

    /// The images of the rules that stay in force.
    fn kept(&self, change: &Change) -> Vec<Search> {
        let follows = &self.accepted.file.follows;
        let kept = follows.keys().map(String::as_str);
        let kept = kept.filter(|container| !change.found.contains_key(*container));
        let mut kept = change.read.searches(follows, kept);
        kept.retain(|search| search.known.is_some());
        kept
    }

    fn is_followed_by(&self, desired: &DesiredState) -> bool {
        let file = desired.file.as_ref();
        file.is_some_and(|file| file.key == self.accepted.file.key)
    }

    fn is_current(&self, version: Option<String>) -> bool {
        version.as_deref() == Some(&*self.accepted.file.version_id)
    }

    fn described_elsewhere(&self, read: &DesiredState) -> Versioned<Rejection> {
        let Accepted { service, file, .. } = &*self.accepted;
        let other = read.file.as_ref().map_or("", |file| &file.key);
        let rejection = Rejection::of_file(
            format!("{service} is described by {other} already"),
            "keep one of the two files; delete the other first",
        );
        Versioned::new(rejection, &file.version_id)
    }

    /// The repositories that the file follows and the one before it did not.
    fn new_repositories(&self, read: &DesiredState) -> impl Iterator<Item = &str> {
        let before = read.file.iter().flat_map(|file| file.follows.values());
        let already: BTreeSet<_> = before.map(|rule| rule.repository.clone()).collect();
        let follows = self.accepted.file.follows.values();
        let repositories: BTreeSet<_> = follows.map(|rule| &*rule.repository).collect();
        repositories
            .into_iter()
            .filter(move |repository| !already.contains(*repository))
    }
}
