//! "ECS Deployment State Change"
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>) and "ECS Hook State
//! Change" (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Heard, open, within};
use crate::{
    live::{LiveService, UNSEEN_SECONDS},
    refusal::Refusal,
    service_id::ServiceId,
};

const DEPLOYMENT: &str = "ECS Deployment State Change";
const HOOK: &str = "ECS Hook State Change";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_name: String,
    /// Only of a hook, whose `resources` name the service deployment.
    service_arn: Option<String>,
    /// `ecs-svc/…`; only of a deployment. Whoever only has to look needs neither this nor the next.
    #[serde(default)]
    deployment_id: Value,
    /// Only of a deployment.
    #[serde(default)]
    updated_at: Value,
}

impl Detail {
    /// The deployment and when it changed, if that can be read.
    fn deployment(&self) -> Option<(String, Timestamp)> {
        let id = self.deployment_id.as_str()?;
        within("deployment id", id, 255).ok()?;
        Some((id.to_owned(), self.updated_at.as_str()?.parse().ok()?))
    }
}

/// A service whose deployment changed, or whose deployment's lifecycle hook did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The service.
    pub service: ServiceId,
    /// The deployment, `ecs-svc/…`, and when it changed, if the event says so.
    pub deployment: Option<(String, Timestamp)>,
}

impl Changed {
    /// Whether `live`, the service as ECS shows it `now`, may be older than this change: it has neither the deployment nor a later
    /// one, and the change is not older than what ECS shows late. A deployment that ECS rolled back and removed is never shown.
    pub fn may_be_unseen(&self, live: Option<&LiveService>, now: Timestamp) -> bool {
        let Some((id, at)) = &self.deployment else {
            return false;
        };
        let deployments = live.into_iter().flat_map(|live| &live.deployments);
        let mut later = deployments.filter(|deployment| {
            deployment.id == *id || deployment.created_at.is_some_and(|created| created > *at)
        });
        later.next().is_none() && now.duration_since(*at).as_secs() < UNSEEN_SECONDS
    }
}

/// What changed.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value) -> Result<Heard<Changed>, Refusal> {
    let envelope = open::<Detail>(event, "aws.ecs", &[DEPLOYMENT, HOOK])?;
    let ignore = |reason: &str| Ok(Heard::Ignore(reason.into()));
    match &*envelope.detail.event_name {
        "SERVICE_DEPLOYMENT_IN_PROGRESS" => {
            return ignore("a deployment in progress ends no waiting");
        }
        "HOOK_IN_PROGRESS" => return ignore("a hook in progress ends no waiting"),
        _ => {}
    }
    let detail = envelope.detail;
    let arn = if event["detail-type"] == HOOK {
        let arn = detail.service_arn.as_ref();
        arn.ok_or_else(|| Refusal::new("the event names no service in `detail.serviceArn`"))?
    } else {
        let arn = envelope.resources.first();
        arn.ok_or_else(|| Refusal::new("the event names no service in `resources`"))?
    };
    within("service ARN", arn, 2048)?;
    match ServiceId::from_arn(arn) {
        Ok(service) => Ok(Heard::Look(Changed {
            service,
            deployment: detail.deployment(),
        })),
        Err(refusal) => Ok(Heard::Ignore(refusal.0)),
    }
}
