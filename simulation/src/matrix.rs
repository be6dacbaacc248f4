//! The sweep as two tables: calls × faults, and states × journeys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
};

use crate::{fault::Fault, sweep::Hit};

/// The names of the faults in the table's head.
const COLUMNS: [(Fault, &str); 11] = [
    (Fault::Throttled, "throttled"),
    (Fault::ServerError, "500"),
    (Fault::LostBefore, "lost before"),
    (Fault::LostAfter, "lost after"),
    (Fault::Denied, "denied"),
    (Fault::KilledBefore, "killed before"),
    (Fault::KilledAfter, "killed after"),
    (Fault::Aborted, "execution aborted"),
    (Fault::TooManyRegistrations, "too many attempts"),
    (Fault::Conflict, "409"),
    (Fault::Away, "500 for two minutes"),
];

/// How many places a cell stands for, and in how many of them everything held.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    good: usize,
    all: usize,
}

/// What became of every hit.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    journeys: Vec<&'static str>,
    calls: BTreeMap<String, BTreeMap<Fault, Cell>>,
    states: BTreeMap<String, BTreeMap<&'static str, Cell>>,
}

impl Matrix {
    /// An empty table for these journeys.
    pub fn new(journeys: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            journeys: journeys.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds what became of a hit.
    pub fn add(&mut self, journey: &'static str, hit: &Hit, good: bool) {
        let cell = match hit {
            Hit::Call { made, fault, .. } => self
                .calls
                .entry(made.name.clone())
                .or_default()
                .entry(*fault)
                .or_default(),
            Hit::State { name, .. } => self
                .states
                .entry(name.clone())
                .or_default()
                .entry(journey)
                .or_default(),
        };
        cell.all += 1;
        cell.good += usize::from(good);
    }

    /// How many hits there were, and how many of them were bad.
    pub fn count(&self) -> (usize, usize) {
        let calls = self.calls.values().flat_map(BTreeMap::values);
        let states = self.states.values().flat_map(BTreeMap::values);
        calls.chain(states).fold((0, 0), |(all, bad), cell| {
            (all + cell.all, bad + cell.all - cell.good)
        })
    }

    /// `text` with this matrix between its two markers; none if it has no markers.
    pub fn placed_in(&self, text: &str) -> Option<String> {
        const BEGIN: &str = "<!-- sweep: begin";
        const END: &str = "<!-- sweep: end -->";
        let begin = text.find(BEGIN)?;
        let begin = begin + text[begin..].find('\n')? + 1;
        let end = begin + text[begin..].find(END)?;
        Some(format!("{}\n{self}\n{}", &text[..begin], &text[end..]))
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, bad) = self.count();
        let journeys = self.journeys.join(", ");
        writeln!(
            f,
            "{all} runs of {} journeys ({journeys}), {bad} bad.\n",
            self.journeys.len()
        )?;
        let columns: BTreeSet<_> = self.calls.values().flat_map(BTreeMap::keys).collect();
        let columns = COLUMNS.iter().filter(|(fault, _)| columns.contains(fault));
        let columns: Vec<_> = columns.collect();
        let head = columns.iter().map(|(_, name)| (*name).to_owned());
        table(f, "call", head, &self.calls, |row| {
            columns.iter().map(|(fault, _)| row.get(fault)).collect()
        })?;
        f.write_char('\n')?;
        let head = self.journeys.iter().map(|name| (*name).to_owned());
        table(f, "aborted when it enters", head, &self.states, |row| {
            self.journeys.iter().map(|name| row.get(name)).collect()
        })
    }
}

fn table<'a, Row>(
    f: &mut fmt::Formatter<'_>,
    corner: &str,
    head: impl Iterator<Item = String>,
    rows: &'a BTreeMap<String, Row>,
    cells: impl Fn(&'a Row) -> Vec<Option<&'a Cell>>,
) -> fmt::Result {
    let head: Vec<_> = head.collect();
    writeln!(f, "| {corner} | {} |", head.join(" | "))?;
    writeln!(f, "|---|{}", "---|".repeat(head.len()))?;
    for (name, row) in rows {
        let cell_text = |cell: Option<&Cell>| match cell {
            None => String::new(),
            Some(cell) if cell.good == cell.all => format!("✓ {}", cell.all),
            Some(cell) => format!("✗ {} of {}", cell.all - cell.good, cell.all),
        };
        let cells: Vec<_> = cells(row).into_iter().map(cell_text).collect();
        writeln!(f, "| {name} | {} |", cells.join(" | "))?;
    }
    Ok(())
}
