#![allow(clippy::unwrap_used)]

use super::{
    Answer::{Described, Desired, Record as Recorded, Sleeper as Sleeps, Woken, Written as Wrote},
    *,
};
use crate::{record::Verdict, sample, step::claim_release::Action};

const ME: &str = "me";

/// Release 2 is open, and `execution` holds the claim.
fn claimed_by(execution: &str) -> Answer {
    let desired = DesiredState {
        claim: Some(sample::claim(execution, 2)),
        applied_file: None,
        ..sample::desired(&[2])
    };
    Desired(Versioned::new(desired, execution))
}

fn ended(second: i64) -> Answer {
    Described(ExecutionStatus::Ended(sample::at(second)))
}

fn free() -> Answer {
    Desired(Versioned::new(sample::desired(&[2]), "free"))
}

fn recorded() -> Answer {
    let record = sample::record(2, Verdict::Succeeded);
    Recorded(Some(Versioned::new(record, "record")))
}

fn word(ask: &Ask<'_>) -> String {
    match ask {
        Ask::ReadDesired => "read desired".into(),
        Ask::DescribeExecution(execution) => format!("describe {execution}"),
        Ask::ReadRecord(number) => format!("read record {number}"),
        Ask::WriteDesired { over, desired } => {
            let claim = desired.claim.as_ref().unwrap();
            let over = over.etag().unwrap();
            format!(
                "claim {} for {} over {over}",
                claim.release, claim.execution
            )
        }
        Ask::ReadSleeper => "read sleeper".into(),
        Ask::Wake(sleeper) => format!("wake {}", sleeper.execution),
    }
}

/// What is asked, in order, with the action at the end. A hundred seconds have passed since the epoch.
fn play(guards: Guards, answers: Vec<Answer>) -> String {
    let mut claim = Claim::begin(guards);
    let mut asked = Vec::new();
    let mut answers = answers.into_iter();
    loop {
        asked.push(word(&claim.ask(ME)));
        let answer = answers.next().expect("an answer to what is asked");
        if let Some(output) = claim.on(ME, answer, sample::at(100)) {
            let action = output.action;
            let wait = output.wait_seconds;
            assert_eq!(wait > 0, action == Action::Wait);
            asked.push(format!("{action:?}"));
            assert_eq!(answers.count(), 0, "every answer is asked for");
            return asked.join(", ");
        }
    }
}

fn sleeper() -> Sleeper {
    Sleeper {
        execution: "other".into(),
        task_token: "token".into(),
    }
}

