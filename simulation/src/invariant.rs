//! The invariants of `docs/evidence.md`, asked of a run that has come to rest.
//!
//! What should be, the scenario knows: which images are good, which files were uploaded. What is, AWS says. Landfall's own
//! words, the records and the desired state, are asked for what they alone know, such as the verdicts, and are held
//! against both.

mod convergence;
mod judgement;
mod rest;
mod surroundings;

use std::collections::{BTreeMap, BTreeSet};

use landfall::{desired::DesiredState, record::Verdict, service_file::Phase};

use self::{convergence::converged, judgement::judged, rest::rests};
use crate::{
    invocation::short,
    order::{Happened, ordered, steps_back},
    scenario::Service,
    serving::runs,
    story::Run,
    violation::Violation,
    witness::{Touch, desired, record},
};

/// Everything that did not hold.
pub async fn broken(run: &Run) -> Vec<Violation> {
    let mut broken = run.gaps.clone();
    broken.extend(one_writer(&run.witness.touches()));
    broken.extend(holds(run));
    broken.extend(foreign_changes(run));
    broken.extend(tasks_run_once(run));
    if !run.quiet {
        broken.push(Violation::new(
            4,
            "an execution",
            "still runs, or an event is still under way, long after everything stopped",
        ));
    }
    if run.dead_letters > 0 {
        broken.push(Violation::new(
            2,
            run.dead_letters,
            "events could not be handled even without faults",
        ));
    }
    for (service, story) in run.scenario.services.iter().zip(&run.stories) {
        let Some(desired) = desired(&run.cloud, &service.id).await else {
            if story.file.is_some() {
                broken.push(Violation::new(
                    2,
                    &service.id,
                    "has a service file and no desired state",
                ));
            }
            continue;
        };
        broken.extend(never_older(run, service, &desired).await);
        broken.extend(one_verdict_each(run, &desired).await);
        broken.extend(untouched_by_failed_tasks(run, &desired).await);
        broken.extend(judged(run, service, story, &desired).await);
        broken.extend(converged(run, service, story, &desired).await);
        broken.extend(rests(run, service, story, &desired).await);
    }
    broken
}

/// 1. Whoever changes anything of a service holds its claim, also if its execution has ended meanwhile.
fn one_writer(touches: &[Touch]) -> Vec<Violation> {
    let intruders = touches
        .iter()
        .filter(|touch| touch.execution.is_none() || touch.claim != touch.execution);
    intruders
        .map(|touch| {
            let name = |arn: &Option<String>| arn.as_deref().map_or("nobody", short).to_owned();
            let service = touch.service.as_ref().map(ToString::to_string);
            Violation::new(
                1,
                service.unwrap_or_else(|| "no service".into()),
                format!(
                    "was changed by {} of {} while {} held the claim",
                    touch.name,
                    name(&touch.execution),
                    name(&touch.claim)
                ),
            )
        })
        .collect()
}

/// 8. A foreign revision or count stays until an operator resumes it.
///
/// Only what a service that Landfall did not make ran when its first service file came is taken over.
fn foreign_changes(run: &Run) -> Vec<Violation> {
    let changes = run.witness.changes().into_iter();
    changes
        .filter_map(|change| {
            let revision = change.overwrote?;
            Some(Violation::new(
                8,
                change.service,
                format!("was changed by {} over {revision}", change.function),
            ))
        })
        .collect()
}

/// 7. While a service is on hold nothing begins.
fn holds(run: &Run) -> Vec<Violation> {
    let changes = run.witness.changes().into_iter();
    changes
        .filter_map(|change| {
            let hold = change.held?;
            Some(Violation::new(
                7,
                change.service,
                format!(
                    "was changed by {} although it was on hold: {}",
                    change.function, hold.reason
                ),
            ))
        })
        .collect()
}

/// 6. A task before a rollout runs once for its release, and never beside one of another release of the service.
fn tasks_run_once(run: &Run) -> Vec<Violation> {
    let mut ran = run.witness.ran();
    let beside = ran.clone();
    let beside = beside.iter().filter(|task| !task.beside.is_empty());
    let mut broken: Vec<_> = beside
        .map(|task| {
            let others = task.beside.join(", ");
            Violation::new(6, &task.task, format!("was started while {others} ran"))
        })
        .collect();
    ran.sort_by(|one, other| (&one.started_by, &one.task).cmp(&(&other.started_by, &other.task)));
    ran.dedup_by(|one, other| (&one.started_by, &one.task) == (&other.started_by, &other.task));
    let twice = ran
        .windows(2)
        .filter(|pair| pair[0].started_by == pair[1].started_by);
    broken.extend(twice.map(|pair| {
        Violation::new(
            6,
            &pair[1].started_by,
            format!("ran twice: as {} and as {}", pair[0].task, pair[1].task),
        )
    }));
    broken
}

