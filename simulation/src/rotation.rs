//! Which seeds and places are played today, of the many that there are.

use std::{
    env, fmt,
    io::{self, Write},
};

use jiff::Timestamp;

/// The environment variable that plays a rotation again.
const VARIABLE: &str = "LANDFALL_ROTATION";

/// How many seeds there are to choose from. Few enough that a number is easily told.
const SEEDS: u64 = 1_000_000;

/// A day's choice, by its number: the day since 1970, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation(pub u64);

impl Rotation {
    /// The one that `LANDFALL_ROTATION` names, or today's.
    ///
    /// # Errors
    /// What the variable holds, if that is no number.
    pub fn current() -> Result<Self, String> {
        match env::var(VARIABLE) {
            Ok(text) => text.parse().map(Self).map_err(|_| text),
            Err(_) => Ok(Self::of_day(Timestamp::now())),
        }
    }

    /// The one of a day.
    pub fn of_day(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_second() / 86_400).unwrap_or_default())
    }

    /// The first of `count` seeds: the next day goes on where this one ends.
    pub fn first_seed(self, count: u64) -> u64 {
        self.0.wrapping_mul(count) % SEEDS
    }

    /// Whether a place is played of which one in `every` is: after `every` days each was.
    pub fn has(self, place: usize, every: usize) -> bool {
        let day = usize::try_from(self.0 % every as u64).unwrap_or_default();
        place % every == day
    }

    /// Says what is played, also if the test that plays it passes.
    pub fn announce(self, what: impl fmt::Display) {
        // Unlike `println!`, a test program does not keep this to itself. Nobody may listen.
        let _ = writeln!(
            io::stderr(),
            "{what}; again: {VARIABLE}={} cargo test -p landfall-simulation",
            self.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_plays_other_seeds_and_after_a_while_every_place_was_played() {
        let today = Rotation::of_day(Timestamp::from_second(1_750_000_000).unwrap_or_default());
        let tomorrow = Rotation(today.0 + 1);
        assert_eq!(today.first_seed(200) + 200, tomorrow.first_seed(200));
        for place in 0..1000 {
            let days = (0..83).filter(|day| Rotation(today.0 + day).has(place, 83));
            assert_eq!(days.count(), 1, "{place}");
        }
    }
}
