#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    content::ContentHash,
    desired::FollowedFile,
    evidence::Against,
    sample::{at, claim, concluded, desired, release, revision},
    unproven::UnprovenRelease,
};

fn held(open: &[u64]) -> DesiredState {
    let mut desired = desired(open);
    desired.hold("incident 7".into(), SetBy::Operator, at(0));
    desired
}

fn claimed(mut desired: DesiredState, release: u64) -> DesiredState {
    desired.claim = Some(claim("execution", release));
    desired
}

#[test]
fn during_a_hold_only_what_was_begun_is_worked_on() {
    for (story, desired, next) in [
        ("nothing is open", held(&[]), None),
        ("nothing was begun", held(&[2, 3]), None),
        (
            "release 2 is on its way",
            claimed(held(&[2, 3]), 2),
            Some(2),
        ),
        (
            "release 3 took the place of release 2, which was on its way",
            concluded(held(&[3, 4]), 2, Verdict::Superseded),
            Some(3),
        ),
        (
            "release 2 was bad, and its way back is over",
            concluded(held(&[3]), 2, Verdict::RolledBack),
            None,
        ),
        (
            "release 2 is good",
            concluded(held(&[3]), 2, Verdict::Succeeded),
            None,
        ),
    ] {
        let found = desired.next_release().map(|release| release.number);
        assert_eq!(found, next, "{story}");
        let mut resumed = desired.clone();
        resumed.resume(None, at(9));
        assert_eq!(resumed.next_release(), resumed.newest_open(), "{story}");
    }
}

/// One upload of a service file after another, which follows no repository.
fn uploaded(mut desired: DesiredState, version: u64) -> DesiredState {
    let file = FollowedFile {
        key: "services/hello.yaml".into(),
        version_id: version.to_string(),
        containers: None,
        content: ContentHash::of(&json!(version)),
        follows: [].into(),
        placeholders: None,
    };
    let due = desired.due().to_vec();
    desired.follow_file(file, [].into(), at(0));
    desired.forget(&due);
    desired
}

#[test]
fn a_thousand_releases_during_a_hold_leave_a_small_desired_state_and_none_without_a_record() {
    for (story, mut desired, begun) in [
        ("nothing was begun", held(&[2]), None),
        ("release 2 is on its way", claimed(held(&[2]), 2), Some(2)),
        (
            "release 2 took the place of release 1, which was on its way",
            concluded(held(&[2]), 1, Verdict::Superseded),
            Some(2),
        ),
    ] {
        let mut recorded = BTreeSet::new();
        for version in 0..1000 {
            recorded.extend(desired.due().iter().map(|release| release.number));
            desired = uploaded(desired, version);
            assert!(desired.open.len() <= 16, "{story}: {}", desired.open.len());
            assert!(desired.passed_over.len() <= 1, "{story}");
            assert!(desired.open.is_sorted_by_key(|release| release.number));
        }
        assert_eq!(desired.last_number, 1002, "{story}");
        let next = desired.next_release().map(|release| release.number);
        assert_eq!(next, begun, "{story}");
        let waiting = desired.open.iter().chain(&desired.passed_over);
        let all = recorded
            .into_iter()
            .chain(waiting.map(|release| release.number));
        let all: Vec<_> = all.collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(all, Vec::from_iter(2..=1002), "{story}");
        desired.resume(None, at(9));
        assert_eq!(desired.next_release().unwrap().number, 1002, "{story}");
        desired.conclude(1002, Verdict::Succeeded, Against::Release, None, at(9));
        assert!(desired.open.is_empty() && desired.passed_over.is_empty());
    }
}

#[test]
fn a_desired_state_that_had_too_many_releases_open_gets_rid_of_them_a_few_at_a_time() {
    let many: Vec<u64> = (2..102).collect();
    let mut desired = uploaded(held(&many), 0);
    assert_eq!((desired.open.len(), desired.passed_over.len()), (16, 85));
    for (version, left) in [(1, 70), (2, 55), (3, 40), (4, 25), (5, 10), (6, 1), (7, 1)] {
        assert!(desired.due().len() <= 16);
        desired = uploaded(desired, version);
        assert_eq!(desired.passed_over.len(), left, "{version}");
    }
}

