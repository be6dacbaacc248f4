//! The schedule's minute: what of the sweep is due.
//!
//! A sweep is spread over its interval. The schedule fires every minute, and each firing takes the [shards](Shard) that
//! are due in that minute; which those are follows from the minute alone. EventBridge Scheduler writes the scheduled time
//! into the input
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>), so a firing that
//! comes late or twice looks at the same shards.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::excerpt;
use crate::{refusal::Refusal, sweep::Shard};

/// The longest interval between two sweeps, in minutes: a day.
const LONGEST_INTERVAL: i64 = 1440;

/// One firing of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepDue {
    /// For when the firing was scheduled.
    pub scheduled_at: Timestamp,
    /// Within how many minutes everything is looked at once.
    pub every_minutes: i64,
}

/// Reads the schedule's input.
///
/// # Errors
/// Refused if it is not what the template's schedule sends.
pub fn read(event: &Value) -> Result<SweepDue, Refusal> {
    let due = SweepDue::deserialize(event).map_err(|error| {
        Refusal::new(format!(
            "expected the schedule's input with scheduledAt and everyMinutes: {}",
            excerpt(&error.to_string())
        ))
    })?;
    if !(1..=LONGEST_INTERVAL).contains(&due.every_minutes) {
        return Err(Refusal::new(format!(
            "everyMinutes is {}; a sweep takes 1 to {LONGEST_INTERVAL} minutes",
            due.every_minutes
        )));
    }
    Ok(due)
}

impl SweepDue {
    /// The shards to look at: each is due once in every interval.
    pub fn shards(&self) -> impl Iterator<Item = Shard> {
        let (slot, every) = (self.slot(), self.every_minutes);
        Shard::all().filter(move |shard| i64::from(shard.number()) % every == slot)
    }

    /// Whether to look for dead executions, and for tasks of unproven releases: that is due once in every interval too.
    pub fn executions(&self) -> bool {
        self.slot() == 0
    }

    fn slot(&self) -> i64 {
        let minute = self.scheduled_at.as_second().div_euclid(60);
        minute.rem_euclid(self.every_minutes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn due(minute: i64, every_minutes: i64) -> SweepDue {
        let scheduled_at = Timestamp::from_second(1_790_000_000 / 60 * 60 + minute * 60).unwrap();
        read(&json!({ "scheduledAt": scheduled_at, "everyMinutes": every_minutes })).unwrap()
    }

    #[test]
    fn every_shard_is_due_once_in_every_interval_whatever_its_length() {
        for every in [1, 2, 7, 15, 60, 61, 1440] {
            for from in [0, 3] {
                let firings: Vec<_> = (from..from + every)
                    .map(|minute| due(minute, every))
                    .collect();
                let shards: Vec<_> = firings.iter().flat_map(SweepDue::shards).collect();
                let distinct: BTreeSet<_> = shards.iter().collect();
                assert_eq!(
                    (shards.len(), distinct.len()),
                    (Shard::all().count(), Shard::all().count()),
                    "every {every}"
                );
                let looks = firings.iter().filter(|firing| firing.executions());
                assert_eq!(looks.count(), 1, "every {every}");
            }
        }
    }

    #[test]
    fn the_default_interval_has_the_same_number_of_shards_in_every_minute() {
        for minute in 0..15 {
            assert_eq!(due(minute, 15).shards().count(), 4);
        }
    }

    #[test]
    fn the_example_looks_at_everything_at_once() {
        let example = include_str!("../../../../events/sweep-due.json");
        let due = read(&serde_json::from_str(example).unwrap()).unwrap();
        assert_eq!(due.shards().count(), Shard::all().count());
        assert!(due.executions());
    }

    #[test]
    fn an_input_that_is_none_of_the_schedules_is_refused() {
        for (event, message) in [
            (json!(null), "expected the schedule's input"),
            (json!({ "everyMinutes": 15 }), "scheduledAt"),
            (
                json!({ "scheduledAt": "<aws.scheduler.scheduled-time>", "everyMinutes": 15 }),
                "expected the schedule's input",
            ),
            (
                json!({ "scheduledAt": "2026-11-24T19:00:00Z", "everyMinutes": 0 }),
                "1 to 1440 minutes",
            ),
            (
                json!({ "scheduledAt": "2026-11-24T19:00:00Z", "everyMinutes": 1441 }),
                "1 to 1440 minutes",
            ),
        ] {
            let refusal = read(&event).unwrap_err().to_string();
            assert!(refusal.contains(message), "{refusal}");
        }
    }
}
