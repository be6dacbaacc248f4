//! Pushes whose events were lost, and images that are gone.

use landfall::{
    event::image_pushed::PushedTag,
    service_id::ServiceId,
    sweep::{Listing, Shard, fingerprint, missed},
};
use landfall_aws::{
    Aws, Fault,
    function::Event,
    side_by_side::{self, out_of_time},
    sweep_memory::{Distrust, Remembered},
};

use super::{Outcome, executions::pick_up, way_back};
use crate::image_pushed;

/// Looks through the followed repositories of a shard.
pub(crate) async fn look_at_repositories(
    aws: &Aws,
    remembered: &mut Remembered,
    followed: &[String],
    event: &Event,
    outcome: &mut Outcome,
) {
    let shard = remembered.shard();
    let in_shard = followed
        .iter()
        .filter(|repository| Shard::of(repository) == shard);
    for repository in in_shard {
        let looked = look_at_repository(aws, remembered, repository, event).await;
        outcome.note(repository, looked);
    }
}

/// One listing says whether anything changed; only then its followers are looked at. Remembers the listing after every
/// follower was joined, and only if nobody wrote another note of the repository meanwhile.
async fn look_at_repository(
    aws: &Aws,
    remembered: &mut Remembered,
    repository: &str,
    event: &Event,
) -> Result<(), Fault> {
    let known = remembered.memory.repositories.get(repository).cloned();
    let listing = aws.ecr().listing(repository).await?;
    let found = fingerprint(&listing);
    if known.as_ref() == Some(&found) {
        return Ok(());
    }
    tracing::info!(repository, "changed since the last sweep");
    let services = aws.state().followers(repository).await?;
    let distrust = Distrust::new(aws.sweeps());
    let (followers, listing, distrust) = (services.len(), &listing, &distrust);
    let is_late = || event.is_late(aws.now());
    let ended = side_by_side::each(services, is_late, |service| async move {
        let request_id = &event.request_id;
        let looked = look_at_follower(aws, &service, repository, listing, request_id, distrust);
        let looked = looked.await;
        (service, looked)
    })
    .await;
    let mut outcome = Outcome::default();
    for (service, looked) in ended.results {
        outcome.note(service, looked);
    }
    outcome.0?;
    if ended.left > 0 {
        return Err(out_of_time(ended.left, followers, "followers"));
    }
    aws.sweeps()
        .update(remembered, |memory| {
            if memory.repositories.get(repository) == known.as_ref() {
                memory
                    .repositories
                    .insert(repository.to_owned(), found.clone());
            }
        })
        .await
}

/// The listing only says which tags to look at. What they mean is read again after the desired state, as after a push.
async fn look_at_follower(
    aws: &Aws,
    service: &ServiceId,
    repository: &str,
    listing: &Listing,
    request_id: &str,
    distrust: &Distrust<'_>,
) -> Result<(), Fault> {
    let desired = aws.state().read(service).await?;
    way_back::look(aws, &desired, repository, listing).await?;
    let missed = missed(&desired, repository, &listing.tagged);
    if missed.is_empty() {
        return pick_up(aws, &desired, 0, request_id).await;
    }
    let tagged = listing.tagged.iter();
    for image in tagged.filter(|image| missed.contains(&image.tag)) {
        let pushed = PushedTag {
            registry: image.registry.clone(),
            repository: image.repository.clone(),
            tag: image.tag.clone(),
        };
        tracing::warn!(%service, repository, tag = pushed.tag, "a push was missed");
        image_pushed::join(aws, service, &pushed, request_id, distrust).await?;
    }
    Ok(())
}
