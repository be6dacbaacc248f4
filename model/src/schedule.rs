//! What may happen next, and what that leads to.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    evidence::Against,
    hold::SetBy,
    protocol::{
        claim::Claim,
        follow::{self, TakingStage, Unfollow, UnfollowStage},
        join,
    },
    record::Verdict,
    undecided::Due,
    versioned::{Versioned, WriteOutcome},
};
use stateright::{Model, Property};

use crate::{
    checks,
    clock::THEN,
    ecs::{SECTION, Service, revision},
    protocol::{CONTAINER, Protocol},
    scenario::{Happening, Quality},
    state::{Call, Event, Execution, Invocation, State},
};

/// When every pause after an undecided release is over.
const LATER: Timestamp = Timestamp::MAX;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The next of a list of happenings, with the event that announces it.
    Happen(usize),
    /// The same, and the event is delivered twice.
    HappenAnnouncedTwice(usize),
    /// An invocation of a trigger makes its next call.
    Trigger(usize),
    /// It makes its next call, is killed, and is invoked again.
    TriggerLosesAnswer(usize),
    /// An execution makes its next call.
    Execution(usize),
    /// It makes its next call; the answer is lost, and the step is tried again.
    ExecutionLosesAnswer(usize),
    /// It dies.
    Dies(usize),
    /// It is stopped, and the function that it called goes on.
    Stops(usize),
    /// The function that goes on makes its next call.
    LastCall(usize),
    /// It has slept for a minute.
    Minute(usize),
    /// ECS comes to the end of a deployment.
    EcsFinishes,
    /// Something wakes whoever sleeps, for no reason.
    StrayWake,
    /// AWS does not answer an execution's step for as long as it has patience.
    Unanswered(usize),
    /// AWS answers again, and a sweep goes on with the service.
    SightRestored,
}

impl Protocol {
    /// A call that reads what nobody will change any more, or nobody before the caller itself. Nothing comes out
    /// differently if it is made later, so the checker need not try that.
    fn foregone(&self, state: &State) -> Option<Action> {
        let mut invocations = state.invocations.iter();
        if let Some(index) =
            invocations.position(|invocation| self.reads_for_good(state, invocation))
        {
            return Some(Action::Trigger(index));
        }
        if state.service.is_some_and(|service| service.is_moving()) {
            return None;
        }
        let mut executions = state.executions.iter();
        let index = executions.position(Execution::reads_ecs)?;
        Some(Action::Execution(index))
    }

    fn reads_for_good(&self, state: &State, invocation: &Invocation) -> bool {
        let to_come = || {
            let lists = self.scenario.happenings.iter().zip(&state.happened);
            lists.flat_map(|(list, happened)| &list[*happened..])
        };
        let changes_file =
            |happening: &Happening| matches!(happening, Happening::Upload(_) | Happening::Delete);
        match (&invocation.next, invocation.event) {
            (Call::ListFollowers, _) => state.is_follower,
            (Call::Join(join), Event::Pushed(image)) => {
                matches!(join.stage, join::Stage::ReadImage { .. }) && !to_come().any(|happening| {
                    matches!(happening, Happening::Push(other) if self.images[*other].tag == self.images[image].tag)
                })
            }
            (Call::Follow(follow), _) => match read_of(&follow.stage) {
                Some(Read::File) => !to_come().any(changes_file),
                Some(Read::Repository) => !to_come().any(|happening| matches!(happening, Happening::Push(_))),
                Some(Read::Source) => state.is_source,
                None => false,
            },
            (Call::Wake(None), _) => true,
            _ => false,
        }
    }

    fn happen(&self, state: &mut State, list: usize, deliveries: usize) {
        let happening = self.scenario.happenings[list][state.happened[list]];
        state.happened[list] += 1;
        let event = match happening {
            Happening::Push(image) => {
                let tag = &self.images[image].tag;
                state.tagged.retain(|other| self.images[*other].tag != *tag);
                state.tagged.push(image);
                state.tagged.sort_unstable();
                Event::Pushed(image)
            }
            Happening::Upload(file) => {
                state.file = Some(file);
                Event::FileChanged
            }
            Happening::Delete => {
                state.file = None;
                Event::FileChanged
            }
            Happening::Hold => {
                let mut desired = DesiredState::clone(&state.desired);
                desired.hold(String::new(), SetBy::Operator, THEN);
                state.held_at = Some(desired.last_number);
                state.desired = self.desired.keep(desired);
                return;
            }
            Happening::Resume => {
                let mut desired = DesiredState::clone(&state.desired);
                desired.resume(None, THEN);
                state.held_at = None;
                let is_open = desired.next_release().is_some();
                state.desired = self.desired.keep(desired);
                if is_open {
                    self.start(state);
                }
                return;
            }
        };
        for _ in 0..deliveries {
            state.deliver(event, self.guards());
        }
    }

