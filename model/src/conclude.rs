//! The step `conclude-release`, call by call.

use landfall::{
    desired::DesiredState,
    protocol::claim::Claim,
    record::{Ending, Verdict},
    step::{
        claim_release,
        conclude_release::{Facts, Input, is_open, records},
    },
    versioned::Versioned,
};

use crate::{
    execution::arn,
    protocol::{Protocol, THEN},
    scenario::Guard,
    state::{Execution, State, Step},
};

impl Protocol {
    /// Makes the next call of `conclude-release`.
    pub(crate) fn call_of_conclude(
        &self,
        state: &mut State,
        me: usize,
        claim: Versioned<claim_release::Output>,
        step: Step,
    ) -> Execution {
        let verdict_first = self.lacks(Guard::RecordBeforeTheVerdict);
        let step = match step {
            Step::ConcludeDesired(ending) => {
                let read = state.desired.clone();
                match self.input(me, &claim, &ending) {
                    Some(input) if is_open(&input, &read) => {}
                    _ => return Execution::Claiming(Claim::begin(self.guards())),
                }
                if verdict_first {
                    Step::WriteVerdict { ending, read }
                } else {
                    Step::PutRecord {
                        ending,
                        read,
                        written: 0,
                    }
                }
            }
            Step::PutRecord {
                ending,
                read,
                written,
            } => {
                let Some(input) = self.input(me, &claim, &ending) else {
                    return Execution::Done;
                };
                let all = records(&input, &ending, &read, THEN);
                let count = all.len();
                if let Some(record) = all.into_iter().nth(written) {
                    let number = record.release.number;
                    let record = self.records.keep(record);
                    state.records.entry(number).or_insert(record);
                }
                if written + 1 < count {
                    Step::PutRecord {
                        ending,
                        read,
                        written: written + 1,
                    }
                } else if verdict_first {
                    return self.more_to_do(&state.desired);
                } else {
                    Step::WriteVerdict { ending, read }
                }
            }
            Step::WriteVerdict { ending, read } => {
                if state.desired != read && !self.lacks(Guard::CompareAndSwapTheVerdict) {
                    Step::ConcludeDesired(ending)
                } else {
                    self.write_verdict(state, &claim, &ending, &read);
                    if !verdict_first {
                        return self.more_to_do(&state.desired);
                    }
                    Step::PutRecord {
                        ending,
                        read,
                        written: 0,
                    }
                }
            }
            other => other,
        };
        Execution::Working { claim, step }
    }

    fn input(&self, me: usize, claim: &claim_release::Output, ending: &Ending) -> Option<Input> {
        Some(Input {
            service: self.service.clone(),
            execution: arn(me),
            release: claim.release.clone()?,
            facts: Facts {
                ending: Some(ending.clone()),
                ..Facts::default()
            },
            started_at: THEN,
        })
    }

    fn write_verdict(
        &self,
        state: &mut State,
        claim: &claim_release::Output,
        ending: &Ending,
        read: &DesiredState,
    ) {
        let Some(release) = &claim.release else {
            return;
        };
        let recorded = state.records.get(&release.number);
        let told = recorded.map_or_else(|| ending.clone(), |record| record.ending());
        let mut concluded = read.clone();
        concluded.conclude(release.number, told.verdict, told.task_definition.as_ref());
        self.check_verdicts(state, read, &concluded);
        if matches!(told.verdict, Verdict::RolledBack | Verdict::Failed)
            && let Some(good) = &concluded.last_good
        {
            let image = good.content.images.values().next();
            state.brought = image.map(|image| self.image_of(image));
        }
        state.desired = self.desired.keep(concluded);
    }

    /// The state `MoreToDo`.
    fn more_to_do(&self, concluded: &DesiredState) -> Execution {
        match concluded.next_release() {
            Some(_) => Execution::Claiming(Claim::begin(self.guards())),
            None => Execution::Done,
        }
    }
}
