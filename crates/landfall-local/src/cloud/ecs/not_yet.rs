//! Answers that pass by themselves: for a while after the first request that meets one, ECS refuses what it takes later.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::cloud::fault::Fault;

/// An answer that passes by itself.
#[derive(Clone, Debug)]
pub struct NotYet {
    /// The operations that are answered so.
    pub operations: &'static [&'static str],
    /// The error code.
    pub code: &'static str,
    /// The message.
    pub message: &'static str,
    /// For how long, from the first request of one of the operations on.
    pub lasts: Duration,
}

impl NotYet {
    /// The service-linked role: the first request that needs it makes IAM create it, and nobody waits until it can be assumed
    /// (<https://github.com/aws/containers-roadmap/issues/2614>).
    pub const fn linked_role(lasts: Duration) -> Self {
        Self {
            operations: &["CreateCluster", "CreateService"],
            code: "InvalidParameterException",
            message: "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
            lasts,
        }
    }

    /// A role that was made a moment ago: IAM does not know yet that it may be passed
    /// (<https://github.com/terraform-aws-modules/terraform-aws-ecs/issues/414>).
    pub const fn passed_role(lasts: Duration) -> Self {
        Self {
            operations: &["RegisterTaskDefinition"],
            code: "AccessDeniedException",
            message: "User: arn:aws:sts::000000000000:assumed-role/landfall/register-task-definition is not authorized to \
                      perform: iam:PassRole on resource: arn:aws:iam::000000000000:role/hello",
            lasts,
        }
    }

    /// EC2 throttles what ECS asks it of subnets (<https://github.com/dagster-io/dagster/issues/33439>).
    pub const fn subnets(operations: &'static [&'static str], lasts: Duration) -> Self {
        Self {
            operations,
            code: "InvalidParameterException",
            message: "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)",
            lasts,
        }
    }

    /// A cluster that was scaled in to no instance (<https://github.com/boto/boto3/issues/2862>).
    pub const fn no_instance(lasts: Duration) -> Self {
        Self {
            operations: &["RunTask"],
            code: "InvalidParameterException",
            message: "No Container Instances were found in your cluster.",
            lasts,
        }
    }
}

/// The answers of one account that pass by themselves.
#[derive(Debug)]
pub(super) struct Passing {
    answers: Vec<NotYet>,
    /// When each was first met.
    met: Mutex<Vec<Option<Instant>>>,
}

impl Passing {
    /// Answers that nobody has met yet.
    pub(super) fn new(answers: Vec<NotYet>) -> Self {
        Self {
            met: Mutex::new(vec![None; answers.len()]),
            answers,
        }
    }

    /// Lets a request of `operation` through.
    ///
    /// # Errors
    /// The answer that has not passed yet.
    pub(super) fn meet(&self, operation: &str) -> Result<(), Fault> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        for (answer, met) in self.answers.iter().zip(met.iter_mut()) {
            if !answer.operations.contains(&operation) {
                continue;
            }
            let since = met.get_or_insert_with(Instant::now);
            if since.elapsed() < answer.lasts {
                return Err(Fault::client(answer.code, answer.message));
            }
        }
        Ok(())
    }
}
