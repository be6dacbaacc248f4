//! Tasks of a service that have stopped. Against whom their end speaks, and whether they died of what they ran, is decided
//! in [`crate::evidence`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StopCode;

/// A task that stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedTask {
    /// The task's ARN.
    pub task: String,
    /// ECS's `stoppedReason`.
    pub reason: String,
    /// The containers that exited or gave a reason.
    pub containers: Vec<StoppedContainer>,
}

/// A container of a stopped task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// Its exit code, if it ran.
    pub exit_code: Option<i32>,
    /// ECS's reason, e.g. `CannotPullContainerError: …`.
    pub reason: Option<String>,
}

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
    /// Why it ended, in a clause: ECS's reason, and the exit codes of its containers.
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
    use super::StoppedContainer;
    use crate::sample::ended;

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
