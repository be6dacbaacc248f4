//! Step `RollBack`: from a bad release to the last good one; without one, to nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

pub use crate::undone::{Action, Undone as Output};
use crate::{
    change::{Call, Change, Count, Obstacle, ServiceTags},
    course::Course,
    desired::{DesiredState, GoodRelease},
    drift::Whose,
    evidence::{Against, Brought, of_rollout},
    failure::{Failure, Stage},
    live::{
        Balancer, Controller, DeploymentStatus, EndedTask, LiveDeployment, LiveService, Rollout,
        Scheduling,
    },
    record::{Release, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
    service_section::{
        changes_count, deployment_seconds, section, shown_count, tag_changes, with_resets,
    },
    target_group::leaves_behind,
};

/// How long, in seconds, ECS may take for the roll-back.
pub const TIMEOUT_SECONDS: u64 = 1800;

/// How many tries of this step fail for a service deployment that ECS does not list or end, before it goes back without that:
/// about four minutes, by the state machine's `Retry`. A deployment of its own then brings the last good release, if more
/// slowly.
pub const TRIES_TO_STOP: u32 = 12;

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
    /// How often the state machine has tried this step again.
    #[serde(default)]
    pub retries: u32,
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

/// Which way back it is from a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
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
        /// The ARN of the revision that it is a copy of, if that was deregistered.
        copy_of: Option<String>,
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
    /// Do nothing: the service was given this foreign revision.
    LeaveForeign {
        /// The revision's ARN.
        task_definition: String,
    },
}

/// Whose revision a service runs, and what it ran before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Whose the revision of its primary deployment is; none if it has no such deployment.
    pub whose: Option<Whose>,
    /// The revision that the service ran when Landfall first changed it, if Landfall had not created it, or that an
    /// operator let Landfall replace since. It only matters where the service runs Landfall's attempt, and nothing has
    /// proved good.
    pub way_back: Option<String>,
    /// Whether what an earlier release gave the service fails, or has not come up in all this time ([`stands`]). It only
    /// matters where [`inherits_unjudged`].
    pub fails: bool,
}

/// Finds the way back, from what ECS says and from what is known to be good.
pub fn way_back(
    desired: &DesiredState,
    live: Option<&LiveService>,
    stage: Stage,
    provenance: &Provenance,
) -> Way {
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Way::Gone;
    };
    // ECS would refuse every change, so the release made none.
    if live.controller != Controller::Ecs {
        return Way::Nothing;
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
    // What changed nothing leaves the release of which no task ran, too.
    let has_unproven = desired.unproven.as_ref().is_some_and(|unproven| {
        primary == Some(&*unproven.task_definition) && applied == Some(&unproven.file)
    });
    if is_untouched(stage) && has_unproven && live.is_steady() {
        return Way::Nothing;
    }
    match primary {
        Some(primary) if primary == revision && service_is_good && live.is_steady() => Way::Nothing,
        Some(primary) if primary == revision && service_is_good => Way::LeaveToEcs {
            task_definition: revision.clone(),
        },
        Some(primary) if matches!(provenance.whose, Some(Whose::Foreign | Whose::OfOwner)) => {
            Way::LeaveForeign {
                task_definition: primary.to_owned(),
            }
        }
        _ => Way::Revert {
            good: good.clone(),
            apply_service: !service_is_good,
        },
    }
}

/// Whether the service runs tasks of an earlier release of Landfall's that got no verdict of its own: this release took its
/// place, and failed before it changed the service. Nothing else will ever judge them, nor stop them if they are bad.
pub fn inherits_unjudged(
    desired: &DesiredState,
    live: &LiveService,
    stage: Stage,
    provenance: &Provenance,
) -> bool {
    desired.last_good.is_none()
        && provenance.whose == Some(Whose::OurAttempt)
        && provenance.way_back.is_none()
        && is_untouched(stage)
        && !runs_nothing(live)
}

