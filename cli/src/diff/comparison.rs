//! What was found, for people and for programs.

use std::{collections::BTreeMap, process::ExitCode};

use anstyle::{AnsiColor, Style};
use landfall::{
    difference::Difference, hold::Hold, service_file::OneOffTask, service_id::ServiceId, yaml::flow,
};
use miette::Result;
use serde_json::{Value, json};

use super::Subject;
use crate::output::print;

/// What a part of the comparison found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) differences: Vec<Difference>,
    /// What a release would be refused for.
    pub(super) refusals: Vec<String>,
    /// What else is to be known, in sentences.
    pub(super) notes: Vec<String>,
}

impl Found {
    pub(super) fn differing(differences: Vec<Difference>) -> Self {
        Self {
            differences,
            ..Self::default()
        }
    }

    pub(super) fn refused(reason: String) -> Self {
        Self {
            refusals: vec![reason],
            ..Self::default()
        }
    }

    pub(super) fn noted(note: String) -> Self {
        Self {
            notes: vec![note],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.differences.extend(other.differences);
        self.refusals.extend(other.refusals);
        self.notes.extend(other.notes);
    }
}

/// The whole comparison.
pub(super) struct Comparison {
    service: ServiceId,
    revision: Option<String>,
    found: Found,
    names: BTreeMap<String, String>,
    before: Vec<OneOffTask>,
    after: Vec<OneOffTask>,
    hold: Option<Hold>,
    left_out: Vec<LeftOut>,
}

/// An image that was bad, or waits for the trial of another.
struct LeftOut {
    container: String,
    image: String,
    release: u64,
    waits: bool,
}

const PLAIN: Style = Style::new();
const GONE: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();

impl Comparison {
    /// One that found nothing yet; `names` are what pinned images are known by.
    pub(super) fn of(subject: &Subject<'_>, names: BTreeMap<String, String>) -> Self {
        let desired = subject.next.known.as_ref().map(|known| &known.desired);
        let left_out = desired
            .map(|desired| desired.left_out())
            .unwrap_or_default();
        Self {
            service: subject.service.clone(),
            revision: subject.live.map(|live| live.revision_arn().to_owned()),
            found: Found::default(),
            names,
            before: subject.file.before.clone(),
            after: subject.file.after.clone(),
            hold: desired.and_then(|desired| desired.hold.clone()),
            left_out: left_out
                .into_iter()
                .map(|left| LeftOut {
                    container: left.container.to_owned(),
                    image: format!("{}:{}", left.image.repository, left.image.tag),
                    release: left.release,
                    waits: left.waits,
                })
                .collect(),
        }
    }

    pub(super) fn add(&mut self, found: Found) {
        self.found.add(found);
    }

    pub(super) fn differ(&mut self, differences: Vec<Difference>) {
        self.found.differences.extend(differences);
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match (
            self.found.refusals.is_empty(),
            self.found.differences.is_empty(),
        ) {
            (false, _) => ExitCode::FAILURE,
            (true, true) => ExitCode::SUCCESS,
            (true, false) => ExitCode::from(2),
        }
    }

    pub(super) fn print(&self, json: bool) -> Result<()> {
        let text = if json {
            format!("{:#}\n", self.document())
        } else {
            self.describe()
        };
        print(&text)
    }

    fn document(&self) -> Value {
        let tasks = |tasks: &[OneOffTask]| -> Value {
            let tasks = tasks.iter();
            tasks
                .map(|task| json!({ "name": task.name, "container": task.container }))
                .collect()
        };
        let left_out = self.left_out.iter().map(|left| {
            json!({
                "container": left.container,
                "image": left.image,
                "release": left.release,
                "waits": left.waits,
            })
        });
        json!({
            "service": self.service,
            "taskDefinition": self.revision,
            "differences": self.found.differences,
            "images": self.names,
            "refusals": self.found.refusals,
            "notes": self.found.notes,
            "before": tasks(&self.before),
            "after": tasks(&self.after),
            "hold": self.hold,
            "leftOut": left_out.collect::<Vec<_>>(),
        })
    }

    fn describe(&self) -> String {
        let against = match &self.revision {
            Some(arn) => format!("{}, which runs {}", self.service, short(arn)),
            None => format!("{}, which is not there: a release creates it", self.service),
        };
        let mut text = format!("{against}\n");
        for one in &self.found.differences {
            text += &line(one, &self.names, self.revision.is_some());
        }
        text += &match self.found.differences.len() {
            0 => "No differences.\n".to_owned(),
            1 => "1 difference.\n".to_owned(),
            several => format!("{several} differences.\n"),
        };
        for sentence in self.sentences() {
            text += &format!("{sentence}\n");
        }
        text
    }

    fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.found.differences.is_empty() {
            for (when, tasks) in [
                ("Before the service is touched", &self.before),
                ("After the release proved good", &self.after),
            ] {
                let names: Vec<_> = tasks
                    .iter()
                    .map(|task| format!("{} (container {})", task.name, task.container))
                    .collect();
                match names.len() {
                    0 => {}
                    1 => all.push(format!("{when} runs {}.", names.join(", "))),
                    _ => all.push(format!("{when} run {}.", names.join(", "))),
                }
            }
        }
        all.extend(self.found.notes.iter().cloned());
        for left in &self.left_out {
            let (image, container, release) = (&left.image, &left.container, left.release);
            all.push(if left.waits {
                format!(
                    "{image} waits (container {container}), because the images of release {release}, which was no success, \
                     are tried one container at a time."
                )
            } else {
                format!(
                    "{image} is left out (container {container}), because release {release} was no success with it; \
                     `landfall retry {}` tries it again.",
                    self.service
                )
            });
        }
        if let Some(hold) = &self.hold {
            all.push(format!(
                "The service is on hold since {:.0}: {}\nA release waits for `landfall resume {}`.",
                hold.since, hold.reason, self.service
            ));
        }
        for reason in &self.found.refusals {
            all.push(format!("A release would be refused: {reason}"));
        }
        all
    }
}

/// A difference as a line. `names` are what pinned images are known by; `is_there` is whether the service is, so that some members
/// cannot be changed.
pub(crate) fn line(one: &Difference, names: &BTreeMap<String, String>, is_there: bool) -> String {
    let (sign, style) = match (&one.before, &one.after) {
        (None, _) => ('+', NEW),
        (_, None) => ('-', GONE),
        _ => ('~', CHANGED),
    };
    let values = match (&one.before, &one.after) {
        (Some(before), Some(after)) => {
            format!("{} → {}", shown(before, names), shown(after, names))
        }
        (Some(one), None) | (None, Some(one)) => shown(one, names),
        (None, None) => String::new(),
    };
    let fixed = if one.fixed && is_there {
        "  (cannot be changed in place)"
    } else {
        ""
    };
    format!(
        "  {style}{sign} {}{style:#}: {PLAIN}{values}{PLAIN:#}{fixed}\n",
        one.path
    )
}

fn shown(value: &Value, names: &BTreeMap<String, String>) -> String {
    match value {
        Value::String(text) => match (names.get(text), text.split_once("@sha256:")) {
            (Some(name), Some((_, digest))) => {
                format!("{name} (sha256:{})", &digest[..digest.len().min(12)])
            }
            _ => text.clone(),
        },
        other => flow(other),
    }
}

/// `hello:7` of a revision's ARN.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