    /// Release 1 of the first version with the first image, proved good.
    fn settle(&self, state: &mut State) {
        let mut desired = DesiredState::new(self.service.clone());
        let found = [(CONTAINER.to_owned(), Some(self.images[0].clone()))];
        desired.follow_file(self.followed(0), found.into(), THEN);
        desired.conclude(
            1,
            Verdict::Succeeded,
            Against::Release,
            Some(&self.definitions[0]),
            THEN,
        );
        state.desired = self.desired.keep(desired);
        state.is_follower = true;
        state.is_source = true;
        state.file = Some(0);
        state.tagged = vec![0];
        state.brought = Some(0);
        let section = serde_json::Map::from_iter([
            ("taskDefinition".to_owned(), revision(0).into()),
            (SECTION.to_owned(), 0.into()),
        ]);
        state.service =
            Service::after(None, &section).map(|service| service.finished(Quality::Good));
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            desired: self.desired.keep(DesiredState::new(self.service.clone())),
            records: BTreeMap::new(),
            sleeper: None,
            is_follower: false,
            is_source: false,
            file: None,
            tagged: Vec::new(),
            service: None,
            held_at: None,
            brought: None,
            happened: vec![0; self.scenario.happenings.len()],
            invocations: Vec::new(),
            executions: Vec::new(),
            verdicts: BTreeMap::new(),
            faults: self.scenario.faults,
            offence: None,
        };
        if self.scenario.settled {
            self.settle(&mut state);
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.scenario.tries_every_order
            && let Some(foregone) = self.foregone(state)
        {
            actions.push(foregone);
            return;
        }
        let faults = &state.faults;
        for (list, happenings) in self.scenario.happenings.iter().enumerate() {
            if state.happened[list] < happenings.len() {
                actions.push(Action::Happen(list));
                let is_announced = !matches!(
                    happenings[state.happened[list]],
                    Happening::Hold | Happening::Resume
                );
                if faults.duplicates > 0 && is_announced {
                    actions.push(Action::HappenAnnouncedTwice(list));
                }
            }
        }
        for (index, invocation) in state.invocations.iter().enumerate() {
            if index > 0 && *invocation == state.invocations[index - 1] {
                continue;
            }
            actions.push(Action::Trigger(index));
            if faults.lost_answers > 0 && invocation.next.has_effect() {
                actions.push(Action::TriggerLosesAnswer(index));
            }
        }
        for (index, execution) in state.executions.iter().enumerate() {
            if execution.has_call() && !state.waits(execution) {
                actions.push(Action::Execution(index));
                if faults.lost_answers > 0 && execution.has_effect() {
                    actions.push(Action::ExecutionLosesAnswer(index));
                }
            }
            if faults.crashes > 0 && execution.has_just_had_effect() {
                actions.push(Action::Dies(index));
            }
            if faults.crashes > 0 && execution.may_outlive_its_end() {
                actions.push(Action::Stops(index));
            }
            if let Execution::Dying(_) = execution {
                actions.push(Action::LastCall(index));
            }
            if faults.outages > 0 && self.may_be_unanswered(execution) {
                actions.push(Action::Unanswered(index));
            }
            if self.scenario.wakes_by_itself && self.would_see_something(state, execution) {
                actions.push(Action::Minute(index));
            }
        }
        if state.service.is_some_and(|service| service.is_moving()) {
            actions.push(Action::EcsFinishes);
        }
        if faults.stray_wakes > 0 && state.sleeper.is_some() {
            actions.push(Action::StrayWake);
        }
        if state.desired.due_after_undecided(LATER) == Due::Look {
            actions.push(Action::SightRestored);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Happen(list) => self.happen(&mut state, list, 1),
            Action::HappenAnnouncedTwice(list) => {
                state.faults.duplicates -= 1;
                self.happen(&mut state, list, 2);
            }
            Action::Trigger(index) => {
                let invocation = state.invocations.remove(index);
                let next = self.call_of_trigger(&mut state, invocation);
                state.invocations.extend(next);
            }
            Action::TriggerLosesAnswer(index) => {
                state.faults.lost_answers -= 1;
                let invocation = state.invocations.remove(index);
                let event = invocation.event;
                let started = invocation.next.starts().or(invocation.started);
                self.call_of_trigger(&mut state, invocation);
                state.deliver(event, self.guards());
                if let Some(again) = state.invocations.last_mut() {
                    again.started = started;
                }
            }
            Action::Execution(index) => {
                let execution = state.executions[index].clone();
                let next = self.call_of_execution(&mut state, index, execution);
                state.executions[index] = next;
            }
            Action::ExecutionLosesAnswer(index) => {
                state.faults.lost_answers -= 1;
                let execution = state.executions[index].clone();
                let again = self.step_again(index, &execution);
                self.call_of_execution(&mut state, index, execution);
                state.void_tokens(index);
                state.executions[index] = again;
            }
            Action::Dies(index) => {
                state.faults.crashes -= 1;
                state.void_tokens(index);
                state.executions[index] = Execution::Dead;
                state.deliver(Event::ExecutionEnded(index), self.guards());
            }
            Action::Stops(index) => {
                state.faults.crashes -= 1;
                state.void_tokens(index);
                let last = Box::new(state.executions[index].clone());
                state.executions[index] = Execution::Dying(last);
                state.deliver(Event::ExecutionEnded(index), self.guards());
            }
            Action::LastCall(index) => {
                let Execution::Dying(last) = state.executions[index].clone() else {
                    return None;
                };
                state.executions[index] = self.last_call_of_execution(&mut state, index, *last);
            }
            Action::Minute(index) => {
                let token = Some(index);
                state.wake(token);
            }
            Action::EcsFinishes => {
                let service = state.service?;
                let quality = self.scenario.images[service.primary].quality;
                state.service = Some(service.finished(quality));
                if !self.scenario.wakes_by_itself {
                    state.deliver(Event::RolloutChanged, self.guards());
                }
            }
            Action::StrayWake => {
                state.faults.stray_wakes -= 1;
                state.deliver(Event::RolloutChanged, self.guards());
            }
            Action::Unanswered(index) => {
                state.faults.outages -= 1;
                let execution = state.executions[index].clone();
                state.executions[index] = self.unanswered(index, execution);
            }
            Action::SightRestored => {
                let mut desired = DesiredState::clone(&state.desired);
                desired.restore_sight(THEN);
                state.held_at = None;
                let is_open = desired.next_release().is_some();
                state.desired = self.desired.keep(desired);
                if is_open {
                    self.start(&mut state);
                }
            }
        }
        state.invocations.sort_by_cached_key(place);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        checks::properties()
    }
}

