//! The words with which ECS says how things stand. Each is read once, where ECS's answers are; a word that a later API
//! adds is kept as it came.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enum of words, with the word of each variant, that keeps every other word.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $variant,)+
            /// A word that is not known here.
            Other(String),
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                })
            }
        }
    };
}

words! {
    /// The `status` of a cluster (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html>).
    ClusterStatus {
        /// The cluster takes services.
        Active = "ACTIVE",
        /// The cluster is being created.
        Provisioning = "PROVISIONING",
        /// The cluster is being deleted.
        Deprovisioning = "DEPROVISIONING",
        /// The cluster could not be created.
        Failed = "FAILED",
        /// The cluster was deleted.
        Inactive = "INACTIVE",
    }
}

words! {
    /// The `status` of a service (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>).
    ServiceStatus {
        /// The service runs tasks.
        Active = "ACTIVE",
        /// The service is being deleted, and its tasks stop.
        Draining = "DRAINING",
        /// The service was deleted.
        Inactive = "INACTIVE",
    }
}

words! {
    /// The `type` of a service's deployment controller
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentController.html>).
    Controller {
        /// ECS itself.
        Ecs = "ECS",
        /// CodeDeploy.
        CodeDeploy = "CODE_DEPLOY",
        /// An external controller, which makes task sets.
        External = "EXTERNAL",
    }
}

words! {
    /// The `schedulingStrategy` of a service
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>).
    Scheduling {
        /// So many tasks as are desired.
        Replica = "REPLICA",
        /// One task on each instance.
        Daemon = "DAEMON",
    }
}

words! {
    /// The `status` of a deployment (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
    DeploymentStatus {
        /// The newest.
        Primary = "PRIMARY",
        /// An older one that still has tasks.
        Active = "ACTIVE",
        /// A deployment that is over.
        Inactive = "INACTIVE",
    }
}

words! {
    /// The `rolloutState` of a deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
    RolloutState {
        /// The rollout is complete: the tasks of the deployment run.
        Completed = "COMPLETED",
        /// ECS gave it up.
        Failed = "FAILED",
        /// The rollout is under way.
        InProgress = "IN_PROGRESS",
    }
}

words! {
    /// The `status` of a service deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>).
    ServiceDeploymentStatus {
        /// The service deployment has not begun.
        Pending = "PENDING",
        /// The service deployment is under way.
        InProgress = "IN_PROGRESS",
        /// The service deployment succeeded.
        Successful = "SUCCESSFUL",
        /// ECS was asked to stop it.
        StopRequested = "STOP_REQUESTED",
        /// The service deployment was stopped.
        Stopped = "STOPPED",
        /// ECS was asked to go back.
        RollbackRequested = "ROLLBACK_REQUESTED",
        /// ECS goes back.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// ECS went back.
        RollbackSuccessful = "ROLLBACK_SUCCESSFUL",
        /// ECS could not go back.
        RollbackFailed = "ROLLBACK_FAILED",
    }
}

impl ServiceDeploymentStatus {
    /// Whether ECS took the deployment back, or is about to.
    pub fn is_rollback(&self) -> bool {
        use ServiceDeploymentStatus::{
            RollbackFailed, RollbackInProgress, RollbackRequested, RollbackSuccessful,
        };
        matches!(
            self,
            RollbackRequested | RollbackInProgress | RollbackSuccessful | RollbackFailed
        )
    }

    /// Whether ECS is on its way back to what ran before.
    pub fn is_on_its_way_back(&self) -> bool {
        matches!(
            self,
            Self::StopRequested | Self::RollbackRequested | Self::RollbackInProgress
        )
    }
}

