//! What ECS says to a request for a task.

use std::fmt;

/// ECS's answer to `RunTask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// ECS runs the task with this ARN.
    Placed(String),
    /// There is no task: why not.
    NotPlaced(Vec<Failure>),
}

/// Why ECS started no task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was missing.
    pub reason: FailureReason,
    /// What ECS says besides.
    pub detail: Option<String>,
}

/// What is missing for a task, in the words of `RunTask`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// `RESOURCE:…`: no instance has so much processor time, memory, ports, or network interfaces free.
    Resource(String),
    /// `AGENT…`: the agent of the instance is not connected.
    Agent(String),
    /// `Capacity …`: Fargate has none at this time
    /// (<https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity>).
    Capacity(String),
    /// `You've reached the limit …`: as many tasks or virtual processors run as Fargate lets the account have. Seen in the
    /// events of services (<https://github.com/wellcomecollection/platform/issues/3875>). It passes when others end.
    Quota(String),
    /// The cluster has no instance, or as many tasks that wait for one as it takes. `RunTask` says so with an error, which
    /// this is the message of.
    Cluster(String),
    /// `MISSING`, `ATTRIBUTE`, `LOCATION` and every other reason: an operator has to change something.
    Other(String),
}

impl From<&str> for FailureReason {
    fn from(text: &str) -> Self {
        let reason = text.to_owned();
        if text.starts_with("RESOURCE") {
            Self::Resource(reason)
        } else if text.starts_with("AGENT") {
            Self::Agent(reason)
        } else if text.starts_with("Capacity") {
            Self::Capacity(reason)
        } else if text.starts_with("You've reached the limit") {
            Self::Quota(reason)
        } else {
            Self::Other(reason)
        }
    }
}

impl Failure {
    /// Whether there may be room later.
    pub fn may_pass(&self) -> bool {
        match self.reason {
            FailureReason::Resource(_)
            | FailureReason::Agent(_)
            | FailureReason::Capacity(_)
            | FailureReason::Quota(_)
            | FailureReason::Cluster(_) => true,
            FailureReason::Other(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (FailureReason::Resource(reason)
        | FailureReason::Agent(reason)
        | FailureReason::Capacity(reason)
        | FailureReason::Quota(reason)
        | FailureReason::Cluster(reason)
        | FailureReason::Other(reason)) = &self.reason;
        match &self.detail {
            Some(detail) => write!(f, "{reason}: {detail}"),
            None => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_may_be_room_later_but_nothing_mends_itself() {
        for (reason, may_pass) in [
            ("RESOURCE:CPU", true),
            ("RESOURCE:MEMORY", true),
            ("RESOURCE:ENI", true),
            ("AGENT", true),
            (
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
                true,
            ),
            (
                "You've reached the limit on the number of tasks you can run concurrently",
                true,
            ),
            ("MISSING", false),
            ("ATTRIBUTE", false),
            ("LOCATION", false),
            ("no reason given", false),
        ] {
            let failure = Failure {
                reason: reason.into(),
                detail: Some("RESOURCE".into()),
            };
            assert_eq!(failure.may_pass(), may_pass, "{reason}");
            assert_eq!(failure.to_string(), format!("{reason}: RESOURCE"));
        }
    }
}
