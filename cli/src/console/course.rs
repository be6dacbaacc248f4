//! The course of a release: the stages that its execution went through, and what it saw at each look.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use landfall::{
    live::Rollout,
    look::{Look, Outcome, SLEEP},
    probe::ProbeAnswer,
    step::verify_health,
};
use landfall_aws::sfn::{Event, What};
use serde::Deserialize;
use serde_json::Value;

use crate::watch::stage;

/// How many looks are remembered.
const LOOKS: usize = 24;

/// The stages of a good release, which others are added to as they come.
const WAY: [&str; 6] = [
    "takes its turn",
    "registers the task definition",
    "changes the service",
    "rolls out",
    "is verified",
    "is concluded",
];

/// The way back, and what follows it.
const BACK: &str = "goes back";

/// The course of the release that an execution works on, or worked on last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Course {
    /// The id of the last event that was taken up.
    pub(crate) last: u64,
    /// The stages that it entered, in their order.
    pub(crate) stages: Vec<Stage>,
    /// The last looks, oldest first.
    pub(crate) looks: Vec<Glimpse>,
    /// The change that ECS carries out.
    pub(crate) rollout: Option<Rollout>,
    /// The state that was entered last.
    state: String,
    /// Whether the last stage began with a look and has had nothing else yet.
    only_looked: bool,
}

/// A stage that a release went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// What the release does in it.
    pub(crate) what: &'static str,
    /// When it began.
    pub(crate) began: Timestamp,
    /// When the next one began, or the execution ended.
    pub(crate) ended: Option<Timestamp>,
}

/// A look at tasks, a rollout or a service's health.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glimpse {
    /// When its answer came.
    pub(crate) at: Timestamp,
    /// The stage in which it was.
    pub(crate) during: &'static str,
    /// What it said.
    pub(crate) look: Look<Outcome, Value>,
}

impl Glimpse {
    /// What the HTTP probes were answered.
    pub(crate) fn probes(&self) -> Vec<ProbeAnswer> {
        let progress = verify_health::Progress::deserialize(&self.look.progress);
        progress.map_or_else(|_| Vec::new(), |progress| progress.probes)
    }
}

/// Something that happens by itself at a known time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// What happens.
    pub(crate) what: String,
    /// When, at the latest.
    pub(crate) at: Timestamp,
}

impl Course {
    /// The course up to the verdict that was given at `concluded`: an execution may go on with the next release.
    pub(crate) fn until(events: &[Event], concluded: Timestamp) -> Self {
        let mut course = Self::default();
        for event in events {
            // The verdict is timed within the state that concludes.
            if course.is_over() && event.at > concluded {
                break;
            }
            course.take(event);
        }
        if course.is_over()
            && let Some(stage) = course.stages.last_mut()
        {
            stage.ended.get_or_insert(concluded);
        }
        course
    }

    /// Takes up the next event of its execution.
    pub(crate) fn take(&mut self, event: &Event) {
        self.last = event.id;
        match &event.what {
            What::Entered(state) => self.enter(state, event.at),
            What::Answered(answer) => self.hear(answer, event.at),
            What::Ended => {
                if let Some(stage) = self.stages.last_mut() {
                    stage.ended.get_or_insert(event.at);
                }
            }
        }
    }

    fn enter(&mut self, state: &str, at: Timestamp) {
        if state == "ClaimRelease" && self.is_over() {
            *self = Self {
                last: self.last,
                ..Self::default()
            };
        }
        state.clone_into(&mut self.state);
        let Some(what) = stage::of(state) else {
            return;
        };
        if self.only_looked && self.is_back_at(what) {
            // Between two looks at the same pause nothing went on.
            self.stages.pop();
            if let Some(stage) = self.stages.last_mut() {
                stage.ended = None;
            }
        }
        self.only_looked = match state {
            "CheckRollout" => self.stages.last().is_none_or(|stage| stage.what != what),
            "RolledOut" => self.only_looked,
            _ => false,
        };
        match self.stages.last_mut() {
            Some(stage) if stage.what == what => {}
            before => {
                if let Some(before) = before {
                    before.ended.get_or_insert(at);
                }
                self.stages.push(Stage {
                    what,
                    began: at,
                    ended: None,
                });
            }
        }
    }

    /// Whether the stage before the last one is this one.
    fn is_back_at(&self, what: &str) -> bool {
        let before = self.stages.iter().rev().nth(1);
        before.is_some_and(|stage| stage.what == what)
    }

