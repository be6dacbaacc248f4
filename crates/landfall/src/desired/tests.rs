#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::follow::TagPolicy;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn service() -> ServiceId {
    ServiceId::new("web", "hello").unwrap()
}

fn desired() -> DesiredState {
    DesiredState::new(service())
}

fn image(tag: &str, digest: &str, pushed_at: i64) -> Image {
    Image {
        registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "hello".into(),
        tag: tag.into(),
        digest: format!("sha256:{digest}"),
        pushed_at: Timestamp::from_second(pushed_at).unwrap(),
    }
}

fn rule(tag: &str) -> FollowRule {
    FollowRule {
        repository: "hello".into(),
        tag: TagPolicy::parse(tag).unwrap(),
    }
}

/// A service file with this content whose containers follow these tags of the repository `hello`.
fn file(content: &str, follows: &[(&str, &str)]) -> FollowedFile {
    let follows = follows.iter();
    FollowedFile {
        placeholders: None,
        key: "services/hello.yaml".into(),
        version_id: format!("version of {content}"),
        content: ContentHash::of(&json!(content)),
        follows: follows
            .map(|(container, tag)| ((*container).into(), rule(tag)))
            .collect(),
    }
}

fn revision(number: u64) -> TaskDefinition {
    TaskDefinition {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:{number}"),
        content: ContentHash::of(&json!(number)),
    }
}

impl DesiredState {
    /// The repositories of its new rules hold nothing yet.
    fn following(mut self, file: FollowedFile) -> Self {
        let found = self.new_rules(&file.follows).into_iter();
        let found = found.map(|(container, _)| (container, None)).collect();
        self.follow_file(file, found, NOW);
        self
    }

    fn pushed(mut self, image: Image) -> Self {
        self.join_image(&image, NOW);
        self
    }

    fn retried(mut self) -> Self {
        self.retry(NOW);
        self
    }

    fn claimed(mut self) -> Self {
        self.claim = Some(Claim {
            execution: "execution".into(),
            release: self.last_number,
            attempt: 1,
            applied_file: None,
            taken_at: None,
        });
        self
    }

    fn concluded(mut self, verdict: Verdict) -> Self {
        let number = self.last_number;
        self.conclude(number, verdict, Some(&revision(number)));
        self
    }

    /// The newest release's number and the tags of its images.
    fn newest(&self) -> (u64, Vec<&str>) {
        let images = self.newest_open().map(|release| &release.content.images);
        let tags = images.into_iter().flatten().map(|(_, image)| &*image.tag);
        (self.last_number, tags.collect())
    }
}

#[test]
fn a_file_that_follows_nothing_is_a_release_at_once() {
    let desired = desired().following(file("a", &[]));
    assert_eq!(desired.newest(), (1, vec![]));
    let cause = &desired.newest_open().unwrap().cause;
    assert_eq!(cause.to_string(), "services/hello.yaml changed");
}

#[test]
fn a_release_waits_for_the_first_image_of_every_followed_repository() {
    let mut worker = rule("glob:worker-*");
    worker.repository = "jobs".into();
    let mut both = file("a", &[("web", "semver:^1")]);
    both.follows.insert("worker".into(), worker);
    let desired = desired().following(both).pushed(image("1.0.0", "a", 1));
    assert_eq!(desired.newest(), (0, vec![]));
    let waiting: Vec<_> = desired
        .waiting_for()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(waiting, ["worker"]);

    let mut job = image("worker-1", "b", 2);
    job.repository = "jobs".into();
    let desired = desired.pushed(job);
    assert_eq!(desired.newest(), (1, vec!["1.0.0", "worker-1"]));
    let cause = &desired.newest_open().unwrap().cause;
    assert_eq!(cause.to_string(), "jobs:worker-1 was pushed");
}

#[test]
fn the_number_rises_only_with_what_would_run() {
    let desired = desired()
        .following(file("a", &[("web", "semver:^1")]))
        .pushed(image("1.0.0", "a", 1));
    for (push, number) in [
        (image("1.0.0", "a", 1), 1),
        (image("0.9.0", "b", 2), 1),
        (image("2.0.0", "c", 3), 1),
        (image("latest", "c", 3), 1),
        (image("1.0.1", "a", 4), 1),
        (image("1.1.0", "d", 5), 2),
    ] {
        let tag = push.tag.clone();
        assert_eq!(desired.clone().pushed(push).last_number, number, "{tag}");
    }
    let again = FollowedFile {
        version_id: "another upload".into(),
        ..file("a", &[("web", "semver:^1")])
    };
    let uploaded_again = desired.clone().following(again);
    assert_eq!(uploaded_again.newest(), (1, vec!["1.0.0"]));
    assert_eq!(uploaded_again.file.unwrap().version_id, "another upload");
    assert_eq!(
        desired
            .following(file("b", &[("web", "semver:^1")]))
            .newest(),
        (2, vec!["1.0.0"])
    );
}

