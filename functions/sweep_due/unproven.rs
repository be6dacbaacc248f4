//! Tasks of releases of which none ran when they were concluded.

use landfall::{desired::DesiredState, service_id::ServiceId, versioned::Versioned};
use landfall_aws::{Aws, Fault, state_bucket::Change};

use super::{Outcome, executions::pick_up};

/// Looks at the services of which a release is unproven: nothing announces that their desired count was raised.
pub(crate) async fn look_at_unproven(aws: &Aws, request_id: &str, outcome: &mut Outcome) {
    match aws.state().noted_unproven().await {
        Ok(services) => {
            for service in services {
                let looked = look_at_service(aws, &service, request_id).await;
                outcome.note(service, looked);
            }
        }
        Err(fault) => outcome.note("the unproven releases", Err(fault)),
    }
}

/// Releases the content anew if tasks run. ECS is asked after the desired state was read, so whoever changes that
/// meanwhile wins. A sweep that dies before it starts an execution leaves an open release to the next.
async fn look_at_service(aws: &Aws, service: &ServiceId, request_id: &str) -> Result<(), Fault> {
    let prove = |read: Versioned<DesiredState>| async move {
        if !read.awaits_tasks() {
            return Ok(Change::Leave(()));
        }
        let live = aws.ecs().service(service).await?;
        let mut desired = read.into_value();
        desired.prove(live.as_ref(), aws.now());
        Ok(Change::Write(Box::new(desired), ()))
    };
    let (desired, ()) = aws.state().change(service, prove).await?;
    pick_up(aws, &desired, 0, request_id).await
}
