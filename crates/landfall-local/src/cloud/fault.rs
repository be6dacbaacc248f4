//! An error in AWS's own words.

/// An error answer. Each wire protocol renders it in its own shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The error's name in the service's API model, e.g. `ClusterNotFoundException`.
    pub code: String,
    /// What a person reads.
    pub message: String,
}

impl Fault {
    /// The caller's mistake: status 400.
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The same error with another HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
