//! Invariants 2 and 6: each release got the verdict that it deserves, by what the scenario knows of its image and its file,
//! and ran its tasks.

use std::collections::BTreeSet;

use landfall::{
    desired::DesiredState,
    record::{Content, Record, Verdict},
};
use serde_json::Value;

use crate::{
    file::fails,
    scenario::Service,
    story::{Run, Story},
    violation::Violation,
    witness::record,
};

/// How many executions may die for a release before it is given up, whatever it is.
const ATTEMPTS: usize = 3;

/// Whether a good release may have been given up: a policy forbade a call, which no patience mends; or every execution died.
/// That AWS did not answer speaks against no release.
pub(super) fn excused(run: &Run, story: &Story) -> bool {
    run.faults.denials() > 0 || story.died >= ATTEMPTS
}

pub(super) async fn judged(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut wrong = |text: String| broken.push(Violation::new(2, &service.id, text));
    let mut unrun = Vec::new();
    for number in 1..=desired.last_number {
        let Some(record) = record(&run.cloud, &service.id, number).await else {
            continue;
        };
        let content = &record.release.content;
        let Some(file) = story.file_of(content) else {
            let hash = &content.file;
            wrong(format!(
                "release {number} is of the service file {hash}, which nobody uploaded"
            ));
            continue;
        };
        let good = runs_well(run, service, content) && !fails(file);
        if let Some(text) = misjudged(record.verdict, good, excused(run, story)) {
            wrong(format!("release {number} {text}: {}", record.reason));
        }
        if record.verdict == Verdict::Undecided
            && run.faults.unanswered() == 0
            && run.faults.denials() == 0
        {
            wrong(format!(
                "release {number} is undecided, although AWS answered: {}",
                record.reason
            ));
        }
        unrun.extend(left_out(run, service, &record, file));
    }
    broken.extend(unrun);
    broken
}

/// Whether every image of a release is good.
fn runs_well(run: &Run, service: &Service, content: &Content) -> bool {
    service.follows().all(|(container, _, _)| {
        let image = content.images.get(container);
        image.is_some_and(|image| service.runs_well(&run.pushes, &image.digest))
    })
}

/// What is wrong with a verdict on a release that is good, or is not.
pub(super) fn misjudged(verdict: Verdict, good: bool, excused: bool) -> Option<String> {
    match verdict {
        Verdict::Succeeded if !good => Some("is bad and succeeded".into()),
        Verdict::RolledBack | Verdict::Failed | Verdict::Rejected if good && !excused => {
            Some(format!("is good and was {verdict}"))
        }
        _ => None,
    }
}

/// The tasks of a file that did not run for a release, although it succeeded.
fn left_out(run: &Run, service: &Service, record: &Record, file: &Value) -> Option<Violation> {
    let sections = [&file["before"], &file["after"]];
    let wanted: usize = sections
        .iter()
        .map(|section| section.as_array().map_or(0, Vec::len))
        .sum();
    let number = record.release.number;
    let ran = run
        .witness
        .ran()
        .into_iter()
        .filter(|ran| ran.service.as_ref() == Some(&service.id) && ran.release == Some(number));
    let ran: BTreeSet<_> = ran.map(|ran| ran.started_by).collect();
    let short = record.verdict == Verdict::Succeeded && ran.len() < wanted;
    // A task after the rollout may be refused without harm to the release.
    (short && run.faults.denials() == 0).then(|| {
        let text = format!(
            "release {number} succeeded with {} of its {wanted} tasks before and after the rollout",
            ran.len()
        );
        Violation::new(6, &service.id, text)
    })
}
