//! Step `CheckRollout`: what ECS itself says of a rollout, or of the way back.

mod standing;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use self::standing::{Standing, emptied, running};
use crate::{
    desired::DesiredState,
    evidence::{self, Against, Evidence},
    failure::{Failure, Stage},
    live::{EndedTask, LiveService, LiveServiceDeployment, Rollout},
    look::{self, Look, Uncounted, WITHHELD_AT_MOST, sleep_in_pause},
    pause::Pause,
    record::Release,
    service_id::ServiceId,
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// Whether this is the way forward or back.
    pub purpose: Purpose,
    /// The rollout that ECS was asked for.
    pub rollout: Rollout,
    /// The last look, if there was one: the next goes on from it. The outer `None` is an execution that began under a
    /// definition which passes no look.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub look: Option<Option<Look<look::Outcome, Value>>>,
    /// The token that the execution sleeps on, when it goes to sleep: it is stored before anything is looked at, so
    /// that whatever happens after the look finds it.
    pub task_token: Option<String>,
}

impl Input {
    /// For how many seconds of the rollout nobody could look, up to `now`.
    fn blind_seconds(&self, now: Timestamp) -> u64 {
        match &self.look {
            Some(last) => Look::blind_until(last.as_ref(), self.rollout.started_at, now),
            None => 0,
        }
    }

    /// For how many seconds of the rollout ECS waited for somebody, up to `now`.
    fn paused_seconds(&self, now: Timestamp) -> u64 {
        Look::paused_until(self.last(), self.rollout.started_at, now)
    }

    fn last(&self) -> Option<&Look<look::Outcome, Value>> {
        self.look.as_ref().and_then(Option::as_ref)
    }

    /// Whether the execution goes on sleeping after the look that was made when it had gone to sleep. It wakes if there is
    /// nothing to sleep for, and if ECS waits for another hook than before, or for none any more: a sleep in a pause is long.
    pub fn sleeps_on(&self, output: &Output) -> bool {
        let before = self.last().and_then(|last| last.pause.as_ref());
        let waits_alike = match (before, &output.pause) {
            (None, None) => true,
            (Some(before), Some(pause)) => before.awaits_the_same_as(pause),
            _ => false,
        };
        output.outcome == Outcome::InProgress && waits_alike
    }

    /// The pause that ends only if Landfall continues the deployment: on the way back nobody is to decide anything. ECS's own
    /// way back is not held either, "because these stages are also invoked during rollback"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>). Only where the
    /// deployment is one that Landfall asked for.
    pub fn to_continue<'a>(&self, output: &'a Output) -> Option<&'a Pause> {
        let is_ours = self.purpose == Purpose::RollBack && self.rollout.deployment.is_some();
        output.pause.as_ref().filter(|_| is_ours)
    }

    /// Which seconds of the rollout do not count, up to `now`; those that were withheld, up to the last look.
    fn uncounted(&self, now: Timestamp) -> Uncounted {
        Uncounted {
            blind: self.blind_seconds(now),
            paused: self.paused_seconds(now),
            withheld: self.withheld_seconds(),
        }
    }

    /// The seconds that had passed when ECS last could not start tasks, by the last look at the same rollout.
    fn withheld_seconds(&self) -> u64 {
        let same = self
            .last()
            .filter(|last| last.seen_at.is_some_and(|at| at >= self.rollout.started_at));
        same.map_or(0, |last| last.withheld_seconds)
    }
}

/// A field that is there, whether it is `null` or not.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Which way the service goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To the release.
    Release,
    /// Back to what was good before it. Nothing newer interrupts that: it ends before the newer release begins.
    RollBack,
}

/// What the step answers.
pub type Output = Look<Outcome>;

/// The outcome of a look at a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// ECS is not done.
    InProgress,
    /// ECS is done, and what was asked for runs.
    Steady,
    /// ECS will not get there.
    Failed,
    /// A newer release should run.
    Superseded,
    /// ECS was given another revision meanwhile, and not by its own roll-back.
    Replaced,
}

/// The token on which an execution sleeps, as it is kept in the state bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sleeper {
    /// The execution.
    pub execution: String,
    /// What `SendTaskSuccess` takes.
    pub task_token: String,
}

/// How far, in seconds, the clock that stamped a rollout and ECS's may be apart.
const CLOCK_SKEW: i64 = 2;

/// Decides how the rollout stands, from the service and its newest service deployment, where ECS keeps those.
///
/// The time in which nobody could look, because AWS did not answer, does not count against the rollout, nor does the time in
/// which ECS has paused it until somebody continues it.
///
/// An update that changes nothing ECS deploys, such as the way back to what runs already, begins no service deployment.
/// The newest one is then older than the rollout, and how it ended says nothing about this rollout. (On the way back it
/// may well be older, where ECS's own roll-back is waited for; not where ECS accepted a later change.) One that was to bring another revision says nothing either:
/// the release before this one may have begun it a moment ago.
pub fn look(
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
    newest: Option<&LiveServiceDeployment>,
    now: Timestamp,
) -> Output {
    look_at_tasks(input, desired, live, newest, None, now)
}

