//! How long nobody could look, and how long the release was paused or withheld, in its record.

use super::*;

#[test]
fn the_record_of_an_undecided_release_says_for_how_long_nobody_could_see() {
    let seen = |second, blind_seconds| {
        let look = look(Outcome::InProgress, "2 of 3 tasks run", None).unwrap();
        let seen_at = Some(at(second));
        Some(Look {
            seen_at,
            blind_seconds,
            ..look
        })
    };
    let rollout = || Rollout {
        task_definition: Some(revision(3)),
        started_at: at(100),
        timeout_seconds: 900,
        deployment: None,
        count_before: None,
    };
    // The execution began at second 10.
    for (story, rollout, look, blind, minutes) in [
        ("it never came to a change", None, None, 3630, 60),
        ("nobody ever looked", Some(rollout()), None, 3540, 59),
        ("somebody looked", Some(rollout()), seen(400, 7), 3247, 54),
    ] {
        let facts = Facts {
            course: Course {
                rollout,
                look,
                error: error("Transient", "throttled"),
            },
            ..Facts::default()
        };
        let input = Input {
            facts,
            ..input(Verdict::Failed, "")
        };
        let ending = ending(&input.facts);
        let records = records(&input, &ending, &desired(&[2, 3]), at(3640));
        let blind_seconds = records.iter().map(|record| record.timeline.blind_seconds);
        assert_eq!(blind_seconds.collect::<Vec<_>>(), [blind, 0], "{story}");
        let reason = &records[0].reason;
        let beginning = format!(
            "nobody could see how it stands, {minutes} minutes after the last answer: throttled;"
        );
        assert!(reason.starts_with(&beginning), "{story}: {reason}");
        assert!(reason.ends_with("`landfall resume web/hello`"), "{reason}");
    }
}

#[test]
fn the_record_of_a_release_says_for_how_long_nobody_could_look() {
    let blind = |seconds| {
        let look = look(Outcome::Steady, "3 tasks run", None);
        look.map(|look| Look {
            blind_seconds: seconds,
            ..look
        })
    };
    let mut input = input(Verdict::RolledBack, "it answered 500");
    input.facts.course.look = blind(1200);
    input.facts.back.look = blind(30);
    let ending = ending(&input.facts);
    let records = records(&input, &ending, &desired(&[3]), at(99));
    assert_eq!(records[0].timeline.blind_seconds, 1230);
}

#[test]
fn the_record_of_a_release_says_for_how_long_it_was_paused_and_withheld() {
    let mut input = input(Verdict::RolledBack, "nobody continued it");
    let seen = look(Outcome::Failed, "nobody continued it", Some(Stage::Rollout));
    input.facts.course.look = seen.map(|look| Look {
        paused_seconds: 86_400,
        withheld_seconds: 1200,
        ..look
    });
    let ending = ending(&input.facts);
    let records = records(&input, &ending, &desired(&[2, 3]), at(99));
    let uncounted = records.iter().map(|record| {
        let timeline = &record.timeline;
        (timeline.paused_seconds, timeline.withheld_seconds)
    });
    assert_eq!(uncounted.collect::<Vec<_>>(), [(86_400, 1200), (0, 0)]);
}
