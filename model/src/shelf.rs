//! Values that many states share, stored once. A kept value compares and hashes by its number, as an object in S3 does by
//! its entity tag, which is what makes a state small enough to keep millions of them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use landfall::versioned::Versioned;
use serde::Serialize;

/// Where values are kept; found again by what they are as JSON. Equal values on one shelf have equal entity tags.
pub(crate) struct Shelf<T>(Mutex<HashMap<String, Versioned<T>>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Serialize> Shelf<T> {
    /// Keeps `value`.
    ///
    /// # Panics
    /// If it cannot be written as JSON, which everything that Landfall keeps can.
    pub(crate) fn keep(&self, value: T) -> Versioned<T> {
        let text =
            serde_json::to_string(&value).expect("what Landfall keeps can be written as JSON");
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = values.len().to_string();
        values
            .entry(text)
            .or_insert_with(|| Versioned::new(value, &next))
            .clone()
    }
}