/// Whether it has to be known why tasks stopped, for a [`look_at_tasks`] that takes the place of this look: the rollout
/// seems to fail, or tasks of it have failed. What is paused does not start any.
pub fn depends_on_tasks(live: Option<&LiveService>, look: &Output) -> bool {
    let has_failed_tasks = || {
        let primary = live.and_then(LiveService::primary);
        primary.is_some_and(|primary| primary.failed_tasks > 0)
    };
    match look.outcome {
        Outcome::Failed => live.is_some(),
        Outcome::InProgress => look.pause.is_none() && has_failed_tasks(),
        Outcome::Steady | Outcome::Superseded | Outcome::Replaced => false,
    }
}

/// The same as [`look`], from the tasks too that have stopped, where they were asked for.
///
/// ECS gives a rollout up, and runs out of time with it, for reasons that are not the release's: there is no capacity, no
/// address, no way to a registry. So what the rollout fails of is judged by its tasks ([`evidence`]). While ECS cannot
/// place or start tasks and nothing speaks against the release, the release's time begins anew, for
/// [`WITHHELD_AT_MOST`] at most. And a rollout whose tasks all run, of which only old tasks are left that take their time
/// to stop, is looked at as if ECS were done with it once its time is over.
pub fn look_at_tasks(
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
    newest: Option<&LiveServiceDeployment>,
    ended: Option<&[EndedTask]>,
    now: Timestamp,
) -> Output {
    let mut uncounted = input.uncounted(now);
    let answer = |outcome, against, reason: String, uncounted: Uncounted| Output {
        outcome,
        wait_seconds: 0,
        failure: failure(input.purpose, outcome, against, &reason),
        reason,
        progress: (),
        seen_at: Some(now),
        blind_seconds: uncounted.blind,
        pause: None,
        paused_seconds: uncounted.paused,
        withheld_seconds: uncounted.withheld,
    };
    let by_nobody =
        |outcome, reason, uncounted| answer(outcome, Against::Nobody, reason, uncounted);
    if input.purpose == Purpose::Release && desired.supersedes(input.release.number) {
        let reason = format!("release {} should run", desired.last_number);
        return by_nobody(Outcome::Superseded, reason, uncounted);
    }
    let Some(live) = live.filter(|live| live.is_active()) else {
        return if input.rollout.may_be_unseen(now) {
            let reason = format!("ECS does not show the service {} yet", input.service);
            by_nobody(Outcome::InProgress, reason, uncounted)
        } else {
            let reason = format!("the service {} is gone", input.service);
            by_nobody(Outcome::Failed, reason, uncounted)
        };
    };
    // An execution that takes over finds a deployment that is older than its own call, which began none.
    let paused = newest
        .filter(|_| runs_what_was_asked_for(input, live))
        .and_then(|newest| Pause::of(newest, noted(input, desired), now));
    let skew = SignedDuration::from_secs(CLOCK_SKEW);
    let newest = newest.filter(|newest| {
        input.purpose == Purpose::RollBack && !input.rollout.is_newer_than(newest)
            || input.rollout.started_at.duration_since(newest.created_at) <= skew
                && (newest.task_definition.is_none()
                    || newest.task_definition == input.rollout.task_definition)
    });
    let went_back = newest.is_some_and(|newest| newest.status.is_rollback());
    let standing = match &input.rollout.task_definition {
        _ if input.rollout.is_before(live, now) && !went_back => Standing::Unseen,
        None => emptied(live),
        Some(revision) => running(revision, input, live, newest),
    };
    let evidence = input.rollout.task_definition.as_ref().and_then(|revision| {
        // An execution that takes over asks for the rollout anew: its tasks may have stopped by then.
        let began = input.rollout.started_at.min(input.release.created_at);
        let since = began.checked_sub(skew).unwrap_or(now);
        let brought = desired.brought_by(&input.release);
        evidence::of_rollout(
            ended.unwrap_or_default(),
            Some(live),
            revision,
            since,
            &brought,
        )
    });
    let against = evidence.as_ref().map(|evidence| evidence.against);
    let (short, reason) = match standing {
        Standing::Steady(reason) => {
            return by_nobody(Outcome::Steady, reason, uncounted);
        }
        Standing::Replaced(reason) => {
            return by_nobody(Outcome::Replaced, reason, uncounted);
        }
        Standing::Ended {
            decided,
            unless_known,
            reason,
        } => {
            let against = decided.or(against).unwrap_or(unless_known);
            let reason = because_of(reason, evidence.filter(|each| each.against == against));
            return answer(Outcome::Failed, against, reason, uncounted);
        }
        Standing::Hopeless(reason) => {
            if matches!(against, Some(Against::Release | Against::File)) || ended.is_none() {
                let against = against.unwrap_or_default();
                let reason = because_of(reason, evidence);
                return answer(Outcome::Failed, against, reason, uncounted);
            }
            (true, reason)
        }
        Standing::Moving { short, reason } => (short, reason),
        Standing::Unseen => {
            let reason = "ECS does not show the change yet";
            (false, reason.into())
        }
    };
    if let Some(pause) = paused {
        // On the way back nobody is waited for.
        let wait_seconds = match input.purpose {
            Purpose::Release => sleep_in_pause(&pause, uncounted.paused, now),
            Purpose::RollBack => 0,
        };
        let sentence = pause.sentence();
        return Output {
            wait_seconds,
            pause: Some(pause),
            ..by_nobody(Outcome::InProgress, sentence, uncounted)
        };
    }
    let seconds = input.rollout.timeout_seconds;
    let is_late = |allowed: u64| {
        let allowed = i64::try_from(allowed).unwrap_or(i64::MAX);
        let allowed = SignedDuration::from_secs(allowed);
        let deadline = input.rollout.started_at.checked_add(allowed);
        now >= deadline.unwrap_or(Timestamp::MAX)
    };
    let late = is_late(uncounted.added_to(seconds));
    let primary = live.primary();
    let none_runs = primary.is_some_and(|primary| primary.running_count == 0);
    let withheld = short
        && match against {
            Some(against) => against == Against::Platform,
            // What nothing is said about is not known to be late of itself, where none of its tasks ran and ended.
            None => late && ended.is_some() && (live.pending_count > 0 || none_runs),
        };
    let at_most = Uncounted {
        withheld: WITHHELD_AT_MOST,
        ..uncounted
    };
    if withheld && !is_late(at_most.added_to(seconds)) {
        let passed = now.duration_since(input.rollout.started_at).as_secs();
        let passed = u64::try_from(passed).unwrap_or(0);
        // All that counted until now counts no more, and what did not does not count twice.
        uncounted.withheld += uncounted.taken_from(passed);
        let why = evidence.map_or_else(|| "they do not start".into(), |each| each.reason);
        let reason = format!("{reason}; waits until ECS can place and start them: {why}");
        return by_nobody(Outcome::InProgress, reason, uncounted);
    }
    if !late && !withheld {
        return by_nobody(Outcome::InProgress, reason, uncounted);
    }
    let speaks_against = matches!(against, Some(Against::Release | Against::File));
    if ended.is_some() && !speaks_against && only_old_tasks_are_left(input, live, now) {
        let reason = format!("{reason}; ECS waits for tasks of older deployments to stop");
        return by_nobody(Outcome::Steady, reason, uncounted);
    }
    let reason = format!(
        "ECS did not complete it within {}; last: {reason}",
        uncounted.in_words(seconds)
    );
    let against = match against {
        Some(against) if speaks_against || withheld => against,
        _ if withheld || input.rollout.is_before(live, now) => Against::Platform,
        _ => Against::Release,
    };
    let reason = because_of(reason, evidence.filter(|each| each.against == against));
    answer(Outcome::Failed, against, reason, uncounted)
}

