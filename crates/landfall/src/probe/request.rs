//! The request that a healthy service answers as described.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JsonPath, Statuses};

/// A request that a healthy service answers as described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// Where to: a whole URL, or a path below the load balancer that serves the service.
    pub target: ProbeTarget,
    /// The host name to ask for, if not that of the listener's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The request's headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The statuses of which one has to be answered.
    pub status: Statuses,
    /// Text that the body has to contain.
    pub body: Option<String>,
    /// What the body has to match somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_matches: Option<BodyPattern>,
    /// Values that the body, a JSON document, has to have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<JsonPath, Value>,
    /// How long, in milliseconds, a good answer may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_milliseconds: Option<u64>,
    /// How long, in seconds, an answer is waited for.
    pub timeout_seconds: u64,
    /// Seconds between two looks.
    pub interval_seconds: u64,
    /// How many looks in a row have to be good.
    pub successes: u32,
    /// After how many bad looks in a row the release is given up.
    pub failures: u32,
}

impl HttpProbe {
    /// The URL or path as the file says it.
    pub fn asked(&self) -> &str {
        let (ProbeTarget::Path(asked) | ProbeTarget::Url(asked)) = &self.target;
        asked
    }
}

/// Where an [`HttpProbe`] goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeTarget {
    /// A path below the service's load balancer.
    Path(String),
    /// A whole URL.
    Url(String),
}

/// A regular expression, compared by how it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BodyPattern(Regex);

impl BodyPattern {
    /// Where a text matches it, in bytes; none if it does not.
    pub fn find(&self, text: &str) -> Option<usize> {
        self.0.find(text).map(|found| found.start())
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for BodyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for BodyPattern {}

impl TryFrom<String> for BodyPattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&text).map(Self)
    }
}

impl From<BodyPattern> for String {
    fn from(pattern: BodyPattern) -> Self {
        pattern.text().to_owned()
    }
}
