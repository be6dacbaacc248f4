//! Invariant 2: what people put there last was released.

use std::collections::BTreeMap;

use landfall::{desired::DesiredState, record::Verdict};

use super::{
    Violation,
    judgement::{excused, runs_well},
};
use crate::{
    order::ordered,
    run::{Pushed, Run, Story, Uploaded},
    scenario::Service,
    witness::record,
};

/// The newest service file and the newest image that it follows got a release. An image is left out only if it is bad.
pub(super) async fn converged(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut wrong = |text: String| broken.push(Violation::new(2, &service.id, text));
    if story.deleted && desired.file.is_some() {
        wrong("still follows a service file that was deleted".into());
    }
    let file = story.file.clone();
    let file = file.map(|file| Uploaded::new(file, service, &story.parameters));
    let file = file.filter(|file| !file.contents.is_empty());
    let newest = |(container, repository, rule)| {
        Some((container, *ordered(repository, rule, &run.pushes).last()?))
    };
    let newest: Option<BTreeMap<&str, &Pushed>> = service.follows().map(newest).collect();
    let (Some(file), Some(newest), None) = (file, newest, &desired.hold) else {
        return broken;
    };
    let tags: Vec<_> = newest.values().map(|push| &*push.tag).collect();
    let tags = tags.join(" and ");
    let Some(concluded) = &desired.concluded else {
        wrong(format!("never got a release of {tags}"));
        return broken;
    };
    let (number, content) = (concluded.number, &concluded.content);
    let mut right = file.is_of(content);
    for (container, push) in &newest {
        let image = content.images.get(*container);
        let is_newest = image.is_some_and(|image| image.digest == push.digest);
        right &= is_newest
            || runs_well(run, service, content)
                && (excused(run, story) || was_bad(run, service, desired, container, push).await);
    }
    if !right {
        let images: Vec<_> = content.images.values().map(|image| &*image.tag).collect();
        wrong(format!(
            "should run {tags} with the newest service file, but the newest release is {} of {}",
            images.join(" and "),
            content.file
        ));
    }
    match concluded.verdict {
        Verdict::Drifted if !story.deployed => wrong(format!(
            "release {number} ended as drifted, and nobody else changed it"
        )),
        Verdict::Superseded => wrong("was superseded by nothing".into()),
        // AWS answers by now, and nothing keeps anybody from going on.
        Verdict::Undecided => wrong(format!(
            "release {number} ended as undecided, and nobody went on"
        )),
        _ => {}
    }
    broken
}

/// Whether an image is bad, or was released together with one that is: those go into quarantine together.
async fn was_bad(
    run: &Run,
    service: &Service,
    desired: &DesiredState,
    container: &str,
    push: &Pushed,
) -> bool {
    if !service.is_good(push.behaviour) {
        return true;
    }
    for number in 1..=desired.last_number {
        let Some(record) = record(&run.cloud, &service.id, number).await else {
            continue;
        };
        let content = &record.release.content;
        let has_it = content.images.get(container);
        if has_it.is_some_and(|image| image.digest == push.digest)
            && matches!(record.verdict, Verdict::RolledBack | Verdict::Failed)
            && !runs_well(run, service, content)
        {
            return true;
        }
    }
    false
}
