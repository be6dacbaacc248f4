//! The step `conclude-release`, call by call.

use landfall::{
    desired::DesiredState,
    hold::SetBy,
    protocol::conclude::{Answer, Ask, Conclude, Stage},
    record::{Ending, Record, Verdict},
    step::{
        claim_release,
        conclude_release::{Facts, Input},
    },
    versioned::{Versioned, WriteOutcome},
};

use crate::{
    clock::THEN,
    machine::Known,
    protocol::Protocol,
    state::{Execution, State, Step, arn},
};

impl Protocol {
    /// The step from its beginning.
    pub(crate) fn concludes(
        &self,
        me: usize,
        claim: &claim_release::Output,
        ending: Versioned<Ending>,
    ) -> Step {
        let conclude = Conclude::begin(self.guards(), &self.input(me, claim, &ending));
        Step::Conclude { ending, conclude }
    }

    /// Makes the next call of `conclude-release`. What has no effect that another call could see, or reads what nobody
    /// changes, comes with the call before it.
    pub(crate) fn call_of_conclude(
        &self,
        state: &mut State,
        me: usize,
        claim: Versioned<claim_release::Output>,
        ending: Versioned<Ending>,
        mut conclude: Conclude,
    ) -> Execution {
        let input = self.input(me, &claim, &ending);
        loop {
            let answer = match conclude.ask(&input) {
                // Nobody but Landfall changes the model's service.
                Ask::Look => Answer::Seen(None),
                Ask::ReadDesired => Answer::Desired(state.desired.clone()),
                Ask::PutRecord(record) => Answer::Written(self.put_record(state, *record)),
                Ask::ReadRecord(number) => Answer::Record(state.records[&number].clone()),
                Ask::Announce(_)
                | Ask::Report(_)
                | Ask::NoteUnproven
                | Ask::NoteUndecided(_)
                | Ask::Revoke(_)
                | Ask::KeepStatus(_) => Answer::Done,
                Ask::WriteDesired { over, desired } => {
                    if state.desired == *over {
                        self.check_conclusion(state, &conclude.stage, &desired);
                        let hold = desired.hold.as_ref();
                        if hold.is_some_and(|hold| hold.set_by == SetBy::Undecided) {
                            state.held_at = Some(input.release.number);
                        }
                    }
                    Answer::Written(self.compare_and_swap(state, over, *desired))
                }
            };
            if let Some(output) = conclude.on(&input, answer, THEN) {
                return self.more_to_do(me, claim, output.again);
            }
            let waits = matches!(
                conclude.stage,
                Stage::Look
                    | Stage::ReadDesired
                    | Stage::ReadToOverwrite { .. }
                    | Stage::PutRecord { .. }
                    | Stage::WriteVerdict { .. }
            );
            if waits {
                let step = Step::Conclude { ending, conclude };
                return Execution::Working { claim, step };
            }
        }
    }

    pub(crate) fn put_record(&self, state: &mut State, record: Record) -> WriteOutcome {
        let number = record.release.number;
        if state.records.contains_key(&number) {
            return WriteOutcome::Conflict;
        }
        state.records.insert(number, self.records.keep(record));
        WriteOutcome::Done
    }

    fn input(&self, me: usize, claim: &claim_release::Output, ending: &Ending) -> Input {
        let release = claim.release.clone();
        Input {
            service: self.service.clone(),
            execution: arn(me),
            release: release.expect("an execution with a claim has a release"),
            facts: Facts {
                ending: Some(ending.clone()),
                ..Facts::default()
            },
            started_at: THEN,
        }
    }

    /// `concluded` is about to be written: which verdicts that gives, and what ECS goes back to.
    fn check_conclusion(&self, state: &mut State, stage: &Stage, concluded: &DesiredState) {
        let Stage::WriteVerdict { read, .. } = stage else {
            return;
        };
        self.check_verdicts(state, read, concluded);
        let verdict = concluded.concluded.as_ref().map(|last| last.verdict);
        if let (Some(Verdict::RolledBack | Verdict::Failed), Some(good)) =
            (verdict, &concluded.last_good)
        {
            let image = good.content.images.values().next();
            state.brought = image.map(|image| self.image_of(image));
        }
    }

    /// Whether there is more to do once the release is concluded, the state machine decides by the answer.
    fn more_to_do(
        &self,
        me: usize,
        claim: Versioned<claim_release::Output>,
        again: bool,
    ) -> Execution {
        let known = Known {
            again,
            ..Known::default()
        };
        let turn = self.turn("ConcludeRelease", &claim, known);
        self.enter(me, claim, turn, None)
    }
}
