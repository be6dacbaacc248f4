//! Views of before the change, and time without any.

use super::*;

#[test]
fn an_answer_of_before_the_change_says_nothing_about_it() {
    use Outcome::{Failed, InProgress, Replaced, Steady};
    let went_back = newest("ROLLBACK_SUCCESSFUL");
    for (view, live, newest, expected) in [
        ("as before", begun(live(1), 500), None, InProgress),
        ("as it is", begun(live(2), 1000), None, Steady),
        (
            "on its way",
            begun(rolling(1, 2, 1), 1000),
            None,
            InProgress,
        ),
        ("somebody came after", begun(live(3), 1060), None, Replaced),
        (
            "back at the older deployment",
            begun(live(1), 500),
            Some(&went_back),
            Failed,
        ),
        (
            "back by a new deployment",
            begun(live(1), 1060),
            Some(&went_back),
            Failed,
        ),
        ("without times", live(1), None, Replaced),
    ] {
        let got = outcome(&accepted(Purpose::Release), &live, newest);
        assert_eq!(got, expected, "{view}");
    }
}

#[test]
fn the_way_back_is_not_done_before_ecs_shows_that_it_began() {
    // Both revisions were steady once: the view of before the way back looks like its end.
    let mut back = accepted(Purpose::RollBack);
    back.rollout.deployment = Some(Accepted {
        id: "ecs-svc/9".into(),
        created_at: Some(at(1000)),
        desired_count: None,
    });
    let before = begun(live(2), 900);
    assert_eq!(outcome(&back, &before, None), Outcome::InProgress);
    assert_eq!(outcome(&back, &begun(live(2), 1001), None), Outcome::Steady);
}

#[test]
fn more_tasks_alone_are_not_there_before_ecs_shows_their_number() {
    use Outcome::{InProgress, Steady};
    // ECS begins no deployment for it: the service had two tasks, and is to have three.
    let mut more = accepted(Purpose::Release);
    let answer = |desired_count| Accepted {
        id: "ecs-svc/2".into(),
        created_at: Some(at(500)),
        desired_count,
    };
    let with = |count: i32| LiveService {
        desired_count: count,
        running_count: count,
        ..begun(live(2), 500)
    };
    for (story, before, answered, seen, second, expected) in [
        ("as before", Some(2), Some(3), 2, 1001, InProgress),
        ("as before, for long", Some(2), Some(3), 2, 1119, InProgress),
        ("somebody took it back", Some(2), Some(3), 2, 1120, Steady),
        ("as it is", Some(2), Some(3), 3, 1001, Steady),
        ("somebody set another", Some(2), Some(3), 5, 1001, Steady),
        ("it had them already", Some(3), Some(3), 3, 1001, Steady),
        ("the count was not noted", None, None, 2, 1001, Steady),
        ("it was just made", None, Some(3), 2, 1001, Steady),
    ] {
        more.rollout.count_before = before;
        more.rollout.deployment = Some(answer(answered));
        let seen = look(&more, &desired(&[2]), Some(&with(seen)), None, at(second));
        assert_eq!(seen.outcome, expected, "{story}");
    }
}

#[test]
fn a_service_that_was_just_made_or_changed_may_not_be_shown_for_two_minutes() {
    for (second, expected) in [
        (1001, Outcome::InProgress),
        (1119, Outcome::InProgress),
        (1120, Outcome::Failed),
    ] {
        let seen = look(
            &accepted(Purpose::Release),
            &desired(&[2]),
            None,
            None,
            at(second),
        );
        assert_eq!(seen.outcome, expected, "{second}");
    }
}

#[test]
fn a_rollout_that_ecs_never_shows_ends_at_its_deadline() {
    let seen = look(
        &accepted(Purpose::Release),
        &desired(&[2]),
        Some(&begun(live(1), 500)),
        None,
        at(1600),
    );
    assert_eq!(seen.outcome, Outcome::Failed);
    assert!(
        seen.reason.ends_with("ECS does not show the change yet"),
        "{}",
        seen.reason
    );
}

#[test]
fn time_in_which_nobody_could_look_does_not_count_against_a_rollout() {
    use Outcome::{Failed, InProgress};
    let live = rolling(1, 2, 1);
    let looked = |second: i64, blind_seconds: u64| Look {
        seen_at: Some(at(second)),
        blind_seconds,
        ..Look::of(look::Outcome::InProgress, "1 of 3 tasks run")
    };
    // It began at second 1000, and has 600 seconds.
    for (story, last, second, outcome, blind) in [
        ("in time", Some(looked(1540, 0)), 1599, InProgress, 0),
        ("out of time", Some(looked(1540, 0)), 1600, Failed, 0),
        (
            "after an outage",
            Some(looked(1060, 0)),
            2350,
            InProgress,
            1200,
        ),
        (
            "long after it",
            Some(looked(2740, 1200)),
            2800,
            Failed,
            1200,
        ),
        ("an outage from the beginning", None, 4600, InProgress, 3510),
        (
            "a look at the rollout before",
            Some(looked(900, 700)),
            1090,
            InProgress,
            0,
        ),
    ] {
        for purpose in [Purpose::Release, Purpose::RollBack] {
            let input = Input {
                look: Some(last.clone()),
                ..input(purpose)
            };
            let output = super::look(&input, &desired(&[2]), Some(&live), None, at(second));
            let found = (output.outcome, output.blind_seconds, output.seen_at);
            assert_eq!(found, (outcome, blind, Some(at(second))), "{story}");
        }
    }
}

#[test]
fn an_execution_that_passes_no_look_has_the_time_that_it_always_had() {
    let input = input(Purpose::Release);
    let mut passed = serde_json::to_value(&input).unwrap();
    assert_eq!(passed.get("look"), None);
    assert_eq!(
        serde_json::from_value::<Input>(passed.clone()).unwrap(),
        input
    );
    passed["look"] = Value::Null;
    let first: Input = serde_json::from_value(passed).unwrap();
    assert_eq!(first.look, Some(None));
    let live = rolling(1, 2, 1);
    let output = super::look(&input, &desired(&[2]), Some(&live), None, at(1600));
    assert_eq!((output.outcome, output.blind_seconds), (Outcome::Failed, 0));
}
