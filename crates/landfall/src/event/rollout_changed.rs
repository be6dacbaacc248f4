//! "ECS Deployment State Change"
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>) and "ECS Hook State
//! Change" (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>).

use serde::Deserialize;
use serde_json::Value;

use super::{Heard, open, within};
use crate::{refusal::Refusal, service_id::ServiceId};

const DEPLOYMENT: &str = "ECS Deployment State Change";
const HOOK: &str = "ECS Hook State Change";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_name: String,
    /// Only of a hook, whose `resources` name the service deployment.
    service_arn: Option<String>,
}

/// The service whose deployment changed, or whose deployment's lifecycle hook did.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value) -> Result<Heard<ServiceId>, Refusal> {
    let envelope = open::<Detail>(event, "aws.ecs", &[DEPLOYMENT, HOOK])?;
    let ignore = |reason: &str| Ok(Heard::Ignore(reason.into()));
    match &*envelope.detail.event_name {
        "SERVICE_DEPLOYMENT_IN_PROGRESS" => {
            return ignore("a deployment in progress ends no waiting");
        }
        "HOOK_IN_PROGRESS" => return ignore("a hook in progress ends no waiting"),
        _ => {}
    }
    let arn = if event["detail-type"] == HOOK {
        let arn = envelope.detail.service_arn.as_ref();
        arn.ok_or_else(|| Refusal::new("the event names no service in `detail.serviceArn`"))?
    } else {
        let arn = envelope.resources.first();
        arn.ok_or_else(|| Refusal::new("the event names no service in `resources`"))?
    };
    within("service ARN", arn, 2048)?;
    match ServiceId::from_arn(arn) {
        Ok(service) => Ok(Heard::Look(service)),
        Err(refusal) => Ok(Heard::Ignore(refusal.0)),
    }
}
