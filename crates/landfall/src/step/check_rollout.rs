//! Step `CheckRollout`: what ECS itself says of a rollout, or of the way back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    desired::DesiredState,
    failure::{Failure, Stage},
    live::{
        Declined, LiveService, LiveServiceDeployment, Rollout, RolloutState,
        ServiceDeploymentStatus,
    },
    look::{self, Look},
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
/// may well be older: ECS's own roll-back is waited for.) One that was to bring another revision says nothing either:
/// the release before this one may have begun it a moment ago.
pub fn look(
    input: &Input,
    desired: &DesiredState,
    live: Option<&LiveService>,
    newest: Option<&LiveServiceDeployment>,
    now: Timestamp,
) -> Output {
    let blind_seconds = input.blind_seconds(now);
    let paused_seconds = input.paused_seconds(now);
    let answer = |outcome, reason: String| Output {
        outcome,
        wait_seconds: 0,
        failure: failure(input.purpose, outcome, &reason),
        reason,
        progress: (),
        seen_at: Some(now),
        blind_seconds,
        pause: None,
        paused_seconds,
    };
    if input.purpose == Purpose::Release && desired.supersedes(input.release.number) {
        return answer(
            Outcome::Superseded,
            format!("release {} should run", desired.last_number),
        );
    }
    let Some(live) = live.filter(|live| live.is_active()) else {
        return if input.rollout.may_be_unseen(now) {
            let reason = format!("ECS does not show the service {} yet", input.service);
            answer(Outcome::InProgress, reason)
        } else {
            let reason = format!("the service {} is gone", input.service);
            answer(Outcome::Failed, reason)
        };
    };
    // An execution that takes over finds a deployment that is older than its own call, which began none.
    let paused = newest
        .filter(|_| runs_what_was_asked_for(input, live))
        .and_then(|newest| Pause::of(newest, noted(input, desired), now));
    let skew = SignedDuration::from_secs(CLOCK_SKEW);
    let newest = newest.filter(|newest| {
        input.purpose == Purpose::RollBack
            || input.rollout.started_at.duration_since(newest.created_at) <= skew
                && (newest.task_definition.is_none()
                    || newest.task_definition == input.rollout.task_definition)
    });
    let went_back = newest.is_some_and(|newest| newest.status.is_rollback());
    let (outcome, reason) = match &input.rollout.task_definition {
        _ if input.rollout.is_before(live) && !went_back => (
            Outcome::InProgress,
            "ECS does not show the change yet".into(),
        ),
        None => emptied(live),
        Some(revision) => running(revision, input.purpose, live, newest),
    };
    if let Some(pause) = paused.filter(|_| outcome == Outcome::InProgress) {
        // On the way back nobody is waited for.
        let wait_seconds = match input.purpose {
            Purpose::Release => pause.sleep_seconds(paused_seconds, now),
            Purpose::RollBack => 0,
        };
        return Output {
            wait_seconds,
            pause: Some(pause.clone()),
            ..answer(outcome, pause.sentence())
        };
    }
    let seconds = input.rollout.timeout_seconds;
    let uncounted = blind_seconds.saturating_add(paused_seconds);
    let allowed = i64::try_from(seconds.saturating_add(uncounted)).unwrap_or(i64::MAX);
    let deadline = input
        .rollout
        .started_at
        .checked_add(SignedDuration::from_secs(allowed))
        .unwrap_or(Timestamp::MAX);
    if outcome == Outcome::InProgress && now >= deadline {
        return answer(
            Outcome::Failed,
            format!(
                "ECS did not complete it within {}; last: {reason}",
                look::seen_within(seconds, blind_seconds, paused_seconds)
            ),
        );
    }
    answer(outcome, reason)
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

/// Why ECS took a deployment back.
fn taken_back(newest: &LiveServiceDeployment) -> String {
    match newest.declined() {
        Some(Declined::ByAnswer(hook)) => format!(
            "somebody had ECS roll the deployment back, at its pause hook {}",
            hook.id
        ),
        Some(Declined::ByTimeout(hook)) => format!(
            "nobody continued the deployment in time, and ECS rolled it back: its pause hook {} timed out",
            hook.id
        ),
        None => "ECS rolled the deployment back by itself".into(),
    }
}

/// What is wrong with the release. The rollout of a roll-back has an outcome, but says nothing about the release.
fn failure(purpose: Purpose, outcome: Outcome, reason: &str) -> Option<Failure> {
    let is_bad = matches!(outcome, Outcome::Failed | Outcome::Replaced);
    (is_bad && purpose == Purpose::Release).then(|| Failure {
        stage: Stage::Rollout,
        reason: reason.to_owned(),
        probe: None,
        task: None,
    })
}

fn emptied(live: &LiveService) -> (Outcome, String) {
    match live.running_count + live.pending_count {
        0 => (Outcome::Steady, "no task runs".into()),
        left => (Outcome::InProgress, format!("{left} tasks still run")),
    }
}

fn running(
    revision: &str,
    purpose: Purpose,
    live: &LiveService,
    newest: Option<&LiveServiceDeployment>,
) -> (Outcome, String) {
    let Some(primary) = live.primary() else {
        return (
            Outcome::Failed,
            "the service has no primary deployment".into(),
        );
    };
    let because = |what: &str, reason: Option<&String>| match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    };
    let status = newest.map(|newest| &newest.status);
    let status_reason = newest.and_then(|newest| newest.status_reason.as_ref());
    let rolled_back_by_ecs = status.is_some_and(ServiceDeploymentStatus::is_rollback);
    if primary.task_definition != revision {
        let on_its_way = status.is_some_and(ServiceDeploymentStatus::is_on_its_way_back);
        return if purpose == Purpose::RollBack && on_its_way {
            (Outcome::InProgress, "ECS is on its way back".into())
        } else if let Some(newest) = newest.filter(|_| rolled_back_by_ecs) {
            (Outcome::Failed, because(&taken_back(newest), status_reason))
        } else {
            let message = format!(
                "the service was given another task definition meanwhile: {}",
                primary.task_definition
            );
            (Outcome::Replaced, message)
        };
    }
    if primary.rollout_state == Some(RolloutState::Failed) {
        return (
            Outcome::Failed,
            because(
                "ECS gave the deployment up",
                primary.rollout_state_reason.as_ref(),
            ),
        );
    }
    // ECS may keep no service deployments, or none for what was asked.
    let accepted = match (status, purpose) {
        (None | Some(ServiceDeploymentStatus::Successful), _) => true,
        (
            Some(ServiceDeploymentStatus::RollbackSuccessful | ServiceDeploymentStatus::Stopped),
            Purpose::RollBack,
        ) => true,
        (Some(_), _) => false,
    };
    let gave_up = |status: &&ServiceDeploymentStatus| match purpose {
        Purpose::Release => status.is_rollback() || **status == ServiceDeploymentStatus::Stopped,
        Purpose::RollBack => **status == ServiceDeploymentStatus::RollbackFailed,
    };
    if let Some((newest, status)) = newest.zip(status.filter(gave_up)) {
        let what = match newest.declined() {
            Some(_) => taken_back(newest),
            None => format!("ECS ended the deployment as {status}"),
        };
        return (Outcome::Failed, because(&what, status_reason));
    }
    // What is bad goes back at once while the old tasks are up, so it is time to look.
    if purpose == Purpose::Release && newest.is_some_and(|newest| newest.bakes) {
        return (
            Outcome::Steady,
            format!("all requests go to {revision}, and ECS keeps the old tasks for now"),
        );
    }
    // Autoscaling may change the counts at any moment, so they only matter where ECS keeps no service deployments.
    let completed = match newest {
        Some(_) => primary.is_completed(),
        None => live.is_steady(),
    };
    if completed && accepted {
        return (
            Outcome::Steady,
            format!("{} tasks run {revision}", live.running_count),
        );
    }
    let enough = live.desired_count.max(3);
    if primary.running_count == 0 && primary.failed_tasks >= enough {
        return (
            Outcome::Failed,
            format!("{} tasks failed and none runs", primary.failed_tasks),
        );
    }
    let message = format!(
        "{} of {} tasks run {revision}, {} failed",
        primary.running_count, live.desired_count, primary.failed_tasks
    );
    (Outcome::InProgress, message)
}

#[cfg(test)]
mod tests;
