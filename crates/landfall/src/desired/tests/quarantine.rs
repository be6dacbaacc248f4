//! Images that were bad: which releases leave them out, and what has them tried again.

use super::*;
use crate::hold::SetBy;

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
            .map(|left| (left.container, &*left.image.tag, left.release))
            .collect();
        assert_eq!(releases, [("web", "1.1.0", 2)], "{verdict}");
    }
    for innocent in [Verdict::Rejected, Verdict::Superseded, Verdict::Drifted] {
        let edited = bad_image(innocent).following(file("b", &follows));
        assert_eq!(edited.newest(), (3, vec!["1.1.0"]), "{innocent}");
    }
}

#[test]
fn a_retry_forgets_no_release_that_has_no_record_yet() {
    let mut held = bad_image(Verdict::RolledBack);
    held.hold("a move".into(), SetBy::Operator, NOW);
    for content in 0..17 {
        let file = file(&format!("b{content}"), &[("web", "semver:^1")]);
        held = held.following(file);
    }
    let due = held.due().to_vec();
    assert_eq!(due.len(), 1);
    let tried = held.clone().retried();
    assert_eq!(tried.newest(), (held.last_number + 1, vec!["1.1.0"]));
    assert!(tried.due().starts_with(&due));
}

#[test]
fn an_image_is_not_left_out_for_what_is_not_its_fault() {
    for against in [
        Against::Release,
        Against::Platform,
        Against::File,
        Against::Nobody,
    ] {
        for verdict in [Verdict::RolledBack, Verdict::Failed] {
            let mut desired = bad_image(Verdict::Superseded);
            let number = desired.last_number;
            let bad = Release {
                number,
                content: desired.concluded.clone().unwrap().content,
                cause: Cause::Retried,
                created_at: NOW,
                acts: vec![],
            };
            desired.open = vec![bad];
            desired.conclude(number, verdict, against, None, NOW);
            let left_out = desired.left_out().len();
            assert_eq!(
                left_out,
                usize::from(against == Against::Release),
                "{against:?} {verdict}"
            );
        }
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
    uploaded.conclude(2, Verdict::RolledBack, Against::Release, None, NOW);
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
fn a_file_that_gives_its_containers_something_else_is_released_with_the_newest_image() {
    let follows = [("web", "semver:^1")];
    let other = || giving("a variable more", file("b", &follows));
    for verdict in [Verdict::RolledBack, Verdict::Failed] {
        let both = bad_image(verdict).following(other());
        assert_eq!(both.newest(), (3, vec!["1.1.0"]), "{verdict}");
        assert_eq!(both.left_out(), [], "{verdict}");
        let good = both.clone().concluded(Verdict::Succeeded);
        assert_eq!(good.quarantine, [], "{verdict}");
        assert_eq!(
            good.last_good.unwrap().content.images["web"].tag,
            "1.1.0",
            "{verdict}"
        );
    }
}

#[test]
fn an_image_that_is_bad_with_the_other_file_too_is_still_known_to_be_bad_with_the_first() {
    let follows = [("web", "semver:^1")];
    let other = || giving("a variable more", file("b", &follows));
    let bad = bad_image(Verdict::RolledBack)
        .following(other())
        .claimed()
        .concluded(Verdict::RolledBack);
    assert_eq!(bad.last_good.as_ref().unwrap().number, 1);
    let repeated = bad
        .clone()
        .pushed(image("1.1.0", "b", 2))
        .following(other())
        .pushed(image("1.0.0", "a", 1));
    assert_eq!(repeated, bad, "the same events once more");

    let back = bad.clone().following(file("a", &follows));
    assert_eq!(
        back.newest(),
        (4, vec!["1.0.0"]),
        "it goes back to the file"
    );
    let scaled = bad.clone().following(file("c", &follows));
    assert_eq!(scaled.newest(), (4, vec!["1.0.0"]), "as much as the first");
    assert_eq!(bad.retried().newest(), (4, vec!["1.1.0"]));
}

#[test]
fn a_file_that_is_bad_with_the_old_image_is_released_with_the_new_one_that_it_needs() {
    let follows = [("web", "semver:^1")];
    let file_first = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "a", 1))
        .concluded(Verdict::Succeeded)
        .following(giving("a variable less", file("b", &follows)))
        .concluded(Verdict::RolledBack);
    assert_eq!(file_first.quarantine, []);
    let both = file_first.pushed(image("1.1.0", "b", 2));
    assert_eq!(both.newest(), (3, vec!["1.1.0"]));
    let content = &both.newest_open().unwrap().content;
    assert_eq!(content.file, file("b", &follows).content);
}

