//! Step `RollBack`: from a bad release to the last good one; without one, to nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use crate::undone::{Action, Undone as Output};
use crate::{
    desired::{DesiredState, GoodRelease},
    drift::Whose,
    failure::{Course, Failure, Stage},
    live::{
        Balancer, Controller, DeploymentStatus, LiveDeployment, LiveService, Rollout, Scheduling,
        deployment_seconds,
    },
    record::{Release, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
    service_section::section,
};

/// How long, in seconds, ECS may take for the way back.
pub const TIMEOUT_SECONDS: u64 = 1800;

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The bad release.
    pub release: Release,
    /// How far this execution came with it.
    #[serde(flatten)]
    pub course: Course,
    /// What went wrong with it, as executions say that began under a definition without [`Course`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Input {
    /// What went wrong with the release.
    pub fn failure(&self) -> Failure {
        match &self.failure {
            Some(failure) => failure.clone(),
            None => self.course.failure(),
        }
    }
}

/// How to undo a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Give it the last good release, with its whole `service` section if that may differ.
    Revert {
        /// The last good release.
        good: GoodRelease,
        /// Whether its `service` section has to be sent too.
        apply_service: bool,
    },
    /// Give it the revision that it ran before Landfall came.
    RevertTo {
        /// The revision's ARN.
        task_definition: String,
    },
    /// Wait for ECS, which is on its way to this revision.
    LeaveToEcs {
        /// The revision's ARN.
        task_definition: String,
    },
    /// Set the desired count to 0.
    Stop,
    /// Do nothing.
    Nothing,
    /// Do nothing: there is no service.
    Gone,
    /// Do nothing: somebody else gave it this revision.
    LeaveToStranger {
        /// The revision's ARN.
        task_definition: String,
    },
}

/// Where what a service runs came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Whose the revision of its primary deployment is; none if it has no such deployment.
    pub whose: Option<Whose>,
    /// The revision that the service ran when Landfall first changed it, if somebody else had made it, or that an operator
    /// let Landfall replace since. It only matters where the service runs Landfall's attempt, and nothing has proved good.
    pub way_back: Option<String>,
}

/// Decides from what ECS says, and from what is known to be good.
pub fn plan(
    desired: &DesiredState,
    live: Option<&LiveService>,
    stage: Stage,
    provenance: &Provenance,
) -> Plan {
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Plan::Gone;
    };
    // ECS would refuse every change, so the release made none.
    if live.controller != Controller::Ecs {
        return Plan::Nothing;
    }
    let primary = live
        .primary()
        .map(|primary| primary.task_definition.as_str());
    let Some(good) = &desired.last_good else {
        return without_good(live, primary, stage, provenance);
    };
    // A release that has not touched the service leaves the section that ECS had when it was claimed.
    let untouched = desired.claim.as_ref().filter(|_| stage == Stage::Task);
    let applied = untouched.and_then(|claim| claim.applied_file.as_ref());
    let applied = applied.or(desired.applied_file.as_ref());
    let service_is_good = applied == Some(&good.content.file);
    let revision = &good.task_definition.arn;
    match primary {
        Some(primary) if primary == revision && service_is_good && live.is_steady() => {
            Plan::Nothing
        }
        Some(primary) if primary == revision && service_is_good => Plan::LeaveToEcs {
            task_definition: revision.clone(),
        },
        Some(primary) if matches!(provenance.whose, Some(Whose::Foreign | Whose::OwnersOwn)) => {
            Plan::LeaveToStranger {
                task_definition: primary.to_owned(),
            }
        }
        _ => Plan::Revert {
            good: good.clone(),
            apply_service: !service_is_good,
        },
    }
}

/// There is no good release yet. What somebody else had put there before Landfall came counts as good; what Landfall
/// put there does not; and what somebody else put there since is theirs.
fn without_good(
    live: &LiveService,
    primary: Option<&str>,
    stage: Stage,
    provenance: &Provenance,
) -> Plan {
    let nothing_runs = live.desired_count == 0 && live.running_count + live.pending_count == 0;
    let runs = provenance.whose.zip(primary);
    match (runs, &provenance.way_back) {
        // Once the release had been rolled out, only ECS can have taken it back, even if it is done with that by now.
        (Some((Whose::Accepted | Whose::Adopted, revision)), _)
            if !live.is_steady() || matches!(stage, Stage::Rollout | Stage::Health) =>
        {
            Plan::LeaveToEcs {
                task_definition: revision.to_owned(),
            }
        }
        (Some((Whose::Accepted | Whose::Adopted, _)), _) => Plan::Nothing,
        (Some((Whose::OwnersOwn | Whose::Foreign, revision)), _) => Plan::LeaveToStranger {
            task_definition: revision.to_owned(),
        },
        // Landfall never came so far.
        (Some((Whose::Adoptable, _)), _) => Plan::Nothing,
        (Some((Whose::OurAttempt, _)), Some(way_back)) => Plan::RevertTo {
            task_definition: way_back.clone(),
        },
        (Some((Whose::OurAttempt | Whose::Good, _)) | None, _) => {
            let untouched = matches!(stage, Stage::Refused | Stage::Task);
            if untouched || nothing_runs || live.scheduling_strategy == Scheduling::Daemon {
                Plan::Nothing
            } else {
                Plan::Stop
            }
        }
    }
}