/// The reason, with what speaks for it.
fn because_of(reason: String, evidence: Option<Evidence>) -> String {
    match evidence {
        Some(evidence) => format!("{}. {}", reason.trim_end_matches('.'), evidence.reason),
        None => reason,
    }
}

/// Whether all tasks of the rollout run, and ECS only waits for tasks of older deployments, which may take their time: a
/// deregistration delay, a long `stopTimeout`, protection from scaling in. Where both revisions run side by side, or
/// where pauses may be to come, ECS keeps the old tasks on purpose.
fn only_old_tasks_are_left(input: &Input, live: &LiveService, now: Timestamp) -> bool {
    let side_by_side = live.pace_seconds > 0
        || live.pauses
        || live
            .balancers
            .iter()
            .any(|balancer| balancer.alternate.is_some());
    let primary = live.primary().filter(|primary| {
        Some(&primary.task_definition) == input.rollout.task_definition.as_ref()
            && !input.rollout.is_before(live, now)
    });
    !side_by_side
        && live.deployments.len() > 1
        && live.desired_count > 0
        && primary.is_some_and(|primary| primary.running_count >= live.desired_count)
}

/// What is known of the pause until now: from the last look, or from the execution before this one.
fn noted<'a>(input: &'a Input, desired: &'a DesiredState) -> Option<&'a Pause> {
    let last = input.last().and_then(|last| last.pause.as_ref());
    last.or_else(|| desired.pause_of(input.release.number))
}

/// Whether the deployment that ECS is heading for brings what the rollout is to bring.
fn runs_what_was_asked_for(input: &Input, live: &LiveService) -> bool {
    let primary = live.primary().map(|primary| &primary.task_definition);
    input.rollout.task_definition.is_some() && primary == input.rollout.task_definition.as_ref()
}

/// What is wrong with the release. The rollout of a roll-back has an outcome, but says nothing about the release.
fn failure(purpose: Purpose, outcome: Outcome, against: Against, reason: &str) -> Option<Failure> {
    let is_bad = matches!(outcome, Outcome::Failed | Outcome::Replaced);
    (is_bad && purpose == Purpose::Release).then(|| Failure {
        stage: Stage::Rollout,
        against,
        reason: reason.to_owned(),
        probe: None,
        task: None,
    })
}

#[cfg(test)]
mod tests;
