#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn image(tag: &str, digest: &str, pushed_at: i64) -> Image {
    Image {
        registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "hello".into(),
        tag: tag.into(),
        digest: format!("sha256:{digest}"),
        pushed_at: Timestamp::from_second(pushed_at).unwrap(),
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
    assert_eq!(policy("live").join(Some(newer), older.clone()), older);
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

fn any_policy() -> impl Strategy<Value = TagPolicy> {
    prop_oneof![
        Just("semver:*"),
        Just("semver:>=0.0.0-0"),
        Just("glob:*"),
        Just("regex:.*")
    ]
    .prop_map(policy)
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
}