/// Whether what an earlier release gave the service is up: all its tasks run, and none of them has ended for its own sake
/// within the hour for which ECS remembers. None while neither that nor the contrary shows.
pub fn stands(live: &LiveService, ended: &[EndedTask]) -> Option<bool> {
    let primary = live.primary()?;
    let revision = &primary.task_definition;
    let brought = Brought::new();
    let against = of_rollout(ended, None, revision, Timestamp::UNIX_EPOCH, &brought);
    let failed = against
        .is_some_and(|evidence| matches!(evidence.against, Against::Release | Against::File));
    match (failed, live.is_steady()) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

/// Whether the release failed before it changed the service.
const fn is_untouched(stage: Stage) -> bool {
    matches!(stage, Stage::Refused | Stage::Task)
}

const fn runs_nothing(live: &LiveService) -> bool {
    live.desired_count == 0 && live.running_count + live.pending_count == 0
}

/// Decides where there is no good release yet. The revision that an adopted service ran before Landfall's first change
/// counts as good; Landfall's revisions do not; and a foreign revision that came since is left alone.
fn without_good(
    live: &LiveService,
    primary: Option<&str>,
    stage: Stage,
    provenance: &Provenance,
) -> Way {
    let runs = provenance.whose.zip(primary);
    match (runs, &provenance.way_back) {
        // Once the release had been rolled out, only ECS can have taken it back, even if it is done with that by now.
        (Some((Whose::Accepted | Whose::Adopted, revision)), _)
            if !live.is_steady() || matches!(stage, Stage::Rollout | Stage::Health) =>
        {
            Way::LeaveToEcs {
                task_definition: revision.to_owned(),
            }
        }
        (Some((Whose::Accepted | Whose::Adopted, _)), _) => Way::Nothing,
        (Some((Whose::OfOwner | Whose::Foreign, revision)), _) => Way::LeaveForeign {
            task_definition: revision.to_owned(),
        },
        // Landfall never came so far.
        (Some((Whose::Adoptable, _)), _) => Way::Nothing,
        (Some((Whose::OurAttempt, _)), Some(way_back)) => Way::RevertTo {
            task_definition: way_back.clone(),
            copy_of: None,
        },
        (Some((Whose::OurAttempt | Whose::Good, _)) | None, _) => {
            let left = is_untouched(stage) && !provenance.fails;
            if left || runs_nothing(live) || live.scheduling_strategy == Scheduling::Daemon {
                Way::Nothing
            } else {
                Way::Stop
            }
        }
    }
}

impl Way {
    /// Whether ECS can be told to go back to the last good release by itself. Where that release's tasks are still up beside
    /// the bad ones, this gives the requests back to them: it takes no new tasks, and no bake time. Where deployments have
    /// pause hooks, these hold every new deployment, but not ECS's own way back.
    pub fn can_be_left_to_ecs(&self, live: Option<&LiveService>) -> bool {
        let Some(live) = live else {
            return false;
        };
        let has_two = live
            .balancers
            .iter()
            .any(|balancer| balancer.alternate.is_some());
        (live.pauses && self.old_deployments(live).next().is_some())
            || (has_two && self.old_tasks_are_up(Some(live)))
    }

    /// Whether all tasks of the last good release are still up in the deployment that they came with: ECS can keep those if
    /// it is told to end the newer deployment, and needs no place for others.
    pub fn old_tasks_are_up(&self, live: Option<&LiveService>) -> bool {
        live.is_some_and(|live| {
            self.old_deployments(live)
                .any(|deployment| deployment.running_count >= live.desired_count.max(1))
        })
    }

    /// The deployments that brought the last good release and have made room for a newer one.
    fn old_deployments<'a>(
        &'a self,
        live: &'a LiveService,
    ) -> impl Iterator<Item = &'a LiveDeployment> {
        let revision = match self {
            Self::Revert { good, .. } => Some(&good.task_definition.arn),
            _ => None,
        };
        live.deployments.iter().filter(move |deployment| {
            deployment.status != DeploymentStatus::Primary
                && Some(&deployment.task_definition) == revision
        })
    }

    /// The verdict of the release once the plan is carried out.
    pub fn verdict(&self, desired: &DesiredState, stage: Stage) -> Verdict {
        match (self, stage) {
            (Self::LeaveForeign { .. }, _) => Verdict::Drifted,
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

    /// The action, for the state machine.
    pub fn action(&self) -> Action {
        match self {
            Self::Revert { .. } | Self::RevertTo { .. } => Action::Reverted,
            Self::LeaveToEcs { .. } => Action::LeftToEcs,
            Self::Stop => Action::Stopped,
            Self::Nothing | Self::Gone | Self::LeaveForeign { .. } => Action::NothingToUndo,
        }
    }

    /// The action in a sentence, about a release that gets this verdict. `by_ecs` says that ECS took back its own
    /// deployment when it was asked to end it.
    pub fn undone(&self, verdict: Verdict, by_ecs: bool) -> String {
        match self {
            Self::Revert { good, .. } if by_ecs => format!(
                "ECS was asked to end its deployment, and takes the service back to release {}",
                good.number
            ),
            Self::Revert { good, .. } => format!("the service was given release {} again", good.number),
            Self::RevertTo {
                task_definition,
                copy_of: None,
            } => format!("the service was given {task_definition} again"),
            Self::RevertTo {
                task_definition,
                copy_of: Some(gone),
            } => format!(
                "the service was given {task_definition}, a copy that Landfall registered of {gone}, which is deregistered"
            ),
            Self::LeaveToEcs { task_definition } => format!("ECS took the service back to {task_definition} by itself"),
            Self::Stop => "no release was ever good, so the service's desired count was set to 0: nothing runs until the \
                           next release"
                .into(),
            Self::Nothing if verdict == Verdict::RolledBack => "ECS had taken the service back by itself already".into(),
            Self::Nothing => "the service was not changed".into(),
            Self::Gone => "there is no service to change".into(),
            Self::LeaveForeign { task_definition } => {
                format!("the service runs {task_definition}, which somebody else gave it: it was left alone")
            }
        }
    }

    /// Whether the last good release's `service` section is sent.
    pub fn sends_section(&self) -> bool {
        matches!(
            self,
            Self::Revert {
                apply_service: true,
                ..
            }
        )
    }

    /// The revision that the service will run, none if it is to run nothing; nothing at all if there is nothing to wait
    /// for.
    fn target(&self) -> Option<Option<&String>> {
        match self {
            Self::Revert { good, .. } => Some(Some(&good.task_definition.arn)),
            Self::RevertTo {
                task_definition, ..
            }
            | Self::LeaveToEcs { task_definition } => Some(Some(task_definition)),
            Self::Stop => Some(None),
            Self::Nothing | Self::Gone | Self::LeaveForeign { .. } => None,
        }
    }
}

/// The service files that the decision needs, and what was read for them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The last good release's, its tasks registered where it says: if its section is sent, or another of these files has an
    /// `ingress`.
    pub good: Option<ServiceFile>,
    /// The bad release's, if it is another one and the service is not left alone.
    pub bad: Option<ServiceFile>,
    /// The files of the other releases that may have changed the service or what is around it: if the last good one's section is
    /// sent, of all whose sections ECS may have ([`given_by`](crate::service_section::given_by)).
    pub given: Vec<ServiceFile>,
    /// What the last good release is reached by, if its section is sent and has an `ingress`.
    pub balancer: Option<Balancer>,
}

