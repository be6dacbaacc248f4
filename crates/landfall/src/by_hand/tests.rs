#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    content::ContentHash,
    desired::FollowedFile,
    evidence::Against,
    follow::{FollowRule, TagPolicy},
    sample::{at, claimed, concluded, desired, good, release, revision},
    unproven::UnprovenRelease,
};

fn rule(repository: &str, with: Option<&str>) -> FollowRule {
    FollowRule {
        repository: repository.into(),
        tag: TagPolicy::parse("semver:^1").unwrap(),
        with: with.map(str::to_owned),
    }
}

/// A service that follows release 5's file and image, and in which these releases are open after release 5, a good one.
fn after_five(open: &[u64]) -> DesiredState {
    let mut state = desired(open);
    state.last_number = state.last_number.max(5);
    state.last_good = Some(good(5));
    state.images = release(5).content.images;
    state.file = Some(FollowedFile {
        key: "services/hello.yaml".into(),
        version_id: "5".into(),
        containers: None,
        content: release(5).content.file,
        follows: [("web".into(), rule("hello", None))].into(),
        placeholders: None,
    });
    concluded(state, 5, Verdict::Succeeded)
}

fn back_to(number: u64) -> ByHand {
    ByHand {
        content: release(number).content,
        cause: Cause::WentBack { to: number },
        reason: format!("it was taken back to release {number}"),
    }
}

fn taken_back(mut state: DesiredState, number: u64) -> DesiredState {
    state.release_by_hand(back_to(number), None, at(0));
    state
}

fn judged(mut state: DesiredState, number: u64, verdict: Verdict) -> DesiredState {
    let revision = good(number).task_definition;
    state.conclude(number, verdict, Against::Release, Some(&revision), at(1));
    state
}

fn pushed(mut state: DesiredState, number: u64) -> DesiredState {
    let image = release(number).content.images["web"].clone();
    state.join_image(&image, at(2));
    state
}

fn open(state: &DesiredState) -> Vec<u64> {
    state.open.iter().map(|release| release.number).collect()
}

#[test]
fn without_a_number_it_goes_back_to_what_ran_before() {
    let mut unproven = after_five(&[]);
    unproven.unproven = Some(UnprovenRelease {
        number: 6,
        file: ContentHash::of(&serde_json::json!(6)),
        task_definition: revision(6),
    });
    let mut first = after_five(&[]);
    first.last_good = None;
    let mut held = after_five(&[6]);
    held.hold("a move".into(), SetBy::Operator, at(0));
    let back = taken_back(after_five(&[]), 4);
    for (story, state, expected) in [
        ("release 5 runs", after_five(&[]), Some(Back::Before(5))),
        (
            "release 6 is on its way",
            after_five(&[6]),
            Some(Back::ToLastGood(5)),
        ),
        (
            "release 6 waits for the end of a hold",
            held,
            Some(Back::Before(5)),
        ),
        (
            "release 6 was bad, and release 5 runs again",
            concluded(after_five(&[]), 6, Verdict::RolledBack),
            Some(Back::Before(5)),
        ),
        (
            "release 6 was bad, and nobody could take it back",
            concluded(after_five(&[]), 6, Verdict::Failed),
            Some(Back::ToLastGood(5)),
        ),
        (
            "nobody knows how release 6 stands",
            concluded(after_five(&[]), 6, Verdict::Undecided),
            Some(Back::ToLastGood(5)),
        ),
        (
            "no task of release 6 has run",
            unproven,
            Some(Back::ToLastGood(5)),
        ),
        ("nothing was good yet", first, None),
        (
            "release 6 goes back to release 4",
            back.clone(),
            Some(Back::IsBackAt(4)),
        ),
        (
            "release 6 went back to release 4",
            judged(back.clone(), 6, Verdict::Succeeded),
            Some(Back::IsBackAt(4)),
        ),
        (
            "release 6 could not go back to release 4",
            judged(back, 6, Verdict::RolledBack),
            Some(Back::Before(5)),
        ),
    ] {
        assert_eq!(state.back(), expected, "{story}");
    }
}

#[test]
fn what_was_released_by_hand_begins_and_stays_whatever_is_pushed() {
    let state = taken_back(after_five(&[]), 4);
    let next = |state: &DesiredState| state.next_release().map(|release| release.number);
    assert_eq!(next(&state), Some(6));
    assert_eq!(
        state.hold.as_ref().unwrap().reason,
        "it was taken back to release 4"
    );

    let state = pushed(state, 7);
    assert_eq!((open(&state), next(&state)), (vec![6, 7], Some(6)));
    assert!(!state.supersedes(6));

    let state = judged(state, 6, Verdict::Succeeded);
    assert_eq!((open(&state), next(&state)), (vec![7], None));
    assert_eq!(
        state.last_good.as_ref().unwrap().content,
        release(4).content
    );

    let mut state = state;
    state.resume(Some(&revision(6)), at(3));
    assert_eq!(next(&state), Some(7));
}

