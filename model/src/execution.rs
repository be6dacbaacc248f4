//! An execution of the state machine, call by call: the step `claim-release`, and the way from step to step.

use jiff::Timestamp;
use landfall::{
    last_call::LAST_CALL,
    live::ExecutionStatus,
    protocol::{
        claim::{Answer, Ask, Claim, Stage},
        conclude::{self, Conclude},
    },
    step::claim_release::{Action, Output},
    versioned::Versioned,
};

use crate::{
    clock::now,
    machine::{Known, Turn},
    protocol::Protocol,
    state::{Execution, State, Step, Way, arn, of_arn, of_no_use, sleeper},
};

impl State {
    /// What `DescribeExecution` says: when an execution ended. The last call of one that was stopped may still arrive
    /// while its function goes on; whatever is over has been over for long.
    fn ended(&self, execution: usize) -> Option<Timestamp> {
        match &self.executions[execution] {
            Execution::Dying(_) => Some(now()),
            Execution::Done | Execution::Dead => Some(now() - LAST_CALL),
            Execution::Claiming(_) | Execution::Waiting(_) | Execution::Working { .. } => None,
        }
    }

    /// Whether an execution waits for the last call of another, which may still arrive.
    pub(crate) fn waits(&self, execution: &Execution) -> bool {
        match execution {
            Execution::Waiting(holder) => matches!(self.executions[*holder], Execution::Dying(_)),
            _ => false,
        }
    }
}

impl Execution {
    /// Whether it has a call to make, rather than sleep or be over.
    pub(crate) fn has_call(&self) -> bool {
        let asleep = matches!(
            self,
            Self::Working {
                step: Step::Asleep(_),
                ..
            }
        );
        self.is_alive() && !asleep
    }

    /// Whether somebody else could tell that the next call was made.
    pub(crate) fn has_effect(&self) -> bool {
        match self {
            Self::Claiming(claim) => matches!(claim.stage, Stage::WriteClaim { .. }),
            Self::Working { step, .. } => match step {
                Step::Update { .. }
                | Step::PutSleeper(_)
                | Step::PutSleeperLate(_)
                | Step::RollBackUpdate { .. } => true,
                Step::Conclude { conclude, .. } => writes(conclude),
                _ => false,
            },
            Self::Waiting(_) | Self::Done | Self::Dying(_) | Self::Dead => false,
        }
    }

    /// Whether its function may have the next effect although the execution was stopped. Of storing a task token nobody
    /// could tell whether it was before or after that.
    pub(crate) fn may_outlive_its_end(&self) -> bool {
        let stores_token = matches!(
            self,
            Self::Working {
                step: Step::PutSleeper(_) | Step::PutSleeperLate(_),
                ..
            }
        );
        self.has_effect() && !stores_token
    }

    /// Whether it stands between a call with an effect and the next call. To die here is, for everybody else, the same
    /// as to die anywhere up to the next call with an effect: in between it only reads.
    pub(crate) fn has_just_had_effect(&self) -> bool {
        match self {
            Self::Claiming(claim) => claim.stage == Stage::ReadDesired,
            Self::Working { claim, step } => match step {
                Step::DescribeForUpdate | Step::PutSleeper(_) => true,
                Step::LookAtDesired { sleeping, .. } => *sleeping,
                Step::RollBackDesired(_) => claim.action == Action::GiveUp,
                Step::Conclude { conclude, .. } => {
                    let begins = matches!(
                        conclude.stage,
                        conclude::Stage::Look | conclude::Stage::ReadDesired
                    );
                    writes(conclude) || begins && claim.action == Action::Conclude
                }
                _ => false,
            },
            Self::Waiting(_) | Self::Done | Self::Dying(_) | Self::Dead => false,
        }
    }

    /// Whether it only reads ECS next, which nobody but the holder of the claim changes.
    pub(crate) fn reads_ecs(&self) -> bool {
        if let Self::Claiming(Claim {
            stage: Stage::Wake(sleeper),
            ..
        }) = self
        {
            return *sleeper == of_no_use();
        }
        let Self::Working { step, .. } = self else {
            return false;
        };
        if let Step::Conclude { conclude, .. } = step {
            return conclude.stage == conclude::Stage::Look;
        }
        matches!(
            self,
            Self::Working {
                step: Step::LookAtService { .. }
                    | Step::LookAtDeployment { .. }
                    | Step::VerifyService { .. }
                    | Step::RollBackService { .. },
                ..
            }
        )
    }
}

