#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use landfall::{
    content::ContentHash,
    record::{Cause, Content},
};
use serde_json::json;

use super::*;
use crate::scenario::Behaviour;
use Verdict::{Failed, RolledBack, Succeeded, Superseded};

/// Second `at` as a time.
fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap()
}

fn digest(name: &str) -> String {
    format!("sha256:{name:0>64}")
}

/// What was pushed: tag and image, one each second from 1.
fn pushed(pushes: &[(&str, &str)]) -> Vec<Pushed> {
    let pushes = pushes.iter().zip(1..);
    pushes
        .map(|((tag, image), at)| Pushed {
            repository: "shop".into(),
            tag: (*tag).into(),
            digest: digest(image),
            behaviour: Behaviour::Good,
            at: second(at),
            manifest: String::new(),
        })
        .collect()
}

/// Release `number` of an image and a file, made in second `at`.
fn release(number: u64, (tag, name): (&str, &str), file: &str, at: i64) -> Release {
    let image = Image {
        registry: "000000000000.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "shop".into(),
        tag: tag.into(),
        digest: digest(name),
        pushed_at: second(0),
        tagged_at: None,
    };
    Release {
        number,
        content: Content {
            file: ContentHash::of(&json!(file)),
            images: BTreeMap::from([("web".to_owned(), image)]),
            containers: None,
        },
        cause: Cause::Resumed,
        created_at: second(at),
        acts: vec![],
    }
}

/// One release after the other: image, file, when it was made, and its verdict. Each is given to the service and judged
/// before the next.
type Played<'a> = (&'a (&'a str, &'a str), &'a str, i64, Verdict);

fn found(rule: Rule, pushes: &[(&str, &str)], played: &[Played]) -> Vec<String> {
    let mut happened = Vec::new();
    for ((image, file, at, verdict), number) in played.iter().zip(1..) {
        let release = release(number, **image, file, *at);
        happened.push(Happened::Given(release.clone()));
        happened.push(Happened::Judged(release, *verdict));
    }
    steps_back("web", &ordered("shop", rule, &pushed(pushes)), &happened)
}

const V1: (&str, &str) = ("1.0.1", "a");
const V2: (&str, &str) = ("1.1.2", "b");
const V3: (&str, &str) = ("1.2.3", "c");

#[test]
fn what_rises_and_what_returns_from_a_bad_image_is_no_step_back() {
    let versions = [V1, V2, V3];
    for (story, played) in [
        (
            "newer and newer",
            vec![
                (&V1, "f", 3, Succeeded),
                (&V2, "f", 3, Superseded),
                (&V3, "f", 3, Succeeded),
            ],
        ),
        (
            "the newest was bad, and a new file keeps the last good one",
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, RolledBack),
                (&V1, "g", 4, Succeeded),
            ],
        ),
        (
            "another one came between and was never judged",
            vec![
                (&V1, "f", 3, Succeeded),
                (&V2, "f", 3, Superseded),
                (&V3, "f", 3, Failed),
                (&V1, "g", 4, Succeeded),
            ],
        ),
        (
            "the image was bad in a later release than the one that was superseded",
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "g", 3, Superseded),
                (&V3, "f", 3, RolledBack),
                (&V1, "g", 4, Succeeded),
            ],
        ),
        (
            "another file was given the bad image and taken away again before anybody judged that",
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, RolledBack),
                (&V3, "g", 4, Superseded),
                (&V1, "f", 5, Succeeded),
            ],
        ),
    ] {
        let found = found(Rule::Semver, &versions, &played);
        assert_eq!(found, [""; 0], "{story}");
    }
}

#[test]
fn an_older_image_without_need_is_found() {
    let versions = [V1, V2, V3];
    for (story, expected, played) in [
        (
            "after one that was good",
            1,
            vec![(&V2, "f", 3, Succeeded), (&V1, "g", 4, Succeeded)],
        ),
        (
            "after one that was superseded",
            1,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, Superseded),
                (&V1, "f", 3, Superseded),
            ],
        ),
        (
            "before the newer one was judged, which was bad in the end",
            1,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, Superseded),
                (&V1, "g", 3, Succeeded),
                (&V3, "f", 4, RolledBack),
            ],
        ),
        (
            "where an older one was bad",
            2,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, Superseded),
                (&V2, "f", 3, RolledBack),
                (&V1, "f", 4, Succeeded),
            ],
        ),
        (
            "after one that was superseded with a file that it was never bad with",
            1,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, RolledBack),
                (&V3, "g", 4, Superseded),
                (&V1, "h", 5, Succeeded),
            ],
        ),
        (
            "where the file may have been bad",
            1,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "g", 3, RolledBack),
                (&V1, "h", 4, Succeeded),
            ],
        ),
        (
            "that is not the last good one",
            1,
            vec![
                (&V2, "f", 3, Succeeded),
                (&V3, "f", 3, RolledBack),
                (&V1, "f", 4, Succeeded),
            ],
        ),
        (
            "after one that was bad once, and good when it was tried again",
            1,
            vec![
                (&V1, "f", 3, Succeeded),
                (&V3, "f", 3, RolledBack),
                (&V3, "f", 4, Succeeded),
                (&V1, "f", 5, Succeeded),
            ],
        ),
        (
            "when nothing had been good",
            1,
            vec![(&V3, "f", 3, Failed), (&V1, "f", 4, Succeeded)],
        ),
    ] {
        let found = found(Rule::Semver, &versions, &played);
        assert_eq!(found.len(), expected, "{story}: {found:?}");
    }
}

#[test]
fn a_tag_that_was_moved_back_takes_its_image_back_and_no_other() {
    let (first, second, third) = (("latest", "a"), ("latest", "b"), ("latest", "c"));
    let back = [first, second, third, second];
    let good = |image, at| (image, "f", at, Succeeded);
    let seen = |played: &[Played]| found(Rule::Exact, &back, played).len();
    assert_eq!(seen(&[good(&third, 3), good(&second, 4)]), 0);
    assert_eq!(
        seen(&[good(&third, 3), good(&second, 3)]),
        1,
        "not yet moved"
    );
    assert_eq!(
        seen(&[good(&third, 3), good(&first, 4)]),
        1,
        "not to this one"
    );
    assert_eq!(
        seen(&[
            good(&second, 4),
            good(&third, 4),
            good(&second, 4),
            good(&third, 4)
        ]),
        1,
        "only once"
    );

    // A version whose tag was moved to the image of an older version.
    let moved = ("1.2.3", "a");
    let seen = |played: &[Played]| found(Rule::Semver, &[V1, V2, V3, moved], played).len();
    assert_eq!(seen(&[good(&V3, 3), good(&moved, 4)]), 0);
    assert_eq!(
        seen(&[good(&V3, 3), good(&V1, 4)]),
        1,
        "the older version's own tag"
    );
    assert_eq!(
        seen(&[good(&moved, 4), good(&V2, 4)]),
        1,
        "older than the moved tag"
    );
}

#[test]
fn what_nobody_pushed_is_not_followed() {
    assert_eq!(
        found(Rule::Semver, &[V1], &[(&V2, "f", 4, Succeeded)]).len(),
        1
    );
    assert_eq!(
        found(
            Rule::Exact,
            &[("edge", "a")],
            &[(&("edge", "a"), "f", 4, Succeeded)]
        )
        .len(),
        1
    );
}
