//! Services that are held because a release ended undecided, and AWS may answer again.

use landfall::{
    desired::DesiredState, service_id::ServiceId, undecided::Due, versioned::Versioned,
};
use landfall_aws::{
    Aws, Fault, state_bucket::Change, status_file::StatusFile, sweep_memory::Remembered,
};

use super::{Outcome, executions::pick_up};

/// Goes on with the services of a shard for which AWS answers again.
pub(crate) async fn look_at_undecided(
    aws: &Aws,
    remembered: &mut Remembered,
    request_id: &str,
    outcome: &mut Outcome,
) {
    for (service, release) in remembered.memory.undecided.clone() {
        let looked = look_at_service(aws, remembered, &service, release, request_id).await;
        outcome.note(&service, looked);
    }
}

/// The hold ends, and an execution is started, once ECS says what the service is. A sweep that dies in between is repeated:
/// the note of the release is removed last, and only if it is still the one of this release.
async fn look_at_service(
    aws: &Aws,
    remembered: &mut Remembered,
    service: &ServiceId,
    release: u64,
    request_id: &str,
) -> Result<(), Fault> {
    let resume = |read: Versioned<DesiredState>| async move {
        let due = read.due_after_undecided(aws.now());
        if due != Due::Look {
            return Ok(Change::Leave(due));
        }
        if let Err(fault) = aws.ecs().service(service).await {
            tracing::info!(%service, reason = %fault, "still out of sight");
            return Ok(Change::Leave(Due::NotYet));
        }
        let mut seen = read.into_value();
        seen.restore_sight(aws.now());
        Ok(Change::Write(Box::new(seen), Due::Look))
    };
    let (desired, due) = aws.state().change(service, resume).await?;
    match due {
        Due::NotYet => return Ok(()),
        Due::Look => {
            tracing::warn!(%service, release, "AWS answers again: ends the hold of the undecided release");
            StatusFile::update(aws.files(), &desired).await?;
        }
        Due::Nothing => {}
    }
    pick_up(aws, &desired, 0, request_id).await?;
    aws.sweeps()
        .update(remembered, |memory| {
            if memory.undecided.get(service) == Some(&release) {
                memory.undecided.remove(service);
            }
        })
        .await
}