#[test]
fn a_push_of_another_repository_changes_nothing() {
    let before = desired().following(file("a", &[("web", "semver:^1")]));
    let mut elsewhere = image("1.0.0", "a", 1);
    elsewhere.repository = "other".into();
    assert_eq!(before.clone().pushed(elsewhere), before);
}

#[test]
fn one_push_reaches_every_container_that_follows_it() {
    let desired = desired()
        .following(file("a", &[("web", "semver:^1"), ("worker", "glob:*")]))
        .pushed(image("1.0.0", "a", 1));
    assert_eq!(desired.newest(), (1, vec!["1.0.0", "1.0.0"]));
}

#[test]
fn a_changed_rule_takes_what_its_repository_holds_and_an_unchanged_one_keeps_its_image() {
    let before = desired()
        .following(file("a", &[("web", "semver:^1"), ("worker", "semver:^1")]))
        .pushed(image("1.5.0", "a", 1));
    let changed = file("b", &[("web", "semver:~1.2"), ("worker", "semver:^1")]);
    let new: Vec<_> = before
        .new_rules(&changed.follows)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(new, ["web"]);

    let mut found = before.clone();
    found.follow_file(
        changed.clone(),
        [("web".into(), Some(image("1.2.9", "b", 2)))].into(),
        NOW,
    );
    assert_eq!(found.newest(), (2, vec!["1.2.9", "1.5.0"]));

    let nothing_there = before.following(changed);
    assert_eq!(nothing_there.newest().0, 1);
    assert_eq!(nothing_there.waiting_for().len(), 1);
}

#[test]
fn a_bad_release_is_tried_again_when_an_operator_says_so_and_not_when_its_file_is_uploaded_again() {
    let bad = desired()
        .following(file("a", &[("web", "semver:^1")]))
        .pushed(image("1.0.0", "one", 1))
        .claimed()
        .concluded(Verdict::Rejected);
    let again = |version_id: &str| FollowedFile {
        version_id: version_id.into(),
        ..file("a", &[("web", "semver:^1")])
    };
    let uploaded = bad.following(again("another upload"));
    assert_eq!(uploaded.newest(), (1, vec![]));
    let tried = uploaded.retried();
    assert_eq!(tried.newest(), (2, vec!["1.0.0"]));
    let cause = &tried.newest_open().unwrap().cause;
    assert_eq!(cause.to_string(), "it was tried again");
    assert_eq!(tried.clone().retried(), tried, "it is on its way");
    let good = tried.claimed().concluded(Verdict::Succeeded);
    assert_eq!(good.retried().last_number, 2, "it succeeded");
}

#[test]
fn a_release_that_was_bad_is_not_made_again_by_the_same_events() {
    let follows = [("web", "semver:^1")];
    let good = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "a", 1));
    let good = good.claimed().concluded(Verdict::Succeeded);
    for verdict in [Verdict::RolledBack, Verdict::Failed, Verdict::Rejected] {
        let bad = good
            .clone()
            .pushed(image("1.1.0", "b", 2))
            .claimed()
            .concluded(verdict);
        let repeated = bad
            .clone()
            .pushed(image("1.1.0", "b", 2))
            .pushed(image("1.0.0", "a", 1))
            .following(file("a", &follows));
        assert_eq!(repeated, bad, "{verdict}");
        assert_eq!(
            bad.clone().pushed(image("1.1.0", "mended", 3)).newest(),
            (3, vec!["1.1.0"])
        );
    }
}

/// 1.0.0 is good with the file `a`, and 1.1.0 was bad with it.
fn bad_image(verdict: Verdict) -> DesiredState {
    desired()
        .following(file("a", &[("web", "semver:^1")]))
        .pushed(image("1.0.0", "a", 1))
        .concluded(Verdict::Succeeded)
        .pushed(image("1.1.0", "b", 2))
        .concluded(verdict)
}

