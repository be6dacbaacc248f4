//! Targets: their health, and which of them answers the next request.
//!
//! Choosing a target and counting its request happen under one lock, and so does the change to draining: after
//! [`Elb::begin_draining`] has returned, no new request can reach the target, and every request that did is counted.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::forwarding::load_balancers_of;
use super::not_found::no_target_group;
use super::{Elb, Inner, State, TargetGroup};
use crate::cloud::fault::Fault;

/// What ELB thinks of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Registered, and not yet through its first checks.
    Initial,
    /// In service.
    Healthy,
    /// Out of service.
    Unhealthy,
    /// Deregistered, finishing its requests.
    Draining,
    /// Not registered, or its group is behind no load balancer.
    Unused,
}

/// A target without a socket that could be asked.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedTarget {
    /// How its health checks go.
    pub health: SimulatedHealth,
    /// The body of its answers, while they are good.
    pub says: &'static str,
}

/// How the health checks of a simulated target go.
#[derive(Clone, Copy, Debug)]
pub enum SimulatedHealth {
    /// Every check from this moment on succeeds.
    From(Instant),
    /// Every check fails.
    Never,
}

impl SimulatedHealth {
    /// Whether a request at this moment would be answered well.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::From(moment) if Instant::now() >= moment)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) port: u16,
    pub(super) health: Health,
    /// Consecutive checks that contradict `health`.
    #[serde(default)]
    pub(super) against: u64,
    #[serde(skip)]
    pub(super) in_flight: u32,
    #[serde(skip)]
    pub(super) simulated: Option<SimulatedTarget>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Health {
    Initial { checked: bool },
    Healthy,
    Unhealthy { reason: String, description: String },
    Draining,
}

/// What one health check found.
#[derive(Debug)]
pub(super) enum Check {
    Passed,
    Failed {
        reason: &'static str,
        description: String,
    },
}

impl Target {
    /// Takes a check's result into account; answers whether the state has changed. A new target is healthy after one
    /// passed check, whatever the healthy threshold
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>).
    pub(super) fn checked(
        &mut self,
        check: Check,
        healthy_threshold: u64,
        unhealthy_threshold: u64,
    ) -> bool {
        let before = self.health.clone();
        match (&self.health, check) {
            (Health::Draining, _) => {}
            (Health::Initial { .. }, Check::Passed) => self.become_(Health::Healthy),
            (Health::Healthy, Check::Passed) | (Health::Unhealthy { .. }, Check::Failed { .. }) => {
                self.against = 0
            }
            (Health::Unhealthy { .. }, Check::Passed) => {
                self.against += 1;
                if self.against >= healthy_threshold {
                    self.become_(Health::Healthy);
                }
            }
            (
                Health::Initial { .. } | Health::Healthy,
                Check::Failed {
                    reason,
                    description,
                },
            ) => {
                self.against += 1;
                if self.against >= unhealthy_threshold {
                    self.become_(Health::Unhealthy {
                        reason: reason.into(),
                        description,
                    });
                } else if let Health::Initial { checked } = &mut self.health {
                    *checked = true;
                }
            }
        }
        self.health != before
    }

    fn become_(&mut self, health: Health) {
        self.health = health;
        self.against = 0;
    }

    /// The target as DescribeTargetHealth shows it.
    pub(super) fn described(&self, group: &Map<String, Value>, in_use: bool) -> Value {
        let (state, reason, description) = match &self.health {
            Health::Draining => (
                "draining",
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            ),
            _ if !in_use => (
                "unused",
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer",
            ),
            Health::Initial { checked: false } => (
                "initial",
                "Elb.RegistrationInProgress",
                "Target registration is in progress",
            ),
            Health::Initial { checked: true } => (
                "initial",
                "Elb.InitialHealthChecking",
                "Initial health checks in progress",
            ),
            Health::Healthy => ("healthy", "", ""),
            Health::Unhealthy {
                reason,
                description,
            } => ("unhealthy", reason.as_str(), description.as_str()),
        };
        let mut health = json!({ "State": state });
        if !reason.is_empty() {
            health["Reason"] = reason.into();
            health["Description"] = description.into();
        }
        let check_port = match group["HealthCheckPort"].as_str() {
            Some("traffic-port") | None => self.port.to_string(),
            Some(port) => port.to_owned(),
        };
        json!({
            "Target": { "Id": self.id, "Port": self.port },
            "HealthCheckPort": check_port,
            "TargetHealth": health,
        })
    }
}

/// A request on its way to a target; when it is dropped the target has one request less in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    inner: Arc<Inner>,
    group: String,
    pub(super) id: String,
    pub(super) port: u16,
    /// There is no socket behind this target.
    pub(super) simulated: Option<SimulatedTarget>,
}

