//! Pushes whose events were lost, and images that are gone.

use landfall::{
    desired::DesiredState,
    event::image_pushed::PushedTag,
    service_id::ServiceId,
    sweep::{Listing, SeenTags, Shard, fingerprint, missed},
};
use landfall_aws::{
    Aws, Fault,
    function::Event,
    side_by_side::{self, out_of_time},
    sweep_memory::{Distrust, Remembered},
};
use tokio::sync::OnceCell;

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
    let repository = &Listed {
        name: repository,
        listing: &listing,
        seen: OnceCell::new(),
    };
    let (followers, distrust) = (services.len(), &distrust);
    let is_late = || event.is_late(aws.now());
    let ended = side_by_side::each(services, is_late, |service| async move {
        let looked = look_at_follower(aws, &service, repository, &event.request_id, distrust);
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
    // Only where a follower asked for them.
    if repository.seen.initialized() {
        let seen = SeenTags::of(repository.listing);
        aws.sweeps().put_seen_tags(repository.name, &seen).await?;
    }
    let repository = repository.name;
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

/// A repository as it is listed now.
struct Listed<'a> {
    name: &'a str,
    listing: &'a Listing,
    /// The tags that were there at the last sweep, once a follower needs them.
    seen: OnceCell<Option<SeenTags>>,
}

impl Listed<'_> {
    /// The tags that were there at the last sweep, if a rule of the service takes the tag that was put last.
    async fn seen_by(&self, aws: &Aws, desired: &DesiredState) -> Result<Option<&SeenTags>, Fault> {
        let mut rules = desired.file.iter().flat_map(|file| file.follows.values());
        if !rules.any(|rule| rule.repository == self.name && rule.tag.is_by_time()) {
            return Ok(None);
        }
        let seen = self
            .seen
            .get_or_try_init(|| aws.sweeps().seen_tags(self.name));
        Ok(seen.await?.as_ref())
    }
}

/// The listing only says which tags to look at. What they mean is read again after the desired state, as after a push.
async fn look_at_follower(
    aws: &Aws,
    service: &ServiceId,
    repository: &Listed<'_>,
    request_id: &str,
    distrust: &Distrust<'_>,
) -> Result<(), Fault> {
    let desired = aws.state().read(service).await?;
    let (listing, name) = (repository.listing, repository.name);
    way_back::look(aws, &desired, name, listing).await?;
    let seen = repository.seen_by(aws, &desired).await?;
    let missed = missed(&desired, name, &listing.tagged, seen);
    if missed.is_empty() {
        return pick_up(aws, &desired, 0, request_id).await;
    }
    for (tag, at) in missed {
        let pushed = PushedTag {
            repository: name.to_owned(),
            tag,
            at,
        };
        tracing::warn!(%service, repository = name, tag = pushed.tag, "a change of a tag was missed");
        image_pushed::join(aws, service, &pushed, request_id, distrust).await?;
    }
    Ok(())
}
