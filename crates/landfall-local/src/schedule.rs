//! EventBridge Scheduler, as far as a template uses it: functions that are invoked again and again.

use std::sync::Arc;

use serde_json::Value;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{cloud::events::dispatcher::Deliver, install::InstalledSchedule, world::World};

/// What stands for the time of a firing in a schedule's input
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// Fires a schedule until the task is aborted, for the first time after one period. Firings that were slept through, as
/// by a laptop, are left out.
pub fn keep(schedule: InstalledSchedule, world: Arc<World>, deliver: Deliver) -> JoinHandle<()> {
    let mut ticks = interval_at(Instant::now() + schedule.every, schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::spawn(async move {
        loop {
            ticks.tick().await;
            deliver(&schedule.function, firing(&schedule.input, &world));
        }
    })
}

/// The input of a firing at the present time, which is written in whole seconds.
fn firing(input: &Value, world: &World) -> Value {
    let time = world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    replaced(input, &time)
}

fn replaced(value: &Value, time: &str) -> Value {
    match value {
        Value::String(text) => text.replace(SCHEDULED_TIME, time).into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, time)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), replaced(value, time)))
            .collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        sync::{Mutex, PoisonError},
        time::Duration,
    };

    use jiff::Timestamp;
    use serde_json::json;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_once_in_every_period_and_says_when() {
        let start = "2026-11-24T19:00:30.25Z".parse::<Timestamp>().unwrap();
        let world = Arc::new(World::new("000000000000", "eu-west-1", start, 1));
        let fired: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let schedule = InstalledSchedule {
            name: "landfall-sweep".into(),
            every: Duration::from_secs(60),
            input: json!({ "scheduledAt": SCHEDULED_TIME, "everyMinutes": 15 }),
            function: "sweep-due".into(),
        };
        let noted = fired.clone();
        let task = keep(
            schedule,
            world,
            Arc::new(move |function, event| {
                let mut fired = noted.lock().unwrap_or_else(PoisonError::into_inner);
                fired.push((function.to_owned(), event));
            }),
        );
        sleep(Duration::from_secs(130)).await;
        task.abort();
        sleep(Duration::from_secs(600)).await;
        let event = |time: &str| {
            let event = json!({ "scheduledAt": time, "everyMinutes": 15 });
            ("sweep-due".to_owned(), event)
        };
        assert_eq!(
            *fired.lock().unwrap(),
            [event("2026-11-24T19:01:30Z"), event("2026-11-24T19:02:30Z")]
        );
    }
}
