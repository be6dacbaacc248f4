//! A service stops following a service file that is gone, or that describes another service now.

use super::{Answer, Ask, Next};
use crate::{
    desired::DesiredState,
    service_id::ServiceId,
    versioned::{Versioned, WriteOutcome},
};

/// How far the letting go has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unfollow {
    service: ServiceId,
    /// The version of the file that no longer describes the service; none if the file is gone.
    version: Option<String>,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The desired state is read before the file's version: should the file change after that, the invocation for that
    /// change wins the compare-and-swap.
    ReadDesired,
    /// Whether the file still has the version that this invocation found.
    CurrentVersion {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// The desired state without the file is written; the service in ECS stays as it is.
    WriteDesired {
        /// The desired state as it was read.
        read: Versioned<DesiredState>,
    },
    /// An invocation that made a release of the file may have died before it started an execution, and finds no service
    /// that follows the file when it is repeated: so an execution is started here.
    Start {
        /// The release.
        release: u64,
    },
}

impl Unfollow {
    pub(super) fn begin(service: ServiceId, version: Option<String>) -> Self {
        Self {
            service,
            version,
            stage: Stage::ReadDesired,
        }
    }

    pub(super) fn ask(&self) -> Ask<'_> {
        match &self.stage {
            Stage::ReadDesired => Ask::ReadDesired(&self.service),
            Stage::CurrentVersion { .. } => Ask::CurrentVersion,
            Stage::WriteDesired { read } => {
                let mut desired = DesiredState::clone(read);
                desired.forget_file();
                Ask::WriteDesired {
                    over: read,
                    desired: Box::new(desired),
                }
            }
            Stage::Start { release } => Ask::Start(&self.service, *release),
        }
    }

    /// Takes the answer about the file at `key`: the next stage, over, or changed meanwhile.
    pub(super) fn on(mut self, key: &str, answer: Answer) -> Next<Self> {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadDesired);
        self.stage = match (stage, answer) {
            (Stage::ReadDesired, Answer::Desired(read)) => Stage::CurrentVersion { read },
            (Stage::CurrentVersion { read }, Answer::Version(version)) => {
                if version != self.version {
                    return Next::Changed;
                }
                if read.file.as_ref().is_some_and(|file| file.key == key) {
                    Stage::WriteDesired { read }
                } else {
                    return self.start(&read);
                }
            }
            (Stage::WriteDesired { .. }, Answer::Written(WriteOutcome::Conflict)) => {
                Stage::ReadDesired
            }
            (Stage::WriteDesired { read }, Answer::Written(WriteOutcome::Done)) => {
                return self.start(&read);
            }
            (Stage::Start { .. }, Answer::Done) => return Next::Over,
            (stage, _) => stage,
        };
        Next::Stage(self)
    }

    /// Open releases do not depend on the file.
    fn start(mut self, desired: &DesiredState) -> Next<Self> {
        let Some(release) = desired.next_release().map(|next| next.number) else {
            return Next::Over;
        };
        self.stage = Stage::Start { release };
        Next::Stage(self)
    }
}
