#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    sample::{at, desired, live, release, revision, service},
    step::{conclude_release::overtaken, roll_back::Way},
    tags::SERVICE_TAG,
    unproven::UnprovenRelease,
};

/// What can be read about revision 7, which the service runs.
#[derive(Clone, Copy)]
struct World {
    registered: Option<Option<u64>>,
    verdict: Option<Verdict>,
    noted: Option<u64>,
    is_described: bool,
}

/// Nothing but a service file that describes the task definition.
const NOTHING: World = World {
    registered: None,
    verdict: None,
    noted: None,
    is_described: true,
};

fn registered_for(release: Option<u64>, verdict: Option<Verdict>) -> World {
    World {
        registered: Some(release),
        verdict,
        ..NOTHING
    }
}

fn noted(revision: u64) -> World {
    World {
        noted: Some(revision),
        ..NOTHING
    }
}

/// The same, of a service whose file leaves the task definition to its owner.
fn adopting(world: World) -> World {
    World {
        is_described: false,
        ..world
    }
}

/// Answers questions until it is said whose the revision is; answers the questions too.
fn ask(desired: &DesiredState, live: &LiveService, world: World) -> (Whose, Vec<Question>) {
    let mut seen = Revision::new(&revision(7));
    let mut asked = Vec::new();
    loop {
        let question = match whose(desired, live, &seen) {
            Ok(whose) => return (whose, asked),
            Err(question) => question,
        };
        assert!(!asked.contains(&question), "asked twice: {question:?}");
        asked.push(question);
        match question {
            Question::Registered => {
                seen.registered = Some(world.registered.map(|release| Registered { release }));
            }
            Question::Verdict(_) => seen.verdict = Some(world.verdict),
            Question::Noted => seen.noted = Some(world.noted.map(revision)),
            Question::IsDescribed => seen.is_described = Some(world.is_described),
        }
    }
}

fn having_tag(tag: Option<&str>) -> LiveService {
    LiveService {
        tags: tag
            .map(|tag| (SERVICE_TAG.into(), tag.into()))
            .into_iter()
            .collect(),
        ..live(7)
    }
}

