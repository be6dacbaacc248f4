//! Throttling: each operation has a bucket of tokens, of which every request takes one
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>).

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use crate::cloud::fault::Fault;

/// How often an operation may be called in an account and Region.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// How many requests a full bucket is good for.
    pub burst: f64,
    /// How many tokens it gets back in a second.
    pub a_second: f64,
}

impl Quota {
    /// That of `RegisterTaskDefinition`
    /// (<https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/502>).
    pub const REGISTRATIONS: Self = Self {
        burst: 20.0,
        a_second: 1.0,
    };
}

/// The buckets of the operations that have a quota.
#[derive(Debug)]
pub(super) struct Buckets {
    quotas: BTreeMap<&'static str, Quota>,
    /// How many tokens a bucket had, and when that was; one that was never used is full.
    tokens: Mutex<BTreeMap<&'static str, (f64, Instant)>>,
}

impl Buckets {
    pub(super) fn new(quotas: BTreeMap<&'static str, Quota>) -> Self {
        Self {
            quotas,
            tokens: Mutex::default(),
        }
    }

    /// Takes a token for a request of `operation`.
    ///
    /// # Errors
    /// ECS's answer to one request too many. Such a request takes no token.
    pub(super) fn take(&self, operation: &str) -> Result<(), Fault> {
        let Some((name, quota)) = self.quotas.get_key_value(operation) else {
            return Ok(());
        };
        let now = Instant::now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = tokens.entry(*name).or_insert((quota.burst, now));
        *left += now.duration_since(*since).as_secs_f64() * quota.a_second;
        *left = left.min(quota.burst);
        *since = now;
        if *left < 1.0 {
            return Err(Fault::client("ThrottlingException", "Rate exceeded"));
        }
        *left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_takes_its_burst_at_once_and_then_what_it_gets_back() {
        let quotas = [("RegisterTaskDefinition", Quota::REGISTRATIONS)];
        let buckets = Buckets::new(quotas.into());
        let taken = |tried: usize| {
            let taken = (0..tried).filter(|_| buckets.take("RegisterTaskDefinition").is_ok());
            taken.count()
        };
        assert_eq!(taken(100), 20);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(taken(100), 5);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(taken(100), 0);
        sleep(Duration::from_secs(1000)).await;
        assert_eq!(taken(100), 20);
        assert!((0..100).all(|_| buckets.take("DescribeServices").is_ok()));
        let error = buckets
            .take("RegisterTaskDefinition")
            .map_err(|fault| fault.code);
        assert_eq!(error, Err("ThrottlingException".into()));
    }
}
