//! What must never be, and what must be in the end.

use std::cmp::Ordering;

use landfall::{
    desired::DesiredState,
    record::{Release, Verdict},
    step::claim_release::MAX_ATTEMPTS,
};
use stateright::{Model, Property};

use crate::{
    protocol::Protocol,
    scenario::Quality,
    state::{Execution, State, Step, arn},
};

const ONE_WRITER: &str = "only the holder of the claim changes ECS";
const ONE_AT_WORK: &str = "at most one live execution may change ECS";
const NEVER_OLDER: &str = "an older image never replaces a newer one";
const ONE_VERDICT: &str = "a release gets one verdict";
const RECORDED: &str = "a verdict has its record, and it says the same";
const NOTHING_BEGINS: &str = "during a hold nothing newer is rolled out";
const NOT_AGAIN: &str = "a release with a record is not rolled out again";
const HELD_RIGHTLY: &str = "whoever holds the claim lives, or somebody comes to take it";
const CONVERGES: &str = "in the end what is desired runs, or what was last good";
const NO_LEFTOVERS: &str = "in the end nothing is held, open or without a record";
const FAIR: &str = "in the end nothing good was rejected";

/// The names of everything that is checked.
pub const CHECKS: [&str; 11] = [
    ONE_WRITER,
    ONE_AT_WORK,
    NEVER_OLDER,
    ONE_VERDICT,
    RECORDED,
    NOT_AGAIN,
    NOTHING_BEGINS,
    HELD_RIGHTLY,
    CONVERGES,
    NO_LEFTOVERS,
    FAIR,
];

/// Everything that is checked. "In the end" means: in every state in which nothing can happen any more.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE_WRITER, |_, state: &State| {
            state.offence != Some(ONE_WRITER)
        }),
        Property::always(ONE_AT_WORK, |_, state| at_work(state) <= 1),
        Property::always(NEVER_OLDER, |_, state: &State| {
            state.offence != Some(NEVER_OLDER)
        }),
        Property::always(ONE_VERDICT, |_, state: &State| {
            state.offence != Some(ONE_VERDICT)
        }),
        Property::always(RECORDED, |_, state: &State| state.offence != Some(RECORDED)),
        Property::always(NOT_AGAIN, |_, state: &State| {
            state.offence != Some(NOT_AGAIN)
        }),
        Property::always(NOTHING_BEGINS, |_, state: &State| {
            state.offence != Some(NOTHING_BEGINS)
        }),
        Property::always(HELD_RIGHTLY, |_, state| is_held_rightly(state)),
        Property::always(CONVERGES, |protocol, state| {
            !is_over(protocol, state) || protocol.has_converged(state)
        }),
        Property::always(NO_LEFTOVERS, |protocol, state| {
            !is_over(protocol, state) || has_no_leftovers(protocol, state)
        }),
        Property::always(FAIR, |protocol, state| {
            !is_over(protocol, state) || protocol.is_fair(state)
        }),
        Property::sometimes("everything can come to its end", |protocol, state| {
            is_over(protocol, state)
        }),
    ]
}

fn is_over(protocol: &Protocol, state: &State) -> bool {
    let idle = state.invocations.is_empty() && !state.executions.iter().any(Execution::has_call);
    if !idle {
        return false;
    }
    let mut actions = Vec::new();
    protocol.actions(state, &mut actions);
    actions.is_empty()
}

fn at_work(state: &State) -> usize {
    let may_change_ecs = |execution: &&Execution| {
        let Execution::Working { step, .. } = execution else {
            return false;
        };
        // Whose verdict is written but not heard of may still conclude; that looks at the claim first.
        !matches!(step, Step::Conclude { .. })
    };
    state.executions.iter().filter(may_change_ecs).count()
}

/// A dead holder is no harm as long as an event or an execution is on its way.
fn is_held_rightly(state: &State) -> bool {
    let Some(claim) = &state.desired.claim else {
        return true;
    };
    let mut executions = state.executions.iter().enumerate();
    let lives =
        executions.any(|(index, execution)| execution.is_alive() && arn(index) == claim.execution);
    let others = state.executions.iter().any(Execution::is_alive);
    lives || others || !state.invocations.is_empty()
}

fn has_no_leftovers(protocol: &Protocol, state: &State) -> bool {
    let desired = &state.desired;
    let is_recorded = |number| state.records.contains_key(&number);
    let first = if protocol.scenario.settled { 2 } else { 1 };
    let waits = |number| {
        let mut open = desired.open.iter();
        desired.hold.is_some() && open.any(|release| release.number == number)
    };
    desired.claim.is_none()
        && (desired.open.is_empty() || desired.hold.is_some())
        && (first..=desired.last_number).all(|number| is_recorded(number) || waits(number))
        && !state.executions.iter().any(Execution::is_alive)
}

