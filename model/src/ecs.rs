//! The service in ECS, as far as the protocol can tell: which revision is primary, how its newest deployment stands, and
//! which `service` section it was given.

use std::collections::BTreeMap;

use landfall::live::{CreatedWith, LiveDeployment, LiveService, LiveServiceDeployment};
use serde_json::{Map, Value};

use crate::{
    clock::{NEWEST_BEGAN, second},
    scenario::Quality,
};

/// The member of the `service` section in which each version of the file differs.
pub(crate) const SECTION: &str = "healthCheckGracePeriodSeconds";

/// The service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Service {
    /// The image of the primary deployment's revision.
    pub(crate) primary: usize,
    /// The image of the revision that last completed a deployment.
    pub(crate) completed: Option<usize>,
    /// How the newest service deployment stands.
    pub(crate) deployment: Deployment,
    /// The version of the service file whose `service` section ECS was given.
    pub(crate) section: u64,
    /// Whether its desired count is not 0.
    pub(crate) wanted: bool,
}

/// How a service deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Deployment {
    InProgress,
    Successful,
    RolledBack,
    Failed,
}

/// The ARN of the revision with this image.
pub(crate) fn revision(image: usize) -> String {
    format!("arn:aws:ecs:eu-west-1:000000000000:task-definition/hello:{image}")
}

fn image(body: &Map<String, Value>) -> Option<usize> {
    let arn = body.get("taskDefinition").and_then(Value::as_str)?;
    arn.rsplit(':').next()?.parse().ok()
}

impl Service {
    /// What `CreateService` or `UpdateService` makes of `before`.
    pub(crate) fn after(before: Option<Self>, body: &Map<String, Value>) -> Option<Self> {
        let section = body.get(SECTION).and_then(Value::as_u64);
        let count = body.get("desiredCount").and_then(Value::as_u64);
        let Some(before) = before else {
            return Some(Self {
                primary: image(body)?,
                completed: None,
                deployment: Deployment::InProgress,
                section: section?,
                wanted: count != Some(0),
            });
        };
        let mut after = before;
        after.primary = image(body).unwrap_or(before.primary);
        after.section = section.unwrap_or(before.section);
        after.wanted = count.map_or(before.wanted, |count| count > 0);
        if !after.wanted {
            after.deployment = Deployment::Successful;
        } else if (after.primary, after.section, after.wanted)
            != (before.primary, before.section, before.wanted)
        {
            after.deployment = Deployment::InProgress;
        }
        Some(after)
    }

    /// Whether ECS has something left to do.
    pub(crate) fn is_moving(&self) -> bool {
        self.deployment == Deployment::InProgress
    }

    /// How a deployment in progress ends, given what becomes of the primary's image.
    pub(crate) fn finished(mut self, quality: Quality) -> Self {
        match (quality, self.completed) {
            (Quality::Good | Quality::FailsChecks, _) => {
                self.completed = Some(self.primary);
                self.deployment = Deployment::Successful;
            }
            (Quality::NeverStarts, Some(completed)) if completed != self.primary => {
                self.primary = completed;
                self.deployment = Deployment::RolledBack;
            }
            (Quality::NeverStarts, _) => self.deployment = Deployment::Failed,
        }
        self
    }

    /// What `DescribeServices` says.
    pub(crate) fn described(&self) -> LiveService {
        let count = i32::from(self.wanted);
        let primary = LiveDeployment {
            id: String::new(),
            status: "PRIMARY".into(),
            task_definition: revision(self.primary),
            rollout_state: Some(
                match self.deployment {
                    Deployment::InProgress => "IN_PROGRESS",
                    Deployment::Successful | Deployment::RolledBack => "COMPLETED",
                    Deployment::Failed => "FAILED",
                }
                .into(),
            ),
            rollout_state_reason: None,
            running_count: i32::from(self.is_steady()),
            failed_tasks: 0,
            created_at: None,
        };
        LiveService {
            status: "ACTIVE".into(),
            controller: "ECS".into(),
            scheduling_strategy: "REPLICA".into(),
            desired_count: count,
            running_count: if self.is_steady() { count } else { 0 },
            pending_count: 0,
            deployments: vec![primary],
            capacity: Vec::new(),
            balancers: Vec::new(),
            revisions: Vec::new(),
            pace_seconds: 0,
            pauses: false,
            events: Vec::new(),
            arn: String::new(),
            tags: BTreeMap::new(),
            created: CreatedWith::default(),
        }
    }

    /// Whether the primary deployment's tasks run.
    pub(crate) fn is_steady(&self) -> bool {
        matches!(
            self.deployment,
            Deployment::Successful | Deployment::RolledBack
        )
    }

    /// What `DescribeServiceDeployments` says of the newest one.
    pub(crate) fn newest_deployment(&self) -> LiveServiceDeployment {
        let status = match self.deployment {
            Deployment::InProgress => "IN_PROGRESS",
            Deployment::Successful => "SUCCESSFUL",
            Deployment::RolledBack => "ROLLBACK_SUCCESSFUL",
            Deployment::Failed => "ROLLBACK_FAILED",
        };
        LiveServiceDeployment {
            task_definition: None,
            arn: String::new(),
            status: status.into(),
            status_reason: None,
            ended_by: None,
            created_at: second(NEWEST_BEGAN),
            stage: None,
            hooks: Vec::new(),
        }
    }
}
