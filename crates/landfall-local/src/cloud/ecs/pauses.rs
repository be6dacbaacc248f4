//! Pauses: `PAUSE` lifecycle hooks, at which a deployment waits until somebody continues it
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>). Their times are real ones: a
//! person is to have as long as the hook says.
//!
//! AWS does not say how the stages are passed where old tasks are replaced by new ones (`ROLLING`). Here such a deployment
//! can be paused before its first task starts (`PRE_SCALE_UP`), and before it completes, once all its tasks are up
//! (`POST_SCALE_UP`); and as any other at `RECONCILE_SERVICE`. It never comes to the stages in which requests move.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Ecs, Inner,
    hooks::{Hook, HookStatus},
    invalid, list,
    shift::Stage,
    state::{Rollout, ServiceDeployment, State},
    strings, text,
};
use crate::cloud::fault::Fault;

/// The stages at which a deployment can be paused. At the two others that hooks have it cannot, "because these stages are also
/// invoked during rollback"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>).
const STAGES: [&str; 6] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
];
/// "You can configure a maximum of 10 pause hooks … per service."
const MOST: usize = 10;
/// How long, in minutes, a hook waits that does not say: a day.
const MINUTES: u64 = 1440;
/// The longest that a hook may wait, in minutes: 14 days.
const MOST_MINUTES: u64 = 20160;

/// Refuses lifecycle hooks that ECS refuses, and those that are not played.
pub(super) fn playable(configuration: &Value) -> Result<(), Fault> {
    let hooks = list(configuration, "lifecycleHooks");
    if hooks.iter().any(|hook| text(hook, "targetType") != "PAUSE") {
        return Err(invalid(
            "The embedded cloud plays lifecycle hooks of the type PAUSE only: leave the functions out here.",
        ));
    }
    if hooks.len() > MOST {
        return Err(invalid(format!(
            "A service can have at most {MOST} lifecycle hooks of the type PAUSE."
        )));
    }
    for hook in hooks {
        let stages = strings(hook, "lifecycleStages");
        if stages.is_empty() {
            return Err(invalid("lifecycleStages cannot be empty."));
        }
        if let Some(stage) = stages.iter().find(|stage| !STAGES.contains(stage)) {
            return Err(invalid(format!(
                "A lifecycle hook of the type PAUSE cannot have the lifecycle stage {stage}."
            )));
        }
        let timeout = &hook["timeoutConfiguration"];
        let minutes = timeout["timeoutInMinutes"].as_u64().unwrap_or(MINUTES);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(invalid(format!(
                "timeoutInMinutes must be between 1 and {MOST_MINUTES}."
            )));
        }
        action(timeout, "ROLLBACK")?;
    }
    Ok(())
}

/// The member `action`, which has a default.
fn action(input: &Value, default: &str) -> Result<String, Fault> {
    match text(input, "action") {
        "" => Ok(default.to_owned()),
        known @ ("CONTINUE" | "ROLLBACK") => Ok(known.to_owned()),
        other => Err(invalid(format!("Invalid action: {other}."))),
    }
}

impl Ecs {
    /// Has a paused deployment go on, or back.
    pub(super) fn continue_service_deployment(&self, input: &Value) -> Result<Value, Fault> {
        let arn = text(input, "serviceDeploymentArn");
        let action = action(input, "CONTINUE")?;
        let mut state = self.inner.lock();
        let deployment = state.service_deployments.get_mut(arn).ok_or_else(|| {
            Fault::client(
                "ServiceDeploymentNotFoundException",
                format!("Service deployment not found: {arn}"),
            )
        })?;
        if deployment.status != "IN_PROGRESS" {
            return Err(invalid(format!(
                "Cannot continue service deployment {arn} because it is in status {}.",
                deployment.status
            )));
        }
        let wanted = text(input, "hookId");
        let mut hooks = deployment.pauses.hooks.iter();
        let position = hooks
            .position(|hook| hook.id == wanted && hook.status == HookStatus::AwaitingAction)
            .ok_or_else(|| invalid(format!("The hook {wanted} is not awaiting an action.")))?;
        let goes_on = action == "CONTINUE";
        deployment.pauses.hooks[position].status = if goes_on {
            HookStatus::Succeeded
        } else {
            HookStatus::Failed
        };
        let now = self.inner.world.epoch_seconds();
        let event = hook_event(&deployment.pauses.hooks[position], deployment, now);
        let service = deployment.service.clone();
        self.inner.announce_hook(arn, event);
        if !goes_on {
            self.inner.decline(
                &mut state,
                &service,
                "Service deployment rolled back because a lifecycle hook was continued with the action ROLLBACK.",
            );
        }
        drop(state);
        self.inner.look.notify_one();
        Ok(json!({ "serviceDeploymentArn": arn }))
    }
}

