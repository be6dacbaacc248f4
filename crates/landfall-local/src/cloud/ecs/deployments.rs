//! The turns that deployments take: begun, completed, failed, rolled back, stopped.

use serde_json::{Value, json};

use super::Inner;
use super::hooks::Pauses;
use super::scheduler::failure_threshold;
use super::shift::Shift;
use super::state::{Deployment, Rollout, Service, ServiceDeployment, State};
use super::traffic::is_side_by_side;

impl Inner {
    /// Makes what the service now is its PRIMARY deployment, and stops a rollout that is under way.
    pub(super) fn begin_deployment(&self, state: &mut State, arn: &str, input: &Value) {
        self.stop_running_deployment(state, arn, "A newer service deployment was created.");
        let serving = self.serving(state, arn);
        // A part of the requests may have moved already.
        self.send_requests(state, arn, serving.as_deref(), 100.0);
        let revision = self.revise(state, arn, input);
        let configuration = state
            .services
            .get(arn)
            .map(Service::deployment_configuration);
        let configuration = configuration.unwrap_or_default();
        if is_side_by_side(&configuration) {
            self.choose_groups(state, arn, &revision, serving.as_deref());
        }
        // No two of a service's deployments have the same moment: which one is the newest is told by it.
        let taken = |moment: f64| {
            let known = state.service_deployments.values();
            known
                .filter(|known| known.service == arn)
                .any(|known| known.created_at >= moment)
        };
        let mut now = self.world.epoch_seconds();
        while taken(now) {
            now += 0.001;
        }
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
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
            shift: Shift::planned(&configuration, serving),
            configuration,
            rollback: None,
            pauses: Pauses::default(),
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

    pub(super) fn complete(&self, state: &mut State, arn: &str) {
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
    pub(super) fn fail_deployment(&self, state: &mut State, arn: &str) {
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
                "No rollback candidate was found to run the rollback.",
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
        let serving = self.serving(state, arn);
        self.take_requests_back(state, arn, serving.as_deref());
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
            record.shift = record.shift.as_ref().map(|_| Shift::back(serving));
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
}

impl ServiceDeployment {
    pub(super) fn end(&mut self, status: &str, reason: &str, now: f64) {
        self.status = status.into();
        self.status_reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        self.updated_at = now;
        self.finished_at = Some(now);
    }
}
