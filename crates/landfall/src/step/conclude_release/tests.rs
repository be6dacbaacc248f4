#![allow(clippy::unwrap_used)]

use super::*;
use crate::{desired::Claim, sample::*};

fn input(verdict: Verdict, reason: &str) -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(3),
        ending: Ending {
            verdict,
            reason: reason.into(),
            task_definition: Some(good(3).task_definition),
            diagnosis: None,
        },
        started_at: at(10),
    }
}

#[test]
fn every_release_up_to_this_one_gets_a_record_and_no_newer_one() {
    let records = records(
        &input(Verdict::Succeeded, "verified"),
        &desired(&[2, 3, 4]),
        at(99),
    );
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.release.number, record.verdict, &*record.reason))
        .collect();
    assert_eq!(
        told,
        [
            (3, Verdict::Succeeded, "verified"),
            (
                2,
                Verdict::Superseded,
                "release 3 took its place before it was rolled out"
            )
        ]
    );
    let own = &records[0];
    assert_eq!(own.task_definition, Some(good(3).task_definition));
    assert_eq!(own.ending(), input(Verdict::Succeeded, "verified").ending);
    assert_eq!(records[1].task_definition, None);
    let timeline = Timeline {
        created_at: at(0),
        execution_started_at: at(10),
        concluded_at: at(99),
    };
    assert!(
        records
            .iter()
            .all(|record| record.timeline == timeline && record.execution == "me")
    );
}

#[test]
fn a_verified_release_is_no_success_if_the_service_was_given_what_is_neither_landfalls_nor_its_owners()
 {
    use Whose::{Accepted, Adoptable, Adopted, Foreign, Good, OurAttempt, OwnersOwn};
    let mut adopting = file();
    adopting.task_definition.clear();
    assert!(!adopting.owns_task_definition());
    for (whose, overtaken) in [
        (Good, false),
        (Accepted, false),
        (OurAttempt, false),
        (OwnersOwn, false),
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
    let claim = |execution: &str, release| {
        let claim = Claim {
            execution: execution.into(),
            release,
            attempt: 1,
            applied_file: None,
        };
        DesiredState {
            claim: Some(claim),
            ..desired(&[3])
        }
    };
    let input = input(Verdict::Succeeded, "verified");
    assert!(is_open(&input, &claim("me", 3)));
    for (story, desired) in [
        ("concluded before", desired(&[])),
        ("taken over", claim("other", 3)),
        ("another release", claim("me", 4)),
    ] {
        assert!(!is_open(&input, &desired), "{story}");
    }
}

#[test]
fn people_are_told_the_messages_inside_the_causes_of_failed_steps() {
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
