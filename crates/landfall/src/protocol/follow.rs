//! How a service file is taken up, or let go of: the protocol of `config-changed`, and of the sweep where it finds that
//! a file changed unheard.

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
    followed::{Found, Search},
    record::Record,
    service_file::{Problem, Rejection},
    service_id::ServiceId,
    status::FileStatus,
    versioned::{Versioned, WriteOutcome},
};

/// A service file that nothing is wrong with.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The service that the file describes.
    pub service: ServiceId,
    /// The file as a desired state follows it.
    pub file: FollowedFile,
    /// The warnings: parts of the file that are probably mistakes.
    pub warnings: Vec<Problem>,
}

/// What a read of the service file found. The file's version in S3 stands for its content.
#[derive(Clone, Debug)]
pub enum File {
    /// The file is not there.
    Gone,
    /// The file is rejected.
    Rejected(Versioned<Rejection>),
    /// The file is accepted, and its content is stored.
    Accepted(Versioned<Accepted>),
}

/// The state of the protocol in a trigger that looks at a service file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Follow {
    guards: Guards,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The file is read as it is now: the event may be old.
    ReadFile,
    /// The file is rejected: it changes nothing, and its status says why.
    Reject(Versioned<Rejection>),
    /// Which service did the rejected file describe? The invocation for the version before may have died before it
    /// started an execution, and finds the rejected version when it is repeated: so an execution is started for an open
    /// release.
    FindRejected,
    /// The desired state of the service that the rejected file described.
    ReadRejected {
        /// The service.
        service: ServiceId,
    },
    /// The file is gone: which service did it describe?
    FindDeleted,
    /// The service that followed the file stops following it.
    Unfollow(Unfollow),
    /// The status goes last: a sweep looks at a file that is gone and has a status.
    DeleteStatus,
    /// The file is accepted: which service did the version before describe?
    FindAccepted {
        /// The file.
        accepted: Versioned<Accepted>,
    },
    /// The service is made to follow the file.
    Take(Taking),
    /// An execution is started for an open release.
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
    /// To write the status and send the event that the file is rejected, unless the status says so of this version.
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
    /// For each of these containers, the latest image of its repository that its rule admits and the tasks of the file can
    /// run.
    LookThrough(&'a FollowedFile, Vec<Search>),
    /// To do so for those whose digest is gone.
    LookForKept(&'a FollowedFile, Vec<Search>),
    /// The current version of the service file.
    CurrentVersion,
    /// To write these records, each unless the release has one, and to send the event that the release was concluded.
    Record(Vec<Record>),
    /// To write a desired state, unless it has changed since it was read.
    WriteDesired {
        /// The desired state as it was read.
        over: &'a Versioned<DesiredState>,
        /// The desired state to write.
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
    /// Whether there is a file at the key.
    IsThere(bool),
    /// What was found for each container that was looked for.
    Found(BTreeMap<String, Found>),
    /// The current version, if the file is there.
    Version(Option<String>),
    /// What became of the write.
    Written(WriteOutcome),
    /// It is done.
    Done,
}

/// What follows after a part of the protocol took an answer.
pub(crate) enum Next<S> {
    /// The next stage of the part.
    Stage(S),
    /// The file changed meanwhile: the protocol begins again.
    Changed,
    /// The rejection is made known.
    Reject(Versioned<Rejection>),
    /// An execution is started for what is open in this desired state.
    Start(Box<DesiredState>),
    /// The part is over.
    Over,
}

impl Follow {
    /// The protocol before its first question.
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
