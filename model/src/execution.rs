//! An execution of the state machine, call by call: the step `claim-release`, and the way from step to step.

use landfall::{
    desired::{Claim, DesiredState},
    step::{
        claim_release::{Action, Holder, Output, decide},
        roll_back::Stage,
    },
};

use crate::{
    kept::Kept,
    protocol::Protocol,
    scenario::Guard,
    state::{Claiming, Execution, HolderSeen, State, Step},
};

/// The ARN of an execution.
pub(crate) fn arn(execution: usize) -> String {
    format!("e{}", execution + 1)
}

fn of_arn(arn: &str) -> Option<usize> {
    arn.strip_prefix('e')?.parse::<usize>().ok()?.checked_sub(1)
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
            Self::Claiming(claiming) => matches!(claiming, Claiming::WriteClaim { .. }),
            Self::Working { step, .. } => matches!(
                step,
                Step::Update { .. }
                    | Step::PutSleeper(_)
                    | Step::PutSleeperLate(_)
                    | Step::RollBackUpdate { .. }
                    | Step::PutRecord { .. }
                    | Step::WriteVerdict { .. }
            ),
            Self::Done | Self::Dying(_) | Self::Dead => false,
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
            Self::Claiming(claiming) => matches!(claiming, Claiming::ReadDesired),
            Self::Working { claim, step } => match step {
                Step::DescribeForUpdate | Step::PutSleeper(_) | Step::PutRecord { .. } => true,
                Step::LookAtDesired { sleeping, .. } => *sleeping,
                Step::WriteVerdict { .. } => true,
                Step::RollBackDesired(_) => claim.action == Action::GiveUp,
                Step::ConcludeDesired(_) => claim.action == Action::Conclude,
                _ => false,
            },
            Self::Done | Self::Dying(_) | Self::Dead => false,
        }
    }

    /// Whether it only reads ECS next, which nobody but the holder of the claim changes.
    pub(crate) fn reads_ecs(&self) -> bool {
        matches!(
            self,
            Self::Claiming(Claiming::Wake(None))
                | Self::Working {
                    step: Step::LookAtService { .. }
                        | Step::LookAtDeployment { .. }
                        | Step::VerifyService { .. }
                        | Step::RollBackService { .. },
                    ..
                }
        )
    }

    /// The same step, tried again.
    pub(crate) fn step_again(&self) -> Self {
        let Self::Working { claim, step } = self else {
            return Self::Claiming(Claiming::ReadDesired);
        };
        let step = match step {
            Step::Update { .. } => Step::DescribeForUpdate,
            Step::PutSleeperLate(way) => Step::LookAtDesired {
                way: *way,
                sleeping: true,
            },
            Step::RollBackUpdate { stage, .. } => Step::RollBackDesired(*stage),
            Step::PutRecord { ending, .. } | Step::WriteVerdict { ending, .. } => {
                Step::ConcludeDesired(ending.clone())
            }
            other => other.clone(),
        };
        let claim = claim.clone();
        Self::Working { claim, step }
    }
}

impl Protocol {
    /// The last function of the execution `me`, which was stopped, makes a call. One that concludes goes on until it has
    /// concluded.
    pub(crate) fn last_call_of_execution(
        &self,
        state: &mut State,
        me: usize,
        last: Execution,
    ) -> Execution {
        match self.call_of_execution(state, me, last) {
            next @ Execution::Working {
                step: Step::PutRecord { .. } | Step::WriteVerdict { .. },
                ..
            } => Execution::Dying(Box::new(next)),
            _ => Execution::Dead,
        }
    }

    /// Whether the execution asks for a claim whose holder has ended, but may still make a call.
    pub(crate) fn waits_for_the_dying(&self, state: &State, execution: &Execution) -> bool {
        let Execution::Claiming(Claiming::DescribeHolder { read }) = execution else {
            return false;
        };
        let holder = read
            .claim
            .as_ref()
            .and_then(|claim| of_arn(&claim.execution));
        holder.is_some_and(|holder| matches!(state.executions[holder], Execution::Dying(_)))
            && !self.lacks(Guard::WaitForTheLastCallOfTheDead)
    }

