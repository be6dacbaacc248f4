#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    desired::FollowedFile,
    follow::{FollowRule, TagPolicy},
    followed::Found,
    service_id::ServiceId,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn image(tag: &str, digest: &str, pushed_at: i64) -> Image {
    Image {
        registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "hello".into(),
        tag: tag.into(),
        digest: format!("sha256:{digest}"),
        pushed_at: Timestamp::from_second(pushed_at).unwrap(),
        tagged_at: None,
    }
}

/// A service whose container follows `tag` of `hello`, after these images were pushed one after the other and each event
/// came.
fn following(tag: &str, pushes: &[Image]) -> DesiredState {
    let mut desired = DesiredState::new(ServiceId::new("web", "hello").unwrap());
    let rule = FollowRule {
        repository: "hello".into(),
        tag: TagPolicy::parse(tag).unwrap(),
        with: None,
    };
    let file = FollowedFile {
        placeholders: None,
        key: "services/hello.yaml".into(),
        version_id: "1".into(),
        containers: None,
        content: ContentHash::of(&json!({})),
        follows: BTreeMap::from([("web".to_owned(), rule)]),
    };
    let found = BTreeMap::from([("web".to_owned(), None)]);
    desired.follow_file(file, found, NOW);
    for push in pushes {
        desired.join_image(push, NOW);
    }
    desired
}

fn tags(missed: &BTreeMap<String, TagTime>) -> Vec<&str> {
    missed.keys().map(String::as_str).collect()
}

#[test]
fn a_sweep_finds_what_no_event_announced_and_nothing_older() {
    let (old, new) = (image("main-1", "1", 1), image("main-2", "2", 2));
    let moved_back = image("main-2", "1", 1);
    let older_version = image("1.0.9", "9", 9);
    let (v1, v2) = (image("1.0.0", "1", 1), image("1.1.0", "2", 2));
    for (story, rule, heard, listing, expected) in [
        (
            "nothing happened",
            "semver:^1",
            vec![&v1, &v2],
            vec![&v1, &v2],
            vec![],
        ),
        (
            "the first push",
            "semver:^1",
            vec![],
            vec![&v1, &v2],
            vec!["1.1.0"],
        ),
        (
            "a newer version",
            "semver:^1",
            vec![&v1],
            vec![&v1, &v2],
            vec!["1.1.0"],
        ),
        (
            "a later patch of an older line",
            "semver:^1",
            vec![&v1, &v2],
            vec![&older_version, &v1, &v2],
            vec![],
        ),
        (
            "a version that is not admitted",
            "semver:^2",
            vec![],
            vec![&v1],
            vec![],
        ),
        (
            "the followed image was deleted",
            "semver:^1",
            vec![&v1, &v2],
            vec![&v1],
            vec!["1.1.0"],
        ),
        (
            "a newer build",
            "glob:main-*",
            vec![&old],
            vec![&old, &new],
            vec!["main-2"],
        ),
        (
            "the followed tag was moved",
            "latest",
            vec![&image("latest", "1", 1)],
            vec![&image("latest", "2", 2)],
            vec!["latest"],
        ),
        (
            "the followed tag was moved back, which nobody heard: not what is between the two",
            "glob:main-*",
            vec![&new],
            vec![&image("main-0", "x", 1), &moved_back],
            vec!["main-2"],
        ),
        (
            "a tag was moved back, which was heard: what was pushed before stays passed over",
            "glob:main-*",
            vec![
                &image("main-1", "m", 1),
                &image("main-2", "2", 3),
                &image("main-2", "1", 0),
            ],
            vec![&image("main-1", "m", 1), &image("main-2", "1", 0)],
            vec![],
        ),
        (
            "a build after the one that was withdrawn",
            "glob:main-*",
            vec![&image("main-2", "2", 3), &image("main-2", "1", 0)],
            vec![&image("main-2", "1", 0), &image("main-3", "3", 4)],
            vec!["main-3"],
        ),
        (
            "a repository that is gone",
            "glob:main-*",
            vec![&new],
            vec![],
            vec!["main-2"],
        ),
    ] {
        let heard: Vec<_> = heard.into_iter().cloned().collect();
        let listing: Vec<_> = listing.into_iter().cloned().collect();
        let found = missed(&following(rule, &heard), "hello", &listing, None);
        assert_eq!(tags(&found), expected, "{story}");
    }
    let elsewhere = missed(&following("semver:^1", &[]), "other", &[v1], None);
    assert!(elsewhere.is_empty());
}

