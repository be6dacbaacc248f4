//! The API of one service: a table of its operations, from which its requests are answered. Whatever is not in it is
//! answered as unknown, by name.

use serde_json::Value;

use super::fault::Fault;

/// An operation's name in AWS's API model, and what answers it.
pub type Operation<S> = (&'static str, fn(&S, &Value) -> Result<Value, Fault>);

/// The operations of one service that speaks JSON or Query.
pub struct Api<S: 'static> {
    /// The service's name in an ARN, e.g. `ecs`.
    pub service: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The error code for an operation that is not played.
    pub unknown: &'static str,
    /// What is played.
    pub operations: &'static [Operation<S>],
}

/// The error code for unknown operations of services that speak JSON.
pub const UNKNOWN_OPERATION: &str = "UnknownOperationException";
/// The error code for unknown operations of services that speak Query.
pub const INVALID_ACTION: &str = "InvalidAction";

impl<S> Api<S> {
    /// Answers one operation.
    ///
    /// # Errors
    /// AWS's error codes and messages; [`Self::unknown`] if the operation is not played.
    pub fn call(&self, service: &S, operation: &str, input: &Value) -> Result<Value, Fault> {
        let found = self.operations.iter().find(|(name, _)| *name == operation);
        let (_, answer) = found.ok_or_else(|| {
            let title = self.title;
            Fault::client(
                self.unknown,
                format!("The embedded cloud's {title} does not play {operation}."),
            )
        })?;
        answer(service, input)
    }

    /// What is played, e.g. `ecs:UpdateService`.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let service = self.service;
        self.operations
            .iter()
            .map(move |(name, _)| format!("{service}:{name}"))
    }
}
