//! The state of the world: what S3, ECR, ECS and Step Functions keep, and how far every invocation has come.

use std::collections::BTreeMap;

use landfall::{
    desired::DesiredState,
    failure,
    protocol::{
        Guards,
        claim::{Claim, Stage},
        conclude::Conclude,
        follow::Follow,
        join::Join,
    },
    record::{Ending, Record, Verdict},
    step::{check_rollout::Sleeper, claim_release, roll_back},
    versioned::Versioned,
};

use crate::{ecs::Service, scenario::Faults};

/// One state of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The desired state in S3. Its etag is its content.
    pub(crate) desired: Versioned<DesiredState>,
    /// The records in S3, by release number.
    pub(crate) records: BTreeMap<u64, Versioned<Record>>,
    /// The token in S3: the execution that sleeps on it, or none if it is of no use (any more).
    pub(crate) sleeper: Option<usize>,
    /// Whether S3 has it that the service follows the repository.
    pub(crate) is_follower: bool,
    /// Whether S3 has it that the file describes the service.
    pub(crate) is_source: bool,
    /// The current version of the service file in S3.
    pub(crate) file: Option<usize>,
    /// The images that have their tag in ECR.
    pub(crate) tagged: Vec<usize>,
    /// The service in ECS.
    pub(crate) service: Option<Service>,
    /// The newest release when the hold was set that is in force.
    pub(crate) held_at: Option<u64>,
    /// The newest image that any release has brought to ECS.
    pub(crate) brought: Option<usize>,
    /// How many happenings of each list are over.
    pub(crate) happened: Vec<usize>,
    /// Invocations of triggers that are not over, in no order.
    pub(crate) invocations: Vec<Invocation>,
    /// Executions, in the order in which they were started.
    pub(crate) executions: Vec<Execution>,
    /// The verdicts that were written into the desired state.
    pub(crate) verdicts: BTreeMap<u64, Verdict>,
    /// What may still go wrong.
    pub(crate) faults: Faults,
    /// The first thing that ought never to have happened.
    pub(crate) offence: Option<&'static str>,
}

/// An invocation of a trigger function: what it is about, and which call comes next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Invocation {
    pub(crate) event: Event,
    pub(crate) next: Call,
    /// The release for which an execution of its name exists: a repeated invocation has the same request id.
    pub(crate) started: Option<u64>,
}

/// What a trigger was invoked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Event {
    Pushed(usize),
    FileChanged,
    ExecutionEnded(usize),
    RolloutChanged,
}

/// The next call of a trigger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    ListFollowers,
    Join(Join),
    Follow(Follow),
    ReadDesired,
    StartExecution { release: u64 },
    ReadSleeper,
    Wake(Option<usize>),
}

/// An execution of the state machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Execution {
    /// It asks for the claim.
    Claiming(Claim),
    /// The claim's holder, this execution, was stopped: it waits until no call of it can arrive any more.
    Waiting(usize),
    /// It was given the claim, and works on the release.
    Working {
        claim: Versioned<claim_release::Output>,
        step: Step,
    },
    /// It ended by itself.
    Done,
    /// It was stopped, and the function that it called goes on.
    Dying(Box<Self>),
    /// It failed, timed out or was stopped, and no function works for it any more.
    Dead,
}

/// The next call of an execution that holds the claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    DescribeForUpdate,
    Update {
        live: Option<Service>,
    },
    PutSleeper(Way),
    LookAtDesired {
        way: Way,
        sleeping: bool,
    },
    LookAtService {
        way: Way,
        sleeping: bool,
        read: Versioned<DesiredState>,
    },
    LookAtDeployment {
        way: Way,
        sleeping: bool,
        read: Versioned<DesiredState>,
        live: Option<Service>,
    },
    /// Only where the guard is left out that the token is stored before the look.
    PutSleeperLate(Way),
    Asleep(Way),
    VerifyDesired,
    VerifyService {
        read: Versioned<DesiredState>,
    },
    RollBackDesired(failure::Stage),
    RollBackService {
        stage: failure::Stage,
        read: Versioned<DesiredState>,
    },
    RollBackUpdate {
        stage: failure::Stage,
        read: Versioned<DesiredState>,
        live: Option<Service>,
    },
    Conclude {
        ending: Versioned<Ending>,
        conclude: Conclude,
    },
}

