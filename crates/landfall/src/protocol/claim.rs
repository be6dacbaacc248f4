//! How an execution asks for the claim: the protocol of the step `ClaimRelease`.

use jiff::Timestamp;

use super::{Guard, Guards};
use crate::{
    desired::DesiredState,
    last_call::last_call,
    live::ExecutionStatus,
    record::Record,
    step::{
        check_rollout::Sleeper,
        claim_release::{Action, Decision, Holder, Output, decide},
    },
    versioned::{Versioned, WriteOutcome},
};

/// How far an execution has come that asks for the claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    guards: Guards,
    /// What is asked now.
    pub stage: Stage,
}

/// What is asked now, with what is known by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The desired state is read first: should it change afterwards, this execution loses the compare-and-swap,
    /// whatever it has read meanwhile.
    ReadDesired,
    /// Another execution holds the claim. Only Step Functions knows whether it has ended.
    DescribeHolder {
        /// The desired state that names the holder.
        read: Versioned<DesiredState>,
    },
    /// The holder may have died after it wrote the record and before it wrote the verdict: then only the verdict is
    /// left to be written. The same holds for a claim of this execution: an earlier try of the step may have taken it
    /// from a holder that died so, and the answer of that try was lost.
    ReadRecord {
        /// The desired state with the claim.
        read: Versioned<DesiredState>,
    },
    /// The claim is written over the desired state that was read.
    WriteClaim {
        /// That desired state.
        read: Versioned<DesiredState>,
        /// The record of the claim's release.
        record: Option<Versioned<Record>>,
        /// When the claim is taken.
        at: Timestamp,
    },
    /// A live execution holds the claim, and may sleep on a rollout: it is woken, so that it sees the newer release
    /// now.
    ReadSleeper,
    /// The sleeping execution is woken.
    Wake(Sleeper),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask<'a> {
    /// The desired state of the service.
    ReadDesired,
    /// How the execution with this ARN stands.
    DescribeExecution(&'a str),
    /// The record of the release of this number.
    ReadRecord(u64),
    /// To write the desired state, unless it has changed since it was read.
    WriteDesired {
        /// The desired state as it was read.
        over: &'a Versioned<DesiredState>,
        /// The desired state to write.
        desired: Box<DesiredState>,
    },
    /// Which execution sleeps on a rollout of the service.
    ReadSleeper,
    /// To wake the sleeping execution.
    Wake(&'a Sleeper),
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The desired state.
    Desired(Versioned<DesiredState>),
    /// How the execution stands.
    Described(ExecutionStatus),
    /// The record, if there is one.
    Record(Option<Versioned<Record>>),
    /// What became of the write.
    Written(WriteOutcome),
    /// The execution that sleeps, if one does.
    Sleeper(Option<Sleeper>),
    /// The execution was woken, or was awake already.
    Woken,
}

impl Claim {
    /// The protocol before its first question.
    pub fn begin(guards: Guards) -> Self {
        Self {
            guards,
            stage: Stage::ReadDesired,
        }
    }

    /// The next question, for the execution `me`.
    pub fn ask(&self, me: &str) -> Ask<'_> {
        match &self.stage {
            Stage::ReadDesired => Ask::ReadDesired,
            Stage::DescribeHolder { read } => match &read.claim {
                Some(claim) => Ask::DescribeExecution(&claim.execution),
                None => Ask::ReadDesired,
            },
            Stage::ReadRecord { read } => match &read.claim {
                Some(claim) => Ask::ReadRecord(claim.release),
                None => Ask::ReadDesired,
            },
            Stage::WriteClaim { read, record, at } => {
                match decided(me, read, record.as_ref(), *at).write {
                    Some(desired) => Ask::WriteDesired {
                        over: read,
                        desired: Box::new(desired),
                    },
                    None => Ask::ReadDesired,
                }
            }
            Stage::ReadSleeper => Ask::ReadSleeper,
            Stage::Wake(sleeper) => Ask::Wake(sleeper),
        }
    }

    /// Takes the answer, for the execution `me`; `now` is when it came. Answers what the execution does next once that
    /// is known.
    pub fn on(&mut self, me: &str, answer: Answer, now: Timestamp) -> Option<Output> {
        let stage = std::mem::replace(&mut self.stage, Stage::ReadDesired);
        let (next, output) = match (stage, answer) {
            (Stage::ReadDesired, Answer::Desired(read)) => self.on_desired(me, read, now),
            (Stage::DescribeHolder { read }, Answer::Described(status)) => {
                self.on_described(read, status, now)
            }
            (Stage::ReadRecord { read }, Answer::Record(record)) => {
                decide_on(me, read, record, now)
            }
            (Stage::WriteClaim { .. }, Answer::Written(WriteOutcome::Conflict)) => {
                (Stage::ReadDesired, None)
            }
            (Stage::WriteClaim { read, record, at }, Answer::Written(WriteOutcome::Done)) => {
                let output = decided(me, &read, record.as_ref(), at).output;
                (Stage::ReadDesired, Some(output))
            }
            (Stage::ReadSleeper, Answer::Sleeper(Some(sleeper))) => (Stage::Wake(sleeper), None),
            (Stage::ReadSleeper, Answer::Sleeper(None)) | (Stage::Wake(_), Answer::Woken) => {
                (Stage::ReadDesired, Some(Output::joined()))
            }
            (stage, _) => (stage, None),
        };
        self.stage = next;
        output
    }

    fn on_desired(
        &self,
        me: &str,
        read: Versioned<DesiredState>,
        now: Timestamp,
    ) -> (Stage, Option<Output>) {
        match &read.claim {
            None => decide_on(me, read, None, now),
            Some(claim) if claim.execution != me => (Stage::DescribeHolder { read }, None),
            Some(_) if self.guards.has(Guard::LookForTheRecordOfTheHeldClaim) => {
                (Stage::ReadRecord { read }, None)
            }
            Some(_) => decide_on(me, read, None, now),
        }
    }

    /// The claim is never taken from an execution that has not ended: it alone may change ECS. A function of an
    /// execution that has ended may still run, and its calls may still arrive at ECS; one that Step Functions has
    /// forgotten ended long ago.
    fn on_described(
        &self,
        read: Versioned<DesiredState>,
        status: ExecutionStatus,
        now: Timestamp,
    ) -> (Stage, Option<Output>) {
        if read.holder_may_run(status, now) && self.guards.has(Guard::AskWhetherTheHolderLives) {
            return (Stage::ReadSleeper, None);
        }
        let seconds = match status {
            ExecutionStatus::Ended(ended) => last_call(ended, now),
            ExecutionStatus::Runs | ExecutionStatus::Unknown => None,
        };
        match seconds {
            Some(seconds) if self.guards.has(Guard::WaitForTheLastCallOfTheDead) => {
                (Stage::ReadDesired, Some(Output::wait(seconds)))
            }
            _ => (Stage::ReadRecord { read }, None),
        }
    }
}

