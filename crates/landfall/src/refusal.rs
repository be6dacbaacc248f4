//! Why something is not done at all.

/// Input that Landfall will not act on: trying again changes nothing, a person has to change something first.
///
/// The message says what was refused, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// A refusal with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