/// What an execution waits for ECS to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// What the way back is from; none on the way forward.
    pub(crate) back: Option<Back>,
    /// The image of the revision that shall run; none if nothing shall.
    pub(crate) image: Option<usize>,
    /// Whether ECS has begun no service deployment since.
    pub(crate) after_newest: bool,
}

/// A way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Back {
    /// Where the release failed.
    pub(crate) stage: failure::Stage,
    /// What was done about it.
    pub(crate) action: roll_back::Action,
    /// The verdict to write once ECS is back.
    pub(crate) verdict: Verdict,
}

/// The ARN of an execution.
pub(crate) fn arn(execution: usize) -> String {
    format!("e{}", execution + 1)
}

/// The execution with this ARN.
pub(crate) fn of_arn(arn: &str) -> Option<usize> {
    arn.strip_prefix('e')?.parse::<usize>().ok()?.checked_sub(1)
}

/// What S3 has of an execution that sleeps. In the model a token is its execution's name.
pub(crate) fn sleeper(execution: usize) -> Sleeper {
    Sleeper {
        execution: arn(execution),
        task_token: arn(execution),
    }
}

/// A token that wakes nobody any more.
pub(crate) fn of_no_use() -> Sleeper {
    Sleeper {
        execution: String::new(),
        task_token: String::new(),
    }
}

impl Execution {
    /// Whether it has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self, Self::Done | Self::Dying(_) | Self::Dead)
    }

    /// Whether it waits, or is about to, so that its token can be used.
    fn has_token(&self) -> bool {
        matches!(
            self,
            Self::Working {
                step: Step::LookAtDesired { sleeping: true, .. }
                    | Step::LookAtService { sleeping: true, .. }
                    | Step::LookAtDeployment { sleeping: true, .. }
                    | Step::PutSleeperLate(_)
                    | Step::Asleep(_),
                ..
            }
        )
    }
}

impl State {
    /// Takes every token of `execution` out of use.
    pub(crate) fn void_tokens(&mut self, execution: usize) {
        let void = |token: &mut Option<usize>| {
            if *token == Some(execution) {
                *token = None;
            }
        };
        void(&mut self.sleeper);
        for invocation in &mut self.invocations {
            if let Call::Wake(token) = &mut invocation.next {
                void(token);
            }
        }
        for other in &mut self.executions {
            if let Execution::Claiming(Claim {
                stage: Stage::Wake(sleeper),
                ..
            }) = other
                && sleeper.execution == arn(execution)
            {
                *sleeper = of_no_use();
            }
        }
    }

    /// `SendTaskSuccess`: the execution that waits on the token goes on to look again.
    pub(crate) fn wake(&mut self, token: Option<usize>) {
        let Some(sleeper) = token else { return };
        if !self.executions[sleeper].has_token() {
            return;
        }
        if let Execution::Working { step, .. } = &mut self.executions[sleeper] {
            let way = match step {
                Step::LookAtDesired { way, .. }
                | Step::LookAtService { way, .. }
                | Step::LookAtDeployment { way, .. }
                | Step::PutSleeperLate(way)
                | Step::Asleep(way) => *way,
                _ => return,
            };
            *step = Step::LookAtDesired {
                way,
                sleeping: false,
            };
        }
        self.void_tokens(sleeper);
    }

    /// Notes what ought never to have happened.
    pub(crate) fn offend(&mut self, offence: &'static str) {
        self.offence.get_or_insert(offence);
    }

    /// An event reaches its trigger.
    pub(crate) fn deliver(&mut self, event: Event, guards: Guards) {
        let next = match event {
            Event::Pushed(_) => Call::ListFollowers,
            Event::FileChanged => Call::Follow(Follow::begin(guards)),
            Event::ExecutionEnded(_) => Call::ReadDesired,
            Event::RolloutChanged => Call::ReadSleeper,
        };
        self.invocations.push(Invocation {
            event,
            next,
            started: None,
        });
    }
}