#[test]
fn a_tag_that_was_not_there_when_the_followed_image_had_its_own_came_after_it() {
    let (a1, b2, a3) = (
        image("main-1", "a", 1),
        image("main-2", "b", 2),
        image("main-3", "a", 1),
    );
    let seen = |images: &[&Image]| {
        let tagged = images.iter().map(|image| (*image).clone());
        SeenTags::of(&Listing {
            tagged: tagged.collect(),
            ..Listing::default()
        })
    };
    let listing = [a1.clone(), b2.clone(), a3.clone()];
    let desired = following("glob:main-*", &[a1.clone(), b2.clone()]);
    for (story, seen, expected) in [
        ("no sweep noted the tags", None, vec![]),
        (
            "the followed tag was there, and this was not",
            Some(seen(&[&a1, &b2])),
            vec!["main-3"],
        ),
        (
            "both came since: which was first, nobody knows",
            Some(seen(&[&a1])),
            vec![],
        ),
        ("both were there", Some(seen(&[&a1, &b2, &a3])), vec![]),
    ] {
        let found = missed(&desired, "hello", &listing, seen.as_ref());
        assert_eq!(tags(&found), expected, "{story}");
        let mut joined = desired.clone();
        for (tag, at) in found {
            let image = listing.iter().find(|image| image.tag == tag).unwrap();
            joined.join_image(&image.clone().tagged(at), NOW);
            assert_eq!(joined.images["web"].digest, "sha256:a", "{story}");
        }
        let again = missed(&joined, "hello", &listing, seen.as_ref());
        assert!(again.is_empty(), "{story}: {again:?}");
    }
}

#[test]
fn a_withdrawn_image_is_forgotten_with_its_rule() {
    let mut desired = following(
        "glob:main-*",
        &[image("main-2", "2", 3), image("main-2", "1", 0)],
    );
    assert_eq!(desired.withdrawn["web"].digest, "sha256:2");
    let mut changed = desired.clone();
    changed.join_image(&image("main-3", "3", 4), NOW);
    assert!(changed.withdrawn.is_empty());
    let mut file = desired.file.clone().unwrap();
    let rule = file.follows.get_mut("web").unwrap();
    rule.tag = TagPolicy::parse("glob:*").unwrap();
    let found = BTreeMap::from([("web".to_owned(), Some(image("main-2", "1", 0)))]);
    desired.follow_file(file, found, NOW);
    assert!(desired.withdrawn.is_empty());
}

#[test]
fn files_that_are_new_changed_or_gone_are_found() {
    let mark = |etag: &str, second| FileMark {
        etag: etag.into(),
        last_modified: Timestamp::from_second(second).unwrap(),
    };
    let files = |files: &[(&str, FileMark)]| {
        let files = files.iter().cloned();
        files
            .map(|(key, mark)| (key.to_owned(), mark))
            .collect::<BTreeMap<_, _>>()
    };
    let known = files(&[
        ("a", mark("1", 1)),
        ("b", mark("1", 1)),
        ("c", mark("1", 1)),
        ("d", mark("1", 1)),
    ]);
    let listed = files(&[
        ("a", mark("1", 1)),
        ("b", mark("2", 1)),
        ("c", mark("1", 2)),
        ("e", mark("1", 1)),
    ]);
    // `f` came and went between two looks.
    let with_status = BTreeSet::from(["a".to_owned(), "f".to_owned()]);
    let changed: Vec<_> = changed_files(&known, &listed, &with_status)
        .into_iter()
        .collect();
    assert_eq!(changed, ["b", "c", "d", "e", "f"]);
    assert!(changed_files(&known, &known, &BTreeSet::new()).is_empty());
}

#[test]
fn names_are_spread_over_the_shards() {
    let mut counts = BTreeMap::<Shard, usize>::new();
    for number in 0..6000 {
        *counts
            .entry(Shard::of(&format!("team/service-{number}")))
            .or_default() += 1;
    }
    assert_eq!(counts.len(), Shard::all().count());
    assert!(
        counts.values().all(|count| (60..160).contains(count)),
        "{counts:?}"
    );
}

fn listings() -> impl Strategy<Value = Vec<Image>> {
    let tag = (0..3u8, 0..4u8).prop_map(|(minor, patch)| format!("1.{minor}.{patch}"));
    prop::collection::btree_map(tag, (0..6u8, 0..20i64), 0..8).prop_map(|tags| {
        let tags = tags.into_iter();
        tags.map(|(tag, (digest, at))| image(&tag, &digest.to_string(), at))
            .collect()
    })
}

proptest! {
    #[test]
    fn after_the_missed_tags_are_joined_nothing_is_missed(
        heard in listings(),
        listing in listings(),
        rule in prop::sample::select(vec!["semver:^1", "glob:1.*", "1.1.1"]),
    ) {
        let mut desired = following(rule, &heard);
        let found = missed(&desired, "hello", &listing, None);
        for (tag, at) in found {
            match listing.iter().find(|image| image.tag == tag) {
                Some(image) => desired.join_image(&image.clone().tagged(at), NOW),
                None => {
                    let rule = desired.rules_in_force()[0].1.clone();
                    let image = rule.candidates(listing.clone(), &[]).into_iter().next();
                    let found = Found { image, unfit: Vec::new() };
                    desired.give_way(&[("web".to_owned(), found)].into());
                }
            }
        }
        prop_assert_eq!(missed(&desired, "hello", &listing, None), BTreeMap::new());
    }

    #[test]
    fn the_same_tags_have_the_same_fingerprint_in_any_order(mut listing in listings(), other in listings()) {
        let all = |tagged: &[Image]| fingerprint(&Listing { tagged: tagged.to_vec(), ..Listing::default() });
        let before = all(&listing);
        listing.reverse();
        prop_assert_eq!(&before, &all(&listing));
        listing.reverse();
        prop_assert_eq!(before == all(&other), listing == other);
    }
}
