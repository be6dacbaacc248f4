//! Whose revision it is that a service runs.

use landfall::{
    content::ContentHash,
    desired::DesiredState,
    drift::{self, Question, Revision, Whose},
    live::LiveService,
};

use crate::{Fault, ecs::Ecs, state_bucket::StateBucket};

/// Whose the revision is that the service `live` runs. Reads what [`drift::whose`] asks for, and nothing that `revision`
/// knows already; `file` is the service's file.
///
/// # Errors
/// As AWS answers.
pub async fn whose(
    state: &StateBucket,
    ecs: &Ecs,
    desired: &DesiredState,
    live: &LiveService,
    revision: &mut Revision,
    file: &ContentHash,
) -> Result<Whose, Fault> {
    let service = &desired.service;
    loop {
        match drift::whose(desired, live, revision) {
            Ok(whose) => return Ok(whose),
            Err(Question::Registered) => {
                let registered = ecs.registered_for(&revision.arn, service).await?;
                revision.registered = Some(registered);
            }
            Err(Question::Verdict(release)) => {
                let record = state.record(service, release).await?;
                revision.verdict = Some(record.map(|record| record.verdict));
            }
            Err(Question::Noted) => revision.noted = Some(state.adopted(service).await?),
            Err(Question::IsDescribed) => {
                let file = state.file(file).await?;
                revision.is_described = Some(file.owns_task_definition());
            }
        }
    }
}
