//! Describing groups, and searching their events.

use serde_json::{Value, json};

use super::{LogEvent, Logs, group_name, invalid, no_such, page};
use crate::cloud::fault::Fault;

impl Logs {
    pub(super) fn describe_log_groups(&self, input: &Value) -> Result<Value, Fault> {
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let part = input["logGroupNamePattern"].as_str().unwrap_or_default();
        let groups = self.groups();
        let found = groups
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.contains(part))
            .map(|(name, group)| {
                let arn = self.world.arn("logs", &format!("log-group:{name}"));
                let mut description = json!({
                    "logGroupName": name,
                    "creationTime": group.created,
                    "metricFilterCount": 0,
                    "arn": format!("{arn}:*"),
                    "logGroupArn": arn,
                    "storedBytes": 0,
                    "logGroupClass": "STANDARD",
                });
                if let Some(days) = group.retention_in_days {
                    description["retentionInDays"] = days.into();
                }
                description
            });
        page("logGroups", found.collect(), input, 50)
    }

    /// Filter patterns are plain terms: a message must contain them all. The other kinds of pattern are refused.
    pub(super) fn filter_log_events(&self, input: &Value) -> Result<Value, Fault> {
        let terms = terms(input["filterPattern"].as_str().unwrap_or_default())?;
        let names: Option<Vec<&str>> = input["logStreamNames"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect());
        let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
        let groups = self.groups();
        let group = groups
            .get(group_name(input)?)
            .ok_or_else(|| no_such("group"))?;
        // All are refused if one is not there (https://github.com/percona/rds_exporter/issues/81).
        let mut named = names.iter().flatten();
        if named.any(|name| !group.streams.contains_key(*name)) {
            return Err(no_such("stream"));
        }
        let mut found: Vec<(&String, &LogEvent)> = group
            .streams
            .iter()
            .filter(|(name, _)| {
                name.starts_with(prefix)
                    && names
                        .as_ref()
                        .is_none_or(|names| names.contains(&name.as_str()))
            })
            .flat_map(|(name, stream)| stream.events.iter().map(move |event| (name, event)))
            .filter(|(_, event)| {
                within(event, input) && terms.iter().all(|term| event.message.contains(term))
            })
            .collect();
        found.sort_by_key(|(_, event)| event.timestamp);
        let events = found.into_iter().map(|(name, event)| {
            json!({
                "logStreamName": name,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": format!("{:020}{:036}", event.timestamp, event.number),
            })
        });
        let mut answer = page("events", events.collect(), input, 10_000)?;
        answer["searchedLogStreams"] = json!([]);
        Ok(answer)
    }
}

/// `startTime` is inclusive, `endTime` exclusive.
fn within(event: &LogEvent, input: &Value) -> bool {
    input["startTime"]
        .as_i64()
        .is_none_or(|start| event.timestamp >= start)
        && input["endTime"]
            .as_i64()
            .is_none_or(|end| event.timestamp < end)
}

fn terms(pattern: &str) -> Result<Vec<String>, Fault> {
    if pattern.starts_with(['{', '[', '%', '-', '?']) {
        return Err(invalid(format!(
            "Invalid filter pattern: the embedded cloud's CloudWatch Logs implements plain terms only, not {pattern}"
        )));
    }
    // Every second piece between quotation marks is a quoted term.
    let pieces = pattern.split('"').enumerate();
    Ok(pieces
        .flat_map(|(index, piece)| match index % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        })
        .filter(|term| !term.is_empty())
        .collect())
}
