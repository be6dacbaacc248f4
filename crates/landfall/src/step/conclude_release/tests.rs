#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::{
    failure::{Failure, Stage},
    live::Rollout,
    sample::*,
    step::roll_back,
};

fn input(verdict: Verdict, reason: &str) -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(3),
        facts: Facts {
            ending: Some(Ending {
                verdict,
                reason: reason.into(),
                task_definition: Some(good(3).task_definition),
                diagnosis: None,
            }),
            ..Facts::default()
        },
        started_at: at(10),
    }
}

#[test]
fn every_release_up_to_this_one_gets_a_record_and_no_newer_one() {
    let input = input(Verdict::Succeeded, "verified");
    let ending = ending(&input.facts);
    let records = records(&input, &ending, &desired(&[2, 3, 4]), at(99));
    let verdicts: Vec<_> = records
        .iter()
        .map(|record| (record.release.number, record.verdict, &*record.reason))
        .collect();
    assert_eq!(
        verdicts,
        [
            (3, Verdict::Succeeded, "verified"),
            (
                2,
                Verdict::Superseded,
                "release 3 took its place before it was rolled out"
            )
        ]
    );
    let concluded = &records[0];
    assert_eq!(concluded.task_definition, Some(good(3).task_definition));
    assert_eq!(concluded.ending(), ending);
    assert_eq!(records[1].task_definition, None);
    let timeline = Timeline {
        created_at: at(0),
        execution_started_at: Some(at(10)),
        concluded_at: at(99),
        blind_seconds: 0,
        paused_seconds: 0,
        withheld_seconds: 0,
    };
    assert!(
        records
            .iter()
            .all(|record| record.timeline == timeline && record.execution.as_deref() == Some("me"))
    );
}

#[test]
fn a_release_that_was_passed_over_gets_its_record_with_the_next_verdict() {
    let input = input(Verdict::Succeeded, "verified");
    let mut desired = desired(&[3, 7]);
    desired.passed_over = [5, 6].map(release).into();
    let records = records(&input, &ending(&input.facts), &desired, at(99));
    let reasons: Vec<_> = records
        .iter()
        .map(|record| (record.release.number, &*record.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (3, "verified"),
            (5, "release 6 took its place before it was rolled out"),
            (6, "release 7 took its place before it was rolled out"),
        ]
    );
}

#[test]
fn a_verified_release_is_no_success_if_the_service_was_given_what_is_neither_landfalls_nor_its_owners()
 {
    use Whose::{Accepted, Adoptable, Adopted, Foreign, Good, OfOwner, OurAttempt};
    let mut adopting = file();
    adopting.task_definition.clear();
    assert!(!adopting.owns_task_definition());
    for (whose, overtaken) in [
        (Good, false),
        (Accepted, false),
        (OurAttempt, false),
        (OfOwner, false),
        (Adoptable, true),
        (Adopted, true),
        (Foreign, true),
    ] {
        assert_eq!(is_overtaken(whose, &file()), overtaken, "{whose:?}");
        assert!(!is_overtaken(whose, &adopting), "{whose:?}");
    }
}

#[test]
fn only_the_holder_of_the_claim_for_this_release_concludes_it() {
    let held = |execution: &str, release| DesiredState {
        claim: Some(claim(execution, release)),
        ..desired(&[3])
    };
    let input = input(Verdict::Succeeded, "verified");
    assert!(is_open(&input, &held("me", 3)));
    for (story, desired) in [
        ("concluded before", desired(&[])),
        ("taken over", held("other", 3)),
        ("another release", held("me", 4)),
    ] {
        assert!(!is_open(&input, &desired), "{story}");
    }
}