impl InFlight {
    /// Chooses the next target of the group and counts a request to it. Healthy targets are used; if there is none, every
    /// unhealthy one is (the load balancer fails open). `tried` targets have refused this request already.
    pub(super) fn begin(
        inner: &Arc<Inner>,
        state: &mut State,
        group_arn: &str,
        tried: &[(String, u16)],
    ) -> Option<Self> {
        let group = state.target_groups.get_mut(group_arn)?;
        let TargetGroup {
            targets,
            turn,
            attributes,
            ..
        } = group;
        let untried = |target: &&Target| {
            !tried
                .iter()
                .any(|(id, port)| *id == target.id && *port == target.port)
        };
        let any_healthy = targets
            .values()
            .any(|target| target.health == Health::Healthy);
        let candidates: Vec<&Target> = targets
            .values()
            .filter(|target| match target.health {
                Health::Healthy => true,
                Health::Unhealthy { .. } => !any_healthy,
                Health::Initial { .. } | Health::Draining => false,
            })
            .filter(untried)
            .collect();
        let least = attributes
            .get("load_balancing.algorithm.type")
            .is_some_and(|kind| kind == "least_outstanding_requests");
        let chosen = if least {
            candidates.iter().min_by_key(|target| target.in_flight)?
        } else {
            candidates.get(turn.checked_rem(candidates.len())?)?
        };
        let chosen = super::targets::key(&chosen.id, chosen.port);
        *turn = turn.wrapping_add(1);
        let target = targets.get_mut(&chosen)?;
        target.in_flight += 1;
        Some(Self {
            inner: Arc::clone(inner),
            group: group_arn.to_owned(),
            id: target.id.clone(),
            port: target.port,
            simulated: target.simulated,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        let target = state
            .target_groups
            .get_mut(&self.group)
            .and_then(|group| group.targets.get_mut(&key(&self.id, self.port)));
        if let Some(target) = target {
            target.in_flight = target.in_flight.saturating_sub(1);
            if target.health == Health::Draining && target.in_flight == 0 {
                drop(state);
                self.inner.changed();
            }
        }
    }
}

impl Elb {
    /// Registers a target and begins to check it. A draining target comes back as a new one.
    ///
    /// # Errors
    /// `TargetGroupNotFound`.
    pub fn register(
        &self,
        group: &str,
        id: &str,
        port: u16,
        simulated: Option<SimulatedTarget>,
    ) -> Result<(), Fault> {
        {
            let mut state = self.inner.lock();
            let group = state
                .target_groups
                .get_mut(group)
                .ok_or_else(|| no_target_group(group))?;
            if group
                .targets
                .get(&key(id, port))
                .is_some_and(|known| known.health != Health::Draining)
            {
                return Ok(());
            }
            let health = Health::Initial { checked: false };
            let target = Target {
                id: id.to_owned(),
                port,
                health,
                against: 0,
                in_flight: 0,
                simulated,
            };
            group.targets.insert(key(id, port), target);
        }
        self.check_target(group, id, port);
        self.inner.changed();
        Ok(())
    }

    /// From now on no new request goes to the target.
    pub fn begin_draining(&self, group: &str, id: &str, port: u16) {
        {
            let mut state = self.inner.lock();
            let Some(target) = state
                .target_groups
                .get_mut(group)
                .and_then(|group| group.targets.get_mut(&key(id, port)))
            else {
                return;
            };
            target.health = Health::Draining;
        }
        self.inner.changed();
    }

    /// Drains the target and removes it: once it has no request in flight, or at the end of the group's deregistration
    /// delay. AWS completes a deregistration early in the same way but goes on to show the target as draining until the
    /// delay is over, so that ECS waits for the whole of it; here nobody has to.
    pub async fn deregister(&self, group: &str, id: &str, port: u16) {
        self.begin_draining(group, id, port);
        let mut changes = self.changes();
        let idle = async {
            while self.requests_in_flight(group, id, port) > 0 {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(self.deregistration_delay(group), idle).await;
        self.forget(group, id, port);
    }

    /// Removes a target without waiting, because what it stood for is gone.
    pub fn forget(&self, group: &str, id: &str, port: u16) {
        let removed = {
            let mut state = self.inner.lock();
            state
                .target_groups
                .get_mut(group)
                .and_then(|group| group.targets.remove(&key(id, port)))
        };
        if removed.is_some() {
            self.inner.changed();
        }
    }

    /// The state of one target, and the reason's words where there is a reason.
    pub fn target_health(&self, group: &str, id: &str, port: u16) -> (TargetState, String) {
        let state = self.inner.lock();
        let target = state
            .target_groups
            .get(group)
            .and_then(|group| group.targets.get(&key(id, port)));
        match target.map(|target| &target.health) {
            None => (
                TargetState::Unused,
                "Target is not registered to the target group".into(),
            ),
            Some(Health::Draining) => (
                TargetState::Draining,
                "Target deregistration is in progress".into(),
            ),
            Some(_) if load_balancers_of(&state, group).is_empty() => (
                TargetState::Unused,
                "Target group is not configured to receive traffic from the load balancer".into(),
            ),
            Some(Health::Initial { .. }) => (
                TargetState::Initial,
                "Initial health checks in progress".into(),
            ),
            Some(Health::Healthy) => (TargetState::Healthy, String::new()),
            Some(Health::Unhealthy { description, .. }) => {
                (TargetState::Unhealthy, description.clone())
            }
        }
    }

    /// Whether the target group exists, and whether a load balancer forwards to it.
    pub fn target_group(&self, group: &str) -> Option<bool> {
        let state = self.inner.lock();
        state
            .target_groups
            .get(group)
            .map(|_| !load_balancers_of(&state, group).is_empty())
    }

    fn requests_in_flight(&self, group: &str, id: &str, port: u16) -> u32 {
        let state = self.inner.lock();
        let target = state
            .target_groups
            .get(group)
            .and_then(|group| group.targets.get(&key(id, port)));
        target.map_or(0, |target| target.in_flight)
    }

    fn deregistration_delay(&self, group: &str) -> Duration {
        let state = self.inner.lock();
        let delay = state.target_groups.get(group).and_then(|group| {
            group
                .attributes
                .get("deregistration_delay.timeout_seconds")?
                .parse()
                .ok()
        });
        Duration::from_secs(delay.unwrap_or(300))
    }
}

/// The name of a target within its group.
pub(super) fn key(id: &str, port: u16) -> String {
    format!("{id}:{port}")
}
