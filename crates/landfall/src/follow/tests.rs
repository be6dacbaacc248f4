#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use semver::Version;

use super::*;
use crate::image::TagTime;
use std::cmp::Ordering;

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

fn policy(text: &str) -> TagPolicy {
    TagPolicy::parse(text).unwrap()
}

#[test]
fn each_policy_admits_its_tags_and_no_others() {
    for (text, admitted, refused) in [
        (
            "semver:^1.2",
            &["1.2.0", "v1.9.4", "1.2.0+build.7"][..],
            &[
                "1.1.9",
                "2.0.0",
                "1.3.0-rc.1",
                "1.2",
                "latest",
                "vv1.2.0",
                "V1.2.0",
                "01.2.0",
                "",
            ][..],
        ),
        ("semver:>=1.2, <1.4", &["1.3.9"], &["1.4.0", "1.1.0"]),
        ("semver:*", &["0.0.1", "9.9.9"], &["1.0.0-rc.1", "main"]),
        (
            "semver:=2.0.0",
            &["2.0.0", "v2.0.0"],
            &["2.0.1", "2.0.0-rc.1"],
        ),
        (
            "semver:>=1.4.0-rc.1",
            &["1.4.0-rc.2", "1.4.0", "1.5.0"],
            &["1.4.0-beta", "1.5.0-rc.1"],
        ),
        (
            "glob:main-*",
            &["main-1", "main-"],
            &["main", "xmain-1", "MAIN-1"],
        ),
        ("glob:v?.[0-9]", &["v1.2"], &["v10.2", "v1.x", "v1.22"]),
        (
            "regex:release-[0-9]+",
            &["release-12"],
            &["release-", "xrelease-1", "release-1x", "release-1\n"],
        ),
        ("regex:a|b", &["a", "b"], &["ax", "xb", "ab"]),
        ("latest", &["latest"], &["latest-1", "Latest", ""]),
        ("1.2.3", &["1.2.3"], &["v1.2.3", "1.2.30"]),
    ] {
        for tag in admitted {
            assert!(policy(text).admits(tag), "{text} should admit {tag:?}");
        }
        for tag in refused {
            assert!(!policy(text).admits(tag), "{text} should not admit {tag:?}");
        }
    }
}

#[test]
fn a_policy_that_does_not_parse_says_what_to_write() {
    for (text, part) in [
        ("", "`` is no image tag: ECR takes 1 to 128 letters"),
        ("-x", "`-x` is no image tag"),
        ("a b", "`a b` is no image tag"),
        ("semver:", "write one like `^1.2`"),
        (
            "semver:one",
            "`one` is no version range (unexpected character 'o'",
        ),
        ("semver:^1.2.3.4", "write one like `^1.2` or `>=1.4, <2`"),
        ("glob:", "the pattern is empty"),
        (
            "glob:[a",
            "the pattern does not parse: error parsing glob '[a': unclosed character class",
        ),
        ("regex:", "the pattern is empty"),
        ("regex:(", "the pattern does not parse"),
        ("regex:(a{1000}){1000}{1000}", "the pattern does not parse"),
        ("sha:abc", "`sha:` is no tag policy; write `semver:<range>`"),
    ] {
        let refusal = TagPolicy::parse(text).unwrap_err().0;
        assert!(refusal.contains(part), "{text:?}: {refusal}");
    }
    assert!(TagPolicy::parse(&"x".repeat(129)).is_err());
    assert!(TagPolicy::parse(&"x".repeat(128)).is_ok());
}

#[test]
fn a_regex_cannot_break_out_of_its_anchors() {
    let refusal = TagPolicy::parse("regex:a)|(?:b").unwrap_err();
    assert!(refusal.0.contains("does not parse"), "{refusal}");
}

#[test]
fn among_equal_versions_the_later_push_wins() {
    let (plain, prefixed) = (image("1.0.0", "a", 1), image("v1.0.0", "b", 2));
    let policy = policy("semver:^1");
    assert_eq!(policy.join(Some(prefixed.clone()), plain.clone()), prefixed);
    assert_eq!(policy.join(Some(plain), prefixed.clone()), prefixed);
}

