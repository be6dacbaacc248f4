//! How a service file is taken up, or let go of: the protocol of `config-changed`, and of the sweep where it finds that a
//! file changed unheard.

mod taking;
mod unfollow;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use self::{
    taking::{Stage as TakingStage, Taking},
    unfollow::{Stage as UnfollowStage, Unfollow},
};
use super::Guards;
use crate::{
    desired::{DesiredState, FollowedFile},
    follow::FollowRule,
    image::Image,
    service_file::{Problem, Rejection},
    service_id::ServiceId,
    status::FileStatus,
    versioned::{Versioned, Written},
};

/// A service file that nothing is wrong with.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The service that it describes.
    pub service: ServiceId,
    /// The file as a desired state follows it.
    pub file: FollowedFile,
    /// What is probably not meant so.
    pub warnings: Vec<Problem>,
}

/// What a read of the service file found. Its version in S3 stands for its content.
#[derive(Clone, Debug)]
pub enum File {
    /// It is not there.
    Gone,
    /// Something is wrong with it.
    Rejected(Versioned<Rejection>),
    /// It was accepted, and its content is kept.
    Accepted(Versioned<Accepted>),
}

/// How far a trigger has come that looks at a service file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Follow {
    guards: Guards,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The file as it is now. The event may be old.
    ReadFile,
    /// It changes nothing, and its status says why.
    Reject(Versioned<Rejection>),
    /// A rejected file changes nothing. Whichever invocation took up the one before it may have died before an execution was
    /// started, and finds the rejected one when it is repeated: so one is started for what is open.
    FindRejected,
    /// The same, once it is known which service the file described.
    ReadRejected {
        /// The service.
        service: ServiceId,
    },
    /// The file is gone: which service followed it?
    FindDeleted,
    /// That one lets go of it.
    Unfollow(Unfollow),
    /// The status goes last: a sweep looks at a file that is gone and has a status.
    DeleteStatus,
    /// The file was accepted: which service did it describe before?
    FindAccepted {
        /// The file.
        accepted: Versioned<Accepted>,
    },
    /// It is taken up.
    Take(Taking),
    /// An execution is started for what is open.
    Start {
        /// The service.
        service: ServiceId,
        /// The release.
        release: u64,
    },
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask<'a> {
    /// The service file.
    ReadFile,
    /// To make known that the file was rejected, if that is not known of this version.
    Reject(&'a Versioned<Rejection>),
    /// Which service the file described when it was last accepted.
    ReadSource,
    /// The desired state of a service.
    ReadDesired(&'a ServiceId),
    /// Whether there is a file at this key.
    IsThere(&'a str),
    /// To note that the next sweep looks at the file, whether it is there then or not.
    Expect,
    /// To note that a service follows a repository.
    PutFollower(&'a str, &'a ServiceId),
    /// To note that the file describes a service.
    PutSource(&'a ServiceId),
    /// For each of these containers, the newest image of its repository that its rule admits.
    LookThrough(Vec<(String, FollowRule)>),
    /// The current version of the service file.
    CurrentVersion,
    /// To write a desired state, if it is as it was read.
    WriteDesired {
        /// As it was read.
        over: &'a Versioned<DesiredState>,
        /// What is written.
        desired: Box<DesiredState>,
    },
    /// To write the file's status.
    PutStatus(Box<FileStatus>),
    /// To delete the file's status.
    DeleteStatus,
    /// To start an execution for a release of a service.
    Start(&'a ServiceId, u64),
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The service file.
    File(File),
    /// The service that the file described, if it ever did.
    Source(Option<ServiceId>),
    /// The desired state.
    Desired(Versioned<DesiredState>),
    /// Whether it is there.
    IsThere(bool),
    /// What was found for each container.
    Found(BTreeMap<String, Option<Image>>),
    /// The current version, if the file is there.
    Version(Option<String>),
    /// What became of the write.
    Written(Written),
    /// It is done.
    Done,
}

/// Where a part of the protocol leads to.
pub(crate) enum Next<S> {
    /// Its next stage.
    Stage(S),
    /// The file changed meanwhile: all begins again.
    Changed,
    /// The rejection is made known.
    Reject(Versioned<Rejection>),
    /// An execution is started for what is open in this desired state.
    Start(Box<DesiredState>),
    /// The part is over.
    Over,
}

impl Follow {
    /// Before anything was asked.
    pub fn begin(guards: Guards) -> Self {
        Self {
            guards,
            stage: Stage::ReadFile,
        }
    }

    /// What is asked.
    pub fn ask(&self) -> Ask<'_> {
        match &self.stage {
            Stage::ReadFile => Ask::ReadFile,
            Stage::Reject(rejection) => Ask::Reject(rejection),
            Stage::FindRejected | Stage::FindDeleted | Stage::FindAccepted { .. } => {
                Ask::ReadSource
            }
            Stage::ReadRejected { service } => Ask::ReadDesired(service),
            Stage::Unfollow(unfollow) => unfollow.ask(),
            Stage::DeleteStatus => Ask::DeleteStatus,
            Stage::Take(taking) => taking.ask(),
            Stage::Start { service, release } => Ask::Start(service, *release),
        }
    }

    /// Takes the answer about the file at `key`; `now` is when it came. Answers whether that was the last.
    pub fn on(&mut self, key: &str, answer: Answer, now: Timestamp) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadFile);
        self.stage = match (stage, answer) {
            (Stage::ReadFile, Answer::File(File::Gone)) => Stage::FindDeleted,
            (Stage::ReadFile, Answer::File(File::Rejected(rejection))) => Stage::Reject(rejection),
            (Stage::ReadFile, Answer::File(File::Accepted(accepted))) => {
                Stage::FindAccepted { accepted }
            }
            (Stage::Reject(_), Answer::Done) => Stage::FindRejected,
            (Stage::FindRejected, Answer::Source(None))
            | (Stage::DeleteStatus | Stage::Start { .. }, Answer::Done) => return true,
            (Stage::FindRejected, Answer::Source(Some(service))) => Stage::ReadRejected { service },
            (Stage::ReadRejected { .. }, Answer::Desired(read)) => match start(&read) {
                Some(start) => start,
                None => return true,
            },
            (Stage::FindDeleted, Answer::Source(None)) => Stage::DeleteStatus,
            (Stage::FindDeleted, Answer::Source(Some(service))) => {
                Stage::Unfollow(Unfollow::begin(service, None))
            }
            (Stage::Unfollow(unfollow), answer) => match unfollow.on(key, answer) {
                Next::Stage(unfollow) => Stage::Unfollow(unfollow),
                _ => Stage::DeleteStatus,
            },
            (Stage::FindAccepted { accepted }, Answer::Source(described)) => {
                Stage::Take(Taking::begin(accepted, described))
            }
            (Stage::Take(taking), answer) => match taking.on(self.guards, answer, now) {
                Next::Stage(taking) => Stage::Take(taking),
                Next::Changed => Stage::ReadFile,
                Next::Reject(rejection) => Stage::Reject(rejection),
                Next::Start(desired) => match start(&desired) {
                    Some(start) => start,
                    None => return true,
                },
                Next::Over => return true,
            },
            (stage, _) => stage,
        };
        false
    }
}

fn start(desired: &DesiredState) -> Option<Stage> {
    let release = desired.next_release()?.number;
    Some(Stage::Start {
        service: desired.service.clone(),
        release,
    })
}

#[cfg(test)]
mod tests;
