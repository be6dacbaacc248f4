//! Step Functions: executions are started, looked at and woken.

use std::cmp::Reverse;

use aws_config::SdkConfig;
use aws_sdk_sfn::{Client, error::ProvideErrorMetadata, types::ExecutionStatus};
use jiff::Timestamp;
use landfall::{
    content::ContentHash, desired::DesiredState, event::execution_ended::ExecutionInput,
    service_id::ServiceId,
};
use serde_json::Value;

use crate::{Fault, clock::timestamp};

/// `TimeoutSeconds` of the state machine.
const LONGEST_EXECUTION: i64 = 86_400;

/// Step Functions.
#[derive(Clone, Debug)]
pub struct StepFunctions(Client);

impl StepFunctions {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Starts an execution of `state_machine` for a service in which `release` is the newest without a verdict.
    ///
    /// `request_id` is the invocation's: when Lambda repeats an invocation it keeps the id, so the repetition does not
    /// start a second execution for the same release. It may find a newer one, though, after the first execution ended.
    pub async fn start(
        &self,
        state_machine: &str,
        input: &ExecutionInput,
        release: u64,
        request_id: &str,
    ) -> Result<(), Fault> {
        const CALL: &str = "states:StartExecution";
        let text =
            serde_json::to_string(input).map_err(|error| Fault::unexpected(error.to_string()))?;
        let name = execution_name(&input.service, release, request_id);
        let started = self
            .0
            .start_execution()
            .state_machine_arn(state_machine)
            .name(name)
            .input(text)
            .send()
            .await;
        match started {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => Ok(()),
            Err(error) => Err(Fault::of(CALL, error)),
        }
    }

    /// Starts the first execution of a service's newest open release, if one is open; as [`Self::start`] otherwise.
    pub async fn start_open(
        &self,
        state_machine: &str,
        desired: &DesiredState,
        request_id: &str,
    ) -> Result<(), Fault> {
        let Some(newest) = desired.next_release() else {
            return Ok(());
        };
        let input = ExecutionInput {
            service: desired.service.clone(),
            restarts: 0,
        };
        self.start(state_machine, &input, newest.number, request_id)
            .await
    }

    /// When an execution ended; none if it may still be running. Only a terminal status says that it ended: DescribeExecution
    /// is eventually consistent, so an execution that "does not exist" may have started a moment ago
    /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>).
    pub async fn ended(&self, execution: &str) -> Result<Option<Timestamp>, Fault> {
        const CALL: &str = "states:DescribeExecution";
        let request = self.0.describe_execution().execution_arn(execution);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ExecutionDoesNotExist") => return Ok(None),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        match answer.status() {
            ExecutionStatus::Succeeded
            | ExecutionStatus::Failed
            | ExecutionStatus::TimedOut
            | ExecutionStatus::Aborted => {
                let ended = answer.stop_date();
                let ended = ended.ok_or_else(|| Fault::incomplete(CALL, "stopDate"))?;
                timestamp(ended).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The executions that failed, timed out or were aborted since `since`, newest start first.
    ///
    /// ListExecutions tells the newest starts first, and not why or for whom an execution ran. The state machine ends
    /// every execution after a day, so whatever started longer before `since` died before it as well
    /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>).
    pub async fn died(&self, state_machine: &str, since: Timestamp) -> Result<Vec<String>, Fault> {
        const CALL: &str = "states:ListExecutions";
        let mut died = Vec::new();
        for status in [
            ExecutionStatus::Failed,
            ExecutionStatus::TimedOut,
            ExecutionStatus::Aborted,
        ] {
            let request = self
                .0
                .list_executions()
                .state_machine_arn(state_machine)
                .status_filter(status);
            let mut pages = request.into_paginator().page_size(1000).send();
            'pages: while let Some(page) = pages.next().await {
                for item in page.map_err(|error| Fault::of(CALL, error))?.executions {
                    let started = item.start_date.secs();
                    if started + LONGEST_EXECUTION < since.as_second() {
                        break 'pages;
                    }
                    let stopped = item.stop_date.map(|stopped| stopped.secs());
                    if stopped.is_none_or(|stopped| stopped >= since.as_second()) {
                        died.push((started, item.execution_arn));
                    }
                }
            }
        }
        died.sort_by_key(|(started, _)| Reverse(*started));
        Ok(died.into_iter().map(|(_, execution)| execution).collect())
    }

    /// What an execution was to do; none if nobody knows it, or if its input is none of Landfall's.
    pub async fn input(&self, execution: &str) -> Result<Option<ExecutionInput>, Fault> {
        let answer = self
            .0
            .describe_execution()
            .execution_arn(execution)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let input = answer.input().unwrap_or_default();
                Ok(serde_json::from_str(input).ok())
            }
            Err(error) if error.code() == Some("ExecutionDoesNotExist") => Ok(None),
            Err(error) => Err(Fault::of("states:DescribeExecution", error)),
        }
    }

    /// Wakes the execution that sleeps on `task_token`, if it still does.
    pub async fn wake(&self, task_token: &str) -> Result<(), Fault> {
        match self
            .0
            .send_task_success()
            .task_token(task_token)
            .output("{}")
            .send()
            .await
        {
            Ok(_) => Ok(()),
            // It woke by itself, or ended.
            Err(error)
                if matches!(
                    error.code(),
                    Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken")
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(Fault::of("states:SendTaskSuccess", error)),
        }
    }
}

/// Names have at most 80 characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>); a request id has 36. The
/// hash tells services of one name in two clusters apart, which one push may concern.
fn execution_name(service: &ServiceId, release: u64, request_id: &str) -> String {
    let hash = ContentHash::of(&Value::String(service.to_string())).to_string();
    let id: String = request_id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(36)
        .collect();
    let unique = format!("-{}-{release}-{id}", &hash[..8]);
    let name = service.service().chars();
    let start: String = name.take(80 - unique.len()).collect();
    start + &unique
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_push_starts_an_execution_for_each_cluster_that_has_a_service_of_the_name() {
        let request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95";
        let name = |service: &str| execution_name(&service.parse().unwrap(), 2, request_id);
        assert_ne!(name("web/hello"), name("staging/hello"));
        assert_eq!(name("web/hello"), name("web/hello"));
        assert!(name(&format!("web/{}", "h".repeat(255))).len() <= 80);
    }

    #[test]
    fn a_repeated_invocation_that_finds_a_newer_release_starts_an_execution_of_its_own() {
        let request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95";
        let service = "web/hello".parse().unwrap();
        let name = |release| execution_name(&service, release, request_id);
        assert_ne!(name(2), name(3));
        assert!(name(u64::MAX).len() <= 80);
    }
}
