//! Images of several containers that were bad together: how it is found out which of them was.

use super::*;

/// The image `<version>` of the repository that the container follows, which has its name.
fn of(container: &str, version: u32) -> Image {
    Image {
        repository: container.into(),
        ..image(
            &format!("1.{version}.0"),
            &format!("{container}{version}"),
            version.into(),
        )
    }
}

fn follows(containers: &[&str], content: &str) -> FollowedFile {
    let rule = |container: &&str| FollowRule {
        repository: (*container).into(),
        tag: TagPolicy::parse("semver:^1").unwrap(),
        with: None,
    };
    let containers = containers.iter();
    FollowedFile {
        follows: containers
            .map(|container| ((*container).to_owned(), rule(container)))
            .collect(),
        ..file(content, &[])
    }
}

/// Release 1 of version 1 of each of these was good.
fn good(containers: &[&str]) -> DesiredState {
    let mut state = desired().following(follows(containers, "file"));
    for container in containers {
        state = state.pushed(of(container, 1));
    }
    state.concluded(Verdict::Succeeded)
}

/// The images of a release, such as `a2 b1`.
fn images(release: &Release) -> String {
    let images = release.content.images.values();
    let digests: Vec<_> = images
        .map(|image| image.digest.trim_start_matches("sha256:"))
        .collect();
    digests.join(" ")
}

impl DesiredState {
    /// Releases one after the other until none is open. A release is bad if it has one of these images. Answers what was
    /// released, with a `!` where it was bad.
    fn run_to_rest(&mut self, bad: &[&str]) -> Vec<String> {
        let mut released = Vec::new();
        while let Some(newest) = self.newest_open().cloned() {
            let images = images(&newest);
            let is_bad = images.split(' ').any(|image| bad.contains(&image));
            let (verdict, mark) = if is_bad {
                (Verdict::RolledBack, "!")
            } else {
                (Verdict::Succeeded, "")
            };
            *self = self.clone().claimed().concluded(verdict);
            released.push(format!("{images}{mark}"));
            assert!(released.len() < 20, "no end: {released:?}");
        }
        released
    }

    /// The newest image of this container, which is released together with what comes next.
    fn taking(mut self, container: &str, version: u32) -> Self {
        self.take_image(&of(container, version), crate::sample::at(0));
        self
    }
}

#[test]
fn the_images_of_a_bad_release_are_tried_one_container_at_a_time() {
    for (bad, expected, left_out) in [
        (&["b2"][..], &["a2 b2!", "a2 b1"][..], &["b2"][..]),
        (&["a2"], &["a2 b2!", "a2 b1!", "a1 b2"], &["a2"]),
        (
            &["a2", "b2"],
            &["a2 b2!", "a2 b1!", "a1 b2!"],
            &["a2", "b2"],
        ),
        (&[], &["a2 b2"], &[]),
    ] {
        let mut state = good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
        assert_eq!(state.run_to_rest(bad), expected, "{bad:?}");
        let left = state.left_out();
        let digests = left
            .iter()
            .map(|left| &left.image.digest["sha256:".len()..]);
        assert_eq!(digests.collect::<Vec<_>>(), left_out, "{bad:?}");
        assert!(left.iter().all(|left| !left.waits), "{left:?}");
        let again = state.clone().pushed(of("a", 2)).pushed(of("b", 2));
        assert_eq!(again, state, "{bad:?}: the same events once more");

        // What is known by now is not asked again.
        let mut next = state.pushed(of("a", 3));
        let with = if bad.contains(&"b2") { "b1" } else { "b2" };
        assert_eq!(next.run_to_rest(bad), [format!("a3 {with}")], "{bad:?}");
    }
}

