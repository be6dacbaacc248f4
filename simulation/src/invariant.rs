//! The invariants of `docs/evidence.md`, asked of a run that has come to rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use landfall::{
    desired::DesiredState,
    hold::SetBy,
    image::Image,
    record::{Content, Verdict},
    service_file::{Phase, ServiceFile},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    aftermath,
    file::fails,
    invocation::short,
    order::{self, Happened, ordered, steps_back},
    run::{Pushed, Run, Story},
    scenario::{Service, WEB},
    serving::digest,
    witness::{desired, is_foreign, record},
};

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Its number in `docs/evidence.md`.
    pub invariant: u8,
    /// What it is about, and what is wrong.
    pub text: String,
}

impl Violation {
    /// What is wrong with `subject`.
    pub fn new(invariant: u8, subject: impl fmt::Display, text: impl fmt::Display) -> Self {
        Self {
            invariant,
            text: format!("{subject} {text}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invariant {}: {}", self.invariant, self.text)
    }
}

/// Everything that did not hold.
pub async fn broken(run: &Run) -> Vec<Violation> {
    let mut broken = run.gaps.clone();
    broken.extend(one_writer(run));
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
        broken.extend(converged(run, service, story, &desired).await);
    }
    broken
}

/// 1. Whoever changes a service in ECS holds the claim, also if its execution has ended meanwhile.
fn one_writer(run: &Run) -> Vec<Violation> {
    let changes = run.witness.changes();
    let intruders = changes
        .iter()
        .filter(|change| change.claim != change.execution);
    intruders
        .map(|change| {
            let name = |arn: &Option<String>| arn.as_deref().map_or("nobody", short).to_owned();
            Violation::new(
                1,
                &change.service,
                format!(
                    "was changed by {} of {} while {} held the claim",
                    change.function,
                    name(&change.execution),
                    name(&change.claim)
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
        let forward = change.function == "update-service" && change.status < 300;
        if change.service != service.id || !forward {
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
        let release = change.release.and_then(|number| releases.get(&number));
        let (Some(release), Some(revision)) = (release, change.task_definition) else {
            continue;
        };
        let runs = digest(&run.cloud, &revision).await;
        let image = order::image(release, WEB);
        if runs.as_ref() != image.map(|image| &image.digest) {
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

/// 2. What should run got its verdict, and ECS runs it, or the last good release.
async fn converged(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut wrong = |text: String| broken.push(Violation::new(2, &service.id, text));
    if story.deleted && desired.file.is_some() {
        wrong("still follows a service file that was deleted".into());
    }
    if let Some(expected) = story
        .file
        .as_ref()
        .filter(|_| desired.hold.is_none())
        .and_then(|file| Wanted::of(file, service, story, &run.pushes))
    {
        let tags = expected.tags();
        match &desired.concluded {
            None => wrong(format!("never got a release of {tags}")),
            Some(concluded) if keeps_good(desired, &concluded.content, &expected) => {}
            Some(concluded) if !expected.runs(&concluded.content) => {
                let images = concluded.content.images.values();
                let runs: Vec<_> = images.map(|image| &*image.tag).collect();
                wrong(format!(
                    "should run {tags} with the newest service file, but the newest release is {} of {}",
                    runs.join(" and "),
                    concluded.content.file
                ));
            }
            Some(concluded) => {
                let good = expected.is_good(service) && !story.file.as_ref().is_some_and(fails);
                // That AWS did not answer speaks against no release.
                let excused = run.faults.denials() > 0 || story.aborts > 2;
                match concluded.verdict {
                    Verdict::Succeeded if !good => {
                        wrong(format!("runs {tags}, which is bad"));
                    }
                    Verdict::Drifted if !story.deployed => {
                        wrong(format!(
                            "release {} ended as drifted, and nobody else changed it",
                            concluded.number
                        ));
                    }
                    Verdict::Superseded => wrong("was superseded by nothing".into()),
                    // AWS answers by now, and nothing keeps anybody from going on.
                    Verdict::Undecided => wrong(format!(
                        "release {} ended as undecided, and nobody went on",
                        concluded.number
                    )),
                    Verdict::Failed | Verdict::RolledBack | Verdict::Rejected
                        if good && !excused =>
                    {
                        wrong(format!(
                            "release {} of {tags} is good and was {}",
                            concluded.number, concluded.verdict
                        ));
                    }
                    Verdict::Succeeded => {
                        broken.extend(aftermath::missing(run, service, story, &expected).await);
                    }
                    _ => {}
                }
            }
        }
    }
    broken.extend(rests(run, service, story, desired).await);
    broken.extend(undecided_rightly(run, service, desired).await);
    broken
}

/// 2. A release is undecided only if AWS did not answer, or policies forbade to look.
async fn undecided_rightly(
    run: &Run,
    service: &Service,
    desired: &DesiredState,
) -> Option<Violation> {
    if run.faults.unanswered() > 0 || run.faults.denials() > 0 {
        return None;
    }
    for number in 1..=desired.last_number {
        let record = record(&run.cloud, &service.id, number).await;
        if let Some(record) = record.filter(|record| record.verdict == Verdict::Undecided) {
            let text = format!("release {number} is undecided: {}", record.reason);
            return Some(Violation::new(2, &service.id, text));
        }
    }
    None
}

/// 2. ECS runs the last good release, with all its tasks.
///
/// A foreign revision stays where Landfall saw it, and may be there unseen while the service is held or not followed,
/// or where the event was lost. After an undecided release the service stays as it was, until somebody goes on.
async fn rests(
    run: &Run,
    service: &Service,
    story: &Story,
    desired: &DesiredState,
) -> Option<Violation> {
    let good = desired.last_good.as_ref()?;
    let concluded = desired.concluded.as_ref();
    if concluded.is_some_and(|concluded| concluded.verdict == Verdict::Undecided) {
        return None;
    }
    let live = live(run, service).await;
    let mut deployments = live["deployments"].as_array().into_iter().flatten();
    let primary = deployments.find(|deployment| deployment["status"] == "PRIMARY");
    let runs = primary.and_then(|primary| primary["taskDefinition"].as_str());
    let runs = runs.unwrap_or_default();
    let hold = desired.hold.as_ref();
    let drifted = hold.is_some_and(|hold| hold.set_by == SetBy::Drift);
    let unseen = hold.is_some() || desired.file.is_none() || run.scenario.delivery.lost > 0.0;
    let theirs = story.owners.last().is_some_and(|newest| newest == runs);
    let text = if story.deployed && is_foreign(runs) && unseen || theirs {
        return None;
    } else if drifted {
        format!("is held because it drifted, and runs {runs}")
    } else if runs != good.task_definition.arn {
        format!(
            "runs {runs}, the last good release is {} ({})",
            good.number, good.task_definition.arn
        )
    } else if live["runningCount"] != live["desiredCount"] || live["desiredCount"] == 0 {
        format!(
            "runs {} of {} tasks",
            live["runningCount"], live["desiredCount"]
        )
    } else {
        return None;
    };
    Some(Violation::new(2, &service.id, text))
}

pub(crate) async fn live(run: &Run, service: &Service) -> Value {
    let input = json!({ "cluster": service.id.cluster(), "services": [service.id.service()] });
    let answer = run.cloud.ecs.call("DescribeServices", input).await;
    answer.unwrap_or_default()["services"][0].take()
}

/// What a service should run; none while it waits for an image.
pub(crate) struct Wanted<'a> {
    /// The hash of the service file; with placeholders, one for each value that they ever had.
    files: BTreeSet<String>,
    /// The newest image of each followed container.
    pub(crate) images: BTreeMap<&'static str, &'a Pushed>,
}

impl<'a> Wanted<'a> {
    fn of(file: &Value, service: &Service, story: &Story, pushes: &'a [Pushed]) -> Option<Self> {
        let text = file.to_string();
        let values = story.parameters.iter().map(u32::to_string);
        let placeholder = format!("${{ssm:{}}}", service.parameter_name());
        let texts = values.map(|value| text.replace(&placeholder, &value));
        let hash = |text: &str| {
            let parsed = ServiceFile::parse(text.as_bytes()).ok()?;
            Some(parsed.stored().ok()?.0.to_string())
        };
        let files = [text.clone()].into_iter().chain(texts);
        let files: BTreeSet<_> = files.filter_map(|text| hash(&text)).collect();
        let newest = |(container, repository, rule)| {
            Some((container, *ordered(repository, rule, pushes).last()?))
        };
        let images = service.follows().map(newest).collect::<Option<_>>()?;
        (!files.is_empty()).then_some(Self { files, images })
    }

    fn runs(&self, content: &Content) -> bool {
        let runs = |container: &str, digest: &str| {
            let image = content.images.get(container);
            image.is_some_and(|image| image.digest == digest)
        };
        let mut images = self.images.iter();
        self.files.contains(&content.file.to_string())
            && images.all(|(container, push)| runs(container, &push.digest))
    }

    fn is_good(&self, service: &Service) -> bool {
        let mut images = self.images.values();
        images.all(|push| service.is_good(push.behaviour))
    }

    fn tags(&self) -> String {
        let tags: Vec<_> = self.images.values().map(|push| &*push.tag).collect();
        tags.join(" and ")
    }
}

/// Whether the newest service file runs with the last good images, because a newer one was bad.
fn keeps_good(desired: &DesiredState, content: &Content, wanted: &Wanted<'_>) -> bool {
    let digests = |images: &BTreeMap<String, Image>| -> Vec<String> {
        images.values().map(|image| image.digest.clone()).collect()
    };
    !desired.left_out().is_empty()
        && wanted.files.contains(&content.file.to_string())
        && digests(&desired.images_to_run()) == digests(&content.images)
}