/// How a release is undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// Which way back it is.
    pub way: Way,
    /// The verdict of the release once that is done.
    pub verdict: Verdict,
    /// Whether ECS is asked first to end the deployment that is under way: that gives the requests back to tasks that
    /// are still up. Only if it does not, the change is made.
    pub stops_deployment: bool,
    /// The change to make and wait for; none if there is nothing to wait for.
    pub change: Option<Change>,
    /// Whether a listener rule or a target group that only the release asked for has to go, once the service is back.
    pub ingress: bool,
}

/// Decides how a release is undone on this way back.
pub fn plan(
    desired: &DesiredState,
    live: Option<&LiveService>,
    stage: Stage,
    way: Way,
    files: &Files,
    now: Timestamp,
) -> Undo {
    let (good, bad) = (files.good.as_ref(), files.bad.as_ref());
    Undo {
        verdict: way.verdict(desired, stage),
        stops_deployment: way.can_be_left_to_ecs(live),
        change: change(desired, live, &way, files, now),
        ingress: bad
            .into_iter()
            .chain(&files.given)
            .any(|earlier| leaves_behind(earlier, good, &desired.service, live)),
        way,
    }
}

fn change(
    desired: &DesiredState,
    live: Option<&LiveService>,
    way: &Way,
    files: &Files,
    now: Timestamp,
) -> Option<Change> {
    let task_definition = way.target()?.cloned();
    let service = &desired.service;
    let bad = files.bad.as_ref();
    let sent = files.good.as_ref().filter(|_| way.sends_section());
    let sent = sent.map(|good| with_resets(good.clone(), bad.into_iter().chain(&files.given)));
    let mut body = match (&sent, way) {
        (_, Way::LeaveToEcs { .. }) => None,
        (Some(file), _) => Some(section(file, service, files.balancer.as_ref(), live)),
        (None, Way::Stop) => Some(Map::from_iter([("desiredCount".to_owned(), json!(0))])),
        (None, _) => Some(Map::new()),
    };
    let mut count = Count::Keep;
    if let Some(body) = &mut body {
        if let (Some(live), Way::Revert { .. }) = (live, way)
            && changes_count(body, shown_count(desired, live, now))
        {
            count = Count::DropUnlessOwned;
        }
        body.extend(
            task_definition
                .iter()
                .map(|arn| ("taskDefinition".to_owned(), json!(arn))),
        );
        body.insert("cluster".into(), json!(service.cluster()));
        body.insert("service".into(), json!(service.service()));
    }
    let tags = match (way, &sent, bad, live) {
        (Way::Revert { good, .. }, Some(file), Some(bad), Some(live)) => Some(ServiceTags {
            arn: live.arn.clone(),
            changes: tag_changes(file, Some(bad), good.number, &live.tags),
        }),
        _ => None,
    };
    // A service that is to run nothing is given no new deployment.
    let given = task_definition.as_ref().filter(|_| body.is_some());
    let obstacle = live.zip(given);
    let obstacle = obstacle.and_then(|(live, given)| Obstacle::to(live, given));
    Some(Change {
        service: service.clone(),
        tags,
        obstacle,
        call: body.map_or(Call::Nothing, Call::Update),
        count,
        rollout: Rollout {
            task_definition,
            started_at: now,
            timeout_seconds: deployment_seconds(TIMEOUT_SECONDS, sent.as_ref(), live),
            deployment: None,
            count_before: live.and_then(LiveService::chosen_count),
        },
    })
}

#[cfg(test)]
mod tests;
