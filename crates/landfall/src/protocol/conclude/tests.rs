#![allow(clippy::unwrap_used)]

use super::{
    Answer::{Desired, Done, Record as Recorded, Seen, Written as Wrote},
    *,
};
use crate::{
    failure::StepError,
    sample,
    step::conclude_release::{self, Facts},
};

const YES: Answer = Wrote(WriteOutcome::Done);
const CONFLICT: Answer = Wrote(WriteOutcome::Conflict);

fn input(verdict: Verdict) -> Input {
    Input {
        service: sample::service(),
        execution: "me".into(),
        release: sample::release(3),
        facts: Facts {
            ending: Some(Ending {
                verdict,
                reason: "as it ended".into(),
                task_definition: Some(sample::good(3).task_definition),
                diagnosis: None,
            }),
            ..Facts::default()
        },
        started_at: sample::at(0),
    }
}

/// A desired state with these releases open, in which `execution` holds the claim for release 3.
fn claimed(open: &[u64], execution: &str) -> Answer {
    let desired = DesiredState {
        claim: Some(sample::claim(execution, 3)),
        ..sample::desired(open)
    };
    Desired(Versioned::new(desired, &format!("{open:?}")))
}

fn recorded(verdict: Verdict) -> Answer {
    Recorded(Versioned::new(sample::record(3, verdict), "record"))
}

fn word(ask: &Ask<'_>) -> String {
    match ask {
        Ask::Look => "look".into(),
        Ask::ReadDesired => "read desired".into(),
        Ask::PutRecord(record) => format!("record {} {}", record.release.number, record.verdict),
        Ask::ReadRecord(number) => format!("read record {number}"),
        Ask::Announce(record) => format!("announce {} {}", record.release.number, record.verdict),
        Ask::Report(_) => "report drift".into(),
        Ask::NoteUnproven => "note for the sweep".into(),
        Ask::NoteUndecided(number) => format!("note {number} undecided"),
        Ask::Revoke(number) => format!("revoke up to {number}"),
        Ask::WriteDesired { over, desired } => {
            let concluded = desired.concluded.as_ref().unwrap();
            assert_eq!(desired.claim, None);
            let over = over.etag().unwrap();
            format!(
                "verdict {} {} over {over}",
                concluded.number, concluded.verdict
            )
        }
        Ask::KeepStatus(_) => "keep status".into(),
    }
}

/// What is asked, in order, and how it ends.
fn play(guards: Guards, input: &Input, answers: Vec<Answer>) -> (String, conclude_release::Output) {
    let mut conclude = Conclude::begin(guards, input);
    let mut asked = Vec::new();
    let mut answers = answers.into_iter();
    loop {
        asked.push(word(&conclude.ask(input)));
        let answer = answers.next().expect("an answer to what is asked");
        if let Some(output) = conclude.on(input, answer, sample::at(100)) {
            assert_eq!(answers.count(), 0, "every answer is asked for");
            return (asked.join(", "), output);
        }
    }
}

