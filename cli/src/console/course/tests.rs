#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

/// Events of an execution: each a second, and the state that was entered or the answer of its function.
fn events(told: &[(i64, Value)]) -> Vec<Event> {
    let told = told.iter().enumerate();
    let event = told.map(|(index, (second, what))| Event {
        id: index as u64 + 1,
        at: at(*second),
        what: match what {
            Value::String(state) if state == "end" => What::Ended,
            Value::String(state) => What::Entered(state.clone()),
            answer => What::Answered(answer.clone()),
        },
    });
    event.collect()
}

fn look(outcome: &str, seen: i64, more: Value) -> Value {
    let mut look = json!({ "outcome": outcome, "reason": "1 of 2 tasks run", "seenAt": at(seen) });
    for (name, value) in more.as_object().unwrap() {
        look[name] = value.clone();
    }
    look
}

fn stages(course: &Course) -> Vec<(&str, i64, Option<i64>)> {
    let second = |time: Timestamp| time.as_second() - 1_750_000_000;
    let stages = course.stages.iter();
    let told = stages.map(|stage| (stage.what, second(stage.began), stage.ended.map(second)));
    told.collect()
}

fn on_its_way() -> Vec<(i64, Value)> {
    vec![
        (0, json!("ClaimRelease")),
        (0, json!({ "action": "deploy" })),
        (1, json!("Claimed")),
        (1, json!("EnsureCluster")),
        (2, json!("RegisterTaskDefinition")),
        (3, json!("UpdateService")),
        (
            4,
            json!({ "taskDefinition": "hello:2", "startedAt": at(3), "timeoutSeconds": 600 }),
        ),
        (4, json!("AwaitRollout")),
        (5, json!("CheckRollout")),
        (6, look("in-progress", 5, json!({ "blindSeconds": 30 }))),
        (6, json!("AwaitRollout")),
    ]
}

#[test]
fn a_release_on_its_way_shows_where_it_was_where_it_is_and_what_is_ahead() {
    let mut course = Course::default();
    for event in events(&on_its_way()) {
        course.take(&event);
    }
    assert_eq!(
        stages(&course),
        [
            ("takes its turn", 0, Some(1)),
            ("prepares the cluster", 1, Some(2)),
            ("registers the task definition", 2, Some(3)),
            ("changes the service", 3, Some(4)),
            ("rolls out", 4, None),
        ]
    );
    assert_eq!(course.ahead(), ["is verified", "is concluded"]);
    let told: Vec<_> = course
        .deadlines(None)
        .into_iter()
        .map(|each| each.at)
        .collect();
    assert_eq!(told, [at(5 + 60), at(3 + 600 + 30)]);
}

#[test]
fn while_it_bakes_it_says_until_when() {
    let mut told = on_its_way();
    told.push((70, json!("VerifyHealth")));
    let progress = json!({ "progress": { "healthySince": at(70) }, "waitSeconds": 30 });
    told.push((71, look("waiting", 70, progress)));
    told.push((71, json!("WaitForHealth")));
    let mut course = Course::default();
    events(&told).iter().for_each(|event| course.take(event));
    let deadlines = course.deadlines(Some(120));
    let told: Vec<_> = deadlines
        .iter()
        .map(|each| (&*each.what, each.at))
        .collect();
    assert_eq!(
        told,
        [
            ("looks again, or as soon as ECS tells of a change", at(100)),
            ("has baked for long enough", at(190)),
        ]
    );
}

