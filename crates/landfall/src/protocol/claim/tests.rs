#![allow(clippy::unwrap_used)]

use super::{
    Answer::{Desired, Ended, Record as Recorded, Sleeper as Sleeps, Woken, Written as Wrote},
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
    let at = sample::at;
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
                Ended(None),
                Sleeps(Some(sleeper())),
                Woken,
            ],
            "read desired, claim 2 for me over free, read desired, describe other, read sleeper, wake other, Joined",
        ),
        (
            "the holder lives, and never slept",
            vec![claimed_by("other"), Ended(None), Sleeps(None)],
            "read desired, describe other, read sleeper, Joined",
        ),
        (
            "the holder ended a moment ago",
            vec![claimed_by("other"), Ended(Some(at(90)))],
            "read desired, describe other, Wait",
        ),
        (
            "the holder died before its record",
            vec![
                claimed_by("other"),
                Ended(Some(at(60))),
                Recorded(None),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Deploy",
        ),
        (
            "the holder died between its record and its verdict",
            vec![
                claimed_by("other"),
                Ended(Some(at(60))),
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
    let output = claim.on(ME, Ended(Some(sample::at(67))), sample::at(100));
    let output = output.unwrap();
    assert_eq!((output.action, output.wait_seconds), (Action::Wait, 7));
    assert_eq!(output.release, None);
}

#[test]
fn without_a_guard_its_question_is_not_asked_or_not_heeded() {
    let at = sample::at;
    for (guard, answers, expected) in [
        (
            Guard::AskWhetherTheHolderLives,
            vec![
                claimed_by("other"),
                Ended(None),
                Recorded(None),
                Wrote(WriteOutcome::Done),
            ],
            "read desired, describe other, read record 2, claim 2 for me over other, Deploy",
        ),
        (
            Guard::WaitForTheLastCallOfTheDead,
            vec![
                claimed_by("other"),
                Ended(Some(at(90))),
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
