//! Whose account this is, what time it is, and where randomness comes from.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// Identity, time and randomness of one embedded cloud. Time follows tokio's clock, so it can be paused; all
/// randomness comes from one seed, so a run can be repeated.
#[derive(Debug)]
pub struct World {
    /// The twelve-digit account id in every ARN.
    pub account: String,
    /// The Region in every ARN.
    pub region: String,
    started: Instant,
    started_at: Timestamp,
    rng: Mutex<StdRng>,
}

impl World {
    /// An account whose clock reads `started_at` now.
    pub fn new(account: &str, region: &str, started_at: Timestamp, seed: u64) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            started: Instant::now(),
            started_at,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// The time of day in this cloud.
    pub fn now(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started_at
            .checked_add(elapsed)
            .unwrap_or(Timestamp::MAX)
    }

    /// Seconds since the Unix epoch with millisecond precision, as AWS's JSON protocols write timestamps.
    pub fn epoch_seconds(&self) -> f64 {
        self.now().as_millisecond() as f64 / 1000.0
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    /// `length` lower-case hexadecimal digits.
    pub fn hex(&self, length: usize) -> String {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (0..length)
            .map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0'))
            .collect()
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&self) -> f64 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random_range(0.0..1.0)
    }

    /// A version 4 UUID.
    pub fn uuid(&self) -> String {
        let mut bytes = [0u8; 16];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}
