//! Invariant 3: whether an image gave way to an older one.

use jiff::Timestamp;
use landfall::{
    content::ContentHash,
    image::Image,
    record::{Release, Verdict},
};
use semver::Version;

use crate::{scenario::Rule, story::Pushed};

/// What matters to the order of a service's images, as it happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// The service was given the image of this release, on the way forward.
    Given(Release),
    /// This release got its verdict.
    Judged(Release, Verdict),
}

/// The images that a rule follows in a repository, oldest first in its rule's order. A tag that is moved gives its image a place of its
/// own, after what the tag meant before. Said again here, so that a mistake in the follow rules is seen.
pub fn ordered<'a>(repository: &str, rule: Rule, pushes: &'a [Pushed]) -> Vec<&'a Pushed> {
    let mut followed: Vec<_> = pushes
        .iter()
        .filter(|push| push.repository == repository && rule.admits(&push.tag))
        .collect();
    if rule == Rule::Semver {
        followed.sort_by_key(|push| Version::parse(&push.tag).ok());
    }
    followed
}

/// An image that the service was given.
struct Given<'a> {
    release: u64,
    image: &'a Image,
    place: usize,
}

/// A release that was bad although its file was known to be good, so that its image is to blame.
struct Blamed<'a> {
    release: u64,
    runs_with: &'a ContentHash,
    place: usize,
}

/// Where an image of a container gave way to an older one of `order` without need.
///
/// There is one need: an image was bad that is at least as new, at the time or after the one that gives way was given, or at
/// any time with the very containers that it would run with again; and there is one image to go back to: the last good one.
/// An operator who goes back by hand needs none.
pub fn steps_back(container: &str, order: &[&Pushed], happened: &[Happened]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut given: Vec<Given> = Vec::new();
    let mut blamed: Vec<Blamed> = Vec::new();
    let mut good: Option<&Release> = None;
    for happened in happened {
        match happened {
            Happened::Judged(release, Verdict::Succeeded) => good = Some(release),
            Happened::Judged(release, Verdict::RolledBack | Verdict::Failed) => {
                let same_file = good.is_some_and(|good| good.content.file == release.content.file);
                let place = image(release, container)
                    .and_then(|image| places(order, image, release.created_at).last());
                if let Some(place) = place.filter(|_| same_file) {
                    blamed.push(Blamed {
                        release: release.number,
                        runs_with: runs_with(release),
                        place,
                    });
                }
            }
            Happened::Judged(..) => {}
            Happened::Given(release) if release.cause.is_by_hand() => {}
            Happened::Given(release) => {
                let Some(image) = image(release, container) else {
                    continue;
                };
                let mut places = places(order, image, release.created_at).peekable();
                let Some(&first) = places.peek() else {
                    broken.push(format!(
                        "was given {} by release {}, which it did not follow then",
                        named(image),
                        release.number
                    ));
                    continue;
                };
                let back = good.and_then(|good| self::image(good, container));
                let back = back.is_some_and(|good| good.digest == image.digest);
                let excused = |newer: &Given| {
                    let mut blamed = blamed.iter();
                    let bad = blamed.any(|blamed| {
                        let again = blamed.runs_with == runs_with(release);
                        let newest = blamed.release >= newer.release;
                        (newest || again) && blamed.place >= newer.place
                    });
                    back && bad
                };
                let bar = given.iter().filter(|newer| !excused(newer));
                let bar = bar.max_by_key(|given| given.place);
                let place = places.find(|place| bar.is_none_or(|bar| *place >= bar.place));
                if let (None, Some(bar)) = (place, bar) {
                    broken.push(format!(
                        "was given {} by release {} after {} by release {}",
                        named(image),
                        release.number,
                        named(bar.image),
                        bar.release
                    ));
                }
                given.push(Given {
                    release: release.number,
                    image,
                    place: place.unwrap_or(first),
                });
            }
        }
    }
    broken
}

/// What the containers of a release run with, as its file describes them; the whole file if that is not noted.
fn runs_with(release: &Release) -> &ContentHash {
    let content = &release.content;
    content.containers.as_ref().unwrap_or(&content.file)
}

/// The image of a container.
pub fn image<'a>(release: &'a Release, container: &str) -> Option<&'a Image> {
    release.content.images.get(container)
}

/// Where in the order an image may have been when a release of it was made.
fn places<'a>(
    order: &'a [&Pushed],
    image: &'a Image,
    made: Timestamp,
) -> impl Iterator<Item = usize> + 'a {
    let order = order.iter().enumerate();
    order
        .filter(move |(_, push)| {
            push.tag == image.tag && push.digest == image.digest && push.at <= made
        })
        .map(|(place, _)| place)
}

fn named(image: &Image) -> String {
    let digest = image.digest.get(..15).unwrap_or(&image.digest);
    format!("{} ({digest}…)", image.tag)
}

#[cfg(test)]
mod tests;