impl Protocol {
    /// What is desired is what ECR and S3 have; ECS runs it with its `service` section, or what was last good if it was bad.
    fn has_converged(&self, state: &State) -> bool {
        let desired = &state.desired;
        if desired.hold.is_some() {
            // What was begun has come to its end.
            return desired.next_release().is_none()
                && state.service.is_none_or(|service| !service.is_moving());
        }
        let followed = desired.file.as_ref();
        if state.file.is_none() {
            // What was begun has come to its end, and the service stays as it is.
            return followed.is_none();
        }
        let file = followed.and_then(|file| file.version_id.parse::<usize>().ok());
        let image = desired.images.values().next();
        let is_up_to_date = file == state.file
            && file.is_some_and(|file| {
                image.map(|image| self.image_of(image)) == self.latest(state, file)
            });
        if !is_up_to_date {
            return false;
        }
        let (Some(image), Some(concluded)) = (image, &desired.concluded) else {
            // No admitted image: nothing to run.
            return image.is_none() && desired.last_number == 0;
        };
        let content = match (concluded.verdict, &desired.last_good) {
            (Verdict::Succeeded, _) => &concluded.content,
            // Even the execution that was to roll it back died, or AWS did not answer that: it is left for people to look at.
            (Verdict::Failed, _) if self.may_stay_bad() => return true,
            (_, Some(good)) => &good.content,
            (_, None) => return state.service.is_none_or(|service| !service.wanted),
        };
        let is_newest = concluded.number == desired.last_number
            && followed.is_some_and(|file| file.content == concluded.content.file)
            && (concluded.content.images.values().eq([image])
                || concluded.content.images == desired.images_to_run());
        let wanted = content
            .images
            .values()
            .next()
            .map(|image| self.image_of(image));
        is_newest
            && state.service.is_some_and(|service| {
                Some(service.primary) == wanted
                    && service.is_steady()
                    && service.wanted
                    && usize::try_from(service.section).ok() == Some(self.file_of(&content.file))
            })
    }

    /// Whether a bad release may stay where it is.
    fn may_stay_bad(&self) -> bool {
        self.may_be_given_up() || self.scenario.faults.outages > 0
    }

    /// Whether so many executions may die that a release is given up.
    fn may_be_given_up(&self) -> bool {
        u32::from(self.scenario.faults.crashes) >= MAX_ATTEMPTS
    }

    /// A release whose image is good succeeds.
    fn is_fair(&self, state: &State) -> bool {
        let Some(concluded) = &state.desired.concluded else {
            return true;
        };
        let mut images = concluded.content.images.values();
        let is_good =
            images.all(|image| self.scenario.images[self.image_of(image)].quality == Quality::Good);
        self.may_be_given_up() || is_good == (concluded.verdict == Verdict::Succeeded)
    }

    /// `me` is about to change ECS.
    pub(crate) fn check_writer(&self, state: &mut State, me: usize) {
        let claim = state.desired.claim.as_ref();
        if claim.is_none_or(|claim| claim.execution != arn(me)) {
            state.offend(ONE_WRITER);
        }
    }

    /// `release` is about to be brought to ECS.
    pub(crate) fn check_rollout_of(&self, state: &mut State, release: &Release) {
        if state.records.contains_key(&release.number) {
            state.offend(NOT_AGAIN);
        }
        if state.held_at.is_some_and(|newest| release.number > newest) {
            state.offend(NOTHING_BEGINS);
        }
        let image = self.image_in(release);
        let file = self.file_of(&release.content.file);
        if let Some(brought) = state.brought
            && self.is_older(file, brought, image)
        {
            state.offend(NEVER_OLDER);
        }
        state.brought = Some(image);
    }

    /// `write` is about to become the desired state.
    pub(crate) fn check_order(&self, state: &mut State, write: &DesiredState) {
        let image = |desired: &DesiredState| {
            let image = desired.images.values().next();
            image.map(|image| self.image_of(image))
        };
        let follows =
            |desired: &DesiredState| desired.file.as_ref().map(|file| file.follows.clone());
        if follows(&state.desired) != follows(write) {
            return;
        }
        let file = write.file.as_ref().map(|file| self.file_of(&file.content));
        if let (Some(file), Some(before), Some(after)) = (file, image(&state.desired), image(write))
            && self.is_older(file, before, after)
        {
            state.offend(NEVER_OLDER);
        }
    }

    /// Whether the follow rule of the file's version puts `after` before `before`. A tag that moved follows ECR.
    fn is_older(&self, file: usize, before: usize, after: usize) -> bool {
        let rule = &self.files[file].1.images.values().next();
        let (before, after) = (&self.images[before], &self.images[after]);
        rule.is_some_and(|rule| {
            before.tag != after.tag
                && rule.tag.admits(&before.tag)
                && rule.tag.order(before, after) == Ordering::Greater
        })
    }

    /// `concluded` is about to take the place of `read` as the desired state.
    pub(crate) fn check_verdicts(
        &self,
        state: &mut State,
        read: &DesiredState,
        concluded: &DesiredState,
    ) {
        let last = concluded.concluded.as_ref();
        for release in &read.open {
            if concluded
                .open
                .iter()
                .any(|open| open.number == release.number)
            {
                continue;
            }
            let verdict = match last {
                Some(last) if last.number == release.number => last.verdict,
                _ => Verdict::Superseded,
            };
            if state.verdicts.insert(release.number, verdict).is_some() {
                state.offend(ONE_VERDICT);
            }
            let recorded = state.records.get(&release.number);
            if recorded.map(|record| record.verdict) != Some(verdict) {
                state.offend(RECORDED);
            }
        }
    }
}
