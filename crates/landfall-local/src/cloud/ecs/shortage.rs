//! What AWS is short of for a while: places for tasks, or what a placed task needs to start. And Spot capacity that it takes
//! back.

use std::sync::PoisonError;

use super::state::{LastStatus, State};
use super::{Ecs, Inner};

/// What ECS cannot do at present, with the reason as ECS says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// It places no task: `Capacity is unavailable at this time. …`
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>). A service says so in
    /// an event, and each attempt counts as a failed task; `RunTask` answers it as a failure.
    Places(String),
    /// It places tasks and cannot start them: they stop as `TaskFailedToStart`, for this reason.
    Starts(String),
}

impl Ecs {
    /// What AWS is short of from now on; nothing ends a shortage.
    pub fn run_short(&self, shortage: Option<Shortage>) {
        *self
            .inner
            .shortage
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = shortage;
        self.inner.look.notify_one();
    }

    /// AWS takes back the Spot capacity of every task that runs and was started by a name that begins so
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>).
    pub fn interrupt_spot(&self, started_by: &str) {
        let mut state = self.inner.lock();
        for task in state.tasks.values_mut() {
            let by = task.fields.get("startedBy").and_then(|by| by.as_str());
            let is_meant = by.is_some_and(|by| by.starts_with(started_by));
            if is_meant && task.last_status == LastStatus::Running {
                let reason = "Your Spot Task was interrupted.";
                self.inner.stop(task, "SpotInterruption", reason);
            }
        }
        drop(state);
        self.inner.look.notify_one();
    }
}

impl Inner {
    fn shortage(&self) -> Option<Shortage> {
        let shortage = self.shortage.lock();
        shortage.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why no task is placed.
    pub(super) fn places_none(&self) -> Option<String> {
        match self.shortage() {
            Some(Shortage::Places(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Why no placed task starts.
    pub(super) fn starts_none(&self) -> Option<String> {
        match self.shortage() {
            Some(Shortage::Starts(reason)) => Some(reason),
            _ => None,
        }
    }

    /// A task of the service could not be placed: the service says so, once while nothing else happens, and it counts as a
    /// failed task.
    pub(super) fn is_not_placed(&self, state: &mut State, arn: &str, reason: &str) {
        let now = self.world.epoch_seconds();
        let State {
            services,
            service_deployments,
            ..
        } = state;
        let Some(service) = services.get_mut(arn) else {
            return;
        };
        let sentence = format!("was unable to place a task. Reason: {reason}.");
        let said = service.events.first().is_some_and(|event| {
            let message = event["message"].as_str();
            message.is_some_and(|text| text.ends_with(&sentence))
        });
        if !said {
            self.say(service, &sentence);
        }
        if let Some(primary) = service.deployments.first_mut() {
            self.count_failure(primary, service_deployments, now);
            // Without a task that ends, nothing else makes the scheduler look again.
            let again = now + self.settings.restart_backoff.as_secs_f64();
            primary.retry_at = Some(primary.retry_at.map_or(again, |at| at.max(again)));
        }
    }
}