#[test]
fn another_service_file_is_not_released_with_an_image_that_was_bad() {
    let follows = [("web", "semver:^1")];
    for verdict in [Verdict::RolledBack, Verdict::Failed] {
        let edited = bad_image(verdict).following(file("b", &follows));
        assert_eq!(edited.newest(), (3, vec!["1.0.0"]), "{verdict}");
        let good = edited.concluded(Verdict::Succeeded);
        let again = good.clone().pushed(image("1.1.0", "b", 2));
        assert_eq!(again, good, "{verdict}");
        let releases: Vec<_> = good
            .left_out()
            .into_iter()
            .map(|(container, image, release)| (&**container, &*image.tag, release))
            .collect();
        assert_eq!(releases, [("web", "1.1.0", 2)], "{verdict}");
    }
    for innocent in [Verdict::Rejected, Verdict::Superseded, Verdict::Drifted] {
        let edited = bad_image(innocent).following(file("b", &follows));
        assert_eq!(edited.newest(), (3, vec!["1.1.0"]), "{innocent}");
    }
}

#[test]
fn an_image_that_was_bad_is_tried_again_when_somebody_asks_for_it() {
    let follows = [("web", "semver:^1")];
    let again = FollowedFile {
        version_id: "another upload".into(),
        ..file("a", &follows)
    };
    let bad = || bad_image(Verdict::RolledBack);
    let uploaded = bad().following(again);
    assert_eq!(uploaded.newest(), (2, vec![]));
    assert_eq!(uploaded.retried().newest(), (3, vec!["1.1.0"]));
    assert_eq!(
        bad().pushed(image("1.1.0", "mended", 3)).newest(),
        (3, vec!["1.1.0"])
    );
    assert_eq!(
        bad().pushed(image("1.2.0", "c", 3)).newest(),
        (3, vec!["1.2.0"])
    );
    let mut by_name = bad();
    by_name.follow_file(
        file("c", &[("web", "1.1.0")]),
        [("web".into(), Some(image("1.1.0", "b", 2)))].into(),
        NOW,
    );
    assert_eq!(by_name.newest(), (3, vec!["1.1.0"]));

    let live = desired()
        .following(file("a", &[("web", "live")]))
        .pushed(image("live", "a", 1))
        .concluded(Verdict::Succeeded)
        .pushed(image("live", "b", 2))
        .concluded(Verdict::RolledBack)
        .pushed(image("live", "c", 3))
        .concluded(Verdict::Succeeded);
    let back = live.pushed(image("live", "b", 2));
    let digest = &back.newest_open().unwrap().content.images["web"].digest;
    assert_eq!(digest, "sha256:b", "the tag was moved back");
}

#[test]
fn a_file_that_may_be_to_blame_leaves_the_images_alone() {
    let follows = [("web", "semver:^1")];
    let good = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "a", 1))
        .concluded(Verdict::Succeeded);
    let file_alone = good
        .clone()
        .following(file("b", &follows))
        .concluded(Verdict::RolledBack);
    assert_eq!(file_alone.quarantine, []);
    let both = good
        .following(file("b", &follows))
        .pushed(image("1.1.0", "b", 2))
        .concluded(Verdict::RolledBack);
    assert_eq!(
        both.following(file("c", &follows)).newest(),
        (4, vec!["1.1.0"])
    );
    let never_good = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "a", 1))
        .concluded(Verdict::Failed);
    assert_eq!(
        never_good.following(file("b", &follows)).newest(),
        (2, vec!["1.0.0"])
    );
}

#[test]
fn a_file_that_was_uploaded_while_a_bad_image_was_on_its_way_is_released_without_it() {
    let follows = [("web", "semver:^1")];
    let bad = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "good", 1))
        .claimed()
        .concluded(Verdict::Succeeded)
        .pushed(image("1.1.0", "bad", 2))
        .claimed();
    let mut uploaded = bad.following(file("b", &follows));
    assert_eq!(uploaded.newest(), (3, vec!["1.1.0"]));
    uploaded.conclude(2, Verdict::RolledBack, None);
    assert_eq!(uploaded.newest(), (4, vec!["1.0.0"]));
    let open: Vec<_> = uploaded.open.iter().map(|release| release.number).collect();
    assert_eq!(open, [3, 4]);
    let newest = uploaded.newest_open().unwrap();
    assert_eq!(newest.content.file, file("b", &follows).content);
}

