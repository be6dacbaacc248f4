#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    desired::{Claim, Concluded},
    step::sample::{at, desired, release},
};

fn held(open: &[u64]) -> DesiredState {
    let mut desired = desired(open);
    desired.hold("incident 7".into(), SetBy::Operator, at(0));
    desired
}

fn claimed(mut desired: DesiredState, release: u64) -> DesiredState {
    desired.claim = Some(Claim {
        execution: "execution".into(),
        release,
        attempt: 1,
        applied_file: None,
    });
    desired
}

fn concluded(mut desired: DesiredState, number: u64, verdict: Verdict) -> DesiredState {
    desired.concluded = Some(Concluded {
        number,
        content: release(number).content,
        verdict,
    });
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
        resumed.resume();
        assert_eq!(resumed.next_release(), resumed.newest_open(), "{story}");
    }
}

#[test]
fn nothing_newer_takes_the_place_of_what_is_on_its_way_during_a_hold() {
    let mut desired = claimed(held(&[2, 3]), 2);
    assert!(!desired.supersedes(2));
    desired.resume();
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
fn a_desired_state_from_before_there_were_holds_has_none() {
    let mut document = serde_json::to_value(desired(&[2])).unwrap();
    document.as_object_mut().unwrap().remove("hold");
    let read: DesiredState = serde_json::from_value(document).unwrap();
    assert_eq!(read, desired(&[2]));
}
