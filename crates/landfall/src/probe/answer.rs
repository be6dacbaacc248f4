//! What the answer to a probe says about the release.

use crate::{record::ProbeAnswer, service_file::HttpProbe};

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

/// Judges what a probe of `url` was answered.
pub fn judge(http: &HttpProbe, url: &str, answer: Result<Answer, NoAnswer>) -> Probed {
    let unanswered = |why: &str| ProbeAnswer {
        url: url.to_owned(),
        status: None,
        body: String::new(),
        error: Some(why.to_owned()),
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
    if answer.status != http.status {
        return Some(format!(
            "answered {}, expected {}",
            answer.status, http.status
        ));
    }
    match &http.body {
        Some(wanted) if !answer.body.contains(wanted.as_str()) => {
            Some(format!("answered without the text `{wanted}`"))
        }
        _ => None,
    }
}

/// The beginning of the body; from the wanted text on, if that comes later.
fn recorded(http: &HttpProbe, body: &str) -> String {
    let at = http.body.as_ref().and_then(|wanted| body.find(&**wanted));
    let from = at.filter(|at| *at > BODY_RECORDED).unwrap_or(0);
    body[from..].chars().take(BODY_RECORDED).collect()
}

#[cfg(test)]
mod tests;