words! {
    /// The `status` of a lifecycle hook that a service deployment has reached
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHookDetail.html>).
    HookStatus {
        /// A pause hook waits until somebody continues the deployment.
        AwaitingAction = "AWAITING_ACTION",
        /// The hook runs.
        InProgress = "IN_PROGRESS",
        /// The deployment may go on.
        Succeeded = "SUCCEEDED",
        /// The deployment is to go back.
        Failed = "FAILED",
        /// The hook waited for as long as it may.
        TimedOut = "TIMED_OUT",
    }
}

words! {
    /// What becomes of a paused deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html>).
    HookAction {
        /// It goes on.
        Continue = "CONTINUE",
        /// ECS takes it back.
        Rollback = "ROLLBACK",
    }
}

impl Serialize for HookAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HookAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self::from(&*word))
    }
}

words! {
    /// The `status` of a task definition's revision
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-definition-state.html>).
    TaskDefinitionStatus {
        /// Services and tasks can be given the revision.
        Active = "ACTIVE",
        /// The revision was deregistered: what runs it goes on, and nothing else is given it.
        Inactive = "INACTIVE",
        /// The revision is about to be deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
    }
}

words! {
    /// The `lastStatus` and the `desiredStatus` of a task
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
    TaskStatus {
        /// ECS prepares the task, for example its network interface.
        Provisioning = "PROVISIONING",
        /// The task waits for an instance and its images.
        Pending = "PENDING",
        /// The task is registered with target groups and Cloud Map.
        Activating = "ACTIVATING",
        /// The task's containers run.
        Running = "RUNNING",
        /// The task is deregistered from target groups and Cloud Map.
        Deactivating = "DEACTIVATING",
        /// The task's containers are being stopped.
        Stopping = "STOPPING",
        /// ECS cleans up after the task, for example its network interface.
        Deprovisioning = "DEPROVISIONING",
        /// The task has ended.
        Stopped = "STOPPED",
    }
}

words! {
    /// The `stopCode` of a task (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
    StopCode {
        /// A container ended without which the task is none.
        EssentialContainerExited = "EssentialContainerExited",
        /// The task failed to start.
        TaskFailedToStart = "TaskFailedToStart",
        /// A user or a program stopped the task.
        UserInitiated = "UserInitiated",
        /// The task's service stopped it.
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        /// AWS took back the task's spot capacity.
        SpotInterruption = "SpotInterruption",
        /// The task's instance was terminated.
        TerminationNotice = "TerminationNotice",
    }
}

words! {
    /// The `healthStatus` of a task (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
    HealthStatus {
        /// The health checks of the task's containers pass.
        Healthy = "HEALTHY",
        /// A health check of the task's containers fails.
        Unhealthy = "UNHEALTHY",
        /// None has been asked yet, or there are none.
        Unknown = "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_and_written_alike_also_one_that_nobody_knows_yet() {
        for word in ["PENDING", "ROLLBACK_FAILED", "PAUSED", ""] {
            assert_eq!(ServiceDeploymentStatus::from(word).to_string(), word);
        }
        let known = ServiceStatus::from("DRAINING");
        assert_eq!(known, ServiceStatus::Draining);
        let unknown = ServiceStatus::from("draining");
        assert_eq!(unknown, ServiceStatus::Other("draining".into()));
    }

    #[test]
    fn a_service_deployment_says_whether_ecs_goes_back_by_itself() {
        for (word, is_rollback, is_on_its_way_back) in [
            ("PENDING", false, false),
            ("IN_PROGRESS", false, false),
            ("SUCCESSFUL", false, false),
            ("STOP_REQUESTED", false, true),
            ("STOPPED", false, false),
            ("ROLLBACK_REQUESTED", true, true),
            ("ROLLBACK_IN_PROGRESS", true, true),
            ("ROLLBACK_SUCCESSFUL", true, false),
            ("ROLLBACK_FAILED", true, false),
        ] {
            let status = ServiceDeploymentStatus::from(word);
            assert_eq!(status.is_rollback(), is_rollback, "{word}");
            assert_eq!(status.is_on_its_way_back(), is_on_its_way_back, "{word}");
        }
    }
}
