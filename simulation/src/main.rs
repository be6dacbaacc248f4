//! `simulate`: plays seeds, many or one, and says which invariant broke.

use std::{
    collections::BTreeMap,
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
    fault::Fault,
    run::{Report, RunError, play},
    scenario::Scenario,
    sweep::journeys,
};

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
    /// Play every journey with every fault at every call instead, and print the table.
    #[arg(long)]
    sweep: bool,
    /// How many threads; by default one for each core.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<ExitCode, RunError> {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        let report = play(Scenario::of(seed))?;
        println!("{}", report.timeline);
        tell(&report);
        return Ok(exit(report.violations.is_empty()));
    }
    let threads = arguments
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    if arguments.sweep {
        return sweep(threads).map(exit);
    }
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first + arguments.seeds;
    let bad = Mutex::new(Vec::new());
    let sum = Mutex::new(BTreeMap::<String, usize>::new());
    let began = Instant::now();
    let work = || -> Result<(), RunError> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            let report = play(Scenario::of(seed))?;
            add(&sum, &report);
            if !report.violations.is_empty() {
                tell(&report);
                bad.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(seed);
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

/// Prints the table of calls and faults; whether every cell of it is good.
fn sweep(threads: usize) -> Result<bool, RunError> {
    let mut cells = Vec::new();
    let journeys = journeys();
    for journey in &journeys {
        let calls = journey.calls()?;
        for (number, call) in calls.into_iter().enumerate() {
            cells.extend(Fault::ALL.map(|fault| (journey, number, call.clone(), fault)));
        }
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || -> Result<(), RunError> {
        while let Some((journey, number, call, fault)) =
            cells.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let cell = journey.hit(*number, call, *fault)?;
            for violation in &cell.violations {
                println!(
                    "{}, {fault:?} at call {number} ({call}): {violation}",
                    journey.name
                );
            }
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((journey.name, cell));
        }
        Ok(())
    };
    on_threads(threads, work)?;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut rows = BTreeMap::<_, BTreeMap<Fault, (usize, usize)>>::new();
    for (_, cell) in &done {
        let (good, all) = rows
            .entry(&cell.call)
            .or_default()
            .entry(cell.fault)
            .or_default();
        *good += usize::from(cell.violations.is_empty());
        *all += 1;
    }
    println!(
        "| call | throttled | 500 | lost before | lost after | denied | killed before | killed after |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (call, row) in rows {
        let cells: Vec<_> = row
            .values()
            .map(|(good, all)| format!("{good}/{all}"))
            .collect();
        println!("| {call} | {} |", cells.join(" | "));
    }
    let bad = done.iter().filter(|(_, cell)| !cell.violations.is_empty());
    let bad = bad.count();
    println!("{} cells, {bad} bad", done.len());
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
    add("executions aborted".into(), report.aborts);
    add(
        "changes to ECS from executions that had ended".into(),
        report.late_changes,
    );
    for (verdict, count) in &report.verdicts {
        add(format!("releases {verdict}"), *count);
    }
}

fn tell(report: &Report) {
    for violation in &report.violations {
        println!("seed {}: {violation}", report.seed);
    }
    if !report.violations.is_empty() {
        println!(
            "replay: cargo run --profile simulation -p landfall-simulation -- --seed {}",
            report.seed
        );
    }
}

fn exit(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
