//! Blue/green, linear and canary deployments: two revisions side by side, and requests that move from one to the other by
//! the weights of a listener rule
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>).
//!
//! Of the stages those are played in which something happens. The circuit breaker is documented for rolling updates only,
//! but acts on these too, as the acceptance tests of Terraform's provider show
//! (<https://github.com/hashicorp/terraform-provider-aws/pull/43434>).

use serde_json::{Value, json};

use super::shift::Stage;
use super::state::{Deployment, Revision, Rollout, State};
use super::{Inner, list, text};

/// Strategies that have two revisions side by side.
const STRATEGIES: [&str; 3] = ["BLUE_GREEN", "LINEAR", "CANARY"];

/// Whether a `deploymentConfiguration` has two revisions side by side.
pub(super) fn is_side_by_side(configuration: &Value) -> bool {
    STRATEGIES.contains(&text(configuration, "strategy"))
}

/// The load balancers of a revision, each with the target group that its tasks are registered in.
pub(super) fn resolved(revision: &Revision) -> Vec<(Value, String)> {
    let fields = Value::from(revision.fields.clone());
    let resolved = list(&fields, "loadBalancers")
        .iter()
        .enumerate()
        .map(|(position, balancer)| {
            let chosen = revision.resolved.get(position).unwrap_or(balancer);
            (balancer.clone(), text(chosen, "targetGroupArn").to_owned())
        });
    resolved.collect()
}

impl Inner {
    /// The deployment that a service's requests go to. In a rolling update which is under way or has failed that is the one
    /// that was completed last, for the new tasks may never have come up; or if a rollout that was stopped on the way has taken
    /// its place, the newest that still has tasks.
    pub(super) fn serving(&self, state: &State, arn: &str) -> Option<String> {
        let service = state.services.get(arn)?;
        let primary = service.deployments.first()?;
        let record = state.service_deployments.get(&primary.service_deployment);
        match record.and_then(|record| record.shift.as_ref()) {
            Some(shift) if shift.percent() < 100.0 => shift.serving.clone(),
            None if primary.rollout != Rollout::Completed => {
                let completed = service.last_completed.as_ref();
                let older = || service.deployments.iter().skip(1);
                let was_completed =
                    |older: &&Deployment| Some(&older.id) == completed.map(|known| &known.id);
                let lives = |older: &&Deployment| {
                    let mut tasks = state.tasks.values();
                    tasks.any(|task| {
                        task.deployment.as_deref() == Some(&older.id) && !task.is_stopped()
                    })
                };
                let serving = older()
                    .find(was_completed)
                    .or_else(|| older().find(lives))
                    .unwrap_or(primary);
                Some(serving.id.clone())
            }
            _ => Some(primary.id.clone()),
        }
    }

    /// Chooses the target groups of a new revision: those that the serving deployment's tasks are not in.
    pub(super) fn choose_groups(
        &self,
        state: &mut State,
        arn: &str,
        revision: &str,
        serving: Option<&str>,
    ) {
        let taken: Vec<String> = self
            .revision_of(state, arn, serving)
            .map(|revision| resolved(revision).into_iter().map(|(_, group)| group))
            .into_iter()
            .flatten()
            .collect();
        let Some(revision) = state.revisions.get_mut(revision) else {
            return;
        };
        let balancers = Value::from(revision.fields.clone());
        let chosen = list(&balancers, "loadBalancers").iter().map(|balancer| {
            let advanced = &balancer["advancedConfiguration"];
            let first = text(balancer, "targetGroupArn");
            let group = match text(advanced, "alternateTargetGroupArn") {
                "" => first,
                alternate if taken.iter().any(|taken| taken == first) => alternate,
                _ => first,
            };
            let rule = text(advanced, "productionListenerRule");
            json!({ "targetGroupArn": group, "productionListenerRule": rule })
        });
        revision.resolved = chosen.collect();
    }