#[test]
fn records_and_events_go_before_the_verdict_that_gives_up_the_claim() {
    use Verdict::{Drifted, RolledBack, Succeeded, Superseded, Unproven};
    for (story, verdict, answers, expected, ended) in [
        (
            "a success",
            Succeeded,
            vec![Seen(None), claimed(&[3], "me"), YES, Done, YES],
            "look, read desired, record 3 succeeded, announce 3 succeeded, verdict 3 succeeded over [3]",
            (Succeeded, "as it ended", false),
        ),
        (
            "nothing proved: the sweep is to look for tasks",
            Unproven,
            vec![Seen(None), claimed(&[3], "me"), YES, Done, Done, YES],
            "look, read desired, record 3 unproven, announce 3 unproven, note for the sweep, \
             verdict 3 unproven over [3]",
            (Unproven, "as it ended", false),
        ),
        (
            "no success: there is nothing to look at, and nobody shall be given its revision",
            RolledBack,
            vec![claimed(&[3, 4], "me"), YES, Done, Done, YES],
            "read desired, record 3 rolled-back, announce 3 rolled-back, revoke up to 3, \
             verdict 3 rolled-back over [3, 4]",
            (RolledBack, "as it ended", true),
        ),
        (
            "a release that was passed over gets its record too",
            Superseded,
            vec![claimed(&[2, 3], "me"), YES, Done, YES, Done, YES],
            "read desired, record 3 superseded, announce 3 superseded, record 2 superseded, announce 2 superseded, \
             verdict 3 superseded over [2, 3]",
            (Superseded, "as it ended", false),
        ),
        (
            "a push came between: everything is decided again, and nothing is announced twice",
            Superseded,
            vec![
                claimed(&[3], "me"),
                YES,
                Done,
                CONFLICT,
                claimed(&[3, 4], "me"),
                CONFLICT,
                recorded(Superseded),
                YES,
            ],
            "read desired, record 3 superseded, announce 3 superseded, verdict 3 superseded over [3], \
             read desired, record 3 superseded, read record 3, verdict 3 superseded over [3, 4]",
            (Superseded, "as the other execution recorded", true),
        ),
        (
            "an execution that died had recorded another verdict: that one counts",
            Verdict::Failed,
            vec![
                claimed(&[3], "me"),
                CONFLICT,
                recorded(RolledBack),
                Done,
                Done,
                YES,
            ],
            "read desired, record 3 failed, read record 3, announce 3 rolled-back, revoke up to 3, \
             verdict 3 rolled-back over [3]",
            (RolledBack, "as the other execution recorded", false),
        ),
        (
            "the answer to an earlier try was lost",
            RolledBack,
            vec![claimed(&[4], "other")],
            "read desired",
            (RolledBack, "", true),
        ),
    ] {
        let (asked, output) = play(Guards::all(), &input(verdict), answers);
        assert_eq!(asked, expected, "{story}");
        let output = (output.verdict, &*output.reason, output.again);
        assert_eq!(output, ended, "{story}");
    }
    // Drift: it is reported before the verdict, and the status says so after it.
    let foreign = Seen(Some(sample::revision(9)));
    let answers = vec![foreign, claimed(&[3], "me"), YES, Done, Done, YES, Done];
    let (asked, output) = play(Guards::all(), &input(Succeeded), answers);
    assert_eq!(
        asked,
        "look, read desired, record 3 drifted, announce 3 drifted, report drift, verdict 3 drifted over [3], keep status"
    );
    assert_eq!(output.verdict, Drifted);
    assert!(output.reason.contains(&sample::revision(9)), "{output:?}");
}

#[test]
fn an_undecided_release_is_noted_for_the_sweeps_before_the_verdict_that_holds_the_service() {
    let mut input = input(Verdict::Undecided);
    input.facts.ending = None;
    input.facts.course.error = Some(StepError {
        error: "Transient".into(),
        cause: "no answer".into(),
    });
    let answers = vec![claimed(&[3, 4], "me"), YES, Done, Done, YES, Done];
    let (asked, output) = play(Guards::all(), &input, answers);
    assert_eq!(
        asked,
        "read desired, record 3 undecided, announce 3 undecided, note 3 undecided, verdict 3 undecided over [3, 4], \
         keep status"
    );
    assert_eq!((output.verdict, output.again), (Verdict::Undecided, false));

    // A hold that an operator set stays the operator's.
    for held in [false, true] {
        let Desired(read) = claimed(&[3], "me") else {
            panic!("a desired state")
        };
        let mut desired = read.into_value();
        if held {
            desired.hold("maintenance".into(), SetBy::Operator, sample::at(1));
        }
        let mut conclude = Conclude::begin(Guards::all(), &input);
        for answer in [Desired(Versioned::new(desired, "held")), YES, Done, Done] {
            conclude.on(&input, answer, sample::at(100));
        }
        let Ask::WriteDesired { desired, .. } = conclude.ask(&input) else {
            panic!("{:?}", conclude.stage)
        };
        let hold = desired.hold.unwrap();
        let expected = if held {
            (SetBy::Operator, sample::at(1))
        } else {
            (SetBy::Undecided, sample::at(100))
        };
        assert_eq!((hold.set_by, hold.since), expected);
        assert_eq!(hold.reason.contains("no answer"), !held);
    }
}

#[test]
fn without_a_guard_the_verdict_comes_first_or_over_whatever_is_there() {
    let (asked, _) = play(
        Guards::without(Guard::RecordBeforeTheVerdict),
        &input(Verdict::Superseded),
        vec![claimed(&[3], "me"), YES, YES, Done],
    );
    assert_eq!(
        asked,
        "read desired, verdict 3 superseded over [3], record 3 superseded, announce 3 superseded"
    );
    let (asked, _) = play(
        Guards::without(Guard::CompareAndSwapTheVerdict),
        &input(Verdict::Superseded),
        vec![
            claimed(&[3], "me"),
            YES,
            Done,
            CONFLICT,
            claimed(&[3, 4], "me"),
            YES,
        ],
    );
    assert_eq!(
        asked,
        "read desired, record 3 superseded, announce 3 superseded, verdict 3 superseded over [3], read desired, \
         verdict 3 superseded over [3, 4]"
    );
}
