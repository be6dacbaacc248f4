//! "ECS Deployment State Change"
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>).

use serde::Deserialize;
use serde_json::Value;

use super::{Heard, open, within};
use crate::{refusal::Refusal, service_id::ServiceId};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_name: String,
}

/// The service whose deployment changed.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value) -> Result<Heard<ServiceId>, Refusal> {
    let envelope = open::<Detail>(event, "aws.ecs", &["ECS Deployment State Change"])?;
    if envelope.detail.event_name == "SERVICE_DEPLOYMENT_IN_PROGRESS" {
        return Ok(Heard::Ignore(
            "a deployment in progress ends no waiting".into(),
        ));
    }
    let Some(arn) = envelope.resources.first() else {
        return Err(Refusal::new("the event names no service in `resources`"));
    };
    within("service ARN", arn, 2048)?;
    match ServiceId::from_arn(arn) {
        Ok(service) => Ok(Heard::Look(service)),
        Err(refusal) => Ok(Heard::Ignore(refusal.0)),
    }
}
