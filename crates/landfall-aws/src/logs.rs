//! CloudWatch Logs: what containers wrote.

use aws_config::{Region, SdkConfig};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Fault,
    raw::{JsonClient, LOGS},
};

/// `FilterLogEvents` takes at most 100 names of streams
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
const STREAMS_AT_ONCE: usize = 100;

/// CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct Logs(JsonClient);

/// Which streams of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Streams {
    /// Those of these names, as far as they are there.
    Named(Vec<String>),
    /// Those whose names begin like this.
    Under(String),
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its `eventId`, by which it is known again.
    pub id: String,
    /// When it was written, to the millisecond.
    pub at: Timestamp,
    /// The name of its stream.
    pub stream: String,
    /// What was written.
    pub message: String,
}

impl Logs {
    /// A client; in another Region than that of `config`, where one is named.
    pub fn new(config: &SdkConfig, region: Option<&str>) -> Self {
        let config = match region {
            Some(region) => {
                let region = Region::new(region.to_owned());
                config.to_builder().region(region).build()
            }
            None => config.clone(),
        };
        Self(JsonClient::new(&config, LOGS))
    }

    /// Gives `take` the lines of a group's streams that were written from `from` up to `until`, some at a time and the oldest
    /// first. Of more than a hundred streams, only those of each hundred are in order.
    ///
    /// A stream is there once its container has started. `FilterLogEvents` refuses them all if one of them is not
    /// (<https://github.com/percona/rds_exporter/issues/81>), so it is asked for halves of them then.
    ///
    /// # Errors
    /// As CloudWatch Logs answers; refused with the code `ResourceNotFoundException` if there is no such group and `streams`
    /// are not named.
    pub async fn lines(
        &self,
        group: &str,
        streams: &Streams,
        from: Timestamp,
        until: Option<Timestamp>,
        take: &mut impl FnMut(Vec<Line>),
    ) -> Result<(), Fault> {
        let mut asked = json!({ "logGroupName": group, "startTime": from.as_millisecond() });
        if let Some(until) = until {
            asked["endTime"] = until.as_millisecond().into();
        }
        let names = match streams {
            Streams::Under(prefix) => {
                asked["logStreamNamePrefix"] = (**prefix).into();
                return self.pages(asked, take).await;
            }
            Streams::Named(names) => names,
        };
        let mut left: Vec<&[String]> = names.chunks(STREAMS_AT_ONCE).rev().collect();
        while let Some(names) = left.pop() {
            asked["logStreamNames"] = names.into();
            match self.pages(asked.clone(), take).await {
                Err(fault) if fault.is("ResourceNotFoundException") => {
                    let (first, second) = names.split_at(names.len() / 2);
                    if !first.is_empty() {
                        left.extend([second, first]);
                    }
                }
                answered => answered?,
            }
        }
        Ok(())
    }

    /// "Partially full or empty pages don't necessarily mean that pagination is finished": only a missing token does
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
    async fn pages(&self, mut asked: Value, take: &mut impl FnMut(Vec<Line>)) -> Result<(), Fault> {
        loop {
            let mut page = self.0.call("FilterLogEvents", &asked).await?;
            let events = page["events"].as_array().into_iter().flatten();
            let lines: Vec<_> = events.map(line).collect::<Result<_, _>>()?;
            if !lines.is_empty() {
                take(lines);
            }
            match page["nextToken"].take() {
                Value::Null => return Ok(()),
                token => asked["nextToken"] = token,
            }
        }
    }
}

fn line(event: &Value) -> Result<Line, Fault> {
    let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
    let at = event["timestamp"].as_i64().map(Timestamp::from_millisecond);
    let Some(Ok(at)) = at else {
        return Err(Fault::incomplete("logs:FilterLogEvents", "timestamp"));
    };
    Ok(Line {
        id: text("eventId"),
        at,
        stream: text("logStreamName"),
        message: text("message"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::raw::recorded::Aws;

    const MISSING: (u16, &str) = (
        400,
        r#"{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}"#,
    );
    const ONE: (u16, &str) = (
        200,
        r#"{"events":[{"eventId":"1","logStreamName":"a","timestamp":1,"message":"one"}],"nextToken":"more"}"#,
    );
    const EMPTY: (u16, &str) = (200, r#"{"events":[],"nextToken":"still more"}"#);
    const LAST: (u16, &str) = (
        200,
        r#"{"events":[{"eventId":"2","logStreamName":"c","timestamp":2,"message":"two"}]}"#,
    );

    #[tokio::test]
    async fn an_empty_page_is_not_the_last_one_and_a_missing_stream_hides_no_other() {
        // Of a, b and c, b is missing: (a b c) → a, then (b c) → b, then c.
        let aws = Aws::answering(&[MISSING, ONE, EMPTY, LAST, MISSING, MISSING, LAST]);
        let logs = Logs::new(&aws.config("eu-west-1").build(), Some("us-east-1"));
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut read = Vec::new();
        let mut take = |lines: Vec<Line>| read.extend(lines.into_iter().map(|line| line.message));
        let from = Timestamp::UNIX_EPOCH;
        let streams = Streams::Named(names);
        let asked = logs.lines("/ecs/hello", &streams, from, None, &mut take);
        asked.await.unwrap();
        assert_eq!(read, ["one", "two", "two"]);
        let asked: Vec<Value> = aws
            .asked()
            .iter()
            .map(|asked| serde_json::from_str(&asked.body).unwrap())
            .collect();
        let names: Vec<_> = asked
            .iter()
            .map(|each| each["logStreamNames"].to_string())
            .collect();
        assert_eq!(
            names,
            [
                r#"["a","b","c"]"#,
                r#"["a"]"#,
                r#"["a"]"#,
                r#"["a"]"#,
                r#"["b","c"]"#,
                r#"["b"]"#,
                r#"["c"]"#
            ]
        );
        assert_eq!(asked[2]["nextToken"], "more");
        assert_eq!(asked[3]["nextToken"], "still more");
        assert!(aws.asked()[0].uri.contains("logs.us-east-1."));
    }
}
