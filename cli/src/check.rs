//! `landfall check`: everything that is wrong with service files, before they are deployed, and what they ask for.

mod files;
mod placeholders;
mod report;

use std::{
    io::{ErrorKind, IsTerminal, Write},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use clap::Args;
use landfall::service_file::{Problem, ServiceFile};
use miette::{IntoDiagnostic, Result};
use serde::Serialize;

use placeholders::Use;

/// Which files.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Service files, folders of them, or patterns such as `services/**/*.yaml`; `-` is standard input.
    #[arg(required = true)]
    files: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Fail on warnings too.
    #[arg(long)]
    deny_warnings: bool,
}

/// What was found in one file.
#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    problems: Vec<Problem>,
    placeholders: Vec<Use>,
    #[serde(skip)]
    text: Vec<u8>,
}

impl Finding {
    fn of(file: &files::File) -> Result<Self> {
        let text = file.read()?;
        let checked = ServiceFile::check(&text);
        Ok(Self {
            file: file.name.clone(),
            problems: checked.problems,
            placeholders: placeholders::uses(&checked.sites),
            text,
        })
    }
}

/// Shows what is wrong. Fails if a file would not be accepted.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let findings = check(&files::named(&arguments.files)?)?;
    let count = |errors: bool| {
        let problems = findings.iter().flat_map(|finding| &finding.problems);
        problems
            .filter(|problem| problem.is_error() == errors)
            .count()
    };
    let (errors, warnings) = (count(true), count(false));
    if arguments.json {
        let documents = serde_json::to_string_pretty(&findings).into_diagnostic()?;
        print(&mut std::io::stdout().lock(), &format!("{documents}\n"))?;
    } else {
        let terminal = std::io::stderr().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        let shown = report::shown(&findings, terminal, colours).into_diagnostic()?;
        print(&mut std::io::stderr().lock(), &shown)?;
        let line = report::summary(findings.len(), errors, warnings);
        let output = placeholders::describe(&findings) + &line;
        print(&mut std::io::stdout().lock(), &output)?;
    }
    let failed = errors > 0 || arguments.deny_warnings && warnings > 0;
    Ok(ExitCode::from(u8::from(failed)))
}

/// Checks the files, on all processors, and answers in the files' order.
fn check(files: &[files::File]) -> Result<Vec<Finding>> {
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(files.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut findings = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            findings.push(Finding::of(file));
        }
        findings
    };
    let found = if workers < 2 {
        work()
    } else {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .flat_map(|thread| match thread.join() {
                    Ok(findings) => findings,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        })
    };
    let mut findings = found.into_iter().collect::<Result<Vec<_>>>()?;
    let order: std::collections::HashMap<_, _> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (&*file.name, index))
        .collect();
    findings.sort_by_key(|finding| order.get(&*finding.file));
    Ok(findings)
}

fn print(to: &mut impl Write, text: &str) -> Result<()> {
    match to.write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}
