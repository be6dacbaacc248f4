//! What the scheduler is shown: a service, and the condition of each of its tasks.

use serde_json::Value;

use super::Inner;
use super::scheduler::{Condition, Side, TaskView, View, failure_threshold};
use super::shift::Stage;
use super::state::{ContainerHealth, LastStatus, Rollout, Service, State, Task};
use crate::cloud::elb::TargetState;

impl Inner {
    /// The service as the pure scheduler sees it. Notes tasks that are up for the first time: they prove their
    /// deployment.
    pub(super) fn view(
        &self,
        state: &mut State,
        arn: &str,
        now: f64,
        wake: &mut Option<f64>,
    ) -> View {
        let State {
            services,
            tasks,
            service_deployments,
            ..
        } = state;
        let Some(service) = services.get_mut(arn) else {
            return View::nothing();
        };
        let record = service.deployments.first();
        let record =
            record.and_then(|primary| service_deployments.get(&primary.service_deployment));
        let under_way =
            record.and_then(|record| Some((record.is_running(), record.shift.as_ref()?)));
        let rolls =
            record.filter(|record| record.status == "IN_PROGRESS" && record.shift.is_none());
        let starts_later = rolls.is_some_and(|record| !record.pauses.is_past(Stage::PreScaleUp));
        let side_by_side = under_way.and_then(|(running, shift)| match shift.stage {
            Stage::CleanUp => None,
            _ if !running => Some(Side::Keep),
            Stage::ReconcileService => Some(Side::Reconcile),
            Stage::PreScaleUp => Some(Side::Hold),
            Stage::ScaleUp => Some(Side::ScaleUp),
            Stage::PostScaleUp
            | Stage::PostTestTrafficShift
            | Stage::PreProductionTrafficShift
            | Stage::ProductionTrafficShift
            | Stage::PostProductionTrafficShift
            | Stage::BakeTime => Some(Side::Keep),
        });
        let side_by_side = if starts_later {
            Some(Side::Hold)
        } else {
            side_by_side
        };
        let serving = under_way.and_then(|(_, shift)| shift.serving.clone());
        let configuration = service
            .fields
            .get("deploymentConfiguration")
            .cloned()
            .unwrap_or_default();
        let percent = |member: &str, default: u64| {
            let percent = configuration[member].as_u64().unwrap_or(default);
            usize::try_from(percent).unwrap_or(usize::MAX)
        };
        let breaker = &configuration["deploymentCircuitBreaker"];
        let primary_id = service
            .deployments
            .first()
            .map(|primary| primary.id.clone())
            .unwrap_or_default();
        let mut wake_at =
            |moment: f64| *wake = Some(wake.map_or(moment, |earlier| earlier.min(moment)));
        let mut views = vec![];
        let mut proven = false;
        for task in tasks
            .values_mut()
            .filter(|task| task.service.as_deref() == Some(arn) && !task.is_stopped())
        {
            let primary = task.deployment.as_deref() == Some(primary_id.as_str());
            let condition = self.condition(service, task, now, &mut wake_at);
            if condition == Condition::Up && !task.proven {
                task.proven = true;
                proven |= primary;
            }
            views.push(TaskView {
                arn: task.arn.clone(),
                primary,
                leftover: !primary && task.deployment != serving,
                condition,
            });
        }
        // The oldest first, whatever their names: replaced tasks leave in the order in which they came.
        views.sort_by(|one, other| {
            let created = |view: &TaskView| {
                tasks
                    .get(&view.arn)
                    .and_then(|task| task.moments.get("createdAt").copied())
            };
            created(one)
                .partial_cmp(&created(other))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Some(primary) = service.deployments.first_mut().filter(|_| proven) {
            primary.impaired = false;
            if breaker["resetOnHealthyTask"] != false {
                primary.failed_tasks = 0;
                primary.retry_at = None;
            }
        }
        let primary = service.deployments.first();
        let throttled = primary
            .and_then(|primary| primary.retry_at)
            .filter(|moment| *moment > now);
        if let Some(moment) = throttled {
            wake_at(moment);
        }
        View {
            desired: service.desired_count,
            minimum_healthy_percent: percent("minimumHealthyPercent", 100),
            maximum_percent: percent("maximumPercent", 200),
            in_progress: primary.is_some_and(|primary| primary.rollout == Rollout::InProgress),
            frozen: primary.is_some_and(|primary| primary.rollout == Rollout::Failed),
            completed_before: service.last_completed.is_some(),
            failure_threshold: (breaker["enable"] == true)
                .then(|| failure_threshold(service.desired_count)),
            failed_tasks: primary.map_or(0, |primary| primary.failed_tasks),
            throttled: throttled.is_some(),
            side_by_side,
            tasks: views,
        }
    }

    fn condition(
        &self,
        service: &Service,
        task: &Task,
        now: f64,
        wake_at: &mut impl FnMut(f64),
    ) -> Condition {
        if task.desired_status == "STOPPED" {
            return Condition::Stopping;
        }
        let Some(started) = task
            .moments
            .get("startedAt")
            .filter(|_| task.last_status == LastStatus::Running)
        else {
            return Condition::Starting;
        };
        let grace = service
            .fields
            .get("healthCheckGracePeriodSeconds")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        let mut bad = |reason: String| {
            if now < started + grace {
                wake_at(started + grace);
                return Condition::Starting;
            }
            Condition::Unhealthy(reason)
        };
        let watched: Vec<ContainerHealth> = task
            .containers
            .iter()
            .filter(|container| container.essential && container.health != ContainerHealth::None)
            .map(|container| container.health)
            .collect();
        if watched.contains(&ContainerHealth::Unhealthy) {
            return bad("Task failed container health checks".into());
        }
        // Tasks of earlier deployments stay registered where they are, however the service is balanced now.
        let primary = service.deployments.first().map(|primary| &primary.id);
        let balancers = service.fields.get("loadBalancers");
        let balanced = if task.deployment.as_ref() == primary {
            balancers.and_then(Value::as_array).map_or(0, Vec::len)
        } else {
            0
        };
        let mut waiting =
            watched.contains(&ContainerHealth::Unknown) || task.targets.len() < balanced;
        for target in &task.targets {
            match self
                .elb
                .target_health(&target.group, &target.id, target.port)
                .0
            {
                TargetState::Healthy => {}
                TargetState::Unhealthy => {
                    return bad(format!(
                        "Task failed ELB health checks in (target-group {})",
                        target.group
                    ));
                }
                TargetState::Initial | TargetState::Draining | TargetState::Unused => {
                    waiting = true
                }
            }
        }
        let settled = started + self.settings.settle.as_secs_f64();
        if watched.is_empty() && task.targets.is_empty() && now < settled {
            wake_at(settled);
            waiting = true;
        }
        if waiting {
            Condition::Starting
        } else {
            Condition::Up
        }
    }
}

impl View {
    fn nothing() -> Self {
        Self {
            desired: 0,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            in_progress: false,
            frozen: false,
            completed_before: false,
            failure_threshold: None,
            failed_tasks: 0,
            throttled: false,
            side_by_side: None,
            tasks: vec![],
        }
    }
}
