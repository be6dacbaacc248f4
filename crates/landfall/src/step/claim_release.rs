//! Step `ClaimRelease`: the sole right to change a service, for the newest release that has no verdict.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    desired::{DesiredState, GoodRelease},
    live::ExecutionStatus,
    record::{Ending, Release, Verdict},
    service_id::ServiceId,
};

/// How many executions may try to deploy one release before it is given up. The next execution only rolls
/// back; should it die as well, the one after it only concludes. Those that ended while ECS had paused the deployment do not
/// count: a pause may be longer than an execution, and how that ends says nothing about the release.
pub const MAX_ATTEMPTS: u32 = 3;

/// For how long an execution that started may be unknown to `DescribeExecution`, which is eventually consistent
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>). AWS names no time; it is
/// seconds, and the claim of a holder that is gone loses nothing by a few minutes more.
const UNKNOWN_AT_FIRST: SignedDuration = SignedDuration::from_mins(5);

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
}

/// What the step answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// What the execution does next.
    pub action: Action,
    /// The claimed release, unless there is nothing to do.
    pub release: Option<Release>,
    /// How many executions have taken up this release, this one included.
    pub attempt: u32,
    /// Whether ECS may have another `service` section than the release's, so that all of it has to be sent.
    pub apply_service: bool,
    /// Whether the section that ECS was last given is the last good release's: what differs from it in ECS, people and
    /// schedules have set since.
    #[serde(default)]
    pub from_good: bool,
    /// The release to go back to.
    pub last_good: Option<GoodRelease>,
    /// The verdict that only has to be written down.
    pub ending: Option<Ending>,
    /// After how many seconds to ask again; 0 unless it has to wait.
    pub wait_seconds: u64,
    /// Since when this execution holds the claim, if it deploys.
    #[serde(default)]
    pub claimed_at: Option<Timestamp>,
}

/// What an execution does after it asked for the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The execution holds the claim: deploy the release.
    Deploy,
    /// The execution holds the claim, but too many executions died of this release: roll it back.
    GiveUp,
    /// The execution holds the claim: only conclude the release.
    Conclude,
    /// A live execution holds the claim and will see what is desired.
    Joined,
    /// The holder of the claim has ended, but a call of its last function may still arrive: ask again.
    Wait,
    /// Every release has its verdict.
    Settled,
    /// The service is on hold, and nothing that was begun is left to end.
    Held,
}

/// What is known of the execution that holds the claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Holder {
    /// No execution holds the claim, or this execution does and has recorded no ending.
    NobodyElse,
    /// This execution, which did not hear that it got the claim, with the ending that is recorded for the release of
    /// its claim: a dead holder's, whose conclusion it took over.
    Myself(Ending),
    /// Another execution, which has ended, and whose last function can do nothing any more. With the ending that it had
    /// recorded for the release of its claim, if any.
    Dead(Option<Ending>),
}

impl DesiredState {
    /// Whether the execution that holds the claim may still run, given what Step Functions says of it. One that it does not
    /// know has just started, if it took the claim a moment ago; otherwise it ended long ago. (A claim from before the
    /// time was written is at most as old as its release.)
    pub fn holder_may_run(&self, status: ExecutionStatus, now: Timestamp) -> bool {
        let Some(claim) = &self.claim else {
            return false;
        };
        let release = || {
            let mut open = self.open.iter();
            open.find(|release| release.number == claim.release)
        };
        let taken_at = claim
            .taken_at
            .or_else(|| release().map(|release| release.created_at));
        match status {
            ExecutionStatus::Runs => true,
            ExecutionStatus::Ended(_) => false,
            ExecutionStatus::Unknown => {
                taken_at.is_some_and(|taken_at| now.duration_since(taken_at) < UNKNOWN_AT_FIRST)
            }
        }
    }
}

