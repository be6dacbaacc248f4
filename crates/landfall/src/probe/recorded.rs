//! The answer to a probe as records keep it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer to an HTTP probe, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAnswer {
    /// The URL that was asked.
    pub url: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the body.
    pub body: String,
    /// Why there was no answer.
    pub error: Option<String>,
    /// How long, in milliseconds, the answer took; none if there was none, or an earlier version of Landfall noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
}

impl fmt::Display for ProbeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, .. } = self;
        match (&self.error, self.status) {
            (Some(error), _) => write!(f, "{url}: {error}"),
            (None, Some(status)) => write!(f, "{url} answered {status}"),
            (None, None) => write!(f, "{url} answered nothing"),
        }
    }
}
