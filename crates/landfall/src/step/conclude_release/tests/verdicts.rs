//! Verdicts and reasons, from the facts that an execution brings.

use super::*;

#[test]
fn a_failed_step_says_its_message_and_any_other_error_its_cause() {
    for (cause, expected) in [
        (
            r#"{"errorType":"Refused","errorMessage":"the body was {x}"}"#,
            "the body was {x}",
        ),
        (
            "An error occurred while executing the state",
            "An error occurred while executing the state",
        ),
        (r#"{"errorMessage": 7}"#, r#"{"errorMessage": 7}"#),
        (r#"{"errorMessage":"cut o"#, r#"{"errorMessage":"cut o"#),
        ("", ""),
    ] {
        let error = StepError {
            error: "Refused".into(),
            cause: cause.into(),
        };
        assert_eq!(error.message(), expected);
    }
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
        assert_eq!(ending.reason, reason, "{story}");
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
fn a_release_whose_probe_went_elsewhere_is_undecided_and_the_record_says_what_to_write() {
    let why = "the load balancer redirects: write verify.http.host";
    let mut seen = look(Outcome::Misaimed, why, Some(Stage::Health)).unwrap();
    seen.failure.as_mut().unwrap().against = Against::File;
    let facts = Facts {
        plan: planned(false),
        course: Course {
            look: Some(seen),
            ..Course::default()
        },
        ..Facts::default()
    };
    let ending = ending(&facts);
    assert_eq!(ending.verdict, Verdict::Undecided);
    assert_eq!(ending.against(), Against::File);
    let records = records(&input(ending.verdict, why), &ending, &desired(&[3]), at(60));
    let reason = &records[0].reason;
    assert!(reason.contains(why), "{reason}");
    assert!(reason.contains("nothing was undone"), "{reason}");
    assert_eq!(records[0].timeline.blind_seconds, 0);
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
        assert_eq!((failure.stage, &*failure.reason), (stage, reason));
    }
}
