//! `landfall show`: one release, what it changed, how it went and why it ended so.

use std::collections::BTreeMap;

use clap::Args;
use landfall::{
    difference::{self, Difference},
    evidence::Against,
    image::Image,
    record::{Diagnosis, Record},
    service_file::ServiceFile,
    undecided::duration,
};
use miette::{Result, miette};
use serde_json::{Map, Value, json};

use crate::{
    commit::commit,
    diff::line,
    links,
    output::print,
    status::undescribed,
    view::{Reader, lasted},
    which::{self, Which},
};

/// Which release.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    service: String,
    /// The number of the release. Without it, the one that was concluded last.
    release: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A release, and what ran before it.
struct Shown {
    record: Record,
    before: Option<Record>,
    /// What its service file changed against the one before.
    differences: Vec<Difference>,
    /// The pages of AWS's console about it: what is to be seen there, and the address.
    pages: Vec<(String, String)>,
}

/// Shows it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = which::service(&arguments.service)?;
    let landfall = arguments.which.find().await?;
    let reader = Reader::of(&landfall);
    let number = match arguments.release {
        Some(number) => number,
        None => {
            let view = reader.one(&service, 1).await;
            let view = view.map_err(|fault| landfall.report(fault))?;
            let view = view.ok_or_else(|| undescribed(&service))?;
            let newest = view.records.first().map(|record| record.release.number);
            newest.ok_or_else(|| miette!("no release of {service} has ended yet"))?
        }
    };
    let read = async {
        let Some((record, before)) = reader.release(&service, number).await? else {
            return Ok(None);
        };
        let differences = match &before {
            Some(before) if before.release.content.file != record.release.content.file => {
                let old = reader.file(&before.release.content).await?;
                let new = reader.file(&record.release.content).await?;
                changes(&old, &new)
            }
            _ => Vec::new(),
        };
        let pages = links::pages(&landfall, &reader, &record).await;
        Ok(Some(Shown {
            record,
            before,
            differences,
            pages,
        }))
    };
    let shown: Option<Shown> = read.await.map_err(|fault| landfall.report(fault))?;
    let shown = shown.ok_or_else(|| {
        miette!(
            help = format!(
                "`landfall history {service}` lists those that have, and those on their way"
            ),
            "release {number} of {service} has not ended"
        )
    })?;
    print(&if arguments.json {
        format!("{:#}\n", document(&shown))
    } else {
        describe(&shown)
    })
}

/// What differs between two files, member by member. What may be a secret is hidden.
pub(crate) fn changes(old: &ServiceFile, new: &ServiceFile) -> Vec<Difference> {
    let members = |file: &ServiceFile| match serde_json::to_value(file) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (old, new) = (members(old), members(new));
    let names = old
        .keys()
        .chain(new.keys().filter(|name| !old.contains_key(*name)));
    names
        .flat_map(|name| difference::file_member(name, old.get(name), new.get(name)))
        .collect()
}

fn document(shown: &Shown) -> Value {
    let before = shown.before.as_ref().map(|before| before.release.number);
    let pages = shown.pages.iter();
    let pages = pages.map(|(what, page)| json!({ "of": what, "url": page }));
    let images = shown.record.release.content.images.iter();
    let commits = images.filter_map(|(container, image)| Some((container, commit(&image.tag)?)));
    json!({
        "record": shown.record,
        "before": before,
        "differences": shown.differences,
        "commits": commits.collect::<BTreeMap<_, _>>(),
        "pages": pages.collect::<Vec<_>>(),
    })
}

