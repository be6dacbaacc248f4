//! `landfall logs`: what the tasks of a release wrote.

pub(crate) mod sources;
pub(crate) mod tail;

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use landfall::{
    record::{Record, Verdict},
    service_id::ServiceId,
};
use miette::{Result, miette};
use tokio::time::sleep;

use crate::{
    logs::{
        sources::{Search, Sources},
        tail::{Shape, Tail},
    },
    status::undescribed,
    view::{Reader, View},
    which::{self, Landfall, Which},
};

/// How far back the log of what runs is read, if nothing else is said: as `aws logs tail` does
/// (<https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html>).
const SINCE: SignedDuration = SignedDuration::from_mins(10);
/// How long after its verdict a release may still write: its tasks are stopped then.
const AFTERWARDS: SignedDuration = SignedDuration::from_mins(10);
/// How often it is looked for new lines.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// After how many looks it is asked again which tasks there are.
const LOOKS_PER_SEARCH: u64 = 5;

/// Whose log.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    service: String,
    /// The number of the release. Without it the newest that has begun, or else whatever runs.
    #[arg(long, value_name = "N")]
    release: Option<u64>,
    /// Go on with what is written from now on.
    #[arg(long, short)]
    follow: bool,
    /// How far back, e.g. 30s, 10m or 2h. Without it the last ten minutes of what runs, and all of a release that does not run any more,
    /// up to ten minutes after its verdict.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<SignedDuration>,
    /// Only this container.
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Print JSON, one document for each line.
    #[arg(long)]
    json: bool,
}

fn since(text: &str) -> Result<SignedDuration, String> {
    let duration = text.parse::<SignedDuration>().ok();
    let duration = duration.filter(SignedDuration::is_positive);
    duration.ok_or_else(|| "write it like 30s, 10m or 1h30m".into())
}

/// Prints it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = which::service(&arguments.service)?;
    let landfall = arguments.which.find().await?;
    let view = Reader::of(&landfall).one(&service, 1).await;
    let view = view.map_err(|fault| landfall.report(fault))?;
    let view = view.ok_or_else(|| undescribed(&service))?;
    let subject = Subject::of(&landfall, &view, arguments.release).await?;
    let good = view.desired.last_good.as_ref().map(|good| good.number);
    eprintln!("{}", subject.title(&service, good));
    let now = Timestamp::now();
    let (from, until) = subject.window(arguments.since, arguments.follow, now);
    let search = Search::new(&landfall, &view, &subject, arguments.container.as_deref());
    let mut sources = search.sources().await?;
    sources.tell_elsewhere(&landfall)?;
    let mut tail = Tail::new(&landfall, from, until, Shape::of(arguments.json));
    tail.look(&sources).await?;
    if !arguments.follow {
        if tail.is_empty() {
            eprintln!("{}", nothing(&sources, &subject, &service));
        }
        return Ok(());
    }
    for looks in 1_u64.. {
        sleep(EVERY).await;
        if looks % LOOKS_PER_SEARCH == 0 {
            sources = search.sources().await?;
        }
        tail.look(&sources).await?;
    }
    Ok(())
}

fn nothing(sources: &Sources, subject: &Subject, service: &ServiceId) -> String {
    let more = match (subject.number, subject.runs) {
        (None, _) => format!("what it waits for: landfall status {service}"),
        (Some(_), true) => format!("further back: landfall logs {service} --since 1h"),
        (Some(number), false) => format!("how it went: landfall show {service} {number}"),
    };
    match sources.tasks() {
        0 => format!("No task of it is known, and nothing was written then; {more}"),
        _ => format!("Its tasks wrote nothing then; {more}"),
    }
}

/// The release whose log is shown.
pub(crate) struct Subject {
    /// Its number; none if no release has begun, and whatever runs is shown.
    pub(crate) number: Option<u64>,
    /// Its record, if it has one.
    pub(crate) record: Option<Record>,
    /// Whether its tasks run now, or are about to.
    pub(crate) runs: bool,
    /// How it stands, for people.
    standing: String,
    made: Option<Timestamp>,
}

