#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    desired::FollowedFile,
    evidence::Against,
    sample::{at, claim, desired, good, release, service},
};

/// Release 2 ended undecided at second 0, after so many others in a row.
fn undecided(before: u32) -> DesiredState {
    let file = FollowedFile {
        key: "services/hello.yaml".into(),
        version_id: "2".into(),
        containers: None,
        content: release(2).content.file,
        follows: [].into(),
        placeholders: None,
    };
    let mut desired = DesiredState {
        file: Some(file),
        undecided: before,
        ..desired(&[2])
    };
    desired.conclude(2, Verdict::Undecided, Against::Release, None, at(0));
    desired.hold("nobody could see".into(), SetBy::Undecided, at(0));
    desired
}

fn claimed(desired: DesiredState) -> DesiredState {
    DesiredState {
        claim: Some(claim("execution", 2)),
        ..desired
    }
}

#[test]
fn a_sweep_looks_after_a_pause_that_doubles_while_the_same_content_is_tried() {
    use Due::{Look, NotYet, Nothing};
    let with_newer = || DesiredState {
        open: vec![release(3)],
        ..undecided(7)
    };
    let mut held = undecided(0);
    held.hold = None;
    let resumed = held.clone();
    held.hold("maintenance".into(), SetBy::Operator, at(0));
    for (story, desired, second, due) in [
        ("a moment later", undecided(0), 1, NotYet),
        ("not yet", undecided(0), 299, NotYet),
        ("the first time", undecided(0), 300, Look),
        ("the second time in a row", undecided(1), 599, NotYet),
        ("the second time in a row", undecided(1), 600, Look),
        ("the eighth time in a row", undecided(7), 38_399, NotYet),
        ("at most a day", undecided(9), 86_400, Look),
        ("at most a day", undecided(90), 86_400, Look),
        ("something newer is open", with_newer(), 300, Look),
        (
            "an execution works on it",
            claimed(undecided(0)),
            9999,
            NotYet,
        ),
        ("an operator holds it", held, 9999, Nothing),
        ("it was resumed", resumed, 9999, Nothing),
    ] {
        let found = desired.due_after_undecided(at(second));
        assert_eq!(found, due, "{story}, at second {second}");
    }
}

#[test]
fn once_aws_answers_again_the_same_is_released_anew_or_what_is_newer() {
    let mut again = undecided(0);
    again.restore_sight(at(400));
    let anew = again.next_release().unwrap();
    assert_eq!((anew.number, &anew.cause), (3, &Cause::SightRestored));
    assert_eq!(anew.content.file, release(2).content.file);
    assert_eq!((again.hold, again.accepted), (None, None));

    let mut newer = undecided(0);
    newer.open.push(release(3));
    newer.last_number = 3;
    newer.restore_sight(at(400));
    assert_eq!(newer.next_release(), Some(&release(3)));

    let mut gone = undecided(0);
    gone.forget_file();
    gone.restore_sight(at(400));
    assert_eq!((gone.hold.clone(), gone.next_release()), (None, None));
}

#[test]
fn an_undecided_release_changes_neither_the_last_good_one_nor_the_quarantine() {
    let before = desired(&[2]);
    let after = undecided(0);
    assert_eq!(after.last_good, Some(good(1)));
    assert_eq!(after.applied_file, before.applied_file);
    assert_eq!(after.quarantine, []);
    assert_eq!((after.claim.clone(), after.next_release()), (None, None));
}

#[test]
fn only_undecided_releases_in_a_row_are_counted() {
    use Verdict::{Failed, Succeeded, Superseded, Undecided};
    let mut desired = desired(&[]);
    for (verdict, count) in [
        (Undecided, 1),
        (Undecided, 2),
        (Superseded, 2),
        (Undecided, 3),
        (Succeeded, 0),
        (Undecided, 1),
        (Failed, 0),
    ] {
        desired.count_undecided(verdict);
        assert_eq!(desired.undecided, count, "{verdict}");
    }
}

#[test]
fn an_operator_who_resumes_an_undecided_release_has_it_released_anew() {
    for live in [None, Some("arn:of:release:2")] {
        let mut desired = undecided(0);
        desired.resume(live, at(9));
        let anew = desired.next_release().unwrap();
        assert_eq!((anew.number, &anew.cause), (3, &Cause::Resumed), "{live:?}");
    }
    let mut first = undecided(0);
    first.last_good = None;
    first.resume(Some("arn:of:release:2"), at(9));
    assert_eq!(first.next_release().unwrap().number, 3);
    assert_eq!(first.accepted, None);
}

#[test]
fn people_read_how_long_nobody_could_see() {
    assert_eq!(
        message(&service(), "ecs:DescribeServices got no answer", 3720),
        "nobody could see how it stands, 62 minutes after the last answer: ecs:DescribeServices got no answer; nothing \
         was undone, and web/hello is left alone until AWS answers again or `landfall resume web/hello`"
    );
    for (seconds, text) in [
        (0, "0 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
    ] {
        assert_eq!(duration(seconds), text);
    }
}
