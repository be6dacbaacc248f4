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
            let (verdict, mark) = match is_bad {
                true => (Verdict::RolledBack, "!"),
                false => (Verdict::Succeeded, ""),
            };
            *self = self.clone().claimed().concluded(verdict);
            released.push(format!("{images}{mark}"));
            assert!(released.len() < 20, "no end: {released:?}");
        }
        released
    }

    /// The newest image of this container, which is released together with what comes next.
    fn taking(mut self, container: &str, version: u32) -> Self {
        self.take_image(&of(container, version));
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
    let bad = good(&["a", "b"]).taking("a", 2).pushed(of("b", 2));
    let mut pushed = bad.claimed().pushed(of("a", 3));
    pushed.conclude(2, Verdict::RolledBack, Against::Release, None, NOW);
    assert_eq!(images(pushed.newest_open().unwrap()), "a3 b1");
    assert_eq!(pushed.run_to_rest(&["b2"]), ["a3 b1", "a3 b2!"]);
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
fn another_file_is_tried_with_the_image_whose_turn_it_is() {
    let doubted = good(&["a", "b"])
        .taking("a", 2)
        .pushed(of("b", 2))
        .claimed()
        .concluded(Verdict::RolledBack);
    let edited = doubted.following(follows(&["a", "b"], "another file"));
    assert_eq!(edited.clone().run_to_rest(&["b2"]), ["a2 b1"]);
    assert_eq!(edited.clone().run_to_rest(&["a2"]), ["a2 b1!"]);
    let other = giving("something else", follows(&["a", "b"], "a third file"));
    assert_eq!(edited.following(other).run_to_rest(&[]), ["a2 b2"]);
}

/// What comes to a service, in any order.
#[derive(Clone, Debug)]
enum Coming {
    /// The next image of a container; whether it is bad.
    Push(&'static str, bool),
    /// An execution claims the newest open release.
    Begin,
    /// The claimed release gets its verdict.
    End,
}

fn coming() -> impl Strategy<Value = Coming> {
    let container = prop_oneof![Just("a"), Just("b"), Just("c")];
    prop_oneof![
        3 => (container, proptest::bool::weighted(0.4)).prop_map(|(container, bad)| Coming::Push(container, bad)),
        2 => Just(Coming::Begin),
        2 => Just(Coming::End),
    ]
}

proptest! {
    /// Which images are bad, Landfall does not know.
    #[test]
    fn each_container_ends_with_its_newest_image_if_that_is_good_and_few_releases_are_bad(
        comings in proptest::collection::vec(coming(), 1..60),
    ) {
        let mut state = good(&["a", "b", "c"]);
        let mut versions = BTreeMap::from([("a", 1), ("b", 1), ("c", 1)]);
        let mut bad: Vec<String> = Vec::new();
        let mut gone_bad: Vec<String> = Vec::new();
        for coming in comings {
            match coming {
                Coming::Push(container, is_bad) => {
                    let version = versions.get_mut(container).unwrap();
                    *version += 1;
                    if is_bad {
                        bad.push(format!("{container}{version}"));
                    }
                    state = state.pushed(of(container, *version));
                }
                Coming::Begin => {
                    if state.claim.is_none() && state.newest_open().is_some() {
                        state = state.claimed();
                    }
                }
                Coming::End => {
                    let Some(claim) = state.claim.clone() else { continue };
                    let released = state.open.iter().find(|release| release.number == claim.release);
                    let released = images(released.unwrap());
                    let is_bad = released.split(' ').any(|image| bad.iter().any(|bad| bad == image));
                    let verdict = match (is_bad, state.supersedes(claim.release)) {
                        (true, _) => Verdict::RolledBack,
                        (false, true) => Verdict::Superseded,
                        (false, false) => Verdict::Succeeded,
                    };
                    if is_bad {
                        prop_assert!(!gone_bad.contains(&released), "{released} was bad before");
                        gone_bad.push(released);
                    }
                    state.conclude(claim.release, verdict, Against::Release, Some(&revision(claim.release)), NOW);
                }
            }
        }
        state.claim = None;
        let bad: Vec<_> = bad.iter().map(|image| &**image).collect();
        let rest = state.run_to_rest(&bad);
        prop_assert!(rest.len() <= 6, "{rest:?}");
        let ended_bad = gone_bad.len() + rest.iter().filter(|released| released.ends_with('!')).count();
        prop_assert!(ended_bad <= 2 * bad.len(), "{gone_bad:?}, then {rest:?}, of {bad:?}");
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
