//! Open releases that no live execution works on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use landfall::{
    desired::DesiredState, event::execution_ended::ExecutionInput, sweep::ExecutionsSeen,
};
use landfall_aws::{Aws, Fault};

/// Picks up the services whose executions died since the last look. Of several dead ones of a service the newest says
/// how many there were in a row.
///
/// An execution that was never started left its trace elsewhere: the push or the upload that it was for is a change
/// since the last sweep.
pub(crate) async fn look_at_executions(
    aws: &Aws,
    scheduled_at: Timestamp,
    request_id: &str,
) -> Result<(), Fault> {
    let seen = aws.sweeps().executions_seen().await?;
    let since = seen.map_or_else(|| a_day_before(scheduled_at), ExecutionsSeen::since);
    let mut services = BTreeSet::new();
    for execution in aws.executions().died(aws.state_machine()?, since).await? {
        let Some(dead) = aws.executions().input(&execution).await? else {
            tracing::info!(execution, "ignored: a dead execution that names no service");
            continue;
        };
        if services.insert(dead.service.clone()) {
            let desired = aws.state().read(&dead.service).await?;
            let restarts = dead.after_death().restarts;
            pick_up(aws, &desired, restarts, request_id).await?;
        }
    }
    aws.sweeps()
        .put_executions_seen(ExecutionsSeen {
            until: scheduled_at,
        })
        .await
}

/// Starts an execution if a release is open and no live execution holds the claim. One that was started and has not
/// asked for the claim yet is not seen; the two then settle it between them.
pub(crate) async fn pick_up(
    aws: &Aws,
    desired: &DesiredState,
    restarts: u32,
    request_id: &str,
) -> Result<(), Fault> {
    let Some(newest) = desired.next_release() else {
        return Ok(());
    };
    if let Some(claim) = &desired.claim {
        let status = aws.executions().status(&claim.execution).await?;
        if desired.holder_may_run(status, aws.now()) {
            return Ok(());
        }
    }
    let service = &desired.service;
    tracing::warn!(%service, release = newest.number, restarts, "no live execution works on an open release: starts one");
    let input = ExecutionInput {
        service: service.clone(),
        restarts,
    };
    aws.executions()
        .start(aws.state_machine()?, &input, newest.number, request_id)
        .await
}

/// How far the first sweep looks back.
fn a_day_before(time: Timestamp) -> Timestamp {
    time.checked_sub(SignedDuration::from_hours(24))
        .unwrap_or(time)
}
