//! What a verdict changes.

use super::*;

#[test]
fn a_conclusion_drops_the_older_releases_and_keeps_the_newer_ones() {
    let three = desired()
        .following(file("a", &[("web", "glob:*")]))
        .pushed(image("a", "a", 1))
        .pushed(image("b", "b", 2))
        .claimed()
        .pushed(image("c", "c", 3));
    let mut concluded = three.clone();
    concluded.conclude(2, Verdict::Superseded, Against::Release, None, NOW);
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
