//! The way of events to functions: at least once, in no order, as EventBridge and Lambda promise it; or, worse than that,
//! some of them never.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use landfall_local::{
    cloud::{Cloud, events::dispatcher::Deliver},
    lambda::pause_of_throttled,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{installation::REQUEST_ID, journal::Journal};

/// The pauses before the retries of an asynchronous invocation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The function that the schedule invokes.
const SWEEP: &str = "sweep-due";

/// How unreliable the post is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delivery {
    /// The probability that an event comes twice.
    pub twice: f64,
    /// The probability that an event never comes, nor ever shows among the dead letters.
    pub lost: f64,
    /// The probability that an event comes late.
    pub late: f64,
    /// How late, in seconds, at most.
    pub latest: u64,
    /// The function whose events never come.
    pub never: Option<&'static str>,
}

impl Delivery {
    /// Every event comes, once and soon.
    pub const RELIABLE: Self = Self {
        twice: 0.0,
        lost: 0.0,
        late: 0.0,
        latest: 1,
        never: None,
    };

    /// Whether events may be missing for good.
    pub fn loses(&self) -> bool {
        self.lost > 0.0 || self.never.is_some()
    }
}

/// Carries events.
pub struct Post {
    cloud: Arc<Cloud>,
    journal: Arc<Journal>,
    delivery: Delivery,
    rng: Mutex<StdRng>,
    punctual: AtomicBool,
    under_way: AtomicUsize,
    dead: Mutex<Vec<(String, Value)>>,
    /// The functions of which an event was lost.
    missed: Mutex<BTreeSet<String>>,
}

impl Post {
    /// A post with no letters.
    pub fn new(cloud: Arc<Cloud>, journal: Arc<Journal>, delivery: Delivery, seed: u64) -> Self {
        Self {
            cloud,
            journal,
            delivery,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            punctual: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            dead: Mutex::default(),
            missed: Mutex::default(),
        }
    }

    /// What the embedded EventBridge gives its events to.
    pub fn deliver(self: &Arc<Self>) -> Deliver {
        let post = self.clone();
        Arc::new(move |function, event| post.carry(function, event))
    }

    /// Carries an event to a function, once or twice, sooner or later, or not at all.
    pub fn carry(self: &Arc<Self>, function: &str, event: Value) {
        let delays = self.delays(function);
        if delays.is_empty() {
            self.journal
                .note(function, format!("lost: {}", describe(&event)));
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            missed.insert(function.to_owned());
        }
        // The schedule fires for ever: its firings keep nothing from being quiet.
        let awaited = usize::from(function != SWEEP);
        // EventBridge may send an event twice, which makes two invocations; or Lambda runs one invocation twice, which then
        // has one request id (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>).
        let by_lambda = delays.len() > 1 && self.cloud.world.fraction() < 0.5;
        let shared = by_lambda.then(|| self.cloud.world.uuid());
        for delay in delays {
            self.under_way.fetch_add(awaited, Ordering::Relaxed);
            let (post, function, event) = (self.clone(), function.to_owned(), event.clone());
            let request_id = shared.clone().unwrap_or_else(|| self.cloud.world.uuid());
            tokio::spawn(async move {
                sleep(delay).await;
                post.invoke(&function, event, request_id).await;
                post.under_way.fetch_sub(awaited, Ordering::Relaxed);
            });
        }
    }

    /// From now on every event comes, once and soon.
    pub fn become_punctual(&self) {
        self.punctual.store(true, Ordering::Relaxed);
    }

    /// Whether an event for a function was lost.
    pub fn missed(&self, function: &str) -> bool {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.contains(function)
    }

    /// How many letters are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Hands over the events that no attempt could deliver.
    pub fn dead_letters(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.dead.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn invoke(&self, function: &str, event: Value, request_id: String) {
        let mut payload = event.clone();
        payload[REQUEST_ID] = json!(request_id);
        let mut retries = RETRIES.iter();
        let mut throttled = 0;
        loop {
            self.journal
                .note(function, format!("← {}", describe(&event)));
            let answer = self.cloud.functions.invoke(function, payload.clone()).await;
            let Err(error) = answer else { return };
            if error.is_throttled() {
                self.journal.note(function, "throttled");
                sleep(pause_of_throttled(throttled)).await;
                throttled += 1;
                continue;
            }
            match retries.next() {
                Some(pause) => sleep(*pause).await,
                None => {
                    self.journal.note(function, "dead letter");
                    self.dead
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((function.to_owned(), event));
                    return;
                }
            }
        }
    }

    fn delays(&self, function: &str) -> Vec<Duration> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = Duration::from_millis(rng.random_range(5..400));
        if self.punctual.load(Ordering::Relaxed) {
            return vec![soon];
        }
        if rng.random_bool(self.delivery.lost) || self.delivery.never == Some(function) {
            return Vec::new();
        }
        let copies = if rng.random_bool(self.delivery.twice) {
            2
        } else {
            1
        };
        (0..copies)
            .map(|_| {
                if rng.random_bool(self.delivery.late) {
                    Duration::from_millis(rng.random_range(400..self.delivery.latest * 1000))
                } else {
                    soon + Duration::from_millis(rng.random_range(0..200))
                }
            })
            .collect()
    }
}

/// What of an event a timeline needs.
fn describe(event: &Value) -> String {
    let detail = &event["detail"];
    let members = [
        &detail["repository-name"],
        &detail["image-tag"],
        &detail["object"]["key"],
        &detail["eventName"],
        &detail["status"],
        &event["resources"][0],
        &event["scheduledAt"],
    ];
    let words: Vec<_> = members
        .into_iter()
        .filter_map(Value::as_str)
        .map(|text| text.rsplit(':').next().unwrap_or(text))
        .collect();
    format!(
        "{} {}",
        event["detail-type"].as_str().unwrap_or_default(),
        words.join(" ")
    )
}
