//! Acts on what the scheduler decides: begins, completes, fails and rolls back deployments, starts and stops tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::scheduler::{Plan, Turn, Why, plan};
use super::state::{Deployment, ServiceDeployment, ServiceStatus, State, Task};
use super::{Ecs, Inner};
use crate::cloud::elb::TargetState;

/// Looks at every service whenever a task, a target or a request has changed something, and when a delay has run out.
pub(super) async fn schedule(inner: Weak<Inner>, mut targets: watch::Receiver<u64>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let ecs = Ecs { inner };
        let wake = ecs.pass();
        let look = Arc::clone(&ecs.inner.look);
        drop(ecs);
        let delay = wake.map_or(Duration::from_secs(3600), |seconds| {
            Duration::from_secs_f64(seconds.clamp(0.001, 3600.0))
        });
        tokio::select! {
            biased;
            () = look.notified() => {}
            changed = targets.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(delay) => {}
        }
    }
}

impl Ecs {
    /// One look at every service. Answers after how many seconds to look again at the latest.
    fn pass(&self) -> Option<f64> {
        let inner = &self.inner;
        let now = inner.world.epoch_seconds();
        let mut wake: Option<f64> = None;
        let mut started = vec![];
        {
            let mut state = inner.lock();
            state.expire(now);
            let active = state
                .services
                .values()
                .filter(|service| service.status != ServiceStatus::Inactive);
            for arn in active
                .map(|service| service.arn.clone())
                .collect::<Vec<_>>()
            {
                inner.count_failures(&mut state, &arn, now);
                inner.time_out(&mut state, &arn, now, &mut wake);
                inner.advance(&mut state, &arn, now, &mut wake);
                let view = inner.view(&mut state, &arn, now, &mut wake);
                let plan = plan(&view);
                inner.apply(&mut state, &arn, plan, &mut started);
                inner.tidy(&mut state, &arn);
            }
        }
        for task in &started {
            self.begin_task(task);
        }
        wake.map(|moment| moment - now)
    }
}

impl Inner {
    /// Charges tasks that stopped for reasons of their own to their deployments.
    fn count_failures(&self, state: &mut State, arn: &str, now: f64) {
        let State {
            services,
            tasks,
            service_deployments,
            ..
        } = state;
        let Some(service) = services.get_mut(arn) else {
            return;
        };
        for task in tasks
            .values_mut()
            .filter(|task| task.failed && task.service.as_deref() == Some(arn))
        {
            task.failed = false;
            let deployment = service
                .deployments
                .iter_mut()
                .find(|d| task.deployment.as_deref() == Some(d.id.as_str()));
            let Some(deployment) = deployment else {
                continue;
            };
            self.count_failure(deployment, service_deployments, now);
            if deployment.failed_tasks >= 3 && !deployment.impaired {
                deployment.impaired = true;
                self.say(service, "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.");
                self.announce_action(service, "SERVICE_TASK_START_IMPAIRED");
            }
        }
    }

    /// One more failed task of a deployment: it waits before it starts the next.
    pub(super) fn count_failure(
        &self,
        deployment: &mut Deployment,
        service_deployments: &mut BTreeMap<String, ServiceDeployment>,
        now: f64,
    ) {
        deployment.failed_tasks += 1;
        deployment.updated_at = now;
        let doublings = u32::try_from(deployment.failed_tasks.saturating_sub(4))
            .unwrap_or(u32::MAX)
            .min(6);
        if deployment.failed_tasks > 3 {
            let units = f64::from(2_u32.pow(doublings)).min(60.0);
            deployment.retry_at = Some(now + units * self.settings.restart_backoff.as_secs_f64());
        }
        let rollout = service_deployments.get_mut(&deployment.service_deployment);
        if let Some(rollout) = rollout.filter(|rollout| rollout.status == "IN_PROGRESS") {
            rollout.breaker["failureCount"] = deployment.failed_tasks.into();
        }
    }