/// 6. A release whose task before the rollout failed did not change the service.
async fn untouched_by_failed_tasks(run: &Run, desired: &DesiredState) -> Vec<Violation> {
    let service = &desired.service;
    let mut broken = Vec::new();
    for number in 1..=desired.last_number {
        let Some(record) = record(&run.cloud, service, number).await else {
            continue;
        };
        let failed = record.diagnosis.and_then(|diagnosis| diagnosis.task);
        let failed = failed.filter(|task| task.phase == Phase::Before);
        let mut changes = run.witness.changes().into_iter().filter(|change| {
            change.service == *service
                && change.function == "update-service"
                && change.release == Some(number)
        });
        if let (Some(task), Some(change)) = (failed, changes.next()) {
            broken.push(Violation::new(
                6,
                service,
                format!(
                    "was given {:?} by release {number}, whose task {} had failed: {}",
                    change.task_definition, task.name, task.reason
                ),
            ));
        }
    }
    broken
}

/// 3. On the way forward, no image gives way to one that is older in its follow rule's order.
///
/// What excuses one: [`steps_back`].
async fn never_older(run: &Run, service: &Service, desired: &DesiredState) -> Vec<Violation> {
    let mut releases = BTreeMap::new();
    for number in 1..=desired.last_number {
        let record = record(&run.cloud, &service.id, number).await;
        let mut open = desired.open.iter();
        let open = || open.find(|release| release.number == number).cloned();
        if let Some(release) = record.map(|record| record.release).or_else(open) {
            releases.insert(number, release);
        }
    }
    let mut broken = Vec::new();
    let mut happened = Vec::new();
    let announced = run.witness.announced();
    let mut judged = BTreeSet::new();
    let mut heard = 0;
    for change in run.witness.changes() {
        if change.service != service.id || change.status >= 300 {
            continue;
        }
        for verdict in &announced[heard..change.announced] {
            if verdict.service == service.id
                && judged.insert(verdict.number)
                && let Some(release) = releases.get(&verdict.number)
            {
                happened.push(Happened::Judged(release.clone(), verdict.verdict));
            }
        }
        heard = change.announced;
        if change.function != "update-service" {
            let revision = change.task_definition;
            broken.extend(back_to_another(run, revision, &happened).await);
            continue;
        }
        let release = change.release.and_then(|number| releases.get(&number));
        let (Some(release), Some(revision)) = (release, change.task_definition) else {
            continue;
        };
        if !runs(&run.cloud, &revision, &release.content.images).await {
            broken.push(format!(
                "was given {revision} by release {}, whose image is another one",
                release.number
            ));
        }
        happened.push(Happened::Given(release.clone()));
    }
    for (container, repository, rule) in service.follows() {
        let order = ordered(repository, rule, &run.pushes);
        broken.extend(steps_back(container, &order, &happened));
    }
    let broken = broken.into_iter();
    broken
        .map(|text| Violation::new(3, &service.id, text))
        .collect()
}

/// What a roll-back gave a service that is not the image of the newest release that was good by then.
async fn back_to_another(
    run: &Run,
    revision: Option<String>,
    happened: &[Happened],
) -> Option<String> {
    let mut happened = happened.iter().rev();
    let good = happened.find_map(|happened| match happened {
        Happened::Judged(release, Verdict::Succeeded) => Some(release),
        _ => None,
    });
    let (good, revision) = (good?, revision?);
    let is_good = runs(&run.cloud, &revision, &good.content.images).await;
    (!is_good).then(|| {
        let number = good.number;
        format!("was rolled back to {revision}, although release {number} was good since")
    })
}

/// 4. Every release has one record and one verdict, which was announced at least once and always the same.
async fn one_verdict_each(run: &Run, desired: &DesiredState) -> Vec<Violation> {
    let service = &desired.service;
    let mut broken = Vec::new();
    if let Some(claim) = &desired.claim {
        broken.push(Violation::new(
            4,
            service,
            format!("is still claimed by {}", short(&claim.execution)),
        ));
    }
    let waits = |number| {
        let mut open = desired.open.iter();
        desired.hold.is_some() && open.any(|release| release.number == number)
    };
    for release in &desired.open {
        if waits(release.number) {
            continue;
        }
        broken.push(Violation::new(
            4,
            service,
            format!("has no verdict for release {}", release.number),
        ));
    }
    let announced = run.witness.announced();
    for number in (1..=desired.last_number).filter(|number| !waits(*number)) {
        let Some(record) = record(&run.cloud, service, number).await else {
            broken.push(Violation::new(
                4,
                service,
                format!("has no record of release {number}"),
            ));
            continue;
        };
        let mut verdicts: Vec<_> = announced
            .iter()
            .filter(|verdict| verdict.service == *service && verdict.number == number)
            .map(|verdict| verdict.verdict)
            .collect();
        verdicts.dedup();
        if verdicts != [record.verdict] {
            broken.push(Violation::new(
                4,
                service,
                format!(
                    "release {number} is recorded as {}, and announced as {verdicts:?}",
                    record.verdict
                ),
            ));
        }
    }
    broken
}

#[cfg(test)]
mod tampered;
#[cfg(test)]
mod tests;
