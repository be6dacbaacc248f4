//! `simulate`: plays seeds, many or one, and says which invariant broke.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use clap::Parser;
use landfall_simulation::{
    journeys::journeys,
    matrix::Matrix,
    run::{Report, play},
    scenario::Scenario,
    story::RunError,
    sweep::Played,
};

/// After so many seeds it is said how far the run has come, so that one which is interrupted has said something.
const TOLD_EVERY: u64 = 1000;

/// Plays Landfall under seeded faults and asks about its invariants.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Play this seed alone and print its timeline.
    #[arg(long)]
    seed: Option<u64>,
    /// Play every journey with every fault at every call and an abort at every state instead, and print the tables.
    #[arg(long)]
    sweep: bool,
    /// In the sweep, have each call away for minutes instead of all that can go wrong with it once.
    #[arg(long, requires = "sweep", conflicts_with = "write")]
    lasting: bool,
    /// Of the sweep, play only one in so many.
    #[arg(long, value_name = "N", default_value_t = 1)]
    one_in: usize,
    /// Of the sweep, play only this journey.
    #[arg(
        long,
        requires = "sweep",
        conflicts_with = "write",
        value_name = "NAME"
    )]
    journey: Option<String>,
    /// Of the journey, play this fault alone, as a sweep numbers it, and print its timeline.
    #[arg(long, requires = "journey", value_name = "N")]
    hit: Option<usize>,
    /// Write the tables of the sweep between the markers of this file instead.
    #[arg(long, requires = "sweep", value_name = "FILE")]
    write: Option<PathBuf>,
    /// Leave the conditions of conditional writes out, to see that it is noticed.
    #[arg(long)]
    unconditional: bool,
    /// How many threads; by default one for each core.
    #[arg(long)]
    threads: Option<usize>,
}

/// Why nothing could be reported.
#[derive(Debug, thiserror::Error)]
enum SimulateError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("the file has no lines `<!-- sweep: begin …` and `<!-- sweep: end -->`")]
    NoMarkers,
}

fn main() -> Result<ExitCode, SimulateError> {
    let arguments = Arguments::parse();
    let scenario = |seed| Scenario {
        unconditional: arguments.unconditional,
        ..Scenario::of(seed)
    };
    if let Some(seed) = arguments.seed {
        let report = play(scenario(seed))?;
        println!("{}", report.timeline);
        print!("{}", report.findings());
        return Ok(exit(report.violations.is_empty()));
    }
    let threads = arguments
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    if arguments.sweep {
        return sweep(threads, &arguments).map(exit);
    }
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first + arguments.seeds;
    let bad = Mutex::new(Vec::new());
    let sum = Mutex::new(BTreeMap::<String, usize>::new());
    let played = AtomicU64::new(0);
    let began = Instant::now();
    let work = || -> Result<(), RunError> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            let report = play(scenario(seed))?;
            add(&sum, &report);
            if !report.violations.is_empty() {
                let mut bad = bad.lock().unwrap_or_else(PoisonError::into_inner);
                // One timeline is enough to begin with.
                if bad.is_empty() {
                    println!("{}", report.timeline);
                }
                print!("{}", report.findings());
                bad.push(seed);
            }
            let played = played.fetch_add(1, Ordering::Relaxed) + 1;
            if played.is_multiple_of(TOLD_EVERY) {
                let bad = bad.lock().unwrap_or_else(PoisonError::into_inner).len();
                let minutes = began.elapsed().as_secs_f64() / 60.0;
                let pace = played as f64 / minutes;
                eprintln!("{played} played, {bad} bad; {pace:.0} a minute");
            }
        }
    };
    on_threads(threads, work)?;
    let bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!(
        "{} seeds, {} bad; {:.0} seeds a minute on {threads} threads",
        arguments.seeds,
        bad.len(),
        arguments.seeds as f64 / minutes
    );
    for (what, count) in &*sum.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("{count:>10} {what}");
    }
    Ok(exit(bad.is_empty()))
}

/// Hits every journey everywhere; prints the tables, or writes them into `file`. Whether every run was good.
fn sweep(threads: usize, arguments: &Arguments) -> Result<bool, SimulateError> {
    let began = Instant::now();
    let mut hits = Vec::new();
    let mut journeys = journeys();
    if let Some(name) = &arguments.journey {
        journeys.retain(|journey| journey.name == name);
    }
    for journey in &journeys {
        let each = if arguments.lasting {
            journey.lasting_hits()?
        } else {
            journey.hits()?
        };
        let numbered = each.into_iter().enumerate();
        hits.extend(numbered.map(|(number, hit)| (journey, number, hit)));
    }
    if let Some(hit) = arguments.hit {
        hits.retain(|(_, number, _)| *number == hit);
    }
    let hits: Vec<_> = hits.into_iter().step_by(arguments.one_in.max(1)).collect();
    let next = AtomicUsize::new(0);
    let matrix = Mutex::new(Matrix::new(journeys.iter().map(|journey| journey.name)));
    let work = || -> Result<(), RunError> {
        while let Some((journey, number, hit)) = hits.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Played { wrong, timeline } = journey.play(hit)?;
            if arguments.hit.is_some() {
                println!("{timeline}");
            }
            for wrong in &wrong {
                println!("{}, {hit}: {wrong}", journey.name);
            }
            if !wrong.is_empty() {
                let lasting = if arguments.lasting { " --lasting" } else { "" };
                println!(
                    "  again: --sweep{lasting} --journey {:?} --hit {number}",
                    journey.name
                );
            }
            let mut matrix = matrix.lock().unwrap_or_else(PoisonError::into_inner);
            matrix.add(journey.name, hit, wrong.is_empty());
        }
        Ok(())
    };
    on_threads(threads, work)?;
    let matrix = matrix.into_inner().unwrap_or_else(PoisonError::into_inner);
    match &arguments.write {
        None => print!("{matrix}"),
        Some(file) => {
            let text = fs::read_to_string(file)?;
            let text = matrix.placed_in(&text).ok_or(SimulateError::NoMarkers)?;
            fs::write(file, text)?;
        }
    }
    let (all, bad) = matrix.count();
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!(
        "{all} runs, {bad} bad; {:.0} runs a minute on {threads} threads",
        all as f64 / minutes
    );
    Ok(bad == 0)
}

/// Does the same work on every thread until each finds none left.
fn on_threads(
    threads: usize,
    work: impl Fn() -> Result<(), RunError> + Sync,
) -> Result<(), RunError> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

fn add(sum: &Mutex<BTreeMap<String, usize>>, report: &Report) {
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    let mut add = |what: String, count: usize| *sum.entry(what).or_default() += count;
    add("calls to AWS".into(), report.calls.len());
    add("calls hit by a fault".into(), report.faults);
    add("calls while something was away".into(), report.unanswered);
    add("executions aborted".into(), report.aborts);
    add(
        "changes to ECS from executions that had ended".into(),
        report.late_changes,
    );
    for state in &report.states {
        add(format!("times in {state}"), 1);
    }
    for (verdict, count) in &report.verdicts {
        add(format!("releases {verdict}"), *count);
    }
}

fn exit(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