#[test]
fn a_moved_tag_can_lead_back_to_the_last_good_image() {
    let live = desired()
        .following(file("a", &[("web", "live")]))
        .pushed(image("live", "a", 1));
    let bad = live
        .concluded(Verdict::Succeeded)
        .pushed(image("live", "b", 2))
        .concluded(Verdict::RolledBack);
    assert_eq!(
        bad.pushed(image("live", "a", 1)).newest(),
        (3, vec!["live"])
    );
}

#[test]
fn a_deleted_file_stops_the_following_and_leaves_the_release_on_its_way() {
    let mut forgotten = desired()
        .following(file("a", &[("web", "semver:^1")]))
        .pushed(image("1.0.0", "a", 1))
        .claimed();
    forgotten.forget_file();
    let after = forgotten.clone().pushed(image("1.1.0", "b", 2));
    assert_eq!(after, forgotten);
    assert_eq!(after.newest(), (1, vec!["1.0.0"]));

    let concluded = after.concluded(Verdict::Succeeded);
    assert_eq!(
        (
            concluded.newest_open(),
            concluded.last_good.as_ref().unwrap().number
        ),
        (None, 1)
    );
    let mut back = concluded;
    back.follow_file(
        file("a", &[("web", "semver:^1")]),
        [("web".into(), Some(image("1.0.0", "a", 1)))].into(),
        NOW,
    );
    assert_eq!(
        back.newest(),
        (1, vec![]),
        "the same file with the same image runs already"
    );
}

#[test]
fn a_conclusion_drops_the_older_releases_and_keeps_the_newer_ones() {
    let three = desired()
        .following(file("a", &[("web", "glob:*")]))
        .pushed(image("a", "a", 1))
        .pushed(image("b", "b", 2))
        .claimed()
        .pushed(image("c", "c", 3));
    let mut concluded = three.clone();
    concluded.conclude(2, Verdict::Superseded, None);
    let open: Vec<_> = concluded
        .open
        .iter()
        .map(|release| release.number)
        .collect();
    assert_eq!(open, [3]);
    assert_eq!((concluded.claim, concluded.last_good), (None, None));
    assert!(three.supersedes(2) && !three.supersedes(3));
}

#[test]
fn what_ecs_certainly_has_follows_from_the_verdict() {
    let (first, second) = (ContentHash::of(&json!("a")), ContentHash::of(&json!("b")));
    let good = desired()
        .following(file("a", &[]))
        .concluded(Verdict::Succeeded);
    assert_eq!(good.applied_file, Some(first.clone()));
    assert_eq!(
        good.last_good.as_ref().unwrap().task_definition,
        revision(1)
    );
    // A claim clears what was applied when it is about to apply something else.
    let mut going = good.following(file("b", &[])).claimed();
    going.applied_file = None;
    for (verdict, applied, last_good) in [
        (Verdict::Succeeded, Some(second), 2),
        (Verdict::RolledBack, Some(first), 1),
        (Verdict::Failed, None, 1),
        (Verdict::Superseded, None, 1),
        (Verdict::Rejected, None, 1),
    ] {
        let concluded = going.clone().concluded(verdict);
        assert_eq!(concluded.applied_file, applied, "{verdict}");
        assert_eq!(concluded.last_good.unwrap().number, last_good, "{verdict}");
    }
    let never_good = desired()
        .following(file("a", &[]))
        .claimed()
        .concluded(Verdict::RolledBack);
    assert_eq!(
        (never_good.applied_file, never_good.last_good),
        (None, None)
    );
}

#[test]
fn the_last_good_release_keeps_its_content_when_it_is_registered_again() {
    let good = desired()
        .following(file("a", &[]))
        .concluded(Verdict::Succeeded);
    let mut renewed = good.clone();
    renewed.renew_good(2, &revision(9));
    assert_eq!(renewed, good, "another release");
    renewed.renew_good(1, &revision(9));
    assert_eq!(renewed.accepted, Some(revision(1).arn), "it may still run");
    let (before, after) = (good.last_good.unwrap(), renewed.last_good.unwrap());
    assert_eq!(after.task_definition, revision(9));
    assert_eq!(
        (after.number, after.content),
        (before.number, before.content)
    );
}

#[test]
fn it_is_stored_and_read_back_unchanged() {
    let full = desired()
        .following(file("a", &[("web", "semver:^1")]))
        .pushed(image("1.0.0", "a", 1))
        .concluded(Verdict::Succeeded)
        .pushed(image("1.1.0", "b", 2))
        .claimed();
    let stored = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<DesiredState>(&stored).unwrap(), full);
}

