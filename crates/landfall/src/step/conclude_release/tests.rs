#![allow(clippy::unwrap_used)]

mod times;
mod verdicts;

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

/// A last look with this outcome, and with this failure if there is a stage.
fn look(outcome: Outcome, reason: &str, stage: Option<Stage>) -> Option<Look<Outcome, Value>> {
    Some(Look {
        failure: stage.map(|stage| Failure {
            stage,
            against: Against::Release,
            reason: reason.into(),
            probe: None,
            task: None,
        }),
        ..Look::of(outcome, reason)
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
