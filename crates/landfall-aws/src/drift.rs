//! Whose revision it is that a service runs.

use landfall::{desired::DesiredState, drift};

use crate::{Fault, ecs::Ecs, state_bucket::StateBucket};

/// Whether Landfall gave the service the revision, or may replace it. What is known needs no call.
///
/// # Errors
/// As AWS answers.
pub async fn is_ours(
    state: &StateBucket,
    ecs: &Ecs,
    desired: &DesiredState,
    revision: &str,
) -> Result<bool, Fault> {
    if desired.knows(revision) {
        return Ok(true);
    }
    let registered = ecs.registered_for(revision, &desired.service).await?;
    let record = match registered.and_then(|registered| registered.release) {
        Some(release) => state.record(&desired.service, release).await?,
        None => None,
    };
    Ok(drift::is_ours(
        registered,
        record.map(|record| record.verdict),
    ))
}