#[test]
fn what_explains_a_bad_release_clears_its_other_images() {
    for (bad, expected) in [
        (&["a2"][..], &["a2 b2 c2!", "a2 b1 c1!", "a1 b2 c2"][..]),
        (&["b2"], &["a2 b2 c2!", "a2 b1 c1", "a2 b2 c1!", "a2 b1 c2"]),
        (&["c2"], &["a2 b2 c2!", "a2 b1 c1", "a2 b2 c1"]),
    ] {
        let all = good(&["a", "b", "c"]).taking("a", 2).taking("b", 2);
        let mut state = all.pushed(of("c", 2));
        assert_eq!(state.run_to_rest(bad), expected, "{bad:?}");
    }
}

#[test]
fn a_push_while_images_are_in_doubt_is_not_blamed_for_them() {
    let doubted = good(&["a", "b"])
        .taking("a", 2)
        .pushed(of("b", 2))
        .claimed()
        .concluded(Verdict::RolledBack);
    let trial = doubted.newest_open().unwrap();
    assert_eq!(images(trial), "a2 b1");
    assert_eq!(trial.cause, Cause::Trial { release: 2 });
    let waits: Vec<_> = doubted.left_out().iter().map(|left| left.waits).collect();
    assert_eq!(waits, [true]);

    // The other container's push waits for the trial's verdict.
    let mut waiting = doubted.clone().pushed(of("b", 3));
    assert_eq!(waiting.last_number, 3);
    assert_eq!(waiting.run_to_rest(&["a2"]), ["a2 b1!", "a1 b3"]);
    // A push of the container that is tried takes the trial's place, and the image that came with the bad one is tried
    // after it.
    let mended = doubted.clone().pushed(of("a", 3));
    assert_eq!(mended.clone().run_to_rest(&[]), ["a3 b1", "a3 b2"]);
    assert_eq!(mended.clone().run_to_rest(&["b2"]), ["a3 b1", "a3 b2!"]);
    assert_eq!(mended.clone().run_to_rest(&["a3"]), ["a3 b1!", "a1 b2"]);
    // A push does not take the trial of the last image in doubt away.
    let mut last = mended.claimed().concluded(Verdict::Succeeded);
    for version in 4..8 {
        last = last.pushed(of("a", version));
    }
    assert_eq!(last.run_to_rest(&["b2"]), ["a3 b2!", "a7 b1"]);
    // With new images everywhere nothing is in doubt.
    let mut both = doubted.clone().pushed(of("a", 3)).pushed(of("b", 3));
    assert_eq!(both.run_to_rest(&[]), ["a3 b3"]);
    let mut retried = doubted.retried();
    assert_eq!(retried.run_to_rest(&["b2"]), ["a2 b2!", "a2 b1"]);
}

#[test]
fn a_push_that_came_while_images_were_found_bad_is_released_without_the_one_in_doubt() {
    let later = Timestamp::from_second(60).unwrap();
    let after = |pushed: Image| {
        let bad = good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
        let mut state = bad.claimed().pushed(pushed);
        state.conclude(2, Verdict::RolledBack, Against::Release, None, later);
        state
    };
    let mut tried = after(of("a", 3));
    let newest = tried.newest_open().unwrap();
    assert_eq!(images(newest), "a3 b1");
    assert!(matches!(&newest.cause, Cause::ImagePushed { digest, .. } if digest == "sha256:a3"));
    assert_eq!(newest.created_at, NOW);
    assert_eq!(tried.run_to_rest(&["b2"]), ["a3 b1", "a3 b2!"]);

    // The other container's push waits, so it is not what the trial in its place was made for.
    let mut waits = after(of("b", 3));
    let newest = waits.newest_open().unwrap();
    assert_eq!(images(newest), "a2 b1");
    assert_eq!(newest.cause, Cause::Trial { release: 2 });
    assert_eq!(newest.created_at, later);
    assert_eq!(waits.run_to_rest(&["a2"]), ["a2 b1!", "a1 b3"]);
}

/// Releases 2 and 3: version 2 of both was bad together, and that of `a` is tried.
fn doubted() -> DesiredState {
    let both = good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
    both.claimed().concluded(Verdict::RolledBack)
}

