//! Values that many states share, stored once. A kept value compares and hashes by its number, which is what makes a
//! state small enough to keep millions of them.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// A value on a [`Shelf`]. Equal values on one shelf have equal numbers.
pub(crate) struct Kept<T>(Arc<(u32, T)>);

/// Where values are kept; found again by what they are as JSON.
pub(crate) struct Shelf<T>(Mutex<HashMap<String, Kept<T>>>);

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
    pub(crate) fn keep(&self, value: T) -> Kept<T> {
        let text =
            serde_json::to_string(&value).expect("what Landfall keeps can be written as JSON");
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        kept.entry(text)
            .or_insert_with(|| Kept(Arc::new((next, value))))
            .clone()
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl<T> Eq for Kept<T> {}

impl<T> PartialOrd for Kept<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Kept<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

impl<T> Hash for Kept<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0.0)
    }
}
