//! What the desired state follows: files, rules, and the images that they admit.

use super::*;

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

proptest! {
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