    /// Makes the next call of the execution `me`.
    pub(crate) fn call_of_execution(
        &self,
        state: &mut State,
        me: usize,
        execution: Execution,
    ) -> Execution {
        match execution {
            Execution::Claiming(claiming) => self.call_of_claim(state, me, claiming),
            Execution::Working { claim, step } => self.call_of_step(state, me, claim, step),
            over => over,
        }
    }

    fn call_of_claim(&self, state: &mut State, me: usize, claiming: Claiming) -> Execution {
        let next = match claiming {
            Claiming::ReadDesired => {
                let read = state.desired.clone();
                match &read.claim {
                    None => return self.decided(me, read, HolderSeen::NobodyElse),
                    Some(Claim { execution, .. }) if *execution != arn(me) => {
                        Claiming::DescribeHolder { read }
                    }
                    Some(_) if self.lacks(Guard::LookForTheRecordOfTheOwnClaim) => {
                        return self.decided(me, read, HolderSeen::NobodyElse);
                    }
                    Some(_) => Claiming::ReadRecord { read },
                }
            }
            Claiming::DescribeHolder { read } => {
                let claim = read.claim.as_ref();
                let holder = claim.and_then(|claim| of_arn(&claim.execution));
                let lives = holder.is_some_and(|holder| state.executions[holder].is_alive());
                if lives && !self.lacks(Guard::AskWhetherTheHolderLives) {
                    Claiming::ReadSleeper
                } else {
                    Claiming::ReadRecord { read }
                }
            }
            Claiming::ReadRecord { read } => {
                let release = read.claim.as_ref().map(|claim| claim.release);
                let record = release.and_then(|release| state.records.get(&release).cloned());
                let is_mine = |claim: &Claim| claim.execution == arn(me);
                let holder = match (read.claim.as_ref().is_some_and(is_mine), record) {
                    (true, None) => HolderSeen::NobodyElse,
                    (true, Some(record)) => HolderSeen::Myself(record),
                    (false, record) => HolderSeen::Dead(record),
                };
                return self.decided(me, read, holder);
            }
            Claiming::WriteClaim { read, holder } => {
                if state.desired != read {
                    Claiming::ReadDesired
                } else {
                    let decision = decide(&read, &arn(me), holder.known());
                    if let Some(write) = decision.write {
                        state.desired = self.desired.keep(write);
                    }
                    return self.goes_on(decision.output);
                }
            }
            Claiming::ReadSleeper => match state.sleeper {
                Some(sleeper) => Claiming::Wake(Some(sleeper)),
                None => return Execution::Done,
            },
            Claiming::Wake(token) => {
                state.wake(token);
                return Execution::Done;
            }
        };
        Execution::Claiming(next)
    }

    fn decided(&self, me: usize, read: Kept<DesiredState>, holder: HolderSeen) -> Execution {
        let decision = decide(&read, &arn(me), holder.known());
        match decision.write {
            Some(_) => Execution::Claiming(Claiming::WriteClaim { read, holder }),
            None => self.goes_on(decision.output),
        }
    }

    /// The state `Claimed`.
    fn goes_on(&self, output: Output) -> Execution {
        let step = match output.action {
            Action::Deploy => Step::DescribeForUpdate,
            Action::GiveUp => Step::RollBackDesired(Stage::Step),
            Action::Conclude => match &output.ending {
                Some(ending) => Step::ConcludeDesired(self.endings.keep(ending.clone())),
                None => return Execution::Done,
            },
            Action::Joined | Action::Wait | Action::Settled | Action::Held => {
                return Execution::Done;
            }
        };
        let claim = self.claims.keep(output);
        Execution::Working { claim, step }
    }
}

impl HolderSeen {
    fn known(&self) -> Holder {
        match self {
            Self::NobodyElse => Holder::NobodyElse,
            Self::Myself(record) => Holder::Myself(record.ending()),
            Self::Dead(record) => Holder::Dead(record.as_ref().map(|record| record.ending())),
        }
    }
}