#[test]
fn it_takes_the_place_of_a_release_that_is_on_its_way() {
    let state = taken_back(claimed(after_five(&[6]), "execution", 6), 5);
    assert!(state.supersedes(6));
    let state = judged(state, 6, Verdict::Superseded);
    assert_eq!(state.next_release().unwrap().number, 7);
    assert_eq!(
        state.next_release().unwrap().content,
        release(5).content,
        "the one by hand has the content of release 5"
    );
}

#[test]
fn it_is_done_once() {
    let once = taken_back(after_five(&[]), 4);
    assert_eq!(taken_back(once.clone(), 4), once);
    let done = judged(once, 6, Verdict::Succeeded);
    assert_eq!(taken_back(done.clone(), 4), done);

    let further = taken_back(done.clone(), 3);
    assert_eq!(further.next_release().unwrap().number, 7);
    let bad = judged(further, 7, Verdict::RolledBack);
    let again = taken_back(bad, 3);
    assert_eq!(again.next_release().unwrap().number, 8, "it was no success");
}

#[test]
fn after_its_end_the_newest_is_deployed_again() {
    for (story, state) in [
        ("it is on its way", taken_back(after_five(&[]), 4)),
        (
            "it is on its way, claimed",
            claimed(taken_back(after_five(&[]), 4), "execution", 6),
        ),
        (
            "it is over",
            judged(taken_back(after_five(&[]), 4), 6, Verdict::Succeeded),
        ),
    ] {
        let mut state = state;
        state.resume(Some(&revision(6)), at(3));
        let next = state.next_release().unwrap();
        assert_eq!((next.number, &next.cause), (7, &Cause::Resumed), "{story}");
        assert!(
            next.content.runs_the_same_as(&release(5).content),
            "{story}"
        );
        assert_eq!(state.hold, None, "{story}");
    }
}

#[test]
fn it_is_no_trial_and_gives_way_to_none() {
    // Release 6 brought a bad image; release 7 by hand goes back to 4 while that is known.
    let mut state = pushed(after_five(&[]), 6);
    state = judged(state, 6, Verdict::RolledBack);
    assert_eq!(state.left_out().len(), 1);
    let state = taken_back(state, 4);
    let state = judged(taken_back(state, 3), 7, Verdict::Superseded);
    assert_eq!(open(&state), [8], "nothing took the place of release 8");
    assert!(state.open[0].content.runs_the_same_as(&release(3).content));
}

#[test]
fn many_pushes_do_not_push_it_out() {
    let mut state = taken_back(after_five(&[]), 4);
    for number in 10..40 {
        state = pushed(state, number);
    }
    assert_eq!(state.open.len(), 16);
    assert_eq!(state.next_release().unwrap().number, 6);
}

#[test]
fn a_hold_keeps_its_reason_unless_it_would_end_by_itself() {
    for (set_by, reason) in [
        (SetBy::Operator, "an incident"),
        (SetBy::Undecided, "it was taken back to release 4"),
        (SetBy::Drift, "it was taken back to release 4"),
    ] {
        let mut state = after_five(&[]);
        state.hold("an incident".into(), set_by, at(0));
        state.release_by_hand(back_to(4), Some("arn:theirs"), at(1));
        let hold = state.hold.as_ref().unwrap();
        assert_eq!((&*hold.reason, hold.set_by), (reason, SetBy::Operator));
        assert_eq!(state.next_release().unwrap().number, 6, "{set_by:?}");
        assert_eq!(state.accepted.as_deref(), Some("arn:theirs"), "{set_by:?}");
    }
    let further = taken_back(taken_back(after_five(&[]), 4), 3);
    assert_eq!(
        further.hold.unwrap().reason,
        "it was taken back to release 3"
    );
}

#[test]
fn images_by_hand_come_with_what_should_run_else() {
    let mut state = after_five(&[]);
    let image = |number: u64| release(number).content.images["web"].clone();
    let content = state.content_with([("web".into(), image(9))].into());
    assert_eq!(content.unwrap().images["web"], image(9));

    let follows = &mut state.file.as_mut().unwrap().follows;
    follows.insert("log".into(), rule("log", Some("web")));
    let refused = state.content_with([("web".into(), image(9))].into());
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("web and log of web/hello are released together, and log has no such tag")
    );

    let follows = &mut state.file.as_mut().unwrap().follows;
    follows.insert("log".into(), rule("log", None));
    let refused = state.content_with([("web".into(), image(9))].into());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "container log of web/hello waits for the first push of log:semver:^1"
    );
}
