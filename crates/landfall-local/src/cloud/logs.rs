//! CloudWatch Logs: groups, streams and their newest events.

mod read;
mod write;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::{Api, UNKNOWN_OPERATION},
    fault::Fault,
};
use crate::world::World;

/// How many events a stream keeps; older ones are dropped, as retention would do.
const MOST_EVENTS: usize = 2000;

/// How many streams a group keeps; those that were written to longest ago are dropped, as retention would do.
const MOST_STREAMS: usize = 200;

/// CloudWatch Logs of one account in one Region.
#[derive(Clone, Debug)]
pub struct Logs {
    world: Arc<World>,
    groups: Arc<Mutex<BTreeMap<String, Group>>>,
}

/// Times are in milliseconds since the epoch, as in the API.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Group {
    created: i64,
    retention_in_days: Option<u64>,
    tags: BTreeMap<String, Value>,
    streams: BTreeMap<String, Stream>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stream {
    created: i64,
    /// In the order of their timestamps.
    events: VecDeque<LogEvent>,
    /// How many events there have ever been: the number of the next one.
    sequence: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LogEvent {
    number: u64,
    timestamp: i64,
    ingested: i64,
    message: String,
}

/// What is played.
pub(super) const API: Api<Logs> = Api {
    service: "logs",
    title: "CloudWatch Logs",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("CreateLogGroup", Logs::create_log_group),
        ("DescribeLogGroups", Logs::describe_log_groups),
        ("PutRetentionPolicy", Logs::put_retention_policy),
        ("ListTagsForResource", Logs::list_tags_for_resource),
        ("FilterLogEvents", Logs::filter_log_events),
    ],
};

impl Logs {
    /// No groups yet.
    pub fn new(world: Arc<World>) -> Self {
        Self {
            world,
            groups: Arc::default(),
        }
    }

    /// Answers one operation of the API `Logs_20140328`.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// Adds a line to a stream, making group and stream as needed: for whoever runs functions and containers.
    pub fn append(&self, group: &str, stream: &str, message: &str) {
        let now = self.world.now().as_millisecond();
        let mut groups = self.groups();
        let group = groups.entry(group.to_owned()).or_insert_with(|| Group {
            created: now,
            ..Group::default()
        });
        let stream = group
            .streams
            .entry(stream.to_owned())
            .or_insert_with(|| Stream {
                created: now,
                ..Stream::default()
            });
        stream.push(now, now, message);
        if group.streams.len() > MOST_STREAMS {
            group.drop_the_stillest();
        }
    }

    /// All groups, streams and events.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.groups()).unwrap_or_default()
    }

    /// Takes up what [`Logs::snapshot`] gave.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        *self.groups() = serde_json::from_value(snapshot)?;
        Ok(())
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn drop_the_stillest(&mut self) {
        let written = |stream: &Stream| stream.events.back().map(|event| event.ingested);
        let stillest = self
            .streams
            .iter()
            .min_by_key(|(_, stream)| written(stream));
        if let Some(name) = stillest.map(|(name, _)| name.clone()) {
            self.streams.remove(&name);
        }
    }
}

impl Stream {
    fn push(&mut self, timestamp: i64, ingested: i64, message: &str) {
        let event = LogEvent {
            number: self.sequence,
            timestamp,
            ingested,
            message: message.to_owned(),
        };
        self.sequence += 1;
        let position = self
            .events
            .partition_point(|other| other.timestamp <= timestamp);
        self.events.insert(position, event);
        if self.events.len() > MOST_EVENTS {
            self.events.pop_front();
        }
    }
}

/// The group that the input names by `logGroupName` or `logGroupIdentifier` (name or ARN).
fn group_name(input: &Value) -> Result<&str, Fault> {
    let name = input["logGroupName"]
        .as_str()
        .or(input["logGroupIdentifier"].as_str())
        .unwrap_or_default();
    let name = match name.split_once(":log-group:") {
        Some((_, name)) => name.trim_end_matches(":*"),
        None => name,
    };
    let valid = (1..=512).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte));
    if valid {
        Ok(name)
    } else {
        Err(invalid(
            "'logGroupName' must be 1 to 512 of a-z, A-Z, 0-9, '_', '-', '/', '.' and '#'",
        ))
    }
}

fn no_such(what: &str) -> Fault {
    Fault::client(
        "ResourceNotFoundException",
        format!("The specified log {what} does not exist."),
    )
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidParameterException", message)
}

/// One page of `items` under `member`; tokens are positions.
fn page(member: &str, items: Vec<Value>, input: &Value, default: u64) -> Result<Value, Fault> {
    let token = input["nextToken"].as_str();
    let start = token
        .map_or(Ok(0), str::parse::<usize>)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let most = input["limit"].as_u64().unwrap_or(default).clamp(1, 10_000) as usize;
    let end = start.saturating_add(most);
    let next = (end < items.len()).then(|| end.to_string());
    let mut answer =
        json!({ member: items.into_iter().skip(start).take(most).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_group_forgets_what_was_written_longest_ago_and_refuses_what_is_not_there() {
        let logs = Logs::new(Arc::new(World::new(
            "000000000000",
            "eu-west-1",
            jiff::Timestamp::UNIX_EPOCH,
            1,
        )));
        for number in 0..=MOST_STREAMS {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            logs.append("/ecs/hello", "the first", "still here");
            logs.append("/ecs/hello", &format!("task {number}"), "one line");
        }
        let read = async |stream: &str| {
            let asked =
                json!({ "logGroupName": "/ecs/hello", "logStreamNames": ["the first", stream] });
            let answer = logs.call("FilterLogEvents", asked).await;
            answer.map(|answer| answer["events"].as_array().unwrap().len())
        };
        let last = format!("task {MOST_STREAMS}");
        assert_eq!(read(&last).await.unwrap(), 1 + MOST_STREAMS + 1);
        let refused = read("task 0").await.unwrap_err();
        assert_eq!(refused.code, "ResourceNotFoundException");
    }
}