impl Subject {
    /// The release of this number; without one the newest that has begun.
    ///
    /// # Errors
    /// If there is no such release, and as S3 answers.
    pub(crate) async fn of(landfall: &Landfall, view: &View, wanted: Option<u64>) -> Result<Self> {
        let desired = &view.desired;
        let service = &desired.service;
        let number = wanted.or_else(|| newest_begun(view));
        let Some(number) = number else {
            return Ok(Self {
                number: None,
                record: None,
                runs: true,
                standing: "of which no release has begun".into(),
                made: None,
            });
        };
        if let Some(open) = desired.open.iter().find(|open| open.number == number) {
            return Ok(Self {
                number: Some(number),
                record: None,
                runs: true,
                standing: view.standing_of(number).to_string(),
                made: Some(open.created_at),
            });
        }
        let record = Reader::of(landfall).record(service, number).await;
        let record = record.map_err(|fault| landfall.report(fault))?;
        let record = record.ok_or_else(|| {
            miette!(
                help = format!("`landfall history {service}` lists those that there are"),
                "there is no release {number} of {service}"
            )
        })?;
        let good = desired.last_good.as_ref().map(|good| good.number);
        let unproven = desired.unproven.as_ref().map(|each| each.number);
        Ok(Self {
            number: Some(number),
            runs: [good, unproven].contains(&Some(number)),
            standing: record.verdict.to_string(),
            made: Some(record.timeline.created_at),
            record: Some(record),
        })
    }

    /// Whose log it is; and of one that does not run, which release does.
    fn title(&self, service: &ServiceId, good: Option<u64>) -> String {
        let Some(number) = self.number else {
            return format!("{service}, {}:", self.standing);
        };
        match good.filter(|_| !self.runs) {
            Some(good) => format!(
                "{service} release {number} ({}); what runs is release {good}:",
                self.standing
            ),
            None => format!("{service} release {number} ({}):", self.standing),
        }
    }

    /// From when, and up to when, its log is read.
    fn window(
        &self,
        since: Option<SignedDuration>,
        follows: bool,
        now: Timestamp,
    ) -> (Timestamp, Option<Timestamp>) {
        let back = |by: SignedDuration| now.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH);
        let made = self.made.unwrap_or(Timestamp::UNIX_EPOCH);
        let ended = self.record.as_ref().filter(|_| !self.runs);
        match (since, ended) {
            (Some(since), _) => (back(since), None),
            (None, None) => (made.max(back(SINCE)), None),
            (None, Some(record)) => {
                let until = record.timeline.concluded_at.checked_add(AFTERWARDS);
                (made, until.ok().filter(|_| !follows))
            }
        }
    }
}

/// The newest release that an execution has taken up: one that waits for the end of a hold has no task, nor has one that was passed
/// over.
fn newest_begun(view: &View) -> Option<u64> {
    let desired = &view.desired;
    let open = desired.next_release().map(|open| open.number);
    let concluded = desired.concluded.as_ref();
    let concluded = concluded.filter(|last| last.verdict != Verdict::Superseded);
    let good = desired.last_good.as_ref().map(|good| good.number);
    open.or(concluded.map(|last| last.number)).or(good)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_runs_is_read_for_ten_minutes_and_what_has_ended_as_a_whole() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let running = Subject {
            number: Some(2),
            record: None,
            runs: true,
            standing: String::new(),
            made: Some(at(1000)),
        };
        let hour = Some(SignedDuration::from_hours(1));
        for (since, now, from) in [
            (None, 1100, 1000),
            (None, 10_000, 9400),
            (hour, 10_000, 6400),
        ] {
            assert_eq!(running.window(since, false, at(now)), (at(from), None));
        }
    }

    #[test]
    fn a_length_of_time_needs_a_unit() {
        assert_eq!(since("1h30m").unwrap(), SignedDuration::from_mins(90));
        for wrong in ["10", "-5m", "soon", "0s"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
