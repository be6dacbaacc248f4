//! Acts on what the scheduler decides: begins, completes, fails and rolls back deployments, starts and stops tasks.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::scheduler::{Plan, Turn, Why, failure_threshold, plan};
use super::state::{Deployment, Rollout, ServiceDeployment, ServiceStatus, State, Task};
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
            deployment.failed_tasks += 1;
            deployment.updated_at = now;
            let doublings = u32::try_from(deployment.failed_tasks.saturating_sub(4))
                .unwrap_or(u32::MAX)
                .min(6);
            if deployment.failed_tasks > 3 {
                let units = f64::from(2_u32.pow(doublings)).min(60.0);
                deployment.retry_at =
                    Some(now + units * self.settings.restart_backoff.as_secs_f64());
            }
            let rollout = service_deployments.get_mut(&deployment.service_deployment);
            if let Some(rollout) = rollout.filter(|rollout| rollout.status == "IN_PROGRESS") {
                rollout.breaker["failureCount"] = deployment.failed_tasks.into();
            }
            if deployment.failed_tasks >= 3 && !deployment.impaired {
                deployment.impaired = true;
                self.say(service, "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.");
                self.announce_action(service, "SERVICE_TASK_START_IMPAIRED");
            }
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
        if plan.starts > 0 {
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
        match plan.turn {
            Some(Turn::Complete) => self.complete(state, arn),
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

    /// Makes what the service now is its PRIMARY deployment, and stops a rollout that is under way.
    pub(super) fn begin_deployment(&self, state: &mut State, arn: &str, input: &Value) {
        self.stop_running_deployment(state, arn, "A newer service deployment was created.");
        let revision = self.revise(state, arn, input);
        let now = self.world.epoch_seconds();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        let configuration = service
            .fields
            .get("deploymentConfiguration")
            .cloned()
            .unwrap_or_default();
        let enabled = configuration["deploymentCircuitBreaker"]["enable"] == true;
        let service_deployment = format!(
            "{}/{}",
            arn.replacen(":service/", ":service-deployment/", 1),
            self.world.hex(21)
        );
        let id = format!("ecs-svc/{}", self.digits());
        let record = ServiceDeployment {
            arn: service_deployment.clone(),
            number: state.service_deployments.len(),
            service: arn.to_owned(),
            cluster_arn: service.cluster_arn(),
            status: "IN_PROGRESS".into(),
            status_reason: None,
            target: revision.clone(),
            source: service
                .last_completed
                .as_ref()
                .map(|deployment| deployment.revision.clone()),
            configuration,
            rollback: None,
            breaker: json!({
                "status": if enabled { "MONITORING" } else { "DISABLED" },
                "failureCount": 0,
                "threshold": failure_threshold(service.desired_count),
            }),
            created_at: now,
            updated_at: now,
            finished_at: None,
            stopped_at: None,
        };
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id,
            revision,
            service_deployment: service_deployment.clone(),
            rollout: Rollout::InProgress,
            failed_tasks: 0,
            impaired: false,
            retry_at: None,
            created_at: now,
            updated_at: now,
        };
        self.announce_deployment(
            arn,
            &deployment,
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            &deployment.reason,
        );
        service.steady = false;
        service.deployments.insert(0, deployment);
        state.service_deployments.insert(service_deployment, record);
    }

    /// Marks the service deployment that is under way as STOPPED.
    pub(super) fn stop_running_deployment(&self, state: &mut State, arn: &str, reason: &str) {
        let Some(primary) = state
            .services
            .get(arn)
            .and_then(|service| service.deployments.first())
        else {
            return;
        };
        let now = self.world.epoch_seconds();
        let record = state
            .service_deployments
            .get_mut(&primary.service_deployment);
        if let Some(record) = record.filter(|record| record.is_running()) {
            record.end("STOPPED", reason, now);
            record.stopped_at = Some(now);
        }
    }

    fn complete(&self, state: &mut State, arn: &str) {
        let now = self.world.epoch_seconds();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        let Some(primary) = service.deployments.first_mut() else {
            return;
        };
        let record = state
            .service_deployments
            .get_mut(&primary.service_deployment)
            .filter(|record| record.is_running());
        let rolled_back = record
            .as_ref()
            .is_some_and(|record| record.rollback.is_some());
        primary.rollout = Rollout::Completed;
        primary.updated_at = now;
        primary.reason = if rolled_back {
            format!(
                "ECS deployment circuit breaker: rollback to deploymentId {} completed.",
                primary.id
            )
        } else {
            format!("ECS deployment {} completed.", primary.id)
        };
        let primary = primary.clone();
        if let Some(record) = record {
            if rolled_back {
                let reason = record
                    .rollback
                    .as_ref()
                    .and_then(|rollback| rollback["reason"].as_str())
                    .unwrap_or_default();
                let reason = reason.to_owned();
                record.end("ROLLBACK_SUCCESSFUL", &reason, now);
            } else {
                record.end("SUCCESSFUL", "", now);
                if record.breaker["status"] == "MONITORING" {
                    record.breaker["status"] = "MONITORING_COMPLETE".into();
                }
            }
        }
        self.announce_deployment(
            arn,
            &primary,
            "SERVICE_DEPLOYMENT_COMPLETED",
            &primary.reason,
        );
        self.say(
            service,
            &format!("(deployment {}) deployment completed.", primary.id),
        );
        service.last_completed = Some(primary);
    }

    /// The circuit breaker has opened.
    fn fail_deployment(&self, state: &mut State, arn: &str) {
        let now = self.world.epoch_seconds();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        let Some(primary) = service.deployments.first_mut() else {
            return;
        };
        primary.rollout = Rollout::Failed;
        primary.reason = "ECS deployment circuit breaker: tasks failed to start.".into();
        primary.updated_at = now;
        let primary = primary.clone();
        let rollback = service.fields["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"]
            == true;
        let has_good = service.last_completed.is_some();
        self.announce_deployment(arn, &primary, "SERVICE_DEPLOYMENT_FAILED", &primary.reason);
        self.say(
            service,
            &format!(
                "(deployment {}) deployment failed: tasks failed to start.",
                primary.id
            ),
        );
        let record = state
            .service_deployments
            .get_mut(&primary.service_deployment)
            .filter(|record| record.is_running());
        let Some(record) = record else { return };
        record.breaker["status"] = "TRIGGERED".into();
        record.breaker["failureCount"] = primary.failed_tasks.into();
        let reason =
            "Service deployment rolled back because the circuit breaker threshold was exceeded.";
        if record.rollback.is_some() {
            record.end(
                "ROLLBACK_FAILED",
                "The service revision that was rolled back to failed to start tasks.",
                now,
            );
        } else if rollback && has_good {
            self.roll_back(state, arn, reason);
        } else if rollback {
            record.end(
                "ROLLBACK_FAILED",
                "There is no completed service revision to roll back to.",
                now,
            );
        } else {
            record.end(
                "STOPPED",
                "The circuit breaker threshold was exceeded.",
                now,
            );
            record.stopped_at = Some(now);
        }
        self.look.notify_one();
    }

    /// Makes the last completed deployment the PRIMARY one again; the caller has made sure that there is one.
    pub(super) fn roll_back(&self, state: &mut State, arn: &str, reason: &str) {
        let now = self.world.epoch_seconds();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        let (Some(failed), Some(mut good)) = (
            service.deployments.first().cloned(),
            service.last_completed.clone(),
        ) else {
            return;
        };
        service
            .deployments
            .retain(|deployment| deployment.id != good.id);
        good.rollout = Rollout::InProgress;
        good.reason = format!(
            "ECS deployment circuit breaker: rolling back to deploymentId {}.",
            good.id
        );
        (
            good.failed_tasks,
            good.impaired,
            good.retry_at,
            good.updated_at,
        ) = (0, false, None, now);
        good.service_deployment = failed.service_deployment.clone();
        if let Some(revision) = state.revisions.get(&good.revision) {
            for (name, value) in &mut service.fields {
                if let Some(earlier) = revision.fields.get(name) {
                    value.clone_from(earlier);
                }
            }
        }
        if let Some(record) = state
            .service_deployments
            .get_mut(&failed.service_deployment)
        {
            record.status = "ROLLBACK_IN_PROGRESS".into();
            record.status_reason = Some(reason.into());
            record.updated_at = now;
            record.rollback = Some(
                json!({ "reason": reason, "startedAt": now, "serviceRevisionArn": good.revision }),
            );
        }
        self.announce_deployment(arn, &good, "SERVICE_DEPLOYMENT_IN_PROGRESS", &good.reason);
        self.say(service, &format!("rolling back to deployment {}.", good.id));
        service.steady = false;
        service.deployments.insert(0, good);
        self.look.notify_one();
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

impl ServiceDeployment {
    fn end(&mut self, status: &str, reason: &str, now: f64) {
        self.status = status.into();
        self.status_reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        self.updated_at = now;
        self.finished_at = Some(now);
    }
}
