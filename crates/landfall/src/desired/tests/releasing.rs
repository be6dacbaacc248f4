//! Which changes make a release.

use super::*;

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
    let file = ("[ab]", "[xy]", proptest::option::of(tag)).prop_map(|(content, what, tag)| {
        let content = format!("{content} {what} {tag:?}");
        giving(
            &what,
            file(&content, tag.map(|tag| ("web", tag)).as_slice()),
        )
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
                        state.conclude(claim.release, verdict, Against::Release, Some(&revision(claim.release)), NOW);
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
                let content = &state.newest_open().unwrap().content;
                let released = &content.images;
                let with_it = state.quarantine.iter().filter(|bad| bad.containers == content.containers);
                for quarantined in with_it {
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
}
