//! What happened in a run, in the order in which it happened, for whoever reads a failing seed.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use landfall_local::world::World;

/// The diary of one run.
#[derive(Debug)]
pub struct Journal {
    world: Arc<World>,
    began: Timestamp,
    lines: Mutex<Vec<(SignedDuration, String, String)>>,
}

impl Journal {
    /// An empty journal that begins now.
    pub fn new(world: Arc<World>) -> Self {
        Self {
            began: world.now(),
            world,
            lines: Mutex::default(),
        }
    }

    /// Notes what `who` did or met.
    pub fn note(&self, who: &str, what: impl Into<String>) {
        let at = self.world.now().duration_since(self.began);
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((at, who.to_owned(), what.into()));
    }

    /// Everything as a timeline: seconds since the beginning, who, what.
    pub fn timeline(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (at, who, what) in &*lines {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{:>10.3}s  {who:<28} {what}", at.as_secs_f64());
        }
        text
    }
}
