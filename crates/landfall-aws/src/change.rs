//! Makes a change of a service, in which everything is decided.

use landfall::{
    change::{Call, Change, Count},
    live::Accepted,
    service_section::{drop_unowned_count, who_counts},
};
use serde_json::{Map, Value};

use crate::{Aws, Fault};

/// Makes the change: tags first, then the call. Answers the deployment with which ECS accepted it, if there was a call.
///
/// # Errors
/// As AWS refuses; transient while something is in the way that passes.
pub async fn carry_out(aws: &Aws, change: &Change) -> Result<Option<Accepted>, Fault> {
    if let Some(obstacle) = change.obstacle {
        return Err(Fault::transient(obstacle.of(&change.service)));
    }
    let body = match &change.call {
        Call::Create(body) | Call::Update(body) => with_count(aws, change, body).await?,
        Call::Nothing => return Ok(None),
    };
    if let Some(tags) = &change.tags {
        aws.ecs().change_tags(&tags.arn, &tags.changes).await?;
    }
    let (operation, accepted) = match &change.call {
        Call::Create(_) => ("CreateService", aws.ecs().create_service(&body).await?),
        _ => ("UpdateService", aws.ecs().update_service(&body).await?),
    };
    let task_definition = change.rollout.task_definition.as_deref();
    tracing::info!(operation, task_definition, "ECS accepted the change");
    Ok(Some(accepted))
}

/// The body of a call, its desired count left out if that is not the service file's to say. Only a count that would change
/// something costs a call.
async fn with_count(
    aws: &Aws,
    change: &Change,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    let mut body = body.clone();
    if change.count == Count::Keep {
        return Ok(body);
    }
    match aws.scaling().target(&change.service, true).await {
        Ok(target) => {
            if target.as_ref().is_some_and(|target| !target.is_ours) {
                tracing::info!("the scalable target is foreign: the desired count is left alone");
            }
            drop_unowned_count(&mut body, target.as_ref());
        }
        Err(fault) if fault.is_refused() && change.count == Count::DropUnowned => {
            let (wanted, refused) = (&body["desiredCount"], fault.to_string());
            return Err(fault.with_message(who_counts(&change.service, wanted, &refused)));
        }
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "the number of tasks is left as it is");
            body.remove("desiredCount");
        }
        Err(fault) => return Err(fault),
    }
    Ok(body)
}