/// What follows from all that was asked.
fn decided(
    me: &str,
    read: &DesiredState,
    record: Option<&Versioned<Record>>,
    at: Timestamp,
) -> Decision {
    let is_mine = read.claim.as_ref().map(|claim| claim.execution == me);
    let ending = record.map(|record| record.ending());
    let holder = match (is_mine, ending) {
        (None, _) | (Some(true), None) => Holder::NobodyElse,
        (Some(true), Some(ending)) => Holder::Myself(ending),
        (Some(false), ending) => Holder::Dead(ending),
    };
    let mut decision = decide(read, me, holder);
    let claimed = decision.write.as_mut();
    if let Some(claim) = claimed.and_then(|claimed| claimed.claim.as_mut()) {
        claim.taken_at = Some(at);
    }
    if decision.output.action == Action::Deploy {
        let claimed = decision.write.as_ref().unwrap_or(read);
        decision.output.claimed_at = claimed.claim.as_ref().and_then(|claim| claim.taken_at);
    }
    decision
}

fn decide_on(
    me: &str,
    read: Versioned<DesiredState>,
    record: Option<Versioned<Record>>,
    at: Timestamp,
) -> (Stage, Option<Output>) {
    let Decision { output, write } = decided(me, &read, record.as_ref(), at);
    match write {
        Some(_) => (Stage::WriteClaim { read, record, at }, None),
        None => (Stage::ReadDesired, Some(output)),
    }
}

#[cfg(test)]
mod tests;
