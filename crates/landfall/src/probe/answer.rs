//! What the answer to a probe says about the release.

use std::time::Duration;

use serde_json::Value;

use super::{HttpProbe, ProbeAnswer};

/// How much of a body is kept for the record, in characters.
const BODY_RECORDED: usize = 512;

/// How an Application Load Balancer names itself in answers that no target gave, unless its owner has it left out
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html>).
const LOAD_BALANCER: &str = "awselb/";

/// The answer to a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Server`.
    pub server: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: String,
    /// How long it took, from the request to the end of the body.
    pub took: Duration,
}

/// Why a probe was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It was not sent to the service: for a reason that says nothing about the release.
    Misaimed(String),
    /// It got no answer, or not in time.
    Failed(String),
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The answer, for the record.
    pub answer: ProbeAnswer,
    /// What it says about the release.
    pub finding: Finding,
}

/// What a probe says about the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was answered as the service file wants it.
    Good,
    /// It was not: why.
    Wrong(String),
    /// A load balancer had no target for it. Where the targets of the release are healthy, it is misaimed.
    Unserved(String),
    /// It did not come to the service, which says nothing about the release: why, and what to write instead.
    Misaimed(String),
}

/// Of several probes the one that counts: one that was answered wrongly, else one that did not come to the service.
pub fn telling(probes: &[Probed]) -> Option<usize> {
    let rank = |index: &usize| match probes[*index].finding {
        Finding::Wrong(_) => 0,
        Finding::Unserved(_) => 1,
        Finding::Misaimed(_) => 2,
        Finding::Good => 3,
    };
    (0..probes.len()).min_by_key(rank)
}

/// Judges what a probe of `url` was answered.
pub fn judge(http: &HttpProbe, url: &str, answer: Result<Answer, NoAnswer>) -> Probed {
    let unanswered = |why: &str| ProbeAnswer {
        url: url.to_owned(),
        status: None,
        body: String::new(),
        error: Some(why.to_owned()),
        milliseconds: None,
    };
    match answer {
        Err(NoAnswer::Misaimed(why)) => Probed {
            answer: unanswered(&why),
            finding: Finding::Misaimed(format!("{url} was not asked: {why}")),
        },
        Err(NoAnswer::Failed(why)) => Probed {
            answer: unanswered(&why),
            finding: Finding::Wrong(format!("{url} did not answer: {why}")),
        },
        Ok(answer) => Probed {
            finding: found(http, url, &answer),
            answer: ProbeAnswer {
                url: url.to_owned(),
                status: Some(answer.status),
                body: recorded(http, &answer.body),
                error: None,
                milliseconds: Some(milliseconds(&answer)),
            },
        },
    }
}

fn found(http: &HttpProbe, url: &str, answer: &Answer) -> Finding {
    let wrong = wrong(http, answer);
    if let Some(finding) = of_load_balancer(url, answer, wrong.is_none()) {
        return finding;
    }
    match wrong {
        None => Finding::Good,
        Some(wrong) => Finding::Wrong(format!("{url} {wrong}")),
    }
}

/// What a load balancer's own answer says: never anything about the release, unless a target failed. Which statuses it
/// answers by itself: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>,
/// and by its rules: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>
///
/// Who asks for its redirect or refusal by `status` gets what is wanted.
fn of_load_balancer(url: &str, answer: &Answer, is_wanted: bool) -> Option<Finding> {
    let server = answer.server.as_deref().unwrap_or_default();
    if !server.starts_with(LOAD_BALANCER) {
        return None;
    }
    let status = answer.status;
    let misaimed = |deed: String| {
        Finding::Misaimed(format!(
            "{url}: the load balancer itself {deed}, so the probe does not come to the service; write an address into \
             verify.http.url, or a path and a host into verify.http.path and verify.http.host, by which it does"
        ))
    };
    let deed = match status {
        300..=499 if is_wanted => return None,
        300..=399 => match &answer.location {
            Some(location) => format!("redirects to {location}"),
            None => format!("answers {status}"),
        },
        401 | 561 => format!("answers {status}: it wants users to log in"),
        403 => "answers 403: a rule or AWS WAF refuses the probe".into(),
        ..=499 => format!("answers {status}"),
        503 => {
            return Some(Finding::Unserved(format!(
                "{url}: the load balancer answers 503, for it has no target for the request or a rule that says so"
            )));
        }
        _ => return None,
    };
    Some(misaimed(deed))
}

/// What is wrong with an answer, to be read after the URL.
fn wrong(http: &HttpProbe, answer: &Answer) -> Option<String> {
    if !http.status.contain(answer.status) {
        return Some(format!(
            "answered {}, expected {}",
            answer.status, http.status
        ));
    }
    let took = milliseconds(answer);
    if let Some(within) = http.within_milliseconds.filter(|within| took > *within) {
        return Some(format!(
            "answered after {took} ms, expected within {within} ms"
        ));
    }
    if let Some(wanted) = &http.body
        && !answer.body.contains(wanted.as_str())
    {
        return Some(format!("answered without the text `{wanted}`"));
    }
    if let Some(wanted) = &http.body_matches
        && wanted.find(&answer.body).is_none()
    {
        let wanted = wanted.text();
        return Some(format!(
            "answered with a body that does not match `{wanted}`"
        ));
    }
    wrong_json(http, &answer.body)
}

fn wrong_json(http: &HttpProbe, body: &str) -> Option<String> {
    if http.json.is_empty() {
        return None;
    }
    let Ok(document) = serde_json::from_str::<Value>(body) else {
        return Some("answered with a body that is no JSON".into());
    };
    http.json.iter().find_map(|(path, wanted)| {
        let found = path.select(&document);
        let path = path.text();
        match found {
            None => Some(format!("answered without {path}, expected {wanted}")),
            Some(found) if is_same(found, wanted) => None,
            Some(found) => {
                let found: String = found.to_string().chars().take(80).collect();
                Some(format!(
                    "answered with {found} at {path}, expected {wanted}"
                ))
            }
        }
    })
}

/// Numbers are the same if their values are, however they are written.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found == wanted,
        _ => found == wanted,
    }
}

fn milliseconds(answer: &Answer) -> u64 {
    u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)
}

/// The beginning of the body; from what was wanted on, if that comes later.
fn recorded(http: &HttpProbe, body: &str) -> String {
    let text = http.body.as_ref().and_then(|wanted| body.find(&**wanted));
    let pattern = || {
        http.body_matches
            .as_ref()
            .and_then(|wanted| wanted.find(body))
    };
    let at = text.or_else(pattern);
    let from = at.filter(|at| *at > BODY_RECORDED).unwrap_or(0);
    body[from..].chars().take(BODY_RECORDED).collect()
}

#[cfg(test)]
mod tests;