#[test]
fn a_higher_version_wins_though_a_lower_one_was_pushed_later() {
    let (high, low) = (image("1.10.0", "a", 1), image("1.9.0", "b", 2));
    assert_eq!(policy("semver:^1").join(Some(high.clone()), low), high);
}

#[test]
fn a_tag_that_was_moved_back_is_followed_back() {
    let (newer, older) = (image("live", "b", 2), image("live", "a", 1));
    let joined = policy("live").join(Some(newer), older.clone());
    assert_eq!(joined.digest, older.digest);
    // The tag was moved after it was put on what it had before.
    assert_eq!(joined.since(), Timestamp::from_second(2).unwrap());
}

#[test]
fn an_image_of_another_repository_or_of_a_tag_no_longer_admitted_gives_way() {
    let observed = image("1.0.0", "a", 1);
    let mut elsewhere = image("9.0.0", "b", 2);
    elsewhere.repository = "other".into();
    let policy = policy("semver:^1");
    assert_eq!(policy.join(Some(elsewhere), observed.clone()), observed);
    let not_admitted = image("2.0.0", "b", 2);
    assert_eq!(policy.join(Some(not_admitted), observed.clone()), observed);
}

fn ordered(tag: &str, extract: Option<&str>, order: &str) -> TagPolicy {
    TagPolicy::read(written(tag, extract, Some(order))).unwrap()
}

fn written(tag: &str, extract: Option<&str>, order: Option<&str>) -> Written {
    Written {
        tag: tag.into(),
        extract: extract.map(str::to_owned),
        order: order.map(str::to_owned),
    }
}

#[test]
fn an_order_that_the_tags_have_by_themselves_decides_whenever_they_were_pushed() {
    const BUILD: &str = "regex:main-(?<build>[0-9]+)";
    for (policy, rising, not_admitted) in [
        (
            ordered(BUILD, None, "numerical"),
            &["main-9", "main-101", "main-102"][..],
            &["main-x", "dev-103"][..],
        ),
        (
            ordered(
                "regex:main-(?P<sha>[0-9a-f]{7})-(?P<at>[0-9]+)",
                Some("$at"),
                "numerical",
            ),
            &["main-fffffff-1764356400", "main-0000000-1764356401"],
            &["main-fffffff", "main-1764356402"],
        ),
        (
            ordered("regex:api-(?<version>.+)", None, "semver:^1"),
            &["api-1.2.3", "api-v1.9.0", "api-1.10.0"],
            &[
                "api-2.0.0",
                "1.11.0",
                "web-1.11.0",
                "api-latest",
                "api-1.11.0-rc.1",
            ],
        ),
        (
            ordered("regex:[a-z]+-([0-9.]+)", Some("$1"), "semver:*"),
            &["web-1.0.0", "api-1.0.1"],
            &["web-1.0"],
        ),
        (
            ordered("glob:20*", None, "alphabetical"),
            &["2026-11-28.133158", "2026-12-01.090000"],
            &["latest"],
        ),
        (
            ordered("glob:*", None, "numerical"),
            &["7", "20261128", "20261128.5"],
            &["latest", "1.2.3", ""],
        ),
        (
            ordered(
                "regex:(?<day>[0-9]{8})-b(?<build>[0-9]+)",
                Some("${day}.$build"),
                "alphabetical",
            ),
            &["20261128-b7", "20261129-b1"],
            &["20261128"],
        ),
    ] {
        for pair in rising.windows(2) {
            // The earlier in the order was pushed later.
            let (lower, higher) = (image(pair[0], "a", 9), image(pair[1], "b", 1));
            for (known, observed) in [(&lower, &higher), (&higher, &lower)] {
                let joined = policy.join(Some(known.clone()), observed.clone());
                assert_eq!(joined, higher, "{policy:?}");
            }
        }
        for tag in rising {
            assert_eq!(policy.admission(tag), Ok(()), "{policy:?}");
        }
        for tag in not_admitted {
            assert!(!policy.admits(tag), "{policy:?} should not admit {tag}");
        }
    }
}