#[test]
fn a_push_is_released_after_a_trial_that_says_nothing_about_its_image() {
    for (verdict, against) in [
        (Verdict::Rejected, Against::Release),
        (Verdict::RolledBack, Against::File),
        (Verdict::RolledBack, Against::Nobody),
        (Verdict::Failed, Against::File),
        (Verdict::Failed, Against::Nobody),
    ] {
        let says_nothing = |state: DesiredState| {
            let mut state = state.claimed();
            state.conclude(state.last_number, verdict, against, None, NOW);
            state
        };
        let rests = |state: &DesiredState| {
            assert!(state.open.is_empty(), "{verdict} {against:?}");
            let mut again = state.clone();
            for image in state.images.values() {
                again = again.pushed(image.clone());
            }
            assert_eq!(again, *state, "{verdict} {against:?}: the same once more");
        };
        let newest = |state: &DesiredState| state.newest_open().map(images).unwrap();
        let trial = says_nothing(doubted());
        rests(&trial);
        assert_eq!(newest(&trial.clone().pushed(of("a", 3))), "a3 b1");
        let pushed = trial.pushed(of("b", 3));
        assert_eq!(newest(&pushed), "a1 b3");
        assert_eq!(pushed.clone().pushed(of("b", 3)), pushed);
        assert_eq!(pushed.clone().run_to_rest(&[]), ["a1 b3", "a2 b3"]);
        assert_eq!(pushed.clone().run_to_rest(&["b3"]), ["a1 b3!", "a2 b1"]);
        let neither = says_nothing(pushed);
        rests(&neither);
        assert_eq!(newest(&neither.pushed(of("b", 4))), "a1 b4");
        // What waited for the trial does so no longer.
        let waited = says_nothing(doubted().pushed(of("b", 3)));
        assert_eq!(newest(&waited), "a1 b3");

        let three = good(&["a", "b", "c"]).taking("a", 2).taking("b", 2);
        let three = three.pushed(of("c", 2)).claimed();
        let trial = says_nothing(three.concluded(Verdict::RolledBack));
        let pushed = trial.pushed(of("b", 3)).pushed(of("c", 3));
        assert_eq!(newest(&pushed), "a1 b3 c1");
        let others = says_nothing(pushed);
        assert_eq!(newest(&others), "a1 b3 c3");
        let others = others.pushed(of("c", 4));
        assert_eq!(newest(&others), "a1 b3 c4");
        rests(&says_nothing(others));
    }
}

#[test]
fn a_cause_that_this_version_does_not_know_can_be_read() {
    let later = json!({ "kind": "of a later version", "release": 2 });
    let cause: Cause = serde_json::from_value(later).unwrap();
    assert_eq!(cause, Cause::Unknown);
    let again = serde_json::to_value(&cause).unwrap();
    assert_eq!(serde_json::from_value::<Cause>(again).unwrap(), cause);
}

#[test]
fn nothing_is_tried_by_itself_where_nothing_speaks_against_an_image() {
    for verdict in [
        Verdict::Rejected,
        Verdict::Drifted,
        Verdict::Undecided,
        Verdict::Unproven,
    ] {
        let all = || good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
        let together = all().claimed().concluded(verdict);
        assert_eq!(together.newest(), (2, vec![]), "{verdict}");
        let doubted = all().claimed().concluded(Verdict::RolledBack);
        let trial = doubted.claimed().concluded(verdict);
        assert_eq!(trial.newest(), (3, vec![]), "{verdict}");
    }
    let both = good(&["a", "b"]).taking("a", 2).taking("b", 2);
    let file = both.following(follows(&["a", "b"], "another file"));
    let file = file.claimed().concluded(Verdict::RolledBack);
    assert_eq!(file.newest(), (2, vec![]));
    assert_eq!(file.quarantine, []);
}