#[derive(Clone, Debug)]
enum Happening {
    Push(Image),
    File(FollowedFile),
    Forget,
    Claim,
    Conclude(Verdict),
}

fn happening() -> impl Strategy<Value = Happening> {
    let push = ("1\\.[0-2]\\.0|main", "[a-c]", 0..5_i64)
        .prop_map(|(tag, digest, at)| image(&tag, &digest, at));
    let tag = prop_oneof![
        Just("semver:^1"),
        Just("semver:~1.1"),
        Just("main"),
        Just("glob:*")
    ];
    let file = ("[ab]", proptest::option::of(tag)).prop_map(|(content, tag)| {
        let content = format!("{content} {tag:?}");
        file(&content, tag.map(|tag| ("web", tag)).as_slice())
    });
    let verdict = prop_oneof![
        Just(Verdict::Succeeded),
        Just(Verdict::RolledBack),
        Just(Verdict::Failed),
        Just(Verdict::Superseded),
        Just(Verdict::Rejected)
    ];
    prop_oneof![
        4 => push.prop_map(Happening::Push),
        2 => file.prop_map(Happening::File),
        1 => Just(Happening::Forget),
        2 => Just(Happening::Claim),
        2 => verdict.prop_map(Happening::Conclude),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_releases_are_numbered_ordered_and_never_repeated(
        happenings in proptest::collection::vec(happening(), 1..40)
    ) {
        let mut state = desired();
        let mut made: Vec<Release> = Vec::new();
        for happening in happenings {
            let before = state.clone();
            match happening {
                Happening::Push(image) => state = state.pushed(image),
                Happening::File(file) => state = state.following(file),
                Happening::Forget => state.forget_file(),
                Happening::Claim if state.newest_open().is_some() => state = state.claimed(),
                Happening::Claim => {}
                Happening::Conclude(verdict) => {
                    if let Some(claim) = state.claim.clone() {
                        state.conclude(claim.release, verdict, Some(&revision(claim.release)));
                        prop_assert!(state.claim.is_none());
                        prop_assert_eq!(state.concluded.as_ref().unwrap().number, claim.release);
                    }
                }
            }
            prop_assert!(state.last_number >= before.last_number);
            prop_assert!(state.last_number <= before.last_number + 1);
            if state.last_number > before.last_number {
                let release = state.newest_open().unwrap().clone();
                prop_assert_eq!(release.number, state.last_number);
                if let Some(last) = made.last() {
                    let uploaded = matches!(release.cause, Cause::ServiceFileChanged { .. });
                    let was_good = before.concluded.as_ref().is_none_or(|concluded| concluded.verdict == Verdict::Succeeded);
                    let tried_again = uploaded && !was_good && before.open.is_empty();
                    prop_assert!(tried_again || !last.content.runs_the_same_as(&release.content));
                }
                prop_assert!(state.waiting_for().is_empty());
                made.push(release);
            }
            prop_assert!(state.quarantine.len() <= 16);
            if state.last_number > before.last_number {
                let released = &state.newest_open().unwrap().content.images;
                for quarantined in &state.quarantine {
                    let all = quarantined.images.iter().all(|(container, digest)| released[container].digest == *digest);
                    prop_assert!(!all, "{:?} was bad", quarantined);
                }
            }
            prop_assert!(state.open.is_sorted_by(|left, right| left.number < right.number));
            prop_assert!(state.open.len() <= made.len());
            if let Some(claim) = &state.claim {
                prop_assert!(state.open.iter().any(|release| release.number == claim.release));
            }
            if let Some(good) = &state.last_good {
                prop_assert!(good.number <= state.last_number);
            }
        }
    }

    #[test]
    fn the_same_pushes_in_any_order_and_number_make_the_same_content(
        deliveries in Just(vec![
            image("1.0.0", "a", 1), image("1.2.0", "b", 3), image("1.2.0-rc.1", "c", 4), image("1.1.0", "d", 5),
            image("main", "e", 6), image("1.0.0", "a", 1), image("1.2.0", "b", 3),
        ]).prop_shuffle()
    ) {
        let follows = [("web", "semver:^1"), ("worker", "glob:1.*"), ("edge", "main")];
        let state = deliveries.into_iter().fold(desired().following(file("a", &follows)), DesiredState::pushed);
        let tags: Vec<_> = state.images.values().map(|image| &*image.tag).collect();
        prop_assert_eq!(tags, ["main", "1.2.0", "1.1.0"]);
        prop_assert_eq!(&state.newest_open().unwrap().content.images, &state.images);
    }
}