impl Plan {
    /// Whether ECS can be told to give the requests back to the last good release, whose tasks are still up beside the bad
    /// ones: that takes no new tasks, and no bake time.
    pub fn can_be_left_to_ecs(&self, live: Option<&LiveService>) -> bool {
        let (Self::Revert { good, .. }, Some(live)) = (self, live) else {
            return false;
        };
        let has_two = live
            .balancers
            .iter()
            .any(|balancer| balancer.alternate.is_some());
        let is_up = |deployment: &LiveDeployment| {
            deployment.status != DeploymentStatus::Primary
                && deployment.task_definition == good.task_definition.arn
                && deployment.running_count >= live.desired_count.max(1)
        };
        has_two && live.deployments.iter().any(is_up)
    }

    /// The verdict of the release once the plan is carried out.
    pub fn verdict(&self, desired: &DesiredState, stage: Stage) -> Verdict {
        match (self, stage) {
            (Self::LeaveToStranger { .. }, _) => Verdict::Drifted,
            (_, Stage::Refused) => Verdict::Rejected,
            (Self::Revert { .. } | Self::RevertTo { .. } | Self::LeaveToEcs { .. }, _) => {
                Verdict::RolledBack
            }
            (Self::Nothing, Stage::Rollout | Stage::Health) if desired.last_good.is_some() => {
                Verdict::RolledBack
            }
            (Self::Nothing | Self::Gone | Self::Stop, _) => Verdict::Failed,
        }
    }

    /// What is done, for the state machine.
    pub fn action(&self) -> Action {
        match self {
            Self::Revert { .. } | Self::RevertTo { .. } => Action::Reverted,
            Self::LeaveToEcs { .. } => Action::LeftToEcs,
            Self::Stop => Action::Stopped,
            Self::Nothing | Self::Gone | Self::LeaveToStranger { .. } => Action::NothingToUndo,
        }
    }

    /// What is done, for people, about a release that gets this verdict.
    pub fn told(&self, verdict: Verdict) -> String {
        match self {
            Self::Revert { good, .. } => format!("the service was given release {} again", good.number),
            Self::RevertTo { task_definition } => format!("the service was given {task_definition} again"),
            Self::LeaveToEcs { task_definition } => format!("ECS took the service back to {task_definition} by itself"),
            Self::Stop => "no release was ever good, so the service's desired count was set to 0: nothing runs until the \
                           next release"
                .into(),
            Self::Nothing if verdict == Verdict::RolledBack => "ECS had taken the service back by itself already".into(),
            Self::Nothing => "the service was not changed".into(),
            Self::Gone => "there is no service to change".into(),
            Self::LeaveToStranger { task_definition } => {
                format!("the service runs {task_definition}, which somebody else gave it: it was left alone")
            }
        }
    }

    /// What to wait for; `file` is what was sent with it, if anything.
    pub fn rollout(
        &self,
        now: Timestamp,
        file: Option<&ServiceFile>,
        live: Option<&LiveService>,
    ) -> Option<Rollout> {
        let task_definition = match self {
            Self::Revert { good, .. } => Some(good.task_definition.arn.clone()),
            Self::RevertTo { task_definition } | Self::LeaveToEcs { task_definition } => {
                Some(task_definition.clone())
            }
            Self::Stop => None,
            Self::Nothing | Self::Gone | Self::LeaveToStranger { .. } => return None,
        };
        Some(Rollout {
            task_definition,
            started_at: now,
            timeout_seconds: deployment_seconds(TIMEOUT_SECONDS, file, live),
        })
    }

    /// What `UpdateService` is sent, if anything; `file` is the last good release's, and `balancer` what that one is
    /// reached by.
    pub fn body(
        &self,
        service: &ServiceId,
        file: Option<&ServiceFile>,
        balancer: Option<&Balancer>,
        live: Option<&LiveService>,
    ) -> Option<Map<String, Value>> {
        let mut body = match self {
            Self::Revert { good, .. } => {
                let mut body = match file {
                    Some(file) => section(file, service, balancer, live),
                    None => Map::new(),
                };
                body.insert("taskDefinition".into(), json!(good.task_definition.arn));
                body
            }
            Self::RevertTo { task_definition } => {
                Map::from_iter([("taskDefinition".into(), json!(task_definition))])
            }
            Self::Stop => Map::from_iter([("desiredCount".into(), json!(0))]),
            Self::LeaveToEcs { .. } | Self::Nothing | Self::Gone | Self::LeaveToStranger { .. } => {
                return None;
            }
        };
        body.insert("cluster".into(), json!(service.cluster()));
        body.insert("service".into(), json!(service.service()));
        Some(body)
    }
}

#[cfg(test)]
mod tests;
