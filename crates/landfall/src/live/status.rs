//! The words with which ECS says how things stand. Each is read once, where ECS's answers are; a word that a later API adds
//! is kept as it came.

use std::fmt;

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
        /// It takes services.
        Active = "ACTIVE",
        /// It is on its way up.
        Provisioning = "PROVISIONING",
        /// It is on its way down.
        Deprovisioning = "DEPROVISIONING",
        /// It did not come up.
        Failed = "FAILED",
        /// It was deleted.
        Inactive = "INACTIVE",
    }
}

words! {
    /// The `status` of a service (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>).
    ServiceStatus {
        /// It runs tasks.
        Active = "ACTIVE",
        /// It is being deleted, and its tasks stop.
        Draining = "DRAINING",
        /// It was deleted.
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
        /// Whoever makes task sets.
        External = "EXTERNAL",
    }
}

words! {
    /// The `schedulingStrategy` of a service (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>).
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
        /// One that is over.
        Inactive = "INACTIVE",
    }
}

words! {
    /// The `rolloutState` of a deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
    RolloutState {
        /// Its tasks run.
        Completed = "COMPLETED",
        /// ECS gave it up.
        Failed = "FAILED",
        /// It is under way.
        InProgress = "IN_PROGRESS",
    }
}

words! {
    /// The `status` of a service deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>).
    ServiceDeploymentStatus {
        /// It has not begun.
        Pending = "PENDING",
        /// It is under way.
        InProgress = "IN_PROGRESS",
        /// It brought what it was to bring.
        Successful = "SUCCESSFUL",
        /// ECS was asked to stop it.
        StopRequested = "STOP_REQUESTED",
        /// It was stopped.
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
    /// The `lastStatus` and the `desiredStatus` of a task
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
    TaskStatus {
        /// Its network is made.
        Provisioning = "PROVISIONING",
        /// It waits for an instance and its images.
        Pending = "PENDING",
        /// It is registered where it is to be found.
        Activating = "ACTIVATING",
        /// Its containers run.
        Running = "RUNNING",
        /// It is taken out of where it is to be found.
        Deactivating = "DEACTIVATING",
        /// Its containers are being stopped.
        Stopping = "STOPPING",
        /// Its network is taken down.
        Deprovisioning = "DEPROVISIONING",
        /// It has ended.
        Stopped = "STOPPED",
    }
}

words! {
    /// The `stopCode` of a task (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
    StopCode {
        /// A container ended without which the task is none.
        EssentialContainerExited = "EssentialContainerExited",
        /// It did not come up.
        TaskFailedToStart = "TaskFailedToStart",
        /// Somebody stopped it.
        UserInitiated = "UserInitiated",
        /// Its service wanted it no longer.
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        /// Its spot capacity was taken.
        SpotInterruption = "SpotInterruption",
        /// Its instance went.
        TerminationNotice = "TerminationNotice",
    }
}

words! {
    /// The `healthStatus` of a task (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
    HealthStatus {
        /// Its containers' health checks pass.
        Healthy = "HEALTHY",
        /// One fails.
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