#[test]
fn a_bad_one_goes_back_and_the_next_release_of_the_execution_is_another_course() {
    let mut told = on_its_way();
    told.extend([
        (9, json!("CheckRollout")),
        (10, look("failed", 9, json!({}))),
        (10, json!("RollBack")),
        (12, json!("ConcludeRelease")),
        (14, json!("MoreToDo")),
        (20, json!("ClaimRelease")),
        (21, json!("Done")),
        (21, json!("end")),
    ]);
    let all = events(&told);
    let course = Course::until(&all, at(13));
    assert_eq!(
        stages(&course)[4..],
        [
            ("rolls out", 4, Some(10)),
            ("goes back", 10, Some(12)),
            ("is concluded", 12, Some(13)),
        ]
    );
    let failed: Vec<_> = (0..course.stages.len())
        .filter(|index| course.failed_in(*index))
        .collect();
    assert_eq!(failed, [4]);
    assert!(is_bad(course.looks[1].look.outcome));
    assert_eq!((course.ahead(), course.deadlines(None)), (vec![], vec![]));

    let mut next = Course::default();
    all.iter().for_each(|event| next.take(event));
    assert_eq!(next.looks, []);
    assert_eq!(stages(&next)[0], ("takes its turn", 20, Some(21)));
    assert_eq!(next.stage(), None);
}

#[test]
fn a_pause_is_one_stage_however_often_it_is_looked_at_and_the_next_one_is_another() {
    let mut told = on_its_way();
    for look_at in [10, 70, 130] {
        told.push((look_at, json!("CheckRollout")));
        told.push((look_at, look("in-progress", look_at, json!({}))));
        told.push((look_at, json!("RolledOut")));
        told.push((look_at, json!("AwaitAction")));
    }
    told.push((190, json!("CheckRollout")));
    told.push((190, json!("RolledOut")));
    told.push((191, json!("AwaitRollout")));
    told.push((250, json!("CheckRollout")));
    told.push((250, json!("AwaitAction")));
    let mut course = Course::default();
    events(&told).iter().for_each(|event| course.take(event));
    let pause = "waits until somebody continues the deployment";
    assert_eq!(
        stages(&course)[4..],
        [
            ("rolls out", 4, Some(10)),
            (pause, 10, Some(190)),
            ("rolls out", 190, Some(250)),
            (pause, 250, None),
        ]
    );
    assert_eq!(course.ahead(), ["is verified", "is concluded"]);
}

#[test]
fn of_many_looks_the_last_are_kept() {
    let looks = (0..60).flat_map(|second| {
        [
            (second, json!("CheckRollout")),
            (second, look("in-progress", second, json!({}))),
        ]
    });
    let mut course = Course::default();
    events(&looks.collect::<Vec<_>>())
        .iter()
        .for_each(|event| course.take(event));
    assert_eq!(
        (course.looks.len(), course.looks[0].at),
        (LOOKS, at(60 - 24))
    );
}

#[test]
fn the_numbers_of_a_release_are_the_times_in_its_stages_and_of_the_answers_to_its_probes() {
    let probed = |milliseconds: u64| {
        let answer = json!({
            "url": "http://hello/", "status": 200, "body": "", "error": null, "milliseconds": milliseconds
        });
        json!({ "progress": {
            "startedAt": at(10), "successes": 1, "failures": 0, "healthySince": null, "probes": [answer]
        } })
    };
    let mut told = on_its_way();
    told.extend([
        (9, json!("CheckRollout")),
        (10, look("steady", 10, json!({}))),
        (10, json!("VerifyHealth")),
        (11, look("waiting", 11, probed(12))),
        (11, json!("WaitForHealth")),
        (16, json!("VerifyHealth")),
        (17, look("healthy", 17, probed(8))),
        (17, json!("ConcludeRelease")),
    ]);
    let course = Course::until(&events(&told), at(18));
    assert_eq!(
        course.took(),
        [
            ("takes its turn", 1.0),
            ("prepares the cluster", 1.0),
            ("registers the task definition", 1.0),
            ("changes the service", 1.0),
            ("rolls out", 6.0),
            ("is verified", 7.0),
            ("is concluded", 1.0),
        ]
    );
    let answers = course.answers();
    assert_eq!(answers["http://hello/"], [0.012, 0.008]);
}
