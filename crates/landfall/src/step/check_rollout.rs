//! Step `CheckRollout`: what ECS itself says of a rollout, or of the way back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    desired::DesiredState,
    failure::{Failure, Stage},
    live::{LiveService, LiveServiceDeployment, Rollout, RolloutState, ServiceDeploymentStatus},
    look::{self, Look},
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
/// The time in which nobody could look, because AWS did not answer, does not count against the rollout.
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
    let answer = |outcome, reason: String| Output {
        outcome,
        wait_seconds: 0,
        failure: failure(input.purpose, outcome, &reason),
        reason,
        progress: (),
        seen_at: Some(now),
        blind_seconds,
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
    let seconds = input.rollout.timeout_seconds;
    let allowed = i64::try_from(seconds.saturating_add(blind_seconds)).unwrap_or(i64::MAX);
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
                look::seen_within(seconds, blind_seconds)
            ),
        );
    }
    answer(outcome, reason)
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
        } else if rolled_back_by_ecs {
            (
                Outcome::Failed,
                because("ECS rolled the deployment back by itself", status_reason),
            )
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
    if let Some(status) = status.filter(gave_up) {
        return (
            Outcome::Failed,
            because(
                &format!("ECS ended the deployment as {status}"),
                status_reason,
            ),
        );
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
