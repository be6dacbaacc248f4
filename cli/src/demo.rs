//! `landfall demo`: the whole story on this machine, on real input.

mod application;
mod chapters;
mod contents;
mod narrator;
mod report;
mod stage;
mod traffic;
mod watch;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};

use self::{
    application::Application,
    contents::{NAMES, TITLES},
    narrator::Narrator,
    report::{Chapter, Report},
    stage::Stage,
};
use crate::clients::Clients;

/// How to play it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON document on stdout, and the story on stderr.
    #[arg(long)]
    json: bool,
}

/// Plays the chapters. The exit code is 0 only if every chapter ended as expected.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let narrator = Narrator::new(arguments.json);
    let folder = folder();
    let application = Application::prepare(&folder, &narrator).await?;
    let local = crate::local::start(0, None, String::new(), None).await?;
    let started = Instant::now();
    narrator.begin();
    narrator.say(&format!(
        "Landfall and an embedded AWS listen at {}.",
        local.endpoint()
    ));
    let clients = Clients::local(local.endpoint()).await;
    let mut stage = Stage::set(&local, &clients, &application, &narrator).await?;
    let mut chapters = Vec::new();
    for number in 0..TITLES.len() {
        let begun = Instant::now();
        narrator.chapter(TITLES[number]);
        let outcome = stage.play(number).await;
        let chapter = Chapter::new(NAMES[number], begun.elapsed(), outcome);
        narrator.end_chapter(&chapter);
        let failed = chapter.failure.is_some();
        chapters.push(chapter);
        if failed {
            break;
        }
    }
    let requests = stage.close().await;
    local
        .stop()
        .await
        .into_diagnostic()
        .wrap_err("could not stop")?;
    let report = Report::new(chapters, requests, application.kind(), started.elapsed());
    narrator.close(&report);
    if arguments.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report).into_diagnostic()?
        );
    }
    Ok(if report.ended_as_expected() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where Flask is installed and kept: below the checkout's target folder, or below the system's folder of temporary files
/// where this program runs without its checkout.
fn folder() -> PathBuf {
    let checkout = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None if checkout.is_dir() => checkout.join("target"),
        None => std::env::temp_dir().join("landfall"),
    };
    target.join("demo")
}

/// A local image: where it lies and what it runs.
struct Version {
    folder: PathBuf,
    command: Vec<String>,
}