fn describe(shown: &Shown) -> String {
    let Shown {
        record,
        before,
        differences,
        pages,
    } = shown;
    let release = &record.release;
    let mut text = format!(
        "{} release {}: {}\n{}\n\n",
        record.service, release.number, record.verdict, record.reason
    );
    let mut row = |name: &str, value: &str| {
        text += &format!("{name:<10}{value}\n");
    };
    let timeline = &record.timeline;
    row("cause", &release.cause.to_string());
    for act in &release.acts {
        row("act", &act.to_string());
    }
    row("made", &format!("{:.0}", timeline.created_at));
    if let Some(started) = timeline.execution_started_at {
        row("started", &format!("{started:.0}"));
    }
    let mut took = format!(
        "{:.0}, {} after it was made",
        timeline.concluded_at,
        lasted(timeline)
    );
    for (seconds, of) in [
        (timeline.blind_seconds, "nobody could look"),
        (timeline.paused_seconds, "it was paused"),
        (timeline.withheld_seconds, "ECS could not start its tasks"),
    ] {
        if seconds > 0 {
            took += &format!("; {of} for {}", duration(seconds));
        }
    }
    row("ended", &took);
    for (container, image) in &release.content.images {
        let earlier = before.as_ref();
        let earlier = earlier.and_then(|before| before.release.content.images.get(container));
        row(
            "image",
            &format!("{container}: {}", against(image, earlier)),
        );
    }
    if let Some(before) = before {
        let number = before.release.number;
        let changed = match (
            differences.len(),
            before.release.content.file == release.content.file,
        ) {
            (_, true) => format!("as of release {number}"),
            (0, false) => format!("changed since release {number}, and means the same"),
            _ => format!("changed since release {number}:"),
        };
        row("file", &changed);
        for one in differences {
            text += &line(one, &Default::default(), false);
        }
    }
    let mut row = |name: &str, value: &str| {
        text += &format!("{name:<10}{value}\n");
    };
    if let Some(revision) = &record.task_definition {
        row("revision", &revision.arn);
    }
    if let Some(execution) = &record.execution {
        row("execution", execution);
    }
    let number = release.number;
    row(
        "logs",
        &format!("landfall logs {} --release {number}", record.service),
    );
    for (what, page) in pages {
        row("page", &format!("{what}: {page}"));
    }
    if let Some(diagnosis) = &record.diagnosis {
        text += &evidence(diagnosis);
    }
    text
}

/// An image beside the one before it.
fn against(image: &Image, earlier: Option<&Image>) -> String {
    let named = |image: &Image| {
        let digest = image.digest.get(..19).unwrap_or(&image.digest);
        let commit = commit(&image.tag).map(|commit| format!(", commit {commit}"));
        let commit = commit.unwrap_or_default();
        format!("{}:{} ({digest}{commit})", image.repository, image.tag)
    };
    match earlier {
        Some(earlier) if earlier.digest == image.digest => format!("{}, as before", named(image)),
        Some(earlier) => format!("{} after {}", named(image), named(earlier)),
        None => named(image),
    }
}

fn evidence(diagnosis: &Diagnosis) -> String {
    let mut lines = vec![String::new()];
    let speaks = match diagnosis.against.unwrap_or_default() {
        Against::Release => "against the release",
        Against::Platform => "against AWS, not against the release",
        Against::File => "against the service file, not against the images",
        Against::Nobody => "against nobody",
    };
    lines.push(format!("What was found speaks {speaks}:"));
    if let Some(task) = &diagnosis.task {
        let (name, section, reason) = (&task.name, task.phase.word(), &task.reason);
        lines.push(format!("  task {name} of the section {section}: {reason}"));
        if let Some(log) = &task.log {
            lines.push(format!(
                "    its log: group {}, stream {}",
                log.group, log.stream
            ));
        }
    }
    if let Some(probe) = &diagnosis.probe {
        let answer = match (&probe.error, probe.status) {
            (Some(error), _) => error.clone(),
            (None, Some(status)) => format!("{status}: {:?}", probe.body),
            (None, None) => "nothing".into(),
        };
        let within = probe
            .milliseconds
            .map(|milliseconds| format!(" after {milliseconds} ms"));
        let within = within.unwrap_or_default();
        lines.push(format!("  {} answered{within}: {answer}", probe.url));
    }
    for task in &diagnosis.stopped_tasks {
        lines.push(format!("  {}: {}", short(&task.task), task.reason));
        for container in &task.containers {
            let code = container
                .exit_code
                .map(|code| format!(" exited with {code}"));
            let reason = container
                .reason
                .as_ref()
                .map(|reason| format!(": {reason}"));
            let name = &container.name;
            let (code, reason) = (code.unwrap_or_default(), reason.unwrap_or_default());
            lines.push(format!("    container {name}{code}{reason}"));
        }
    }
    if !diagnosis.service_events.is_empty() {
        lines.push("  ECS said, newest first:".into());
    }
    for event in &diagnosis.service_events {
        lines.push(format!("    {event}"));
    }
    if !diagnosis.undone.is_empty() {
        lines.push(format!("So {}.", diagnosis.undone));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `task/web/…` of a task's ARN.
fn short(arn: &str) -> &str {
    arn.split_once(":task/").map_or(arn, |(_, name)| name)
}