#[test]
fn a_claim_is_asked_for_in_an_order_that_loses_against_whoever_was_faster() {
    for (story, answers, expected) in [
        (
            "nothing is open",
            vec![Desired(Versioned::new(sample::desired(&[]), "empty"))],
            "read desired, Settled",
        ),
        (
            "a free claim",
            vec![free(), Wrote(WriteOutcome::Done)],
            "read desired, claim 2 for me over free, Deploy",
        ),
        (
            "another execution was faster, and lives",
            vec![
                free(),
                Wrote(WriteOutcome::Conflict),
                claimed_by("other"),
                Described(ExecutionStatus::Runs),
                Sleeps(Some(sleeper())),
                Woken,
            ],
            "read desired, claim 2 for me over free, read desired, describe other, read sleeper, wake other, Joined",
        ),
        (
            "the holder lives, and never slept",
            vec![
                claimed_by("other"),
                Described(ExecutionStatus::Runs),
                Sleeps(None),
            ],
            "read desired, describe other, read sleeper, Joined",
        ),
        (
            "the holder ended a moment ago",
            vec![claimed_by("other"), ended(90)],
            "read desired, describe other, Wait",
        ),
        (
            "the holder died before its record",
            vec![
                claimed_by("other"),
                ended(60),
                Recorded(None),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Deploy",
        ),
        (
            "the holder died between its record and its verdict",
            vec![
                claimed_by("other"),
                ended(60),
                recorded(),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Conclude",
        ),
        (
            "the answer to this execution's own claim was lost",
            vec![claimed_by(ME), Recorded(None)],
            "read desired, read record 2, Deploy",
        ),
        (
            "it was a claim that it took over with a record",
            vec![claimed_by(ME), recorded()],
            "read desired, read record 2, Conclude",
        ),
    ] {
        assert_eq!(play(Guards::all(), answers), expected, "{story}");
    }
}

#[test]
fn a_dead_holders_claim_is_left_until_its_last_call_has_arrived() {
    let mut claim = Claim::begin(Guards::all());
    claim.on(ME, claimed_by("other"), sample::at(100));
    let output = claim.on(ME, ended(67), sample::at(100));
    let output = output.unwrap();
    assert_eq!((output.action, output.wait_seconds), (Action::Wait, 7));
    assert_eq!(output.release, None);
}

#[test]
fn a_holder_that_step_functions_does_not_know_has_just_started_or_ended_long_ago() {
    // Release 2 was made at second 0.
    for (story, taken_at, now, is_left) in [
        ("took the claim a moment ago", Some(1000), 1299, true),
        ("took the claim minutes ago", Some(1000), 1300, false),
        ("an old claim of a new release", None, 299, true),
        ("an old claim of an old release", None, 300, false),
    ] {
        let Desired(read) = claimed_by("other") else {
            panic!("{story}")
        };
        let mut desired = DesiredState::clone(&read);
        desired.claim.as_mut().unwrap().taken_at = taken_at.map(sample::at);
        let mut claim = Claim::begin(Guards::all());
        let read = Desired(Versioned::new(desired, "other"));
        assert_eq!(claim.on(ME, read, sample::at(now)), None);
        let unknown = Described(ExecutionStatus::Unknown);
        assert_eq!(claim.on(ME, unknown, sample::at(now)), None, "{story}");
        match &claim.stage {
            Stage::ReadSleeper => assert!(is_left, "{story}"),
            Stage::ReadRecord { .. } => assert!(!is_left, "{story}"),
            other => panic!("{story}: {other:?}"),
        }
    }
}

#[test]
fn a_claim_has_the_time_at_which_its_execution_took_it_first() {
    let mut claim = Claim::begin(Guards::all());
    claim.on(ME, free(), sample::at(7));
    let Ask::WriteDesired { desired, .. } = claim.ask(ME) else {
        panic!("{:?}", claim.stage)
    };
    assert_eq!(
        desired.claim.as_ref().unwrap().taken_at,
        Some(sample::at(7))
    );
    // The answer was lost: it holds the claim, and writes nothing.
    let mut again = Claim::begin(Guards::all());
    let read = Desired(Versioned::new(*desired, "mine"));
    again.on(ME, read, sample::at(9));
    let output = again.on(ME, Recorded(None), sample::at(9)).unwrap();
    assert_eq!(output.action, Action::Deploy);
}

#[test]
fn without_a_guard_its_question_is_not_asked_or_not_heeded() {
    for (guard, answers, expected) in [
        (
            Guard::AskWhetherTheHolderLives,
            vec![
                claimed_by("other"),
                Described(ExecutionStatus::Runs),
                Recorded(None),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Deploy",
        ),
        (
            Guard::WaitForTheLastCallOfTheDead,
            vec![
                claimed_by("other"),
                ended(90),
                Recorded(None),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Deploy",
        ),
        (
            Guard::LookForTheRecordOfTheHeldClaim,
            vec![claimed_by(ME)],
            "read desired, Deploy",
        ),
    ] {
        assert_eq!(play(Guards::without(guard), answers), expected, "{guard:?}");
    }
}

#[test]
fn an_answer_to_something_else_changes_nothing() {
    let mut claim = Claim::begin(Guards::all());
    assert_eq!(claim.on(ME, Woken, sample::at(0)), None);
    assert_eq!(claim, Claim::begin(Guards::all()));
}