#[test]
fn another_file_is_released_without_the_images_in_doubt_which_are_tried_after_it() {
    let another = || follows(&["a", "b"], "another file");
    let edited = doubted().following(another());
    let waits: Vec<_> = edited.left_out().iter().map(|left| left.waits).collect();
    assert_eq!(waits, [true, true]);
    let runs = |bad: &[&str]| edited.clone().run_to_rest(bad);
    assert_eq!(runs(&["b2"]), ["a1 b1", "a2 b1"]);
    assert_eq!(runs(&["a2"]), ["a1 b1", "a2 b1!", "a1 b2"]);
    let other = giving("something else", follows(&["a", "b"], "a third file"));
    assert_eq!(edited.clone().following(other).run_to_rest(&[]), ["a2 b2"]);

    // A push is released with the file, and with the next one if the file is bad.
    let newest = |state: &DesiredState| state.newest_open().map(images).unwrap();
    assert_eq!(newest(&edited.clone().pushed(of("b", 3))), "a1 b3");
    let bad = edited.claimed().concluded(Verdict::RolledBack);
    assert_eq!(bad.newest(), (4, vec![]));
    assert_eq!(bad.quarantine.len(), 1);
    assert_eq!(newest(&bad.clone().pushed(of("b", 3))), "a1 b3");
    let back = bad.clone().following(follows(&["a", "b"], "file"));
    assert_eq!(newest(&back), "a2 b1");
    let mut mended = bad.following(follows(&["a", "b"], "a third file"));
    assert_eq!(mended.run_to_rest(&["b2"]), ["a1 b1", "a2 b1"]);

    let both = good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
    let mut uploaded = both.claimed().following(another());
    uploaded.conclude(2, Verdict::RolledBack, Against::Release, None, NOW);
    let release = uploaded.newest_open().unwrap();
    assert_eq!(images(release), "a1 b1");
    assert_eq!(release.content.file, another().content);
    assert!(matches!(release.cause, Cause::ServiceFileChanged { .. }));
}