#[test]
fn a_file_that_the_bad_image_needs_is_released_with_it_although_it_came_while_that_was_on_its_way()
{
    let follows = [("web", "semver:^1")];
    let mut both = desired()
        .following(file("a", &follows))
        .pushed(image("1.0.0", "good", 1))
        .claimed()
        .concluded(Verdict::Succeeded)
        .pushed(image("1.1.0", "bad", 2))
        .claimed()
        .following(giving("a variable more", file("b", &follows)));
    both.conclude(2, Verdict::RolledBack, Against::Release, None, NOW);
    assert_eq!(both.quarantine.len(), 1);
    assert_eq!(both.newest(), (3, vec!["1.1.0"]));
}

#[test]
fn values_that_changed_at_the_push_after_are_something_else_to_run_with() {
    let follows = [("web", "semver:^1")];
    let value = |name: &str| FileContent {
        file: ContentHash::of(&json!(name)),
        containers: ContentHash::of(&json!(name)),
    };
    let mut refreshed = bad_image(Verdict::RolledBack);
    refreshed.refresh_file(value("another value"));
    let tried = refreshed.pushed(image("1.1.0", "b", 2));
    assert_eq!(tried.newest(), (3, vec!["1.1.0"]));
    let content = &tried.newest_open().unwrap().content;
    assert_eq!(content.containers, Some(value("another value").containers));
    let uploaded =
        bad_image(Verdict::RolledBack).following(giving("another value", file("b", &follows)));
    assert_eq!(
        uploaded.newest(),
        (3, vec!["1.1.0"]),
        "also if the upload brings it"
    );
}

#[test]
fn what_was_quarantined_before_it_was_noted_with_what_stays_there() {
    let follows = [("web", "semver:^1")];
    let mut old = bad_image(Verdict::RolledBack);
    old.quarantine[0].containers = None;
    let other = old.following(giving("a variable more", file("b", &follows)));
    assert_eq!(other.newest(), (3, vec!["1.0.0"]));
}

/// What comes to a service, again and again.
#[derive(Clone, Debug)]
enum Coming {
    Push(u8),
    File(String, String),
}

fn coming() -> impl Strategy<Value = Coming> {
    prop_oneof![
        (1..6_u8).prop_map(Coming::Push),
        ("[abc]", "[xyz]").prop_map(|(scaling, what)| Coming::File(scaling, what)),
    ]
}

impl Coming {
    fn to(&self, state: DesiredState) -> DesiredState {
        match self {
            Self::Push(version) => {
                let digest = format!("image {version}");
                state.pushed(image(&format!("1.{version}.0"), &digest, (*version).into()))
            }
            Self::File(scaling, what) => {
                let content = format!("{scaling} {what}");
                state.following(giving(what, file(&content, &[("web", "semver:^1")])))
            }
        }
    }
}

proptest! {
    /// Whether a release is good depends on its image and on what that runs with; Landfall does not know how.
    #[test]
    fn image_and_file_that_need_each_other_come_together_and_what_is_bad_comes_once(
        comings in proptest::collection::vec(coming(), 1..25),
        bad in proptest::collection::btree_set(("[xyz]", 0..6_u8), 0..12),
    ) {
        let bad: Vec<_> = bad.into_iter().map(|(what, version)| {
            (Some(ContentHash::of(&json!(what))), format!("sha256:image {version}"))
        }).collect();
        let pair = |content: &Content| (content.containers.clone(), content.images["web"].digest.clone());
        let mut state = Coming::Push(0).to(desired().following(giving("w", file("w", &[("web", "semver:^1")]))));
        let mut known = Vec::new();
        // The first release is good, so that there is a way back.
        let comings = std::iter::once(Coming::Push(0)).chain(comings);
        for coming in comings {
            state = coming.to(state);
            let mut tries = 0;
            while let Some(release) = state.newest_open().cloned() {
                tries += 1;
                prop_assert!(tries <= 2, "no end: {release:?}");
                prop_assert!(!known.contains(&pair(&release.content)), "{release:?} was bad before");
                let verdict = if bad.contains(&pair(&release.content)) { Verdict::RolledBack } else { Verdict::Succeeded };
                state.claim = Some(crate::sample::claim("execution", release.number));
                state.conclude(release.number, verdict, Against::Release, Some(&revision(release.number)), NOW);
                if verdict == Verdict::Succeeded {
                    known.retain(|(_, digest)| *digest != release.content.images["web"].digest);
                }
            }
            known.extend(state.quarantine.iter().map(|bad| (bad.containers.clone(), bad.images["web"].clone())));
            let newest = (state.file.as_ref().unwrap().containers.clone(), state.images["web"].digest.clone());
            let good = state.last_good.as_ref().unwrap();
            prop_assert!(bad.contains(&newest) || pair(&good.content) == newest, "{newest:?} is good, {good:?} runs");
            prop_assert_eq!(&coming.to(state.clone()), &state, "the same once more changes nothing");
        }
    }
}
