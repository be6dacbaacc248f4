//! An accepted service file becomes the desired state of its service.

use std::collections::{BTreeMap, BTreeSet};

use landfall::{
    desired::{DesiredState, FollowedFile},
    follow::FollowRule,
    image::Image,
    service_file::Rejection,
    service_id::ServiceId,
};
use landfall_aws::{Aws, Fault, bucket::Written};

use super::{Accepted, unfollow};

/// What became of an accepted service file.
pub(crate) enum Followed {
    /// This is what is desired now.
    Desired(Box<DesiredState>),
    /// Another service file describes the same service.
    DescribedElsewhere(Rejection),
    /// The service file was changed while it was taken up.
    ChangedMeanwhile,
}

/// Order matters. Followers are noted before repositories are looked through, so that no push falls in between.
/// Which service the file describes is noted before that service follows it, so that whoever finds the file deleted
/// knows whom to tell. The desired state is read before it is made sure that the file is still the current one: so a
/// slow invocation with an old file loses the compare-and-swap. A deletion before the service follows changes
/// nothing that could be lost against, so a service that follows the file for the first time is looked at once more.
/// Before all that the sweep is told to expect the file: should it go unheard, and should every attempt at it have died
/// before its status was written, a sweep finds it missing.
///
/// A push between the look and the write finds that no rule admits its tag yet. So after a rule came into force its
/// repository is looked through once more, also by an invocation that may repeat one which was killed in between.
pub(crate) async fn follow(
    aws: &Aws,
    key: &str,
    version_id: &str,
    accepted: &Accepted,
    request_id: &str,
) -> Result<Followed, Fault> {
    let Accepted {
        file, changeable, ..
    } = accepted;
    let service = file.service_id()?;
    let mut described = aws.state().source(key).await?;
    let content = aws.state().keep_file(file).await?;
    let placeholders = match &**changeable {
        [] => None,
        sites => Some(aws.state().keep_placeholders(sites).await?),
    };
    let repositories: BTreeSet<_> = file.images.values().map(|rule| &*rule.repository).collect();
    loop {
        let read = aws.state().read(&service).await?;
        let before = read.file.clone();
        if let Some(other) = before.as_ref().filter(|before| before.key != key)
            && aws.files().get(&other.key).await?.is_some()
        {
            return Ok(Followed::DescribedElsewhere(Rejection::of_whole_file(
                format!("{service} is described by {} already", other.key),
                "keep one of the two files; delete the other first",
            )));
        }
        let followed_before = before.as_ref().is_some_and(|before| before.key == key);
        if !followed_before {
            aws.sweeps().expect(key, aws.now()).await?;
        }
        let rules_before = before.iter().flat_map(|before| before.follows.values());
        let already: BTreeSet<_> = rules_before.map(|rule| &*rule.repository).collect();
        for repository in repositories.difference(&already) {
            aws.state().put_follower(repository, &service).await?;
        }
        if let Some(other) = described.as_ref().filter(|other| **other != service)
            && !unfollow(aws, key, other, Some(version_id), request_id).await?
        {
            return Ok(Followed::ChangedMeanwhile);
        }
        if described.as_ref() != Some(&service) {
            aws.state().put_source(key, &service).await?;
            described = Some(service.clone());
        }
        let found = look_through(aws, read.new_rules(&file.images)).await?;
        if aws.files().current_version(key).await?.as_deref() != Some(version_id) {
            return Ok(Followed::ChangedMeanwhile);
        }
        let mut desired = DesiredState::clone(&read);
        let followed = FollowedFile {
            key: key.into(),
            version_id: version_id.into(),
            content: content.clone(),
            follows: file.images.clone(),
            placeholders: placeholders.clone(),
        };
        desired.follow_file(followed, found, aws.now());
        if desired != *read && aws.state().write(&read, &desired).await? == Written::Conflict {
            continue;
        }
        if !followed_before
            && aws.files().current_version(key).await?.as_deref() != Some(version_id)
        {
            // Whoever looked meanwhile may have noted another service.
            aws.state().put_source(key, &service).await?;
            return Ok(Followed::ChangedMeanwhile);
        }
        let may_repeat = before.is_some_and(|before| before.version_id == version_id);
        if may_repeat || !read.new_rules(&file.images).is_empty() {
            desired = catch_up(aws, &service).await?;
        }
        return Ok(Followed::Desired(Box::new(desired)));
    }
}

/// Joins what ECR has by now for the rules that are in force.
async fn catch_up(aws: &Aws, service: &ServiceId) -> Result<DesiredState, Fault> {
    loop {
        let read = aws.state().read(service).await?;
        let rules = read.rules_in_force();
        let found = look_through(aws, rules).await?;
        let mut desired = DesiredState::clone(&read);
        for image in found.into_values().flatten() {
            desired.join_image(&image, aws.now());
        }
        if desired == *read || aws.state().write(&read, &desired).await? == Written::Yes {
            return Ok(desired);
        }
    }
}

async fn look_through(
    aws: &Aws,
    rules: Vec<(String, FollowRule)>,
) -> Result<BTreeMap<String, Option<Image>>, Fault> {
    let mut found = BTreeMap::new();
    for (container, rule) in rules {
        let latest = aws.ecr().latest(&rule).await?;
        found.insert(container, latest);
    }
    Ok(found)
}
