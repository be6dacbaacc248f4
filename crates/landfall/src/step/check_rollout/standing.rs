//! How a rollout stands by what ECS says of the service and of its newest service deployment, whatever the time.

use super::{Input, Purpose};
use crate::{
    evidence::Against,
    live::{
        Declined, EndedBy, LiveService, LiveServiceDeployment, RolloutState,
        ServiceDeploymentStatus,
    },
};

/// How a rollout stands by ECS's description of the service alone.
pub(super) enum Standing {
    /// ECS is done.
    Steady(String),
    /// ECS is not done; fewer tasks of the rollout may run than are wanted.
    Moving {
        /// Whether they are fewer.
        short: bool,
        /// How many run.
        reason: String,
    },
    /// None of its tasks runs, and as many failed as are wanted.
    Hopeless(String),
    /// ECS ended it.
    Ended {
        /// Against whom that speaks, where the tasks need not be asked.
        decided: Option<Against>,
        /// Against whom it speaks where the tasks say nothing.
        unless_known: Against,
        /// Why.
        reason: String,
    },
    /// ECS was given another revision.
    Replaced(String),
    /// ECS does not show it yet.
    Unseen,
}

/// How the way to no task at all stands.
pub(super) fn emptied(live: &LiveService) -> Standing {
    match live.running_count + live.pending_count {
        0 => Standing::Steady("no task runs".into()),
        left => Standing::Moving {
            short: false,
            reason: format!("{left} tasks still run"),
        },
    }
}

/// How the rollout of a revision stands.
pub(super) fn running(
    revision: &str,
    input: &Input,
    live: &LiveService,
    newest: Option<&LiveServiceDeployment>,
) -> Standing {
    let purpose = input.purpose;
    let moving = |reason: &str| Standing::Moving {
        short: false,
        reason: reason.into(),
    };
    let Some(primary) = live.primary() else {
        let reason = "the service has no primary deployment";
        return Standing::Ended {
            decided: Some(Against::Nobody),
            unless_known: Against::Nobody,
            reason: reason.into(),
        };
    };
    let because = |what: &str, reason: Option<&String>| match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    };
    let status = newest.map(|newest| &newest.status);
    let status_reason = newest.and_then(|newest| newest.status_reason.as_ref());
    let (decided, unless_known) = match newest {
        // The circuit breaker also counts tasks that could not be placed, of which none is left to see.
        None => (None, Against::Platform),
        // Nothing is wrong with its tasks, but somebody decided against it.
        Some(newest) if newest.declined().is_some() => (Some(Against::Release), Against::Release),
        Some(newest) => match newest.ended_by {
            Some(EndedBy::Breaker) => (None, Against::Platform),
            // An alarm is what the release's owner has ECS watch for bad answers.
            Some(EndedBy::Alarms) => (Some(Against::Release), Against::Release),
            Some(EndedBy::Person) => (Some(Against::Nobody), Against::Nobody),
            // The circuit breaker ends one so that may not go back, and so does whoever stops it.
            None if newest.status == ServiceDeploymentStatus::Stopped => (None, Against::Nobody),
            // A lifecycle hook of the release's owner, for example.
            None => (None, Against::Release),
        },
    };
    let ended = |unless_known, reason| Standing::Ended {
        decided,
        unless_known,
        reason,
    };
    if primary.task_definition != revision {
        let on_its_way = status.is_some_and(ServiceDeploymentStatus::is_on_its_way_back);
        return if purpose == Purpose::RollBack && on_its_way {
            moving("ECS is on its way back")
        } else if let Some(newest) = newest.filter(|newest| newest.status.is_rollback()) {
            ended(unless_known, because(&taken_back(newest), status_reason))
        } else {
            Standing::Replaced(format!(
                "the service was given another task definition meanwhile: {}",
                primary.task_definition
            ))
        };
    }
    if primary.rollout_state == Some(RolloutState::Failed) {
        let reason = primary.rollout_state_reason.as_ref();
        let reason = because("ECS gave the deployment up", reason);
        // Only the circuit breaker and alarms make ECS give a deployment up.
        return ended(Against::Platform, reason);
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
    // Somebody may force another deployment of the same revision, which stops the one that was accepted; the list of
    // service deployments may show the new one later (<https://github.com/kayac/ecspresso/issues/899>).
    let is_succeeded = input.rollout.deployment.as_ref().is_some_and(|accepted| {
        accepted.id != primary.id && status == Some(&ServiceDeploymentStatus::Stopped)
    });
    if purpose == Purpose::Release && is_succeeded {
        return moving("another deployment of the same revision took the place of the first");
    }
    let gave_up = |status: &&ServiceDeploymentStatus| match purpose {
        Purpose::Release => status.is_rollback() || **status == ServiceDeploymentStatus::Stopped,
        Purpose::RollBack => **status == ServiceDeploymentStatus::RollbackFailed,
    };
    if let Some((newest, status)) = newest.zip(status.filter(gave_up)) {
        let what = match newest.declined() {
            Some(_) => taken_back(newest),
            None => format!("ECS ended the deployment as {status}"),
        };
        return ended(unless_known, because(&what, status_reason));
    }
    // What is bad goes back at once while the old tasks are up, so it is time to look.
    if purpose == Purpose::Release && newest.is_some_and(LiveServiceDeployment::bakes) {
        return Standing::Steady(format!(
            "all requests go to {revision}, and ECS keeps the old tasks for now"
        ));
    }
    // Autoscaling may change the counts at any moment, so they only matter where ECS keeps no service deployments.
    let completed = match newest {
        Some(_) => primary.is_completed(),
        None => live.is_steady(),
    };
    if completed && accepted {
        return Standing::Steady(format!("{} tasks run {revision}", live.running_count));
    }
    let enough = live.desired_count.max(3);
    if primary.running_count == 0 && primary.failed_tasks >= enough {
        return Standing::Hopeless(format!(
            "{} tasks failed and none runs",
            primary.failed_tasks
        ));
    }
    Standing::Moving {
        short: primary.running_count < live.desired_count,
        reason: format!(
            "{} of {} tasks run {revision}, {} failed",
            primary.running_count, live.desired_count, primary.failed_tasks
        ),
    }
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
