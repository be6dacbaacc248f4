//! What was asked of the embedded cloud, by whom, and how it ended.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How many requests are kept; older ones are dropped.
const MOST_ENTRIES: usize = 20_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it was answered.
    pub at: Timestamp,
    /// The service's name as in an ARN, e.g. `ecs`.
    pub service: String,
    /// The API operation, e.g. `UpdateService`.
    pub operation: String,
    /// The caller's app id (`AWS_SDK_UA_APP_ID`), which the SDKs send as `app/<id>` in the User-Agent.
    pub app: Option<String>,
    /// What it was about: bucket and key, service, repository…; empty if there is nothing short to say.
    pub subject: String,
    /// The answer's HTTP status.
    pub status: u16,
}

/// The newest 20,000 requests in the order of their answers.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Mutex<VecDeque<Entry>>,
}

impl RequestLog {
    /// Adds a request.
    pub fn record(&self, entry: Entry) {
        tracing::debug!(
            service = entry.service,
            operation = entry.operation,
            app = entry.app,
            subject = entry.subject,
            status = entry.status,
            "request"
        );
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == MOST_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Forgets them.
    pub fn clear(&self) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// The app id in a User-Agent: the word `app/<id>`.
pub fn app_id(user_agent: &str) -> Option<String> {
    user_agent
        .split_whitespace()
        .find_map(|word| word.strip_prefix("app/"))
        .map(str::to_owned)
}

/// What a JSON or Query request is about: the first naming members that it has.
pub fn subject(input: &Value) -> String {
    const NAMES: [&str; 26] = [
        "cluster",
        "service",
        "serviceName",
        "clusterName",
        "services",
        "serviceDeploymentArns",
        "serviceRevisionArns",
        "tasks",
        "family",
        "familyPrefix",
        "taskDefinition",
        "repositoryName",
        "executionArn",
        "stateMachineArn",
        "name",
        "Name",
        "Rule",
        "logGroupName",
        "TargetGroupArn",
        "TargetGroupArns",
        "ListenerArn",
        "RuleArn",
        "RuleArns",
        "ResourceId",
        "PolicyName",
        "ScheduledActionName",
    ];
    let words: Vec<String> = NAMES
        .iter()
        .filter_map(|name| match &input[*name] {
            Value::String(text) => Some(short(text)),
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(short)
                    .collect::<Vec<_>>()
                    .join(","),
            ),
            _ => None,
        })
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// An ARN's resource part; other names stay what they are.
fn short(name: &str) -> String {
    match name.strip_prefix("arn:") {
        Some(_) => name.splitn(6, ':').last().unwrap_or(name).to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_logged_by_its_caller_and_its_subject() {
        let user_agent = "aws-sdk-rust/1.5 os/linux lang/rust/1.94 app/claim-release";
        assert_eq!(app_id(user_agent).as_deref(), Some("claim-release"));
        assert_eq!(app_id("curl/8"), None);
        let input = json!({"cluster": "arn:aws:ecs:eu-west-1:000000000000:cluster/web", "services": ["hello"]});
        assert_eq!(subject(&input), "cluster/web hello");
    }
}
