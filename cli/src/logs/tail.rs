//! Lines of log streams, each once, and in the order of their times.

use std::collections::{BTreeMap, HashSet};

use anstyle::AnsiColor;
use jiff::{SignedDuration, Timestamp};
use landfall_aws::{
    Kind,
    logs::{Line, Logs},
};
use miette::Result;
use serde_json::json;

use super::sources::{Group, Origin, Sources};
use crate::{output::print, which::Landfall};

/// For how long a line may come late: agents send them in batches, and CloudWatch Logs does not show them at once.
const LATE: SignedDuration = SignedDuration::from_secs(30);

/// How lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// For people.
    Text,
    /// One document a line.
    Json,
}

impl Shape {
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Prints what is written, as long as somebody looks.
pub(crate) struct Tail<'a> {
    landfall: &'a Landfall,
    from: Timestamp,
    until: Option<Timestamp>,
    shape: Shape,
    clients: BTreeMap<Option<String>, Logs>,
    /// The ids of the lines that were printed and that the next look finds again.
    printed: HashSet<String>,
    is_empty: bool,
}

impl<'a> Tail<'a> {
    /// One that prints what was written from `from` up to `until`.
    pub(crate) fn new(
        landfall: &'a Landfall,
        from: Timestamp,
        until: Option<Timestamp>,
        shape: Shape,
    ) -> Self {
        Self {
            landfall,
            from,
            until,
            shape,
            clients: BTreeMap::new(),
            printed: HashSet::new(),
            is_empty: true,
        }
    }

    /// Whether nothing was printed yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Prints what there is besides what was printed before.
    ///
    /// # Errors
    /// As CloudWatch Logs answers, with the permission that is missing; one that does not answer is asked again with the next look.
    pub(crate) async fn look(&mut self, sources: &Sources) -> Result<()> {
        let queries = sources.queries();
        let (from, until) = (self.from, self.until);
        let mut all: Vec<(Origin, Line)> = Vec::new();
        for (group, streams) in &queries {
            let mut read = Vec::new();
            let logs = self.client(group);
            let mut take = |lines| read.extend::<Vec<Line>>(lines);
            let answered = logs.lines(&group.0, streams, from, until, &mut take).await;
            match answered {
                Ok(()) => {}
                // The driver makes the group with the first container, if that is said.
                Err(fault) if fault.is("ResourceNotFoundException") => {}
                Err(fault) if fault.kind == Kind::Transient && !self.is_empty => {}
                Err(fault) => return Err(self.landfall.report(fault)),
            }
            let named = read.into_iter();
            all.extend(named.map(|line| (sources.origin(group, &line.stream), line)));
        }
        all.retain(|(_, line)| !self.printed.contains(&line.id));
        all.sort_by_key(|(_, line)| line.at);
        self.print(&all)?;
        self.remember(&all);
        Ok(())
    }

    /// What was printed need not be read again, but for the time in which lines may come late.
    fn remember(&mut self, lines: &[(Origin, Line)]) {
        let Some((_, last)) = lines.last() else {
            return;
        };
        self.is_empty = false;
        let next = last.at.checked_sub(LATE).unwrap_or(last.at);
        if next > self.from {
            self.from = next;
        }
        self.printed
            .extend(lines.iter().map(|(_, line)| line.id.clone()));
    }

    fn client(&mut self, group: &Group) -> Logs {
        let region = &group.1;
        let config = &self.landfall.config;
        let client = self.clients.entry(region.clone());
        client
            .or_insert_with(|| Logs::new(config, region.as_deref()))
            .clone()
    }

    fn print(&self, lines: &[(Origin, Line)]) -> Result<()> {
        let mut text = String::new();
        for (origin, line) in lines {
            text += &match self.shape {
                Shape::Json => document(origin, line),
                Shape::Text => written(origin, line),
            };
        }
        print(&text)
    }
}

fn document(origin: &Origin, line: &Line) -> String {
    let document = json!({
        "at": line.at,
        "container": origin.container,
        "task": origin.task,
        "stream": line.stream,
        "message": line.message,
    });
    format!("{document}\n")
}

fn written(origin: &Origin, line: &Line) -> String {
    let quiet = AnsiColor::BrightBlack.on_default();
    let task = origin.task.get(..8).unwrap_or(&origin.task);
    format!(
        "{quiet}{:.3} {}/{task}{quiet:#}  {}\n",
        line.at, origin.container, line.message
    )
}
