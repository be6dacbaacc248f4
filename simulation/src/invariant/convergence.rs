//! Invariant 2: what people put there last was released.

use std::collections::BTreeMap;

use landfall::{desired::DesiredState, record::Verdict};

use super::judgement::excused;
use crate::{
    order::ordered,
    scenario::Service,
    story::{Pushed, Run, Story, Uploaded},
    violation::Violation,
};

/// The newest service file and the newest image of each container that follows one got a release, and each of these images
/// runs if it is good. An image is left out only if it is bad.
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
        let in_place = image.is_some_and(|image| service.runs_well(&run.pushes, &image.digest));
        let is_newest = image.is_some_and(|image| image.digest == push.digest);
        let may_be_left_out = excused(run, story) || !service.is_good(push.behaviour);
        right &= is_newest || in_place && may_be_left_out;
    }
    if !right {
        let images: Vec<_> = content.images.values().map(|image| &*image.tag).collect();
        wrong(format!(
            "should run {tags} with the newest service file, but the newest release is {} of {}",
            images.join(" and "),
            content.file
        ));
    }
    let given_up = if excused(run, story) {
        Vec::new()
    } else {
        given_up(service, desired, &newest)
    };
    for push in given_up {
        wrong(format!(
            "does not run {}:{}, which is good: it was given up with an image of another container",
            push.repository, push.tag
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

/// The newest images that are good, and that the service went back from. Only if the file changed as well, it may have been
/// to blame for that.
fn given_up<'a>(
    service: &Service,
    desired: &DesiredState,
    newest: &BTreeMap<&str, &'a Pushed>,
) -> Vec<&'a Pushed> {
    let (Some(concluded), Some(good)) = (&desired.concluded, &desired.last_good) else {
        return Vec::new();
    };
    let went_back = matches!(concluded.verdict, Verdict::RolledBack | Verdict::Failed);
    if !went_back || concluded.content.file != good.content.file {
        return Vec::new();
    }
    let runs = |container: &str, push: &Pushed| {
        let image = good.content.images.get(container);
        image.is_some_and(|image| image.digest == push.digest)
    };
    let given_up = newest
        .iter()
        .filter(|(container, push)| service.is_good(push.behaviour) && !runs(container, push));
    given_up.map(|(_, push)| *push).collect()
}