#[test]
fn nothing_newer_takes_the_place_of_what_is_on_its_way_during_a_hold() {
    let mut desired = claimed(held(&[2, 3]), 2);
    assert!(!desired.supersedes(2));
    desired.resume(None, at(9));
    assert!(desired.supersedes(2));
}

#[test]
fn the_first_reason_stays() {
    let mut desired = held(&[]);
    desired.hold("another".into(), SetBy::Drift, at(9));
    let hold = desired.hold.unwrap();
    assert_eq!(
        (&*hold.reason, hold.since, hold.set_by),
        ("incident 7", at(0), SetBy::Operator)
    );
}

#[test]
fn a_hold_that_ends_by_itself_gives_way_to_one_that_does_not() {
    use SetBy::{Drift, Operator, Undecided};
    for (first, second, left) in [
        (Undecided, Operator, Operator),
        (Undecided, Drift, Drift),
        (Undecided, Undecided, Undecided),
        (Operator, Undecided, Operator),
        (Drift, Undecided, Drift),
        (Drift, Operator, Drift),
    ] {
        let mut desired = desired(&[]);
        desired.hold("the first".into(), first, at(0));
        desired.hold("the second".into(), second, at(9));
        let hold = desired.hold.unwrap();
        assert_eq!(hold.set_by, left);
        let is_first = hold.since == at(0);
        assert_eq!(is_first, first == left, "{first:?} {second:?}");
    }
}

#[test]
fn a_desired_state_from_before_there_were_holds_has_none() {
    let mut document = serde_json::to_value(desired(&[2])).unwrap();
    document.as_object_mut().unwrap().remove("hold");
    let read: DesiredState = serde_json::from_value(document).unwrap();
    assert_eq!(read, desired(&[2]));
}

#[test]
fn resuming_lets_landfall_replace_a_foreign_revision() {
    let mut waiting = held(&[2]);
    waiting.resume(Some(&revision(7)), at(9));
    assert_eq!(waiting.accepted, Some(revision(7)));
    assert_eq!(waiting.newest_open().unwrap().number, 2);

    let mut unchanged = held(&[2]);
    unchanged.resume(Some(&revision(1)), at(9));
    assert_eq!(unchanged.accepted, None);

    let mut unproven = held(&[]);
    unproven.unproven = Some(UnprovenRelease {
        number: 2,
        file: release(2).content.file,
        task_definition: revision(7),
    });
    unproven.resume(Some(&revision(7)), at(9));
    assert_eq!((unproven.accepted, unproven.open), (None, Vec::new()));

    let mut under_way = claimed(held(&[2, 3]), 2);
    under_way.resume(Some(&revision(2)), at(9));
    assert_eq!(under_way.accepted, None);

    let mut never_held = desired(&[2]);
    never_held.resume(Some(&revision(7)), at(9));
    assert_eq!(never_held, desired(&[2]));
}

#[test]
fn before_anything_was_good_resuming_lets_landfall_replace_only_what_drifted() {
    let never_good = |set_by, verdict| {
        let mut desired = concluded(desired(&[]), 1, verdict);
        desired.last_good = None;
        desired.hold("it runs something else".into(), set_by, at(0));
        desired.resume(Some(&revision(7)), at(9));
        desired.accepted
    };
    let theirs = Some(revision(7));
    use Verdict::{Drifted, Failed};
    for (set_by, verdict, accepted) in [
        (SetBy::Drift, Drifted, &theirs),
        (SetBy::Drift, Failed, &theirs),
        (SetBy::Operator, Drifted, &theirs),
        (SetBy::Operator, Failed, &None),
    ] {
        assert_eq!(
            &never_good(set_by, verdict),
            accepted,
            "{set_by:?} {verdict}"
        );
    }
}