#[test]
fn a_tag_that_has_no_place_in_the_order_says_so() {
    for (policy, tag, why) in [
        (policy("semver:^1"), "2.0.0", "it is not in the range ^1"),
        (policy("semver:^1"), "main", "it is no full version"),
        (policy("glob:main-*"), "dev-1", "it is not `glob:main-*`"),
        (
            ordered("regex:main-(?<build>.*)", None, "numerical"),
            "main-x",
            "its part `x` is no number",
        ),
        (
            ordered("regex:api-(?<version>.*)", None, "semver:^1"),
            "api-2.0.0",
            "its part `2.0.0` is not in the range ^1",
        ),
    ] {
        assert_eq!(policy.admission(tag).unwrap_err().to_string(), why);
    }
}

#[test]
fn an_order_with_nothing_to_compare_says_what_to_write() {
    for (tag, extract, order, field, part) in [
        (
            "glob:*",
            None,
            Some("newest"),
            "order",
            "`newest` is no order; write `numerical`",
        ),
        (
            "glob:*",
            None,
            Some("semver"),
            "order",
            "such as `semver:^1` or `semver:*`",
        ),
        (
            "glob:*",
            None,
            Some("semver:one"),
            "order",
            "is no version range",
        ),
        (
            "semver:^1",
            None,
            Some("numerical"),
            "order",
            "versions have their order already",
        ),
        (
            "latest",
            None,
            Some("numerical"),
            "order",
            "one exact tag has no order",
        ),
        (
            "glob:main-*",
            None,
            Some("numerical"),
            "order",
            "name the part that is one",
        ),
        (
            "regex:main-[0-9]+",
            None,
            Some("semver:*"),
            "order",
            "name the part that is one",
        ),
        (
            "regex:main-([0-9]+)",
            None,
            Some("numerical"),
            "extract",
            "groups without names",
        ),
        (
            "regex:(?<a>.)(?<b>.)",
            None,
            Some("numerical"),
            "extract",
            "the pattern names a and b",
        ),
        (
            "regex:(?<a>.)",
            Some("$b"),
            Some("numerical"),
            "extract",
            "no group `b`; it names a",
        ),
        (
            "regex:(.)",
            Some("$2"),
            Some("numerical"),
            "extract",
            "no group `2`; it names none",
        ),
        (
            "regex:(?<a>.)",
            Some("a"),
            Some("numerical"),
            "extract",
            "names no part of the tag",
        ),
        (
            "regex:(?<a>.)",
            Some("$a"),
            None,
            "extract",
            "nothing compares the part",
        ),
        (
            "glob:*",
            Some("$a"),
            Some("numerical"),
            "extract",
            "a `glob:` has no parts with names",
        ),
    ] {
        let flaw = TagPolicy::read(written(tag, extract, order)).unwrap_err();
        assert_eq!(flaw.field, field, "{flaw}");
        assert!(flaw.refusal.0.contains(part), "{flaw}");
    }
    for (tag, order) in [("glob:v*", "semver:*"), ("regex:a?[0-9]+|1", "numerical")] {
        TagPolicy::read(written(tag, None, Some(order))).unwrap();
    }
}

#[test]
fn what_is_attached_to_an_image_is_never_followed() {
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    for text in ["glob:*", "regex:.*", "glob:sha256-*"] {
        let refused = policy(text).admission(&signature);
        assert_eq!(refused, Err(Unadmitted::Attachment), "{text}");
    }
    assert!(policy("glob:*").admits("sha256-of-nothing"));
}

#[test]
fn a_policy_is_kept_as_it_was_written() {
    for json in [
        r#"{"repository":"hello","tag":"semver:^1"}"#,
        r#"{"repository":"hello","tag":"regex:m-(?<n>[0-9]+)","order":"numerical"}"#,
        r#"{"repository":"hello","tag":"regex:m-([0-9]+)","extract":"$1","order":"numerical"}"#,
    ] {
        let rule: FollowRule = serde_json::from_str(json).unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(&rule).unwrap(), value);
    }
}

fn any_policy() -> impl Strategy<Value = TagPolicy> {
    prop_oneof![
        Just(policy("semver:*")),
        Just(policy("semver:>=0.0.0-0")),
        Just(policy("glob:*")),
        Just(policy("regex:.*")),
        Just(ordered("regex:main-(?<build>[0-9]+)", None, "numerical")),
        Just(ordered("regex:v?(?<version>.*)", None, "semver:*")),
    ]
}

