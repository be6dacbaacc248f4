//! What the demo found, as one document.

use std::time::Duration;

use miette::Result;
use serde::Serialize;
use serde_json::{Map, Value};

use super::contents::NAMES;

/// The whole story.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// In the order played. A chapter that did not end as expected is the last.
    pub(crate) chapters: Vec<Chapter>,
    /// What the client that asks all the time got.
    pub(crate) requests: Requests,
    /// `flask`, or `built-in` where Flask could not be installed.
    pub(crate) application: &'static str,
    /// How long the story took, without building and installing.
    pub(crate) seconds: f64,
}

/// One chapter.
#[derive(Debug, Serialize)]
pub(crate) struct Chapter {
    /// A short name.
    pub(crate) name: &'static str,
    /// `as-told` or `not-as-told`.
    pub(crate) verdict: &'static str,
    /// How long it took.
    pub(crate) seconds: f64,
    /// What went differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// What was seen.
    #[serde(flatten)]
    pub(crate) facts: Map<String, Value>,
}

/// Requests through the load balancer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Requests {
    /// How many were sent.
    pub(crate) sent: u64,
    /// How many got no answer, or another status than 200.
    pub(crate) failed: u64,
    /// The first few failures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<String>,
}

impl Chapter {
    /// A chapter from how it went.
    pub(crate) fn new(
        name: &'static str,
        took: Duration,
        outcome: Result<Map<String, Value>>,
    ) -> Self {
        let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
        match outcome {
            Ok(facts) => Self {
                name,
                verdict: "as-told",
                seconds,
                failure: None,
                facts,
            },
            Err(failure) => {
                let failure = Some(failure.to_string());
                Self {
                    name,
                    verdict: "not-as-told",
                    seconds,
                    failure,
                    facts: Map::new(),
                }
            }
        }
    }
}

impl Report {
    pub(crate) fn new(
        chapters: Vec<Chapter>,
        requests: Requests,
        application: &'static str,
        took: Duration,
    ) -> Self {
        Self {
            chapters,
            requests,
            application,
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
        }
    }

    /// Whether every chapter was played to its end, and no request failed.
    pub(crate) fn ended_as_expected(&self) -> bool {
        let as_expected = self
            .chapters
            .iter()
            .filter(|chapter| chapter.failure.is_none())
            .count();
        as_expected == NAMES.len() && self.requests.sent > 0 && self.requests.failed == 0
    }
}