    fn revision_of<'a>(
        &self,
        state: &'a State,
        arn: &str,
        deployment: Option<&str>,
    ) -> Option<&'a Revision> {
        let mut deployments = state.services.get(arn)?.deployments.iter();
        let found = deployments.find(|known| Some(&*known.id) == deployment)?;
        state.revisions.get(&found.revision)
    }

    /// Sends all requests back from the deployment that is rolled back to the one that served before it, whose revision names
    /// no rule if it came by a rolling update.
    pub(super) fn take_requests_back(&self, state: &State, arn: &str, serving: Option<&str>) {
        let service = state.services.get(arn);
        let primary = service.and_then(|service| service.deployments.first());
        let primary = primary.map(|primary| &*primary.id);
        let (Some(from), Some(to)) = (
            self.revision_of(state, arn, primary),
            self.revision_of(state, arn, serving),
        ) else {
            return;
        };
        let served: Vec<String> = resolved(to).into_iter().map(|(_, group)| group).collect();
        for (balancer, _) in resolved(from) {
            self.weigh(&balancer, |group| {
                let serves = served.iter().any(|each| each == group);
                if serves { 100.0 } else { 0.0 }
            });
        }
    }

    /// Sends this percentage of the requests to a deployment's tasks, and the others to the other target group.
    pub(super) fn send_requests(
        &self,
        state: &State,
        arn: &str,
        deployment: Option<&str>,
        percent: f64,
    ) {
        let Some(revision) = self.revision_of(state, arn, deployment) else {
            return;
        };
        for (balancer, group) in resolved(revision) {
            self.weigh(&balancer, |each| {
                if each == group {
                    percent
                } else {
                    100.0 - percent
                }
            });
        }
    }

    /// Gives each of a load balancer's two target groups its percentage of the requests, by the rule that ECS moves them with.
    fn weigh(&self, balancer: &Value, percent: impl Fn(&str) -> f64) {
        let advanced = &balancer["advancedConfiguration"];
        let weights = [
            text(balancer, "targetGroupArn"),
            text(advanced, "alternateTargetGroupArn"),
        ]
        .map(|group| (group.to_owned(), percent(group).round() as u64));
        self.elb
            .weigh(text(advanced, "productionListenerRule"), &weights);
    }

    /// Takes the deployment that is under way further, for as long as nothing has to be waited for.
    pub(super) fn advance(&self, state: &mut State, arn: &str, now: f64, wake: &mut Option<f64>) {
        let Some(service) = state.services.get(arn) else {
            return;
        };
        let Some(primary) = service.deployments.first() else {
            return;
        };
        // "The reconciliation stage that only happens when you start a new service deployment with more than 1 service
        // revision in an ACTIVE state"
        // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>).
        let reconciles = service.deployments.len() > 2;
        let (id, name) = (primary.id.clone(), primary.service_deployment.clone());
        let minute = self.settings.deployment_minute.as_secs_f64();
        loop {
            let Some(record) = state.service_deployments.get(&name) else {
                return;
            };
            let shift = record.shift.clone().filter(|_| record.is_running());
            let Some(shift) = shift else {
                self.advance_rolling(state, &name, reconciles);
                return;
            };
            let leftovers = || {
                state.tasks_of(arn).any(|task| {
                    let deployment = task.deployment.as_ref();
                    !task.is_stopped()
                        && deployment != Some(&id)
                        && deployment != shift.serving.as_ref()
                })
            };
            if let Some(until) = shift.until.filter(|until| *until > now) {
                *wake = Some(wake.map_or(until, |earlier| earlier.min(until)));
                return;
            }
            let is_done = shift.stage != Stage::ReconcileService || !leftovers();
            let Some(next) = shift.next(now, minute).filter(|_| is_done) else {
                return;
            };
            let pauses = shift.stage != Stage::ReconcileService || reconciles;
            let Some(record) = state.service_deployments.get_mut(&name) else {
                return;
            };
            if pauses && !self.passes(record, shift.stage, shift.taken) {
                return;
            }
            record.updated_at = now;
            let percent = (next.taken > shift.taken).then(|| next.percent());
            record.shift = Some(next);
            if let Some(percent) = percent {
                self.send_requests(state, arn, Some(&id), percent);
            }
            self.look.notify_one();
        }
    }

    /// A rolling update can only be paused before its first task starts; and before it is completed, see [`Self::completes`].
    fn advance_rolling(&self, state: &mut State, record: &str, reconciles: bool) {
        let Some(record) = state.service_deployments.get_mut(record) else {
            return;
        };
        if record.is_running() {
            let _ = (!reconciles || self.passes(record, Stage::ReconcileService, 0))
                && self.passes(record, Stage::PreScaleUp, 0);
        }
    }

    /// Whether the primary deployment may be completed, all of whose tasks are up.
    pub(super) fn completes(&self, state: &mut State, arn: &str) -> bool {
        let Some(primary) = state.services.get(arn).and_then(|s| s.deployments.first()) else {
            return false;
        };
        let record = primary.service_deployment.clone();
        match state.service_deployments.get_mut(&record) {
            Some(record) if record.shift.is_none() => self.passes(record, Stage::PostScaleUp, 0),
            _ => true,
        }
    }

    /// Every new task is up: requests may move.
    pub(super) fn move_requests(&self, state: &mut State, arn: &str) {
        let Some(primary) = state.services.get(arn).and_then(|s| s.deployments.first()) else {
            return;
        };
        let record = primary.service_deployment.clone();
        if let Some(record) = state.service_deployments.get_mut(&record)
            && let Some(shift) = record.shift.as_mut()
        {
            shift.stage = Stage::PostScaleUp;
            record.updated_at = self.world.epoch_seconds();
        }
        self.look.notify_one();
    }
}
