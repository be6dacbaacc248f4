//! Who carries events to functions, and can be told to hold them back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::lambda::Functions;

/// Carries every event at once, but those for functions whose events are being held. EventBridge promises neither
/// order nor a single delivery; a held pile of events can be delivered in any order, twice, or never.
#[derive(Clone)]
pub struct Courier {
    functions: Functions,
    held: Arc<Mutex<BTreeMap<String, Vec<Value>>>>,
}

impl Courier {
    /// A courier to `functions` that holds nothing back.
    pub fn new(functions: Functions) -> Self {
        Self {
            functions,
            held: Arc::default(),
        }
    }

    /// Carries an event to a function, or keeps it.
    pub fn carry(&self, function: &str, event: Value) {
        match self.pile().get_mut(function) {
            Some(pile) => pile.push(event),
            None => self.functions.invoke_async(function, event),
        }
    }

    /// Holds back the events for `function` from now on.
    pub fn hold(&self, function: &str) {
        self.pile().entry(function.to_owned()).or_default();
    }

    /// How many events for `function` are held.
    pub fn holds(&self, function: &str) -> usize {
        self.pile().get(function).map_or(0, Vec::len)
    }

    /// Ends the holding for `function` and hands over its pile, oldest first. Nothing of it is delivered unless it is
    /// carried.
    pub fn release(&self, function: &str) -> Vec<Value> {
        self.pile().remove(function).unwrap_or_default()
    }

    fn pile(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Value>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
