//! `landfall history`: how the releases of a service ended.

use clap::Args;
use jiff::Timestamp;
use landfall::record::{Record, Verdict};
use miette::Result;
use serde_json::json;

use crate::{
    output::{self, print},
    status::undescribed,
    table::table,
    view::{Reader, View, ago, lasted, tags},
    which::{self, Which},
};

/// Which service.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, as cluster/service.
    service: String,
    #[command(flatten)]
    which: Which,
    /// How many of the newest releases to show.
    #[arg(long, default_value_t = 20)]
    releases: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let service = which::service(&arguments.service)?;
    let landfall = arguments.which.find().await?;
    let reader = Reader::of(&landfall);
    let view = reader.one(&service, arguments.releases);
    let view = view.await.map_err(|fault| landfall.report(fault))?;
    let view = view.ok_or_else(|| undescribed(&service))?;
    print(&if arguments.json {
        let document = json!({ "open": view.desired.open, "releases": view.records });
        format!("{document:#}\n")
    } else {
        describe(&view, Timestamp::now(), output::width())
    })
}

fn describe(view: &View, now: Timestamp, width: Option<usize>) -> String {
    let open = view.desired.open.iter().rev().map(|release| {
        vec![
            release.number.to_string(),
            view.standing_of(release.number).to_string(),
            String::new(),
            ago(release.created_at, now),
            tags(&release.content),
            release.cause.to_string(),
        ]
    });
    let ended = view.records.iter().map(|record| {
        vec![
            record.release.number.to_string(),
            record.verdict.to_string(),
            ago(record.timeline.concluded_at, now),
            lasted(&record.timeline),
            tags(&record.release.content),
            why(record),
        ]
    });
    let rows: Vec<_> = open.chain(ended).collect();
    if rows.is_empty() {
        return format!("{} has had no release yet.\n", view.desired.service);
    }
    let header = ["RELEASE", "IS", "SINCE", "TOOK", "IMAGES", "WHY"];
    table(&header, &rows, width)
}

/// What it was made for; and the reason of its verdict, where that is no matter of course.
fn why(record: &Record) -> String {
    let cause = &record.release.cause;
    match record.verdict {
        Verdict::Succeeded | Verdict::Superseded => cause.to_string(),
        _ => format!("{cause}; {}", record.reason),
    }
}