    fn hear(&mut self, answer: &Value, at: Timestamp) {
        match &*self.state {
            "UpdateService" => self.rollout = serde_json::from_value(answer.clone()).ok(),
            "RunBefore" | "RunAfter" | "CheckRollout" | "VerifyHealth" | "CheckRollBack" => {
                let during = stage::of(&self.state).unwrap_or_default();
                // What another version of Landfall answers may be told otherwise; it is shown in the record in any case.
                if let Ok(look) = serde_json::from_value(answer.clone()) {
                    let over = (self.looks.len() + 1).saturating_sub(LOOKS);
                    self.looks.drain(..over);
                    self.looks.push(Glimpse { at, during, look });
                }
            }
            _ => {}
        }
    }

    /// Whether its release has been concluded, or is being.
    fn is_over(&self) -> bool {
        self.stages.last().map(|stage| stage.what) == Some(WAY[WAY.len() - 1])
    }

    /// Whether the release was found to be bad in the stage with this index.
    pub(crate) fn failed_in(&self, index: usize) -> bool {
        let next = self.stages.get(index + 1);
        self.stages[index].what != BACK && next.is_some_and(|next| next.what == BACK)
    }

    /// For how many seconds it was in each of its stages that are over, in the order in which it came to them.
    pub(crate) fn took(&self) -> Vec<(&'static str, f64)> {
        let mut all: Vec<(&'static str, f64)> = Vec::new();
        for stage in &self.stages {
            let Some(ended) = stage.ended else { continue };
            let took = ended.duration_since(stage.began).as_secs_f64();
            match all.iter_mut().find(|(what, _)| *what == stage.what) {
                Some((_, before)) => *before += took,
                None => all.push((stage.what, took)),
            }
        }
        all
    }

    /// How many seconds each probe's answers took, by URL, as far as the last looks say.
    pub(crate) fn answers(&self) -> BTreeMap<String, Vec<f64>> {
        let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for answer in self.looks.iter().flat_map(Glimpse::probes) {
            let seconds = answer.milliseconds.map(|took| took as f64 / 1000.0);
            all.entry(answer.url).or_default().extend(seconds);
        }
        all
    }

    /// The stage that it is in.
    pub(crate) fn stage(&self) -> Option<&Stage> {
        self.stages.last().filter(|stage| stage.ended.is_none())
    }

    /// The stages that are still ahead of it, if nothing goes wrong.
    pub(crate) fn ahead(&self) -> Vec<&'static str> {
        if self.stages.iter().any(|stage| stage.what == BACK) {
            let over = self.is_over();
            return WAY
                .iter()
                .rev()
                .take(1)
                .filter(|_| !over)
                .copied()
                .collect();
        }
        let reached = |what: &&str| self.stages.iter().any(|stage| stage.what == *what);
        let furthest = WAY.iter().rposition(reached).map_or(0, |index| index + 1);
        // What is on no good release's way comes somewhere before its rollout.
        WAY[furthest..].to_vec()
    }

    /// What will happen by itself if nothing else does, soonest first. `bake_seconds` is how long a healthy service is watched.
    pub(crate) fn deadlines(&self, bake_seconds: Option<u64>) -> Vec<Deadline> {
        let after = |at: Timestamp, seconds: u64| {
            let seconds = i64::try_from(seconds).ok()?;
            at.checked_add(SignedDuration::from_secs(seconds)).ok()
        };
        let mut deadlines = Vec::new();
        let stage = self.stage().map(|stage| stage.what).unwrap_or_default();
        let last = self.looks.last().filter(|last| last.during == stage);
        if let Some(last) = last.filter(|last| is_open(last.look.outcome)) {
            let wait = match last.look.wait_seconds {
                0 => SLEEP,
                wait => wait,
            };
            let next = after(last.look.seen_at.unwrap_or(last.at), wait);
            deadlines.extend(next.map(|at| Deadline {
                what: "looks again, or as soon as ECS tells of a change".into(),
                at,
            }));
            let since = last.look.progress["healthySince"].as_str();
            let since = since.and_then(|since| since.parse::<Timestamp>().ok());
            let baked = since.and_then(|since| after(since, bake_seconds?));
            deadlines.extend(baked.map(|at| Deadline {
                what: "has baked for long enough".into(),
                at,
            }));
        }
        if let Some(rollout) = self.rollout.as_ref().filter(|_| stage == "rolls out") {
            let uncounted = last.map_or(0, |last| {
                let look = &last.look;
                look.blind_seconds + look.paused_seconds + look.withheld_seconds
            });
            let at = after(rollout.started_at, rollout.timeout_seconds + uncounted);
            deadlines.extend(at.map(|at| Deadline {
                what: "counts as failed unless ECS is done with it".into(),
                at,
            }));
        }
        deadlines.sort_by_key(|deadline| deadline.at);
        deadlines
    }
}

/// Whether a look leads to another one.
pub(crate) fn is_open(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Waiting | Outcome::InProgress)
}

/// Whether a look showed that the release is bad.
pub(crate) fn is_bad(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed | Outcome::Unhealthy | Outcome::Misaimed
    )
}

#[cfg(test)]
mod tests;