/// Whether its next call writes a record or the verdict.
fn writes(conclude: &Conclude) -> bool {
    matches!(
        conclude.stage,
        conclude::Stage::PutRecord { .. } | conclude::Stage::WriteVerdict { .. }
    )
}

impl Protocol {
    /// The same step, tried again.
    pub(crate) fn step_again(&self, me: usize, execution: &Execution) -> Execution {
        let Execution::Working { claim, step } = execution else {
            return Execution::Claiming(Claim::begin(self.guards()));
        };
        let step = match step {
            Step::Update { .. } => Step::DescribeForUpdate,
            Step::PutSleeperLate(way) => Step::LookAtDesired {
                way: *way,
                sleeping: true,
            },
            Step::RollBackUpdate { stage, .. } => Step::RollBackDesired(*stage),
            Step::Conclude { ending, .. } => self.concludes(me, claim, ending.clone()),
            other => other.clone(),
        };
        let claim = claim.clone();
        Execution::Working { claim, step }
    }

    /// The last function of the execution `me`, which was stopped, makes a call. One that concludes goes on until it has
    /// concluded.
    pub(crate) fn last_call_of_execution(
        &self,
        state: &mut State,
        me: usize,
        last: Execution,
    ) -> Execution {
        match self.call_of_execution(state, me, last) {
            Execution::Working {
                claim,
                step: Step::Conclude { ending, conclude },
            } if writes(&conclude) => {
                let step = Step::Conclude { ending, conclude };
                Execution::Dying(Box::new(Execution::Working { claim, step }))
            }
            _ => Execution::Dead,
        }
    }

    /// Makes the next call of the execution `me`.
    pub(crate) fn call_of_execution(
        &self,
        state: &mut State,
        me: usize,
        execution: Execution,
    ) -> Execution {
        match execution {
            Execution::Claiming(claim) => self.call_of_claim(state, me, claim),
            Execution::Waiting(_) => Execution::Claiming(Claim::begin(self.guards())),
            Execution::Working { claim, step } => self.call_of_step(state, me, claim, step),
            over => over,
        }
    }

    fn call_of_claim(&self, state: &mut State, me: usize, mut claim: Claim) -> Execution {
        let (index, me) = (me, arn(me));
        let mut asked_for = None;
        let answer = match claim.ask(&me) {
            Ask::ReadDesired => Answer::Desired(state.desired.clone()),
            Ask::DescribeExecution(execution) => {
                asked_for = of_arn(execution);
                Answer::Described(
                    match asked_for.and_then(|execution| state.ended(execution)) {
                        Some(ended) => ExecutionStatus::Ended(ended),
                        None => ExecutionStatus::Runs,
                    },
                )
            }
            Ask::ReadRecord(number) => Answer::Record(state.records.get(&number).cloned()),
            Ask::WriteDesired { over, desired } => {
                Answer::Written(self.compare_and_swap(state, over, *desired))
            }
            Ask::ReadSleeper => Answer::Sleeper(state.sleeper.map(sleeper)),
            Ask::Wake(sleeper) => {
                state.wake(of_arn(&sleeper.task_token));
                Answer::Woken
            }
        };
        match (claim.on(&me, answer, now()), asked_for) {
            (None, _) => Execution::Claiming(claim),
            (Some(output), Some(holder)) if output.action == Action::Wait => {
                Execution::Waiting(holder)
            }
            (Some(output), _) => self.goes_on(index, output),
        }
    }

    /// Goes where the state machine leads an execution that was given this answer.
    fn goes_on(&self, me: usize, output: Output) -> Execution {
        let claim = self.claims.keep(output);
        let turn = self.turn("ClaimRelease", &claim, Known::default());
        self.enter(me, claim, turn, None)
    }

    /// The first call of what an execution does next. `way` is what it waits for, if that is what it does.
    pub(crate) fn enter(
        &self,
        me: usize,
        claim: Versioned<Output>,
        turn: Turn,
        way: Option<Way>,
    ) -> Execution {
        let step = match (turn, way) {
            (Turn::Claim, _) => return Execution::Claiming(Claim::begin(self.guards())),
            (Turn::Done, _) => return Execution::Done,
            (Turn::Update, _) => Step::DescribeForUpdate,
            (Turn::Await, Some(way)) => Step::PutSleeper(way),
            (Turn::Await, None) => unreachable!("an execution waits for what was begun"),
            (Turn::Verify, _) => Step::VerifyDesired,
            (Turn::RollBack(stage), _) => Step::RollBackDesired(stage),
            (Turn::Conclude(ending), _) => self.concludes(me, &claim, ending),
        };
        Execution::Working { claim, step }
    }
}
