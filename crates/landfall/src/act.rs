//! Who did what by hand: the trace that operators leave in holds, releases and records.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What somebody did to a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// What was done.
    pub verb: Verb,
    /// The ARN of the caller, as STS answers it.
    pub by: String,
    /// Why, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The command that somebody ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// `landfall hold`
    Hold,
    /// `landfall resume`
    Resume,
    /// `landfall retry`
    Retry,
    /// `landfall continue`
    Continue,
    /// `landfall abort`
    Abort,
    /// `landfall rollback`
    Rollback,
    /// `landfall deploy`
    Deploy,
    /// What a later version of Landfall noted.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Act {
    /// `resumed by arn:…: the sale is over`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verb {
            Verb::Hold => "held",
            Verb::Resume => "resumed",
            Verb::Retry => "tried again",
            Verb::Continue => "continued",
            Verb::Abort => "declined",
            Verb::Rollback => "taken back",
            Verb::Deploy => "deployed",
            Verb::Unknown => "changed",
        })?;
        write!(f, " by {}", self.by)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
