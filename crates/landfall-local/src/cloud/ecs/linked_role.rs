//! The service-linked role: the first request that needs it makes IAM create it, and nobody waits until it can be assumed
//! (<https://github.com/aws/containers-roadmap/issues/2614>).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::cloud::fault::Fault;

/// The role of one account.
#[derive(Debug)]
pub(super) struct LinkedRole {
    takes: Duration,
    created: Mutex<Option<Instant>>,
}

impl LinkedRole {
    /// One that does not exist yet, and can be assumed so long after it was created.
    pub(super) fn new(takes: Duration) -> Self {
        Self {
            takes,
            created: Mutex::default(),
        }
    }

    /// ECS assumes the role for a request of `operation`, if that needs it.
    ///
    /// # Errors
    /// ECS's answer while it cannot.
    pub(super) fn assume(&self, operation: &str) -> Result<(), Fault> {
        if !["CreateCluster", "CreateService"].contains(&operation) {
            return Ok(());
        }
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let since = created.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.takes {
            return Ok(());
        }
        Err(super::invalid(
            "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
        ))
    }
}