#[test]
fn every_revision_has_one_answer_and_no_question_is_asked_in_vain() {
    use Question::{IsDescribed, Noted, Registered, Verdict as VerdictOf};
    use Verdict::{Failed, Rejected, RolledBack, Succeeded, Superseded};
    use Whose::{Accepted, Adoptable, Adopted, Foreign, Good, OfOwner, OurAttempt};
    let good = desired(&[2]);
    let mut good_runs = desired(&[]);
    good_runs.last_good.as_mut().unwrap().task_definition.arn = revision(7);
    let never_good = DesiredState {
        last_good: None,
        ..desired(&[1])
    };
    let accepting = |arn: u64, desired: &DesiredState| DesiredState {
        accepted: Some(revision(arn)),
        ..desired.clone()
    };
    let mut unproven = good.clone();
    unproven.unproven = Some(UnprovenRelease {
        number: 2,
        file: release(2).content.file,
        task_definition: revision(7),
    });
    let (accepted, first_accepted) = (accepting(7, &good), accepting(7, &never_good));
    let other_accepted = accepting(6, &never_good);
    let (untagged, made) = (having_tag(None), having_tag(Some("web/hello")));
    let copied = having_tag(Some("web/shop"));
    // After a release was good, the service's tag does not matter.
    for live in [&untagged, &made] {
        for (story, desired, world, expected, questions) in [
            ("the last good one", &good_runs, NOTHING, Good, vec![]),
            (
                "given to the service, and no task of it ran",
                &unproven,
                NOTHING,
                OurAttempt,
                vec![],
            ),
            (
                "an operator resumed it",
                &accepted,
                NOTHING,
                Accepted,
                vec![],
            ),
            (
                "the same, before anything was good",
                &first_accepted,
                noted(6),
                Accepted,
                vec![],
            ),
            (
                "on its way",
                &good,
                registered_for(Some(3), None),
                OurAttempt,
                vec![Registered, VerdictOf(3)],
            ),
            (
                "from before revisions were tagged with the release",
                &good,
                registered_for(None, None),
                OurAttempt,
                vec![Registered],
            ),
            (
                "a roll-back by hand to an older good release",
                &good,
                registered_for(Some(3), Some(Succeeded)),
                Foreign,
                vec![Registered, VerdictOf(3), IsDescribed],
            ),
            (
                "the same, by the owner of the task definition",
                &good,
                adopting(registered_for(Some(3), Some(Succeeded))),
                OfOwner,
                vec![Registered, VerdictOf(3), IsDescribed],
            ),
            (
                "registered by anything else",
                &good,
                NOTHING,
                Foreign,
                vec![Registered, IsDescribed],
            ),
            (
                "registered by the owner of the task definition",
                &good,
                adopting(NOTHING),
                OfOwner,
                vec![Registered, IsDescribed],
            ),
            (
                "what it ran before Landfall came counts until something is good",
                &good,
                noted(7),
                Foreign,
                vec![Registered, IsDescribed],
            ),
        ] {
            let found = ask(desired, live, world);
            assert_eq!(found, (expected, questions), "{story}");
        }
    }
    for verdict in [RolledBack, Failed, Superseded, Rejected, Verdict::Drifted] {
        let world = registered_for(Some(3), Some(verdict));
        for desired in [&good, &never_good] {
            assert_eq!(ask(desired, &made, world).0, OurAttempt, "{verdict}");
        }
    }
    let to_the_note = vec![Registered, Noted];
    let to_the_file = vec![Registered, Noted, IsDescribed];
    for (story, desired, live, world, expected, questions) in [
        (
            "it has to be taken over",
            &never_good,
            &untagged,
            NOTHING,
            Adoptable,
            &to_the_note,
        ),
        (
            "the same, and its owner goes on describing it",
            &never_good,
            &untagged,
            adopting(NOTHING),
            Adoptable,
            &to_the_note,
        ),
        (
            "it has another service's tags",
            &never_good,
            &copied,
            NOTHING,
            Adoptable,
            &to_the_note,
        ),
        (
            "taken over already",
            &never_good,
            &untagged,
            noted(7),
            Adopted,
            &to_the_note,
        ),
        (
            "the same, and its owner goes on describing it",
            &never_good,
            &untagged,
            adopting(noted(7)),
            Adopted,
            &to_the_note,
        ),
        (
            "given back to what it ran before, after an operator let Landfall replace another",
            &other_accepted,
            &untagged,
            noted(7),
            Adopted,
            &to_the_note,
        ),
        (
            "changed since it was taken over",
            &never_good,
            &untagged,
            noted(6),
            Foreign,
            &to_the_file,
        ),
        (
            "changed by its owner since it was taken over",
            &never_good,
            &untagged,
            adopting(noted(6)),
            OfOwner,
            &to_the_file,
        ),
        (
            "Landfall made the service, so it never ran anything before",
            &never_good,
            &made,
            NOTHING,
            Foreign,
            &to_the_file,
        ),
        (
            "the same, and its file leaves the task definition to others by now",
            &never_good,
            &made,
            adopting(NOTHING),
            OfOwner,
            &to_the_file,
        ),
        (
            "whoever resumed a service has taken it over",
            &other_accepted,
            &untagged,
            NOTHING,
            Foreign,
            &to_the_file,
        ),
    ] {
        let found = ask(desired, live, world);
        assert_eq!(found, (expected, questions.clone()), "{story}");
    }
}

#[test]
fn a_drifted_release_says_once_what_to_do() {
    let left_alone = Way::LeaveForeign {
        task_definition: revision(7),
    };
    for fact in [
        overtaken(&revision(7)).reason,
        left_alone.undone(Verdict::Drifted, false),
        super::fact(&service(), &revision(7)),
    ] {
        let message = message(&service(), &fact);
        assert_eq!(message.matches("landfall resume").count(), 1, "{message}");
    }
    let message = message(&service(), "it was given hello:7");
    assert_eq!(
        message,
        "it was given hello:7; web/hello is left alone until `landfall resume web/hello`"
    );
}

#[test]
fn drift_holds_the_service_and_makes_its_section_uncertain() {
    let mut drifted = desired(&[]);
    let report = drifted.drift(reason(&drifted.service, &revision(7)), at(3));
    assert_eq!(
        (report.hold.set_by, report.hold.since),
        (SetBy::Drift, at(3))
    );
    assert_eq!(drifted.hold, Some(report.hold));
    assert_eq!(drifted.applied_file, None);
    assert!(!drifted.is_at_rest());
}
