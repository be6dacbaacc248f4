//! Containers that are released together or not at all: with images of one version.
//!
//! The follow rule of such a container names another one (`with`), and both are followed as one: what runs is the latest
//! version of which each repository has an image. Two tags are of one version if their rules compare them as equal; where
//! rules take the tag that was put last, if they are the same tag.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use crate::{follow::FollowRule, image::Image};

/// A container, with what its repository has of what its rule admits.
#[derive(Clone, Debug)]
pub struct Member {
    /// The container.
    pub container: String,
    /// Its rule.
    pub rule: FollowRule,
    /// The images, latest first.
    pub candidates: Vec<Image>,
}

/// The container by which a group is known: the one that the container's rule names, or itself.
pub fn leader<'a>(follows: &'a BTreeMap<String, FollowRule>, container: &'a str) -> &'a str {
    let rule = follows.get(container);
    rule.and_then(|rule| rule.with.as_deref())
        .unwrap_or(container)
}

/// The containers that are released together with this one, itself included.
pub fn group<'a>(
    follows: &'a BTreeMap<String, FollowRule>,
    container: &'a str,
) -> BTreeSet<&'a str> {
    let leads = leader(follows, container);
    let containers = follows.keys().map(String::as_str);
    containers
        .filter(|other| leader(follows, other) == leads)
        .collect()
}

/// The versions of which every member has an image, latest first, each with these images.
pub fn complete(members: &[Member]) -> Vec<BTreeMap<String, Image>> {
    let Some((first, others)) = members.split_first() else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut versions: Vec<BTreeMap<String, Image>> = Vec::new();
    for image in &first.candidates {
        let Some(version) = first.rule.tag.version(&image.tag) else {
            continue;
        };
        if !seen.insert(version.clone()) {
            continue;
        }
        let others = others.iter().map(|member| {
            let mut candidates = member.candidates.iter();
            let same = candidates
                .find(|other| member.rule.tag.version(&other.tag).as_ref() == Some(&version));
            same.map(|image| (member.container.clone(), image.clone()))
        });
        if let Some(mut images) = others.collect::<Option<BTreeMap<_, _>>>() {
            images.insert(first.container.clone(), image.clone());
            versions.push(images);
        }
    }
    versions.sort_by(|one, other| later(first, one, other).reverse());
    versions
}

/// Which of two complete versions comes later: in the order that the tags have by themselves, else the one that was complete
/// later.
fn later(
    first: &Member,
    one: &BTreeMap<String, Image>,
    other: &BTreeMap<String, Image>,
) -> Ordering {
    let since = |images: &BTreeMap<String, Image>| images.values().map(Image::since).max();
    let (left, right) = (&one[&first.container], &other[&first.container]);
    let by_themselves = first.rule.tag.compare(&left.tag, &right.tag);
    by_themselves
        .then_with(|| since(one).cmp(&since(other)))
        .then_with(|| first.rule.tag.order(left, right))
}

/// The latest tags of each member that come after `chosen` and are not complete, with the containers that lack the version:
/// container → tags, latest first.
pub fn incomplete(
    members: &[Member],
    chosen: Option<&BTreeMap<String, Image>>,
) -> Vec<(String, String, String)> {
    let mut incomplete = Vec::new();
    for member in members {
        let policy = &member.rule.tag;
        let chosen = chosen.and_then(|images| images.get(&member.container));
        let candidates = member.candidates.iter();
        let later = candidates
            .take_while(|image| chosen.is_none_or(|chosen| policy.order(image, chosen).is_gt()));
        for image in later.take(MOST_INCOMPLETE) {
            let version = policy.version(&image.tag);
            let lacks = members.iter().filter(|other| {
                let mut candidates = other.candidates.iter();
                !candidates.any(|image| other.rule.tag.version(&image.tag) == version)
            });
            let lacks: Vec<_> = lacks
                .map(|other| format!("{} (container {})", other.rule.repository, other.container))
                .collect();
            if !lacks.is_empty() {
                incomplete.push((
                    member.container.clone(),
                    image.tag.clone(),
                    lacks.join(", "),
                ));
            }
        }
    }
    incomplete
}

/// How many incomplete versions of a container are told.
const MOST_INCOMPLETE: usize = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn member(container: &str, rule: serde_json::Value, tags: &[(&str, i64)]) -> Member {
        let mut rule = rule;
        rule["repository"] = container.into();
        let rule: FollowRule = serde_json::from_value(rule).unwrap();
        let images = tags.iter().map(|(tag, at)| Image {
            registry: "registry".into(),
            repository: container.into(),
            tag: (*tag).into(),
            digest: format!("sha256:{container}{tag}"),
            pushed_at: Timestamp::from_second(*at).unwrap(),
            tagged_at: None,
        });
        Member {
            container: container.into(),
            candidates: rule.candidates(images.collect(), &[]),
            rule,
        }
    }

    #[test]
    fn the_latest_version_of_which_each_has_an_image_is_taken() {
        let semver = json!({ "tag": "semver:^1" });
        let of_app = json!({ "tag": "regex:app-(?<v>.+)", "order": "semver:*" });
        let numbered = json!({ "tag": "regex:main-(?<n>[0-9]+)", "order": "numerical" });
        let any = json!({ "tag": "glob:*" });
        for (story, app, worker, expected, incomplete_tags) in [
            (
                "the same versions",
                (&semver, &[("1.0.0", 1), ("1.1.0", 2)][..]),
                (&semver, &[("1.0.0", 1), ("1.1.0", 9)][..]),
                Some(("1.1.0", "1.1.0")),
                vec![],
            ),
            (
                "one is behind",
                (&semver, &[("1.0.0", 1), ("1.1.0", 2), ("1.2.0", 3)]),
                (&semver, &[("1.1.0", 1), ("1.0.0", 9)]),
                Some(("1.1.0", "1.1.0")),
                vec!["1.2.0"],
            ),
            (
                "they are written differently",
                (&of_app, &[("app-1.0.0", 1), ("app-1.1.0", 2)]),
                (&semver, &[("v1.0.0", 1), ("1.0.1", 2)]),
                Some(("app-1.0.0", "v1.0.0")),
                vec!["app-1.1.0", "1.0.1"],
            ),
            (
                "by number",
                (&numbered, &[("main-9", 1), ("main-010", 2), ("main-11", 3)]),
                (&numbered, &[("main-10", 1), ("main-9", 2)]),
                Some(("main-010", "main-10")),
                vec!["main-11"],
            ),
            (
                "by the time at which both were there",
                (&any, &[("abc", 1), ("def", 2), ("fed", 5)]),
                (&any, &[("def", 3), ("abc", 4)]),
                Some(("abc", "abc")),
                vec!["fed"],
            ),
            (
                "nothing in common",
                (&semver, &[("1.0.0", 1)]),
                (&semver, &[("1.0.1", 1)]),
                None,
                vec!["1.0.0", "1.0.1"],
            ),
        ] {
            let members = [
                member("app", app.0.clone(), app.1),
                member("worker", worker.0.clone(), worker.1),
            ];
            let complete = complete(&members);
            let latest = complete.first();
            let tags = latest.map(|images| (&*images["app"].tag, &*images["worker"].tag));
            assert_eq!(tags, expected, "{story}");
            let told = incomplete(&members, latest);
            let told: Vec<_> = told.iter().map(|(_, tag, _)| &**tag).collect();
            assert_eq!(told, incomplete_tags, "{story}");
        }
    }
}