/// What a call of `config-changed` reads.
enum Read {
    File,
    Repository,
    Source,
}

fn read_of(stage: &follow::Stage) -> Option<Read> {
    use follow::Stage;
    let of_unfollow = |unfollow: &Unfollow| {
        let reads = matches!(unfollow.stage, UnfollowStage::CurrentVersion { .. });
        reads.then_some(Read::File)
    };
    match stage {
        Stage::ReadFile => Some(Read::File),
        Stage::FindRejected | Stage::FindDeleted | Stage::FindAccepted { .. } => Some(Read::Source),
        Stage::Unfollow(unfollow) => of_unfollow(unfollow),
        Stage::Take(taking) => match &taking.stage {
            TakingStage::CurrentVersion { .. } | TakingStage::CurrentVersionAgain(_) => {
                Some(Read::File)
            }
            TakingStage::LookThrough { .. } | TakingStage::LookThroughAgain { .. } => {
                Some(Read::Repository)
            }
            TakingStage::Unfollow { unfollow, .. } => of_unfollow(unfollow),
            _ => None,
        },
        _ => None,
    }
}

/// Invocations are in no order, so states that differ in it alone are one state.
fn place(invocation: &Invocation) -> u64 {
    let mut hasher = DefaultHasher::new();
    invocation.hash(&mut hasher);
    hasher.finish()
}

impl Protocol {
    /// `StartExecution`.
    pub(crate) fn start(&self, state: &mut State) {
        let claim = Claim::begin(self.guards());
        state.executions.push(Execution::Claiming(claim));
    }

    /// A conditional write of the desired state.
    pub(crate) fn compare_and_swap(
        &self,
        state: &mut State,
        over: &Versioned<DesiredState>,
        desired: DesiredState,
    ) -> WriteOutcome {
        if state.desired != *over {
            return WriteOutcome::Conflict;
        }
        state.desired = self.desired.keep(desired);
        WriteOutcome::Done
    }
}
