//! Pauses: the times in which ECS waits at a `PAUSE` lifecycle hook until somebody continues a deployment
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>).
//!
//! A pause says nothing about a release. Its time does not count against `verify.timeout`, and the execution looks at the
//! deployment more and more rarely. How the pause ends is ECS's to carry out, and a decision of the service's owner: a
//! person continues the deployment or rolls it back, or the hook times out, with the action that the owner gave it.

use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    live::{HookAction, HookStatus, LiveServiceDeployment, ServiceDeploymentStatus},
    record::Release,
    service_id::ServiceId,
};

/// A deployment that ECS has paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The service deployment's ARN.
    pub deployment: String,
    /// The stage at which it waits, for example `POST_TEST_TRAFFIC_SHIFT`; none if ECS does not say.
    pub stage: Option<String>,
    /// The hooks that wait. The deployment goes on once each of them is continued.
    pub hooks: Vec<AwaitedHook>,
    /// When Landfall first saw it waiting.
    pub since: Timestamp,
}

/// A hook that waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitedHook {
    /// Its `hookId`.
    pub id: String,
    /// When ECS stops waiting (`expiresAt`); none if it does not say.
    pub until: Option<Timestamp>,
    /// What ECS does then (`timeoutAction`); none if it does not say.
    pub then: Option<HookAction>,
}

/// The pause of a release, as the desired state holds it while it lasts: for people, and for an execution that takes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRelease {
    /// The number of the release.
    pub release: u64,
    /// The pause.
    #[serde(flatten)]
    pub pause: Pause,
}

/// What is announced of a pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The service.
    pub service: ServiceId,
    /// The release that waits.
    pub release: Release,
    /// The pause.
    pub pause: Pause,
    /// The same in a sentence.
    pub message: String,
    /// The commands that continue the deployment, one for each hook.
    pub commands: Vec<String>,
}

impl Pause {
    /// The pause of a deployment, if it is paused. `before` is what was known of its pause until now.
    pub fn of(
        deployment: &LiveServiceDeployment,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Option<Self> {
        if deployment.status != ServiceDeploymentStatus::InProgress {
            return None;
        }
        let awaited = deployment
            .hooks
            .iter()
            .filter(|hook| hook.status == HookStatus::AwaitingAction);
        let hooks: Vec<_> = awaited
            .map(|hook| AwaitedHook {
                id: hook.id.clone(),
                until: hook.expires_at,
                then: hook.timeout_action.clone(),
            })
            .collect();
        if hooks.is_empty() {
            return None;
        }
        let pause = Self {
            deployment: deployment.arn.clone(),
            stage: deployment.stage.clone(),
            hooks,
            since: now,
        };
        let known = before.filter(|before| before.shares_a_hook_with(&pause));
        Some(Self {
            since: known.map_or(now, |known| known.since),
            ..pause
        })
    }

    /// Whether both wait for the same hooks.
    pub fn awaits_the_same_as(&self, other: &Self) -> bool {
        let ids = |pause: &Self| -> Vec<String> {
            let mut ids: Vec<_> = pause.hooks.iter().map(|hook| hook.id.clone()).collect();
            ids.sort();
            ids
        };
        ids(self) == ids(other)
    }

    fn shares_a_hook_with(&self, other: &Self) -> bool {
        let mut hooks = self.hooks.iter();
        hooks.any(|hook| other.hooks.iter().any(|known| known.id == hook.id))
    }

    /// The pause in a sentence: where, since when, until when, and what ECS does then.
    pub fn sentence(&self) -> String {
        let mut text = match &self.stage {
            Some(stage) => format!("ECS paused the deployment at {stage}"),
            None => "ECS paused the deployment".into(),
        };
        let _ = write!(
            text,
            " and has waited for somebody to continue it since {:.0}",
            self.since
        );
        for hook in &self.hooks {
            let _ = write!(text, "; hook {}", hook.id);
            if let (Some(until), Some(then)) = (hook.until, &hook.then) {
                let _ = write!(text, " waits until {until:.0}, then ECS does {then}");
            }
        }
        text
    }

    /// The commands of the AWS CLI that continue the deployment, one for each hook. `--action ROLLBACK` takes it back.
    pub fn commands(&self) -> Vec<String> {
        let command = |hook: &AwaitedHook| {
            format!(
                "aws ecs continue-service-deployment --service-deployment-arn {} --hook-id {} --action CONTINUE",
                self.deployment, hook.id
            )
        };
        self.hooks.iter().map(command).collect()
    }

    /// What is announced of it.
    pub fn report(&self, service: &ServiceId, release: &Release) -> Report {
        Report {
            service: service.clone(),
            release: release.clone(),
            message: format!("release {}: {}", release.number, self.sentence()),
            commands: self.commands(),
            pause: self.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
