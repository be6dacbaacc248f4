//! Describing groups and streams, and reading events.

use serde_json::{Value, json};

use super::{LogEvent, Logs, Stream, group_name, invalid, no_such, page};
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

    pub(super) fn describe_log_streams(&self, input: &Value) -> Result<Value, Fault> {
        let group_name = group_name(input)?;
        let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
        let groups = self.groups();
        let group = groups.get(group_name).ok_or_else(|| no_such("group"))?;
        let mut streams: Vec<(&String, &Stream)> = group
            .streams
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .collect();
        if input["orderBy"] == "LastEventTime" {
            streams.sort_by_key(|(_, stream)| stream.events.back().map(|event| event.timestamp));
        }
        if input["descending"] == true {
            streams.reverse();
        }
        let described = streams.into_iter().map(|(name, stream)| {
            let resource = format!("log-group:{group_name}:log-stream:{name}");
            let mut description = json!({
                "logStreamName": name,
                "creationTime": stream.created,
                "arn": self.world.arn("logs", &resource),
                "uploadSequenceToken": format!("{:056}", stream.sequence),
                "storedBytes": 0,
            });
            if let (Some(first), Some(last)) = (stream.events.front(), stream.events.back()) {
                description["firstEventTimestamp"] = first.timestamp.into();
                description["lastEventTimestamp"] = last.timestamp.into();
                description["lastIngestionTime"] = last.ingested.into();
            }
            description
        });
        page("logStreams", described.collect(), input, 50)
    }

    /// Tokens say between which events the reader stands: `f/` and `b/` with the place, so that a reader at the end
    /// gets the same token again, as in AWS.
    pub(super) fn get_log_events(&self, input: &Value) -> Result<Value, Fault> {
        let groups = self.groups();
        let group = groups
            .get(group_name(input)?)
            .ok_or_else(|| no_such("group"))?;
        let stream = group
            .streams
            .get(input["logStreamName"].as_str().unwrap_or_default())
            .ok_or_else(|| no_such("stream"))?;
        let events: Vec<&LogEvent> = stream
            .events
            .iter()
            .filter(|event| within(event, input))
            .collect();
        let most = input["limit"].as_u64().unwrap_or(10_000).clamp(1, 10_000) as usize;
        let place = |number: &str| {
            let number: u64 = number
                .parse()
                .map_err(|_| invalid("The specified nextToken is invalid."))?;
            Ok(events
                .iter()
                .position(|event| event.number >= number)
                .unwrap_or(events.len()))
        };
        let (start, end) = match input["nextToken"].as_str() {
            Some(token) if token.starts_with("f/") => {
                let start = place(&token[2..])?;
                (start, start.saturating_add(most).min(events.len()))
            }
            Some(token) if token.starts_with("b/") => {
                let end = place(&token[2..])?;
                (end.saturating_sub(most), end)
            }
            Some(_) => return Err(invalid("The specified nextToken is invalid.")),
            None if input["startFromHead"] == true => (0, most.min(events.len())),
            None => (events.len().saturating_sub(most), events.len()),
        };
        let number = |place: usize| {
            events
                .get(place)
                .map_or(stream.sequence, |event| event.number)
        };
        Ok(json!({
            "events": events[start..end].iter().map(|event| json!({
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
            })).collect::<Vec<_>>(),
            "nextForwardToken": format!("f/{:056}", number(end)),
            "nextBackwardToken": format!("b/{:056}", number(start)),
        }))
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
