//! `simulate`: plays seeds, many or one, and says which invariant broke.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use clap::Parser;
use landfall_simulation::{
    run::{Report, RunError, play},
    scenario::Scenario,
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
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
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

fn add(sum: &Mutex<BTreeMap<String, usize>>, report: &Report) {
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    let mut add = |what: String, count: usize| *sum.entry(what).or_default() += count;
    add("calls to AWS".into(), report.calls);
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
