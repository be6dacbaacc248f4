//! Tasks that run alone.

use aws_sdk_ecs::{
    error::ProvideErrorMetadata,
    operation::list_tasks::builders::ListTasksFluentBuilder,
    types::{DesiredStatus, Task},
};
use landfall::{
    live::{Failure, FailureReason, LiveTask, Placement, StoppedContainer},
    service_id::ServiceId,
};
use serde_json::{Map, Value};

use super::{Ecs, send_as};
use crate::{Fault, not_yet};

/// `DescribeTasks` takes at most 100 tasks
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>).
const TASKS_AT_ONCE: usize = 100;

/// A task, as far as its log is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedTask {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its revision.
    pub task_definition: String,
    /// The names of its containers, and the ids in Docker of those that were started.
    pub containers: Vec<(String, Option<String>)>,
}

impl Ecs {
    /// The tasks of a service that run, or have stopped within the last hour; none where there is no such service.
    pub async fn logged_tasks(&self, service: &ServiceId) -> Result<Vec<LoggedTask>, Fault> {
        let tasks = tokio::try_join!(
            self.tasks(service, DesiredStatus::Running),
            self.tasks(service, DesiredStatus::Stopped)
        );
        match tasks {
            Ok((running, stopped)) => running.iter().chain(&stopped).map(logged).collect(),
            Err(fault)
                if fault.is("ClusterNotFoundException") || fault.is("ServiceNotFoundException") =>
            {
                Ok(Vec::new())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Tasks of a cluster, as far as ECS still knows them.
    pub async fn logged_tasks_at(
        &self,
        cluster: &str,
        arns: Vec<String>,
    ) -> Result<Vec<LoggedTask>, Fault> {
        let tasks = self.described_at(cluster, &arns).await?;
        tasks.iter().map(logged).collect()
    }

    /// Asks for one task with `body`, whose `clientToken` makes a repeated request harmless
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).
    ///
    /// # Errors
    /// "Not yet" also if the token stands for a task that was asked for in other words: that task has to be found.
    pub async fn run_task(&self, body: &Map<String, Value>) -> Result<Placement, Fault> {
        const CALL: &str = "ecs:RunTask";
        let request = self.0.run_task().customize().mutate_request(send_as(body));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ConflictException") => {
                return Err(Fault::of(CALL, error).into_not_yet());
            }
            Err(error) => {
                let fault = Fault::of(CALL, error);
                if !not_yet::is_no_room(fault.code.as_deref(), &fault.message) {
                    return Err(fault);
                }
                return Ok(Placement::NotPlaced(vec![Failure {
                    reason: FailureReason::Cluster(fault.message),
                    detail: None,
                }]));
            }
        };
        if let Some(task) = answer.tasks().first() {
            let arn = task.task_arn();
            let arn = arn.ok_or_else(|| Fault::incomplete(CALL, "tasks.taskArn"))?;
            return Ok(Placement::Placed(arn.into()));
        }
        let failures = answer.failures().iter().map(|failure| Failure {
            reason: failure.reason().unwrap_or("no reason given").into(),
            detail: failure.detail().map(str::to_owned),
        });
        Ok(Placement::NotPlaced(failures.collect()))
    }

    /// A task; none if ECS does not know it, or no longer.
    pub async fn task(&self, cluster: &str, arn: &str) -> Result<Option<LiveTask>, Fault> {
        let request = self.0.describe_tasks().cluster(cluster).tasks(arn);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of("ecs:DescribeTasks", error))?;
        Ok(answer.tasks().first().map(|task| LiveTask {
            last_status: task.last_status().unwrap_or_default().into(),
            desired_status: task.desired_status().unwrap_or_default().into(),
            stop_code: task.stop_code().map(|code| code.as_str().into()),
            stopped_reason: task.stopped_reason().map(str::to_owned),
            containers: task
                .containers()
                .iter()
                .map(|container| StoppedContainer {
                    name: container.name().unwrap_or_default().into(),
                    exit_code: container.exit_code(),
                    reason: container.reason().map(str::to_owned),
                })
                .collect(),
        }))
    }

    /// The ARN of a task that was started with `started_by`, whether it runs or has stopped within the last hour. The fewer
    /// tasks are of its `family`, the fewer have to be read.
    ///
    /// `ListTasks` finds by `startedBy` those that should run: "it must be the only filter that you use"
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html>). Of those that stopped,
    /// `DescribeTasks` tells what started them.
    pub async fn task_started_by(
        &self,
        cluster: &str,
        started_by: &str,
        family: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        if let Some(arn) = self.running_started_by(cluster, started_by).await? {
            return Ok(Some(arn));
        }
        let stopped = self.0.list_tasks().cluster(cluster);
        let stopped = stopped.set_family(family.map(str::to_owned));
        let stopped = stopped.desired_status(DesiredStatus::Stopped);
        let stopped = self.described(cluster, stopped).await?;
        let ours = stopped
            .iter()
            .find(|task| task.started_by() == Some(started_by));
        Ok(ours.and_then(|task| task.task_arn()).map(str::to_owned))
    }

    /// The ARN of a task that was started with `started_by` and should run.
    pub async fn running_started_by(
        &self,
        cluster: &str,
        started_by: &str,
    ) -> Result<Option<String>, Fault> {
        let listed = self.0.list_tasks().cluster(cluster);
        let running = self.arns(listed.started_by(started_by)).await?;
        Ok(running.into_iter().next())
    }

    /// Stops a task.
    pub async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Fault> {
        let request = self.0.stop_task().cluster(cluster).task(arn).reason(reason);
        let stopped = request.send().await;
        stopped
            .map(drop)
            .map_err(|error| Fault::of("ecs:StopTask", error))
    }

    /// The ARNs of the tasks that `listed` asks for.
    async fn arns(&self, listed: ListTasksFluentBuilder) -> Result<Vec<String>, Fault> {
        let mut pages = listed.into_paginator().items().send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            arns.push(arn.map_err(|error| Fault::of("ecs:ListTasks", error))?);
        }
        Ok(arns)
    }

    /// The tasks of `cluster` that `listed` asks for.
    pub(super) async fn described(
        &self,
        cluster: &str,
        listed: ListTasksFluentBuilder,
    ) -> Result<Vec<Task>, Fault> {
        let arns = self.arns(listed).await?;
        self.described_at(cluster, &arns).await
    }

    /// The tasks of `cluster` with these ARNs that ECS knows.
    async fn described_at(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>, Fault> {
        let mut tasks = Vec::new();
        for some in arns.chunks(TASKS_AT_ONCE) {
            let request = self.0.describe_tasks().cluster(cluster);
            let answer = request.set_tasks(Some(some.to_vec())).send().await;
            let answer = answer.map_err(|error| Fault::of("ecs:DescribeTasks", error))?;
            tasks.extend(answer.tasks.unwrap_or_default());
        }
        Ok(tasks)
    }
}

fn logged(task: &Task) -> Result<LoggedTask, Fault> {
    const CALL: &str = "ecs:DescribeTasks";
    let arn = task.task_arn();
    let revision = task.task_definition_arn();
    let containers = task.containers().iter().map(|container| {
        let name = container.name().unwrap_or_default().to_owned();
        (name, container.runtime_id().map(str::to_owned))
    });
    Ok(LoggedTask {
        arn: arn
            .ok_or_else(|| Fault::incomplete(CALL, "taskArn"))?
            .into(),
        task_definition: revision
            .ok_or_else(|| Fault::incomplete(CALL, "taskDefinitionArn"))?
            .into(),
        containers: containers.collect(),
    })
}