#[test]
fn a_reason_holds_the_messages_inside_the_causes_of_failed_steps() {
    for (reason, expected) in [
        ("rolled out and verified", "rolled out and verified"),
        (
            r#"{"errorType":"Refused","errorMessage":"no such role"}"#,
            "no such role",
        ),
        (
            r#"the checks failed; and the roll-back failed: {"errorMessage":"throttled","errorType":"Transient"}"#,
            "the checks failed; and the roll-back failed: throttled",
        ),
        (
            r#"{"errorMessage":"no such role"}; and the roll-back failed: {"errorMessage":"throttled"}"#,
            "no such role; and the roll-back failed: throttled",
        ),
        (
            r#"the body was {x}: {"errorMessage":"expected {y}"}"#,
            "the body was {x}: expected {y}",
        ),
        (r#"the body was {"a": 1}"#, r#"the body was {"a": 1}"#),
        (r#"{"errorMessage": 7}"#, r#"{"errorMessage": 7}"#),
        (
            r#"broken {"errorMessage":"cut o"#,
            r#"broken {"errorMessage":"cut o"#,
        ),
        ("", ""),
    ] {
        assert_eq!(sentence(reason), expected);
    }
}

/// A last look with this outcome, and with this failure if there is a stage.
fn look(outcome: Outcome, reason: &str, stage: Option<Stage>) -> Option<Look<Outcome, Value>> {
    Some(Look {
        outcome,
        reason: reason.into(),
        wait_seconds: 0,
        failure: stage.map(|stage| Failure {
            stage,
            against: Against::Release,
            reason: reason.into(),
            probe: None,
            task: None,
        }),
        progress: Value::Null,
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    })
}

fn error(name: &str, message: &str) -> Option<StepError> {
    Some(StepError {
        error: name.into(),
        cause: format!(r#"{{"errorType":"{name}","errorMessage":"{message}"}}"#),
    })
}

fn undone(action: roll_back::Action, verdict: Verdict) -> Option<roll_back::Output> {
    Some(roll_back::Output {
        action,
        verdict,
        rollout: None,
        diagnosis: diagnosis(),
        ingress: false,
        again: false,
    })
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        undone: "the service was given release 1 again".into(),
        ..Diagnosis::default()
    }
}

fn planned(after: bool) -> Option<Plan> {
    let mut plan = Plan::new(good(3).task_definition, None, false, &file(), None);
    plan.after = after;
    Some(plan)
}

#[test]
fn the_verdict_follows_from_the_facts_and_people_read_these_reasons() {
    use roll_back::Action::{NothingToUndo, Reverted};
    let course = |look, error| Course {
        rollout: None,
        look,
        error,
    };
    let unhealthy = || {
        course(
            look(Outcome::Unhealthy, "it answered 500", Some(Stage::Health)),
            None,
        )
    };
    let facts = |course, plan, roll_back| Facts {
        course,
        plan,
        roll_back,
        ..Facts::default()
    };
    let back = |facts: Facts, look, error| Facts {
        back: Back { look, error },
        ..facts
    };
    let healthy = || course(look(Outcome::Healthy, "every check passed", None), None);
    let ran = || course(look(Outcome::Done, "smoke succeeded", None), None);
    let no_task = || {
        course(
            look(Outcome::Unproven, "the desired count is 0", None),
            None,
        )
    };
    let superseded = || {
        course(
            look(Outcome::Superseded, "release 4 should run", None),
            None,
        )
    };
    let bad = |roll_back| facts(unhealthy(), planned(false), roll_back);
    let reverted = || bad(undone(Reverted, Verdict::RolledBack));
    for (story, facts, verdict, reason, has_diagnosis) in [
        (
            "verified",
            facts(healthy(), planned(false), None),
            Verdict::Succeeded,
            "rolled out and verified",
            false,
        ),
        (
            "verified, with tasks after it",
            facts(ran(), planned(true), None),
            Verdict::Succeeded,
            "rolled out and verified; smoke succeeded",
            false,
        ),
        (
            "no task ran",
            facts(no_task(), planned(true), None),
            Verdict::Unproven,
            "the desired count is 0",
            false,
        ),
        (
            "superseded",
            facts(superseded(), planned(true), None),
            Verdict::Superseded,
            "a newer release took its place",
            false,
        ),
        (
            "bad, and back",
            back(reverted(), look(Outcome::Steady, "3 tasks run", None), None),
            Verdict::RolledBack,
            "it answered 500",
            true,
        ),
        (
            "bad, and there was nothing to undo",
            bad(undone(NothingToUndo, Verdict::RolledBack)),
            Verdict::RolledBack,
            "it answered 500",
            true,
        ),
        (
            "bad, and on its way back somebody else gave the service another revision",
            back(
                bad(undone(NothingToUndo, Verdict::Drifted)),
                look(Outcome::Replaced, "it was given another", None),
                None,
            ),
            Verdict::Drifted,
            "it answered 500",
            true,
        ),
        (
            "bad, and not back",
            back(
                reverted(),
                look(Outcome::Failed, "2 tasks failed", None),
                None,
            ),
            Verdict::Failed,
            "it answered 500; and the roll-back did not become steady: 2 tasks failed",
            true,
        ),
        (
            "bad, and the way back failed",
            back(bad(None), None, error("Unexpected", "no ARN")),
            Verdict::Failed,
            "it answered 500; and the roll-back failed: no ARN",
            false,
        ),
        (
            "bad, and the way back failed while it was waited for",
            back(
                reverted(),
                look(Outcome::InProgress, "1 of 3 tasks run", None),
                error("Unexpected", "no ARN"),
            ),
            Verdict::Failed,
            "it answered 500; and the roll-back failed: no ARN",
            true,
        ),
        (
            "refused",
            facts(
                course(None, error("Refused", "no such role")),
                None,
                undone(NothingToUndo, Verdict::Rejected),
            ),
            Verdict::Rejected,
            "no such role",
            true,
        ),
        (
            "given up",
            facts(
                course(None, None),
                None,
                undone(NothingToUndo, Verdict::Failed),
            ),
            Verdict::Failed,
            "several executions died while they worked on it; their history in Step Functions says how",
            true,
        ),
        (
            "AWS did not answer before the rollout",
            facts(course(None, error("Transient", "throttled")), None, None),
            Verdict::Undecided,
            "throttled",
            false,
        ),
        (
            "AWS did not answer while it was rolled out",
            facts(
                course(
                    look(Outcome::InProgress, "2 of 3 tasks run", None),
                    error("Transient", "no answer"),
                ),
                planned(false),
                None,
            ),
            Verdict::Undecided,
            "no answer",
            false,
        ),
        (
            "a look was refused",
            facts(
                course(
                    look(Outcome::Steady, "3 tasks run", None),
                    error("Refused", "AccessDenied"),
                ),
                planned(false),
                None,
            ),
            Verdict::Undecided,
            "AccessDenied",
            false,
        ),
        (
            "without a cause, the error says what happened",
            facts(
                course(
                    None,
                    Some(StepError {
                        error: "States.Timeout".into(),
                        cause: String::new(),
                    }),
                ),
                None,
                None,
            ),
            Verdict::Undecided,
            "States.Timeout",
            false,
        ),
        (
            "bad, and AWS did not answer on the way back",
            back(bad(None), None, error("Transient", "no answer")),
            Verdict::Failed,
            "it answered 500; and the roll-back failed: no answer",
            false,
        ),
        (
            "recorded by an execution that died",
            input(Verdict::Superseded, "so it was").facts,
            Verdict::Superseded,
            "so it was",
            false,
        ),
    ] {
        let ending = ending(&facts);
        assert_eq!(ending.verdict, verdict, "{story}");
        assert_eq!(sentence(&ending.reason), reason, "{story}");
        let undone = ending
            .diagnosis
            .clone()
            .filter(|each| each.undone != "the roll-back failed");
        assert_eq!(undone, has_diagnosis.then(diagnosis), "{story}");
        let runs = ending.task_definition.is_some();
        let recorded = facts.ending.is_some();
        let given = matches!(verdict, Verdict::Succeeded | Verdict::Unproven);
        assert_eq!(runs, recorded || given, "{story}");
    }
}

#[test]
fn a_release_is_refused_only_until_ecs_has_accepted_it() {
    let rollout = || Rollout {
        task_definition: Some(revision(3)),
        started_at: at(0),
        timeout_seconds: 900,
        deployment: None,
        count_before: None,
    };
    let seen = || look(Outcome::Failed, "exited with 3", Some(Stage::Task));
    for (rollout, look, error, stage, reason) in [
        (
            None,
            None,
            error("Refused", "no such role"),
            Stage::Refused,
            "no such role",
        ),
        (
            None,
            None,
            error("NotYet", "Unable to assume the service linked role"),
            Stage::Refused,
            "Unable to assume the service linked role",
        ),
        (
            None,
            None,
            error("Unexpected", "no ARN"),
            Stage::Step,
            "no ARN",
        ),
        (
            Some(rollout()),
            None,
            error("Refused", "no access"),
            Stage::Step,
            "no access",
        ),
        (None, seen(), None, Stage::Task, "exited with 3"),
        // The last look was a good one, and the next one failed.
        (
            Some(rollout()),
            look(Outcome::Steady, "3 tasks run", None),
            error("Transient", "throttled"),
            Stage::Step,
            "throttled",
        ),
        (
            None,
            None,
            None,
            Stage::Step,
            "several executions died while they worked on it; their history in Step Functions says how",
        ),
    ] {
        let course = Course {
            rollout,
            look,
            error,
        };
        let failure = course.failure();
        assert_eq!(
            (failure.stage, &*sentence(&failure.reason)),
            (stage, reason)
        );
    }
}

#[test]
fn what_an_execution_sends_that_began_under_a_definition_with_endings_is_understood() {
    let ending = json!({"verdict": "rolled-back", "reason": "bad", "taskDefinition": null, "diagnosis": null});
    let input = json!({
        "service": "web/hello", "execution": "me", "release": release(3), "startedAt": at(10), "ending": ending,
    });
    let input: Input = serde_json::from_value(input).unwrap();
    assert_eq!(json!(super::ending(&input.facts)), ending);
    let failure = json!({"stage": "health", "reason": "bad", "probe": null});
    let input = json!({
        "service": "web/hello", "execution": "me", "release": release(3), "failure": failure,
    });
    let input: roll_back::Input = serde_json::from_value(input).unwrap();
    let known = json!({"against": "release", "stage": "health", "reason": "bad", "probe": null});
    assert_eq!(json!(input.failure()), known);
}

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

#[test]
fn what_speaks_against_the_platform_leaves_a_release_undecided_once_the_service_is_back() {
    use roll_back::Action::{NothingToUndo, Reverted};
    let look = |outcome, against| {
        let look = look(
            outcome,
            "3 tasks failed and none runs",
            Some(Stage::Rollout),
        );
        look.map(|mut look| {
            if let Some(failure) = &mut look.failure {
                failure.against = against;
            }
            look
        })
    };
    let steady = || Look {
        failure: None,
        ..look(Outcome::Steady, Against::Nobody).unwrap()
    };
    for (against, action, verdict, back, expected) in [
        (
            Against::Platform,
            Reverted,
            Verdict::RolledBack,
            Outcome::Steady,
            Verdict::Undecided,
        ),
        (
            Against::Platform,
            NothingToUndo,
            Verdict::Failed,
            Outcome::Steady,
            Verdict::Undecided,
        ),
        (
            Against::Platform,
            NothingToUndo,
            Verdict::Drifted,
            Outcome::Steady,
            Verdict::Drifted,
        ),
        (
            Against::Platform,
            Reverted,
            Verdict::RolledBack,
            Outcome::Failed,
            Verdict::Failed,
        ),
        (
            Against::File,
            Reverted,
            Verdict::RolledBack,
            Outcome::Steady,
            Verdict::RolledBack,
        ),
        (
            Against::Release,
            Reverted,
            Verdict::RolledBack,
            Outcome::Steady,
            Verdict::RolledBack,
        ),
    ] {
        let mut undone = undone(action, verdict);
        if let Some(undone) = &mut undone {
            undone.diagnosis.against = Some(against);
        }
        let facts = Facts {
            course: Course {
                look: look(Outcome::Failed, against),
                ..Course::default()
            },
            roll_back: undone,
            back: Back {
                look: Some(Look {
                    outcome: back,
                    ..steady()
                }),
                error: None,
            },
            ..Facts::default()
        };
        let ending = ending(&facts);
        assert_eq!(
            (ending.verdict, ending.against()),
            (expected, against),
            "{against:?} {back:?}"
        );
        if expected == Verdict::Undecided {
            let input = Input {
                facts,
                ..input(Verdict::Failed, "")
            };
            let records = records(&input, &ending, &desired(&[3]), at(9000));
            let reason = &records[0].reason;
            assert!(reason.starts_with("nothing speaks against it"), "{reason}");
            assert!(reason.contains("3 tasks failed and none runs"), "{reason}");
            assert_eq!(records[0].timeline.blind_seconds, 0);
        }
    }
}
