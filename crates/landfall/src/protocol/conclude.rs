//! How an execution concludes a release: the protocol of the step `ConcludeRelease`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Guard, Guards};
use crate::{
    desired::DesiredState,
    drift::{self, Report},
    hold::SetBy,
    record::{Ending, Record, Verdict},
    revocation::leaves_revisions,
    step::conclude_release::{self, Input, Output, is_open, overtaken, records},
    versioned::{Versioned, WriteOutcome},
};

/// The state of the protocol in an execution that concludes a release.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conclude {
    guards: Guards,
    /// The foreign revision that the service runs instead of the verified one, if it does.
    overtaken: Option<String>,
    /// When the desired state was last read: the time of the verdict in the records.
    at: Timestamp,
    /// The release's record, if it is known by now.
    record_origin: Option<RecordOrigin>,
    /// The releases whose conclusion was announced: a lost compare-and-swap announces nothing twice.
    announced: BTreeSet<u64>,
    /// What is asked now.
    pub stage: Stage,
}

/// Where the record of the concluded release comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RecordOrigin {
    /// This execution wrote it.
    Written,
    /// The record was there: an execution that died had written it, or an earlier try of this step. Its verdict counts.
    Found(Versioned<Record>),
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before a success the service is looked at again: since the verification the tasks after the rollout may have run
    /// for hours.
    Look,
    /// The desired state is read before the records are written: it says whether the verdict is this execution's to
    /// write, and which releases this one passed over.
    ReadDesired,
    /// Records are written before the verdict, and only where there is none. Should this execution die in between, the
    /// next one finds the record, and only finishes.
    PutRecord {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// Which of the records, counted from 0.
        nth: usize,
    },
    /// There was a record: it is read, and its verdict counts.
    ReadRecord {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// Which of the records.
        nth: usize,
    },
    /// The event goes before the verdict: an execution that takes over after the verdict would not send it.
    Announce {
        /// The desired state.
        read: Versioned<DesiredState>,
        /// Which of the records.
        nth: usize,
        /// The record, if it was there.
        found: Option<Versioned<Record>>,
    },
    /// Drift is reported before the verdict, for the same reason.
    Report {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// A release of which no task ran is noted for the sweep before the verdict: an execution that takes over after the
    /// verdict would not note it.
    NoteUnproven {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// That the release is undecided is noted for the sweeps before the verdict, for the same reason.
    NoteUndecided {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// After a bad release the newest revision of the family is not the one that the service runs. What was registered for
    /// such releases is deregistered before the verdict, for the same reason.
    Revoke {
        /// The desired state.
        read: Versioned<DesiredState>,
    },
    /// Verdict and claim are written in one, over the desired state that was read: a push that came meanwhile is not
    /// lost.
    WriteVerdict {
        /// The desired state that the verdict follows from.
        read: Versioned<DesiredState>,
        /// What is written over: the same, but where the guard is left out.
        over: Versioned<DesiredState>,
    },
    /// Only where the guard is left out: the verdict is to be written over whatever is there.
    ReadToOverwrite {
        /// The desired state that the verdict follows from.
        read: Versioned<DesiredState>,
    },
    /// After drift, and where nobody knows how the release stands, the status beside the service file says that the
    /// service is held; after a release that was noted as paused it says so no more.
    KeepStatus {
        /// The desired state that the verdict followed from.
        read: Versioned<DesiredState>,
    },
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask<'a> {
    /// Which foreign revision the service runs instead of the release's, if it does.
    Look,
    /// The desired state of the service.
    ReadDesired,
    /// To write a record, if the release has none.
    PutRecord(Box<Record>),
    /// The record of the release of this number.
    ReadRecord(u64),
    /// To send the event that a release was concluded.
    Announce(Box<Record>),
    /// To send the event that a service drifted.
    Report(Box<Report>),
    /// To note that the sweep has to look for tasks of the service.
    NoteUnproven,
    /// To note that the release of this number is undecided, for the sweeps.
    NoteUndecided(u64),
    /// To deregister the revisions that were registered for releases up to this one, after the one that the service runs.
    Revoke(u64),
    /// To write the desired state, unless it has changed since it was read.
    WriteDesired {
        /// The desired state as it was read.
        over: &'a Versioned<DesiredState>,
        /// The desired state to write.
        desired: Box<DesiredState>,
    },
    /// To bring the status of the followed service file up to date.
    KeepStatus(Box<DesiredState>),
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The foreign revision that the service runs, if it does.
    Seen(Option<String>),
    /// The desired state.
    Desired(Versioned<DesiredState>),
    /// What became of the write.
    Written(WriteOutcome),
    /// The record.
    Record(Versioned<Record>),
    /// It is done.
    Done,
}

impl Conclude {
    /// The protocol before its first question.
    pub fn begin(guards: Guards, input: &Input) -> Self {
        Self {
            guards,
            overtaken: None,
            at: Timestamp::UNIX_EPOCH,
            record_origin: None,
            announced: BTreeSet::new(),
            stage: match conclude_release::ending(&input.facts).verdict {
                Verdict::Succeeded | Verdict::Unproven => Stage::Look,
                _ => Stage::ReadDesired,
            },
        }
    }

    /// What is asked.
    pub fn ask(&self, input: &Input) -> Ask<'_> {
        match &self.stage {
            Stage::Look => Ask::Look,
            Stage::ReadDesired | Stage::ReadToOverwrite { .. } => Ask::ReadDesired,
            Stage::PutRecord { read, nth } => match self.record(input, read, *nth) {
                Some(record) => Ask::PutRecord(Box::new(record)),
                None => Ask::ReadDesired,
            },
            Stage::ReadRecord { read, nth } => match self.record(input, read, *nth) {
                Some(record) => Ask::ReadRecord(record.release.number),
                None => Ask::ReadDesired,
            },
            Stage::Announce { read, nth, found } => {
                let found = found.as_deref().cloned();
                match found.or_else(|| self.record(input, read, *nth)) {
                    Some(record) => Ask::Announce(Box::new(record)),
                    None => Ask::ReadDesired,
                }
            }
            Stage::Report { read } => match self.concluded(input, read).1 {
                Some(report) => Ask::Report(Box::new(report)),
                None => Ask::ReadDesired,
            },
            Stage::NoteUnproven { .. } => Ask::NoteUnproven,
            Stage::NoteUndecided { .. } => Ask::NoteUndecided(input.release.number),
            Stage::Revoke { .. } => Ask::Revoke(input.release.number),
            Stage::WriteVerdict { read, over } => Ask::WriteDesired {
                over,
                desired: Box::new(self.concluded(input, read).0),
            },
            Stage::KeepStatus { read } => Ask::KeepStatus(Box::new(self.concluded(input, read).0)),
        }
    }

    /// Takes the answer; `now` is when it came. Answers how the release ended once all of it is written.
    pub fn on(&mut self, input: &Input, answer: Answer, now: Timestamp) -> Option<Output> {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadDesired);
        self.stage = match (stage, answer) {
            (Stage::Look, Answer::Seen(foreign)) => {
                self.overtaken = foreign;
                Stage::ReadDesired
            }
            (Stage::ReadDesired, Answer::Desired(read)) => {
                if !is_open(input, &read) {
                    // An earlier try of this step came through, and its answer was lost.
                    return Some(self.output(input, true));
                }
                self.at = now;
                if self.guards.has(Guard::RecordBeforeTheVerdict) {
                    Stage::PutRecord { read, nth: 0 }
                } else {
                    let over = read.clone();
                    Stage::WriteVerdict { read, over }
                }
            }
            (Stage::PutRecord { read, nth }, Answer::Written(WriteOutcome::Done)) => {
                if nth == 0 {
                    self.record_origin = Some(RecordOrigin::Written);
                }
                return self.on_record(input, read, nth, None);
            }
            (Stage::PutRecord { read, nth }, Answer::Written(WriteOutcome::Conflict)) => {
                Stage::ReadRecord { read, nth }
            }
            (Stage::ReadRecord { read, nth }, Answer::Record(record)) => {
                if nth == 0 {
                    self.record_origin = Some(RecordOrigin::Found(record.clone()));
                }
                return self.on_record(input, read, nth, Some(record));
            }
            (Stage::Announce { read, nth, found }, Answer::Done) => {
                let number = match &found {
                    Some(found) => Some(found.release.number),
                    None => self
                        .record(input, &read, nth)
                        .map(|record| record.release.number),
                };
                self.announced.extend(number);
                return self.on_record(input, read, nth, found);
            }
            (
                Stage::Report { read }
                | Stage::NoteUnproven { read }
                | Stage::NoteUndecided { read }
                | Stage::Revoke { read },
                Answer::Done,
            ) => {
                let over = read.clone();
                Stage::WriteVerdict { read, over }
            }
            (Stage::WriteVerdict { read, .. }, Answer::Written(WriteOutcome::Conflict)) => {
                if self.guards.has(Guard::CompareAndSwapTheVerdict) {
                    Stage::ReadDesired
                } else {
                    Stage::ReadToOverwrite { read }
                }
            }
            (Stage::ReadToOverwrite { read }, Answer::Desired(over)) => {
                Stage::WriteVerdict { read, over }
            }
            (Stage::WriteVerdict { read, .. }, Answer::Written(WriteOutcome::Done)) => {
                if !self.guards.has(Guard::RecordBeforeTheVerdict) {
                    Stage::PutRecord { read, nth: 0 }
                } else if self.sets_hold(input) || read.paused.is_some() {
                    Stage::KeepStatus { read }
                } else {
                    return self.finish(input, &read);
                }
            }
            (Stage::KeepStatus { read }, Answer::Done) => return self.finish(input, &read),
            (stage, _) => stage,
        };
        None
    }

    /// A record is there: it is announced, once, and the next is written, or what comes after the last.
    fn on_record(
        &mut self,
        input: &Input,
        read: Versioned<DesiredState>,
        nth: usize,
        found: Option<Versioned<Record>>,
    ) -> Option<Output> {
        let all = self.records(input, &read);
        let number = all.get(nth).map(|record| record.release.number);
        self.stage = if number.is_some_and(|number| !self.announced.contains(&number)) {
            Stage::Announce { read, nth, found }
        } else if nth + 1 < all.len() {
            Stage::PutRecord { read, nth: nth + 1 }
        } else if !self.guards.has(Guard::RecordBeforeTheVerdict) {
            return self.finish(input, &read);
        } else {
            match self.ending(input).verdict {
                Verdict::Drifted => Stage::Report { read },
                Verdict::Unproven => Stage::NoteUnproven { read },
                Verdict::Undecided => Stage::NoteUndecided { read },
                verdict if leaves_revisions(verdict) => Stage::Revoke { read },
                _ => {
                    let over = read.clone();
                    Stage::WriteVerdict { read, over }
                }
            }
        };
        None
    }

    /// Whether the verdict holds the service.
    fn sets_hold(&self, input: &Input) -> bool {
        let verdict = self.ending(input).verdict;
        matches!(verdict, Verdict::Drifted | Verdict::Undecided)
    }

    fn finish(&self, input: &Input, read: &DesiredState) -> Option<Output> {
        let (concluded, _) = self.concluded(input, read);
        Some(self.output(input, concluded.next_release().is_some()))
    }

    fn output(&self, input: &Input, again: bool) -> Output {
        let ending = self.ending(input);
        Output {
            verdict: ending.verdict,
            reason: match self.record_origin {
                Some(_) => ending.reason,
                None => String::new(),
            },
            again,
        }
    }

    fn records(&self, input: &Input, read: &DesiredState) -> Vec<Record> {
        let ending = match &self.overtaken {
            Some(revision) => overtaken(revision),
            None => conclude_release::ending(&input.facts),
        };
        records(input, &ending, read, self.at)
    }

    fn record(&self, input: &Input, read: &DesiredState, nth: usize) -> Option<Record> {
        self.records(input, read).into_iter().nth(nth)
    }

    /// How the release ends: as its record says, once there is one.
    fn ending(&self, input: &Input) -> Ending {
        if let Some(RecordOrigin::Found(record)) = &self.record_origin {
            return record.ending();
        }
        // The first record does not depend on the desired state.
        let nothing = DesiredState::new(input.service.clone());
        match self.record(input, &nothing, 0) {
            Some(record) => record.ending(),
            None => conclude_release::ending(&input.facts),
        }
    }

    /// The desired state with the verdict, and what is reported of drift.
    fn concluded(&self, input: &Input, read: &DesiredState) -> (DesiredState, Option<Report>) {
        let ending = self.ending(input);
        let against = ending.against();
        let Ending {
            verdict,
            reason,
            task_definition,
            diagnosis,
        } = ending;
        let mut concluded = read.clone();
        concluded.conclude(
            input.release.number,
            verdict,
            against,
            task_definition.as_ref(),
            self.at,
        );
        if verdict == Verdict::Undecided {
            concluded.hold(reason.clone(), SetBy::Undecided, self.at);
        }
        let report = (verdict == Verdict::Drifted).then(|| {
            // Without a diagnosis, the record's reason is that of the hold.
            let reason = diagnosis.map_or(reason, |diagnosis| {
                drift::message(&input.service, &diagnosis.undone)
            });
            concluded.drift(reason, self.at)
        });
        (concluded, report)
    }
}

#[cfg(test)]
mod tests;
