//! The refusal of a definition, by state and field.

/// Why a definition is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state machine refused at {place}: {reason}")]
pub struct LoadError {
    /// The state and field, e.g. ``state `Claim`, field `Credentials` ``.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}