/// What comes to a service, in any order.
#[derive(Clone, Debug)]
enum Coming {
    /// The next image of a container; whether it is bad.
    Push(&'static str, bool),
    /// Another file, which gives the containers the same to run with; whether it is bad.
    Follow(bool),
    /// An execution claims the newest open release.
    Begin,
    /// The claimed release gets the verdict that it deserves.
    End,
    /// The claimed release gets a verdict that says nothing about its images.
    EndWithout(Verdict, Against),
}

fn coming() -> impl Strategy<Value = Coming> {
    let container = prop_oneof![Just("a"), Just("b"), Just("c")];
    let says_nothing = prop_oneof![
        Just((Verdict::Rejected, Against::Release)),
        Just((Verdict::RolledBack, Against::File)),
        Just((Verdict::Failed, Against::Nobody)),
    ];
    prop_oneof![
        6 => (container, proptest::bool::weighted(0.4)).prop_map(|(container, bad)| Coming::Push(container, bad)),
        1 => proptest::bool::weighted(0.4).prop_map(Coming::Follow),
        5 => Just(Coming::Begin),
        4 => Just(Coming::End),
        1 => says_nothing.prop_map(|(verdict, against)| Coming::EndWithout(verdict, against)),
    ]
}

proptest! {
    /// Which images and files are bad, Landfall does not know.
    #[test]
    fn each_container_ends_with_its_newest_image_if_that_is_good_and_few_releases_are_bad(
        comings in proptest::collection::vec(coming(), 1..60),
    ) {
        const ALL: [&str; 3] = ["a", "b", "c"];
        let mut state = good(&ALL);
        let mut versions = BTreeMap::from([("a", 1), ("b", 1), ("c", 1)]);
        let mut files = vec![(follows(&ALL, "file"), false)];
        let mut bad: Vec<String> = Vec::new();
        let mut has_said_nothing = false;
        let mut gone_bad: Vec<(ContentHash, String)> = Vec::new();
        for coming in comings {
            let rested = state.open.is_empty();
            match coming {
                Coming::Push(container, is_bad) => {
                    let version = versions.get_mut(container).unwrap();
                    *version += 1;
                    let image = of(container, *version);
                    if is_bad {
                        bad.push(format!("{container}{version}"));
                    }
                    state = state.pushed(image.clone());
                    let newest = state.newest_open();
                    prop_assert!(!rested || newest.is_some_and(|newest| newest.content.images[container] == image));
                }
                Coming::Follow(is_bad) => {
                    let file = follows(&ALL, &format!("file {}", files.len()));
                    files.push((file.clone(), is_bad));
                    state = state.following(file.clone());
                    let content = &state.newest_open().unwrap().content;
                    prop_assert_eq!(&content.file, &file.content);
                    let good = &state.last_good.as_ref().unwrap().content.images;
                    let doubted = state.quarantine.iter().filter(|known| known.images.len() > 1);
                    for (container, digest) in doubted.flat_map(|known| &known.images) {
                        prop_assert!(content.images[container].digest != *digest || good[container].digest == *digest);
                    }
                }
                Coming::Begin => {
                    if state.claim.is_none() && state.newest_open().is_some() {
                        state = state.claimed();
                    }
                }
                Coming::EndWithout(verdict, against) => {
                    let Some(claim) = state.claim.clone() else { continue };
                    state.conclude(claim.release, verdict, against, None, NOW);
                    has_said_nothing = true;
                }
                Coming::End => {
                    let Some(claim) = state.claim.clone() else { continue };
                    let release = state.open.iter().find(|release| release.number == claim.release).unwrap();
                    let (file, released) = (release.content.file.clone(), images(release));
                    let is_bad = released.split(' ').any(|image| bad.iter().any(|bad| bad == image))
                        || files.iter().any(|(followed, is_bad)| *is_bad && followed.content == file);
                    let verdict = match (is_bad, state.supersedes(claim.release)) {
                        (true, _) => Verdict::RolledBack,
                        (false, true) => Verdict::Superseded,
                        (false, false) => Verdict::Succeeded,
                    };
                    if is_bad && state.last_good.as_ref().unwrap().content.file == file {
                        let gone = (file, released);
                        prop_assert!(!gone_bad.contains(&gone), "{gone:?} was bad before");
                        gone_bad.push(gone);
                    }
                    state.conclude(claim.release, verdict, Against::Release, Some(&revision(claim.release)), NOW);
                }
            }
            if state.open.is_empty() {
                let waiting = state.left_out().into_iter().filter(|left| left.waits);
                for left in waiting {
                    let digest = Some(&left.image.digest);
                    let mut known = state.quarantine.iter();
                    prop_assert!(known.any(|known| known.images.get(left.container) == digest), "{left:?}");
                }
            }
        }
        state.claim = None;
        // An image and a file that came together are not told apart before one of them goes.
        let last_good = state.last_good.as_ref().unwrap().content.file.clone();
        let (file, _) = files.into_iter().find(|(file, _)| file.content == last_good).unwrap();
        state = state.following(file);
        let bad: Vec<_> = bad.iter().map(|image| &**image).collect();
        let rest = state.run_to_rest(&bad);
        prop_assert!(rest.len() <= 6, "{rest:?}");
        let ended_bad = gone_bad.len() + rest.iter().filter(|released| released.ends_with('!')).count();
        prop_assert!(ended_bad <= 2 * bad.len(), "{gone_bad:?}, then {rest:?}, of {bad:?}");
        if has_said_nothing {
            // What a verdict says nothing about is tried again by a push or an operator.
            state = state.retried();
            state.run_to_rest(&bad);
        }
        let runs = &state.last_good.as_ref().unwrap().content.images;
        for (container, version) in versions {
            let newest = format!("{container}{version}");
            let is_bad = bad.contains(&&*newest);
            let runs = runs[container].digest == format!("sha256:{newest}");
            prop_assert_eq!(runs, !is_bad, "{}: {:?}", newest, state.left_out());
            let again = state.clone().pushed(of(container, version));
            prop_assert_eq!(&again, &state, "the same once more changes nothing");
        }
        prop_assert!(state.left_out().iter().all(|left| !left.waits));
    }
}
