//! What is said of an invariant that did not hold.

use std::fmt;

use serde::Serialize;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Its number in `docs/evidence.md`.
    pub invariant: u8,
    /// What it is about, and what is wrong.
    pub text: String,
}

impl Violation {
    /// What is wrong with `subject`.
    pub fn new(invariant: u8, subject: impl fmt::Display, text: impl fmt::Display) -> Self {
        Self {
            invariant,
            text: format!("{subject} {text}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invariant {}: {}", self.invariant, self.text)
    }
}
