//! Making groups and streams, and putting events.

use serde_json::{Value, json};

use super::{Group, Logs, Stream, group_name, invalid, no_such};
use crate::cloud::fault::Fault;

/// The retention times that the API takes, in days.
const RETENTIONS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// AWS refuses events older than this; in milliseconds.
const OLDEST: i64 = 14 * 24 * 3600 * 1000;
/// AWS refuses events further in the future than this; in milliseconds.
const NEWEST: i64 = 2 * 3600 * 1000;

impl Logs {
    pub(super) fn create_log_group(&self, input: &Value) -> Result<Value, Fault> {
        let name = group_name(input)?;
        let mut groups = self.groups();
        if groups.contains_key(name) {
            return Err(Fault::client(
                "ResourceAlreadyExistsException",
                "The specified log group already exists",
            ));
        }
        let tags = input["tags"]
            .as_object()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect();
        groups.insert(
            name.to_owned(),
            Group {
                created: self.world.now().as_millisecond(),
                tags,
                ..Group::default()
            },
        );
        Ok(json!({}))
    }

    pub(super) fn delete_log_group(&self, input: &Value) -> Result<Value, Fault> {
        self.groups()
            .remove(group_name(input)?)
            .ok_or_else(|| no_such("group"))?;
        Ok(json!({}))
    }

    pub(super) fn put_retention_policy(&self, input: &Value) -> Result<Value, Fault> {
        let days = input["retentionInDays"]
            .as_u64()
            .filter(|days| RETENTIONS.contains(days));
        let days = days.ok_or_else(|| {
            invalid(format!(
                "{} is not a valid 'retentionInDays'",
                input["retentionInDays"]
            ))
        })?;
        self.groups()
            .get_mut(group_name(input)?)
            .ok_or_else(|| no_such("group"))?
            .retention_in_days = Some(days);
        Ok(json!({}))
    }

    pub(super) fn delete_retention_policy(&self, input: &Value) -> Result<Value, Fault> {
        self.groups()
            .get_mut(group_name(input)?)
            .ok_or_else(|| no_such("group"))?
            .retention_in_days = None;
        Ok(json!({}))
    }

    pub(super) fn tag_resource(&self, input: &Value) -> Result<Value, Fault> {
        let tags = input["tags"]
            .as_object()
            .ok_or_else(|| invalid("'tags' is required"))?;
        let mut groups = self.groups();
        let group = groups
            .get_mut(group_in(input))
            .ok_or_else(|| no_such("group"))?;
        group.tags.extend(tags.clone());
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&self, input: &Value) -> Result<Value, Fault> {
        let mut groups = self.groups();
        let group = groups
            .get_mut(group_in(input))
            .ok_or_else(|| no_such("group"))?;
        for key in input["tagKeys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            group.tags.remove(key);
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&self, input: &Value) -> Result<Value, Fault> {
        let groups = self.groups();
        Ok(json!({ "tags": groups.get(group_in(input)).ok_or_else(|| no_such("group"))?.tags }))
    }

    pub(super) fn create_log_stream(&self, input: &Value) -> Result<Value, Fault> {
        let name = input["logStreamName"]
            .as_str()
            .filter(|name| (1..=512).contains(&name.len()) && !name.contains([':', '*']));
        let name = name.ok_or_else(|| {
            invalid("'logStreamName' must be 1 to 512 characters without ':' and '*'")
        })?;
        let mut groups = self.groups();
        let group = groups
            .get_mut(group_name(input)?)
            .ok_or_else(|| no_such("group"))?;
        if group.streams.contains_key(name) {
            return Err(Fault::client(
                "ResourceAlreadyExistsException",
                "The specified log stream already exists",
            ));
        }
        let created = self.world.now().as_millisecond();
        group.streams.insert(
            name.to_owned(),
            Stream {
                created,
                ..Stream::default()
            },
        );
        Ok(json!({}))
    }

    pub(super) fn put_log_events(&self, input: &Value) -> Result<Value, Fault> {
        let events = input["logEvents"]
            .as_array()
            .filter(|events| (1..=10_000).contains(&events.len()));
        let events =
            events.ok_or_else(|| invalid("'logEvents' must have between 1 and 10000 members"))?;
        let events: Vec<(i64, &str)> = events
            .iter()
            .map(|event| Some((event["timestamp"].as_i64()?, event["message"].as_str()?)))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                invalid("each log event has a 'timestamp' in milliseconds and a 'message'")
            })?;
        if events.windows(2).any(|pair| pair[0].0 > pair[1].0) {
            return Err(invalid(
                "Log events in a single PutLogEvents request must be in chronological order.",
            ));
        }
        let now = self.world.now().as_millisecond();
        let mut groups = self.groups();
        let group = groups
            .get_mut(group_name(input)?)
            .ok_or_else(|| no_such("group"))?;
        let stream = group
            .streams
            .get_mut(input["logStreamName"].as_str().unwrap_or_default())
            .ok_or_else(|| no_such("stream"))?;
        let too_old = events
            .iter()
            .take_while(|(timestamp, _)| *timestamp < now - OLDEST)
            .count();
        let too_new = events
            .iter()
            .position(|(timestamp, _)| *timestamp > now + NEWEST);
        for (timestamp, message) in &events[too_old..too_new.unwrap_or(events.len()).max(too_old)] {
            stream.push(*timestamp, now, message);
        }
        let mut answer = json!({ "nextSequenceToken": format!("{:056}", stream.sequence) });
        if too_old > 0 {
            answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] = too_old.into();
        }
        if let Some(index) = too_new {
            answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] = index.into();
        }
        Ok(answer)
    }
}

/// The group in a `resourceArn`.
fn group_in(input: &Value) -> &str {
    let arn = input["resourceArn"].as_str().unwrap_or_default();
    arn.split_once(":log-group:")
        .map(|(_, name)| name.trim_end_matches(":*"))
        .unwrap_or_default()
}