    fn apply(&self, state: &mut State, arn: &str, plan: Plan, started: &mut Vec<String>) {
        let mut surplus = vec![];
        for stop in &plan.stops {
            let State {
                services, tasks, ..
            } = &mut *state;
            let (Some(service), Some(task)) = (services.get_mut(arn), tasks.get_mut(&stop.arn))
            else {
                continue;
            };
            match &stop.why {
                Why::Surplus => {
                    let primary = service
                        .deployments
                        .first()
                        .map(|primary| primary.id.as_str())
                        .unwrap_or_default();
                    let reason = format!("Scaling activity initiated by (deployment {primary})");
                    self.stop(task, "ServiceSchedulerInitiated", &reason);
                    surplus.push(format!("(task {})", task.id()));
                }
                Why::Unhealthy(reason) => {
                    task.failed = true;
                    self.say(service, &self.unhealthy_sentence(task));
                    self.stop(task, "ServiceSchedulerInitiated", reason);
                }
            }
        }
        let not_placed = self.places_none().filter(|_| plan.starts > 0);
        if let Some(reason) = &not_placed {
            self.is_not_placed(state, arn, reason);
        }
        if plan.starts > 0 && not_placed.is_none() {
            let tasks: Vec<Task> = (0..plan.starts)
                .filter_map(|_| self.service_task(state, arn))
                .collect();
            let names: Vec<String> = tasks
                .iter()
                .map(|task| format!("(task {})", task.id()))
                .collect();
            if let Some(service) = state.services.get_mut(arn) {
                service.steady = false;
                self.say(
                    service,
                    &format!("has started {} tasks: {}.", names.len(), names.join(" ")),
                );
            }
            for task in tasks {
                self.announce_task(&task);
                started.push(task.arn.clone());
                state.tasks.insert(task.arn.clone(), task);
            }
        }
        if let Some(service) = state.services.get_mut(arn).filter(|_| !surplus.is_empty()) {
            service.steady = false;
            self.say(
                service,
                &format!(
                    "has stopped {} running tasks: {}.",
                    surplus.len(),
                    surplus.join(" ")
                ),
            );
        }
        if let Some(service) = state.services.get_mut(arn).filter(|_| plan.deadlocked) {
            let sentence = "was unable to stop or start tasks during a deployment because of the service deployment \
                            configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
            let said = |event: &Value| {
                event["message"]
                    .as_str()
                    .is_some_and(|text| text.ends_with(sentence))
            };
            if !service.events.first().is_some_and(said) {
                self.say(service, sentence);
            }
        }
        match plan.turn {
            Some(Turn::Shift) => self.move_requests(state, arn),
            Some(Turn::Complete) if self.completes(state, arn) => self.complete(state, arn),
            Some(Turn::Complete) => {}
            Some(Turn::Fail) => self.fail_deployment(state, arn),
            None => {}
        }
        if let Some(service) = state
            .services
            .get_mut(arn)
            .filter(|service| plan.steady && !service.steady)
        {
            service.steady = true;
            self.say(service, "has reached a steady state.");
            self.announce_action(service, "SERVICE_STEADY_STATE");
        }
    }

    fn unhealthy_sentence(&self, task: &Task) -> String {
        for target in &task.targets {
            let (state, description) =
                self.elb
                    .target_health(&target.group, &target.id, target.port);
            if state == TargetState::Unhealthy {
                return format!(
                    "(port {}) is unhealthy in (target-group {}) due to (reason {description}).",
                    target.port, target.group
                );
            }
        }
        format!("(task {}) failed container health checks.", task.id())
    }

    /// Forgets drained deployments; a deleted service without tasks is INACTIVE.
    fn tidy(&self, state: &mut State, arn: &str) {
        let State {
            services, tasks, ..
        } = state;
        let Some(service) = services.get_mut(arn) else {
            return;
        };
        let alive: Vec<&Task> = tasks
            .values()
            .filter(|task| task.service.as_deref() == Some(arn) && !task.is_stopped())
            .collect();
        let mut position = 0;
        service.deployments.retain(|deployment| {
            position += 1;
            position == 1
                || alive
                    .iter()
                    .any(|task| task.deployment.as_deref() == Some(deployment.id.as_str()))
        });
        if service.status == ServiceStatus::Draining && alive.is_empty() {
            service.status = ServiceStatus::Inactive;
        }
    }
}
