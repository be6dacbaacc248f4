//! Tasks of a service that have stopped, and which of them died: of the image or the task definition that they ran, and
//! not because ECS, a person or the machine under them stopped them.

use jiff::Timestamp;

use super::StopCode;
use crate::record::StoppedTask;

/// How the `stoppedReason` begins of a task that the service's scheduler stopped because its health checks failed.
///
/// The stop code does not tell: `ServiceSchedulerInitiated` is also the code of a task that a deployment or a lower
/// desired count gave up, whose reason is `Scaling activity initiated by …`. Every reason that is not in this list is no
/// death. The words are found with a capital and with a small letter at their beginning.
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>,
/// <https://repost.aws/knowledge-center/ecs-task-stopped>)
const FAILED_CHECKS: [&str; 2] = [
    "task failed container health checks",
    "task failed elb health checks in",
];

/// A task of a service that has stopped or is about to, as ECS describes it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedTask {
    /// Its ARN, ECS's reason, and how its containers ended.
    pub task: StoppedTask,
    /// The revision it ran.
    pub task_definition: String,
    /// Why it stopped.
    pub stop_code: Option<StopCode>,
    /// When it began to stop; none while ECS does not say yet.
    pub stopping_at: Option<Timestamp>,
}

impl EndedTask {
    /// Whether the task stopped for a reason of its own: an essential container exited, also where the kernel killed it
    /// for its memory (exit code 137), or a health check failed. What did not start, was scaled in, was interrupted with
    /// its Spot capacity or instance, or was stopped by a person, did not die.
    pub fn died(&self) -> bool {
        match self.stop_code {
            Some(StopCode::EssentialContainerExited) => true,
            Some(StopCode::ServiceSchedulerInitiated) => {
                let reason = self.task.reason.to_ascii_lowercase();
                FAILED_CHECKS
                    .iter()
                    .any(|failed| reason.starts_with(failed))
            }
            _ => false,
        }
    }

    /// Why it died, in a clause: ECS's reason, and the exit codes of its containers.
    pub fn cause(&self) -> String {
        let exits = self.task.containers.iter().filter_map(|container| {
            let code = container.exit_code?;
            let exit = format!("`{}` exited with {code}", container.name);
            Some(match &container.reason {
                Some(reason) => format!("{exit}, {reason}"),
                None => exit,
            })
        });
        let exits: Vec<_> = exits.collect();
        let reason = &self.task.reason;
        if exits.is_empty() {
            return reason.clone();
        }
        format!("{reason} ({})", exits.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StoppedContainer;

    fn ended(code: &str, reason: &str) -> EndedTask {
        EndedTask {
            task: StoppedTask {
                task: "arn:task".into(),
                reason: reason.into(),
                containers: Vec::new(),
            },
            task_definition: "arn:definition".into(),
            stop_code: Some(code.into()),
            stopping_at: None,
        }
    }

    #[test]
    fn a_task_dies_of_what_it_runs_and_of_nothing_else() {
        let group = "(target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1)";
        let failed = format!("Task failed ELB health checks in {group}");
        let failed_small = format!("task failed ELB health checks in {group}");
        for (story, code, reason, died) in [
            (
                "exits, with any code",
                "EssentialContainerExited",
                "Essential container in task exited",
                true,
            ),
            (
                "takes too much memory",
                "EssentialContainerExited",
                "OutOfMemoryError: Container killed due to memory usage",
                true,
            ),
            (
                "fails its container health check",
                "ServiceSchedulerInitiated",
                "Task failed container health checks",
                true,
            ),
            (
                "fails its target's health check",
                "ServiceSchedulerInitiated",
                failed.as_str(),
                true,
            ),
            (
                "the same in small letters",
                "ServiceSchedulerInitiated",
                failed_small.as_str(),
                true,
            ),
            (
                "a deployment or a lower desired count gives it up",
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/1)",
                false,
            ),
            (
                "its availability zone has too many",
                "ServiceSchedulerInitiated",
                "Availability Zone rebalancing initiated by (deployment ecs-svc/1)",
                false,
            ),
            (
                "is not placed",
                "TaskFailedToStart",
                "ResourceInitializationError: unable to pull secrets",
                false,
            ),
            (
                "a person stops it",
                "UserInitiated",
                "Task failed container health checks, says a person",
                false,
            ),
            (
                "loses its Spot capacity",
                "SpotInterruption",
                "Your Spot Task was interrupted.",
                false,
            ),
            (
                "loses its instance",
                "TerminationNotice",
                "Host EC2 (instance i-1) terminated.",
                false,
            ),
            (
                "a code that nobody knows yet",
                "SomethingNew",
                "Essential container in task exited",
                false,
            ),
        ] {
            assert_eq!(ended(code, reason).died(), died, "{story}");
        }
        let mut unknown = ended("", "Essential container in task exited");
        unknown.stop_code = None;
        assert!(!unknown.died(), "nothing says why it stopped");
    }

    #[test]
    fn the_cause_names_each_container_that_exited_and_how() {
        let container = |name: &str, exit_code, reason: Option<&str>| StoppedContainer {
            name: name.into(),
            exit_code,
            reason: reason.map(str::to_owned),
        };
        let mut task = ended(
            "EssentialContainerExited",
            "Essential container in task exited",
        );
        assert_eq!(task.cause(), "Essential container in task exited");
        task.task.containers = vec![
            container("web", Some(137), Some("OutOfMemoryError")),
            container("log", Some(0), None),
            container("never-ran", None, None),
        ];
        assert_eq!(
            task.cause(),
            "Essential container in task exited (`web` exited with 137, OutOfMemoryError; `log` exited with 0)"
        );
    }
}