impl Inner {
    /// Whether a deployment may go on past a stage, of which it has taken so many steps. Where hooks are configured for the
    /// stage it may not, until each of them was continued.
    pub(super) fn passes(
        &self,
        deployment: &mut ServiceDeployment,
        stage: Stage,
        steps: usize,
    ) -> bool {
        if deployment.rollback.is_some() || deployment.status != "IN_PROGRESS" {
            return true;
        }
        let now = self.world.epoch_seconds();
        if !deployment.pauses.reached.contains(&(stage, steps)) {
            deployment.pauses.reached.push((stage, steps));
            let configuration = deployment.configuration.clone();
            let name = json!(stage);
            let hooks = list(&configuration, "lifecycleHooks").iter();
            for hook in hooks.filter(|hook| list(hook, "lifecycleStages").contains(&name)) {
                let timeout = &hook["timeoutConfiguration"];
                let minutes = timeout["timeoutInMinutes"].as_u64().unwrap_or(MINUTES);
                let reached = Hook {
                    id: format!("ecs-pause-{}", self.world.hex(43)),
                    stage,
                    status: HookStatus::AwaitingAction,
                    expires_at: now + minutes as f64 * 60.0,
                    timeout_action: action(timeout, "ROLLBACK").unwrap_or_default(),
                };
                self.announce_hook(&deployment.arn, hook_event(&reached, deployment, now));
                deployment.pauses.hooks.push(reached);
                deployment.updated_at = now;
                // The next pass knows when the hook times out.
                self.look.notify_one();
            }
        }
        deployment.pauses.stage().is_none()
    }

    /// Ends the hooks of a service's deployment that have waited for as long as they may. `wake` is when the next one has.
    pub(super) fn time_out(&self, state: &mut State, arn: &str, now: f64, wake: &mut Option<f64>) {
        let Some(primary) = state.services.get(arn).and_then(|s| s.deployments.first()) else {
            return;
        };
        let record = primary.service_deployment.clone();
        let deployment = state.service_deployments.get_mut(&record);
        let Some(deployment) = deployment.filter(|known| known.status == "IN_PROGRESS") else {
            return;
        };
        let mut goes_back = false;
        for position in 0..deployment.pauses.hooks.len() {
            let hook = &mut deployment.pauses.hooks[position];
            if hook.status == HookStatus::AwaitingAction && hook.expires_at <= now {
                hook.status = HookStatus::TimedOut;
                goes_back |= hook.timeout_action == "ROLLBACK";
                let event = hook_event(&deployment.pauses.hooks[position], deployment, now);
                self.announce_hook(&record, event);
            }
        }
        let expiries = deployment.pauses.awaited().map(|hook| hook.expires_at);
        if let Some(first) = expiries.reduce(f64::min) {
            *wake = Some(wake.map_or(first, |earlier| earlier.min(first)));
        }
        if goes_back {
            let reason = "Service deployment rolled back because a lifecycle hook timed out.";
            self.decline(state, arn, reason);
        }
    }

    /// Takes the deployment of a service back because of a decision; one without a completed deployment before it ends.
    pub(super) fn decline(&self, state: &mut State, arn: &str, reason: &str) {
        let now = self.world.epoch_seconds();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        let has_good = service.last_completed.is_some();
        let Some(failed) = service.deployments.first_mut() else {
            return;
        };
        failed.rollout = Rollout::Failed;
        failed.reason = reason.into();
        if has_good {
            self.roll_back(state, arn, reason);
            return;
        }
        let record = failed.service_deployment.clone();
        if let Some(record) = state.service_deployments.get_mut(&record) {
            let reason = "No rollback candidate was found to run the rollback.";
            record.end("ROLLBACK_FAILED", reason, now);
        }
    }

    /// "ECS Hook State Change"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>).
    fn announce_hook(&self, deployment: &str, detail: Map<String, Value>) {
        self.bus.emit(
            "aws.ecs",
            "ECS Hook State Change",
            &[deployment.to_owned()],
            detail.into(),
        );
    }
}

/// The detail of the event that says how a hook stands.
fn hook_event(hook: &Hook, deployment: &ServiceDeployment, now: f64) -> Map<String, Value> {
    let time = |seconds: f64| {
        let moment = Timestamp::from_millisecond((seconds * 1000.0) as i64);
        moment.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
    };
    let kind = match hook.status {
        HookStatus::AwaitingAction | HookStatus::Succeeded => "INFO",
        HookStatus::Failed | HookStatus::TimedOut => "ERROR",
    };
    let members = [
        ("eventType", json!(kind)),
        ("eventName", json!(hook.status.event())),
        ("hookId", json!(hook.id)),
        ("hookType", json!("PAUSE")),
        ("expiresAt", json!(time(hook.expires_at))),
        ("lifecycleStage", json!(hook.stage)),
        ("clusterArn", json!(deployment.cluster_arn)),
        ("serviceArn", json!(deployment.service)),
        ("serviceDeploymentArn", json!(deployment.arn)),
        ("updatedAt", json!(time(now))),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    members.into_iter().collect()
}