/// Pushes of distinct tags in no order, as ECR shows them.
fn pushes() -> impl Strategy<Value = Vec<Image>> {
    let tag = prop_oneof!["v?[0-2]\\.[0-2]\\.[0-2](-rc\\.[0-9]{1,2})?", "main-[0-9]"];
    proptest::collection::btree_map(tag, ("[ab]", 0..4_i64), 1..8).prop_map(|tags| {
        let images = tags.into_iter();
        images
            .map(|(tag, (digest, at))| image(&tag, &digest, at))
            .collect()
    })
}

/// One tag after another is put on one of three digests, a minute apart; each with when its event says so. A digest keeps the
/// time at which it came first.
fn puts() -> impl Strategy<Value = Vec<(Image, Timestamp)>> {
    proptest::collection::vec(0..3_usize, 1..7).prop_map(|digests| {
        let mut first = [None; 3];
        let puts = (0..).zip(digests);
        puts.map(|(minute, digest)| {
            let at = 60 * minute;
            let pushed_at = *first[digest].get_or_insert(at);
            let image = image(&format!("main-{minute}"), &digest.to_string(), pushed_at);
            (image, Timestamp::from_second(at).unwrap())
        })
        .collect()
    })
}

fn fold(policy: &TagPolicy, pushes: &[Image]) -> Option<Image> {
    let admitted = pushes.iter().filter(|push| policy.admits(&push.tag));
    admitted.fold(None, |known, push| Some(policy.join(known, push.clone())))
}

proptest! {
    #[test]
    fn the_same_pushes_in_any_order_and_number_end_at_the_last_of_the_order(
        (policy, pushes, deliveries) in (any_policy(), pushes()).prop_flat_map(|(policy, pushes)| {
            let repeated: Vec<Image> = pushes.iter().chain(&pushes).cloned().collect();
            (Just(policy), Just(pushes), Just(repeated).prop_shuffle())
        })
    ) {
        let admitted = pushes.iter().filter(|push| policy.admits(&push.tag));
        let last = admitted.max_by(|left, right| policy.order(left, right)).cloned();
        prop_assert_eq!(fold(&policy, &deliveries), last.clone());
        prop_assert_eq!(fold(&policy, &pushes), last);
    }

    #[test]
    fn versions_are_ordered_by_semver_precedence(
        left in "[0-3]\\.[0-3]\\.[0-3](-(alpha|rc|1)(\\.[0-9])?)?", right in "[0-3]\\.[0-3]\\.[0-3](-(alpha|rc|1)(\\.[0-9])?)?"
    ) {
        let precedence = Version::parse(&left).unwrap().cmp_precedence(&Version::parse(&right).unwrap());
        let order = policy("semver:*").order(&image(&left, "a", 1), &image(&right, "a", 1));
        prop_assert!(precedence == Ordering::Equal || order == precedence, "{left} {right}: {order:?}, not {precedence:?}");
    }

    #[test]
    fn reading_a_policy_never_panics(text in "(semver:|glob:|regex:)?.{0,40}") {
        if let Ok(policy) = TagPolicy::parse(&text) {
            prop_assert_eq!(policy.to_string(), text);
            policy.admits("v1.2.3-rc.1");
        }
    }

    #[test]
    fn reading_an_order_never_panics(
        tag in "(semver:|glob:|regex:).{0,20}", extract in proptest::option::of(".{0,10}"), order in ".{0,10}|numerical"
    ) {
        let written = Written { tag, extract, order: Some(order) };
        if let Ok(policy) = TagPolicy::read(written) {
            policy.admits("main-17");
        }
    }

    #[test]
    fn whenever_and_however_often_tags_are_announced_the_one_that_was_put_last_is_followed(
        (puts, deliveries) in puts().prop_flat_map(|puts| {
            let twice: Vec<_> = puts.iter().chain(&puts).cloned().collect();
            (Just(puts), Just(twice).prop_shuffle())
        })
    ) {
        let policy = policy("glob:*");
        let joined = deliveries.iter().fold(None, |known, (image, at)| {
            Some(policy.join(known, image.clone().tagged(TagTime::Said(*at))))
        });
        let last = puts.last().map(|(image, _)| (image.tag.clone(), image.digest.clone()));
        prop_assert_eq!(joined.map(|image| (image.tag, image.digest)), last);
    }
}