/// What to do, and the desired state to write first.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The answer.
    pub output: Output,
    /// The desired state that makes it true; none if nothing changes.
    pub write: Option<DesiredState>,
}

/// Decides who goes on, and with what.
pub fn decide(desired: &DesiredState, me: &str, holder: Holder) -> Decision {
    let recorded = match holder {
        Holder::NobodyElse => None,
        Holder::Myself(recorded) => Some(recorded),
        Holder::Dead(recorded) => recorded,
    };
    let previous = desired.claim.as_ref();
    if let (Some(ending), Some(claim)) = (recorded, previous)
        && let Some(release) = desired
            .open
            .iter()
            .find(|release| release.number == claim.release)
    {
        return Decision::conclude(desired, me, release, claim.attempt, ending);
    }
    let Some(release) = desired.next_release() else {
        let action = match desired.hold {
            Some(_) => Action::Held,
            None => Action::Settled,
        };
        return Decision {
            output: Output::without_claim(action),
            write: None,
        };
    };
    let attempt = match previous {
        Some(claim) if claim.release != release.number => 1,
        Some(claim) if claim.execution == me => claim.attempt,
        Some(claim) => claim.attempt + 1,
        None => 1,
    };
    let mut claimed = desired.clone();
    claimed.take_claim(me, release.number, attempt);
    let spared = claimed.claim.as_ref().map_or(0, |claim| claim.spared);
    let counted = attempt - spared.min(attempt);
    if counted > MAX_ATTEMPTS + 1 {
        let reason = "every execution died while it worked on this release, also the one that rolled it back; their \
                      history in Step Functions says how"
            .into();
        let ending = Ending {
            verdict: Verdict::Failed,
            reason,
            task_definition: None,
            diagnosis: None,
        };
        return Decision::conclude(desired, me, release, attempt, ending);
    }
    let apply_service = desired.applied_file.as_ref() != Some(&release.content.file);
    let applied = claimed.claim.as_ref();
    let applied = applied.and_then(|claim| claim.applied_file.as_ref());
    let good = desired.last_good.as_ref().map(|good| &good.content.file);
    let from_good = good.is_some() && applied == good;
    if apply_service {
        claimed.applied_file = None;
    }
    Decision {
        output: Output {
            action: if counted > MAX_ATTEMPTS {
                Action::GiveUp
            } else {
                Action::Deploy
            },
            release: Some(release.clone()),
            attempt,
            apply_service,
            from_good,
            last_good: desired.last_good.clone(),
            ending: None,
            wait_seconds: 0,
            claimed_at: None,
        },
        write: (claimed != *desired).then_some(claimed),
    }
}

impl Output {
    /// The claim is left to a live holder, which was woken.
    pub(crate) fn joined() -> Self {
        Self::without_claim(Action::Joined)
    }

    /// The claim of a holder that has ended is asked for again after so many seconds.
    pub(crate) fn wait(seconds: u64) -> Self {
        Self {
            wait_seconds: seconds,
            ..Self::without_claim(Action::Wait)
        }
    }

    fn without_claim(action: Action) -> Self {
        Self {
            action,
            release: None,
            attempt: 0,
            apply_service: false,
            from_good: false,
            last_good: None,
            ending: None,
            wait_seconds: 0,
            claimed_at: None,
        }
    }
}

impl Decision {
    fn conclude(
        desired: &DesiredState,
        me: &str,
        release: &Release,
        attempt: u32,
        ending: Ending,
    ) -> Self {
        let mut claimed = desired.clone();
        claimed.take_claim(me, release.number, attempt);
        let output = Output {
            action: Action::Conclude,
            release: Some(release.clone()),
            attempt,
            apply_service: false,
            from_good: false,
            last_good: desired.last_good.clone(),
            ending: Some(ending),
            wait_seconds: 0,
            claimed_at: None,
        };
        Self {
            output,
            write: (claimed != *desired).then_some(claimed),
        }
    }
}

#[cfg(test)]
mod tests;
