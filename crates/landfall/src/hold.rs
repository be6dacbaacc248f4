//! A hold: no release of a service is started until an operator resumes the service.
//!
//! Pushes and service files are still taken up, so that the newest release is known when the hold ends. A release that
//! was begun is still finished, or rolled back: a service between two revisions would be worse than either of them.
//!
//! The hold is a field of [`DesiredState`]; the methods about it are here, those about a hold that an undecided release
//! left in [`crate::undecided`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    by_hand::HeldAt,
    desired::DesiredState,
    record::{Cause, Release, Verdict},
};

/// Why no release of a service is started, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The reason, in a sentence.
    pub reason: String,
    /// When the hold was set.
    pub since: Timestamp,
    /// Whether an operator or Landfall set the hold.
    pub set_by: SetBy,
    /// The ARN of the operator who did, if one did and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The release by hand at which the service is held, if one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<HeldAt>,
}

/// What set a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    /// An operator, who ran `landfall hold`.
    Operator,
    /// Landfall, because it found a foreign revision in the service.
    Drift,
    /// Landfall, because a release ended undecided: AWS did not answer. A sweep ends this hold once AWS answers again.
    Undecided,
}

impl DesiredState {
    /// The release that an execution may work on: the newest open one; during a hold only the one that an operator releases by
    /// hand, or else one that was begun before it.
    pub fn next_release(&self) -> Option<&Release> {
        match self.hold {
            None => self.newest_open(),
            Some(_) => self.permitted().or_else(|| self.begun()),
        }
    }

    /// The open release that was begun. One that superseded a claimed one counts as begun: the service may run tasks of both.
    pub(crate) fn begun(&self) -> Option<&Release> {
        match (&self.claim, &self.concluded) {
            (Some(claim), _) => self
                .open
                .iter()
                .find(|release| release.number == claim.release),
            (None, Some(concluded)) if concluded.verdict == Verdict::Superseded => {
                self.open.first()
            }
            (None, _) => None,
        }
    }

    /// Sets a hold. A hold that is there already stays, with its reason; but one that ends by itself gives way to one that
    /// does not.
    pub fn hold(&mut self, reason: String, set_by: SetBy, now: Timestamp) {
        let stays = |hold: &Hold| hold.set_by != SetBy::Undecided || set_by == SetBy::Undecided;
        if !self.hold.as_ref().is_some_and(stays) {
            self.hold = Some(Hold {
                reason,
                since: now,
                set_by,
                by: None,
                at: None,
            });
        }
    }

    /// Ends the hold, so that the newest release may be deployed.
    ///
    /// `live` is the ARN of the revision that the service runs. If it is a foreign one, resuming permits Landfall to replace
    /// it; and if no release is open, the desired content is released anew. So it is if the last release was undecided.
    /// Before the first good release, a live revision counts as foreign only if Landfall has found drift: otherwise it may
    /// be a bad release's. After a release by hand, what should run is released if that is something else.
    pub fn resume(&mut self, live: Option<&str>, now: Timestamp) {
        let Some(hold) = self.hold.take() else {
            return;
        };
        if hold.at.is_some() {
            self.release_if_changed(Cause::Resumed, now);
        }
        if self.claim.is_some() {
            return;
        }
        let anew = self.accept_live(live, Some(&hold)) || self.ended() == Some(Verdict::Undecided);
        if anew && self.open.is_empty() {
            self.release_anew(Cause::Resumed, now);
        }
    }

    /// Permits Landfall to replace the revision `live`, which the service runs, if that is a foreign one; whether it is. The
    /// service was held so.
    pub(crate) fn accept_live(&mut self, live: Option<&str>, held: Option<&Hold>) -> bool {
        let drifted = held.is_some_and(|hold| hold.set_by == SetBy::Drift);
        let theirs = live.filter(|live| match &self.last_good {
            _ if self.is_unproven(live) => false,
            Some(good) => good.task_definition.arn != *live,
            None => drifted || self.ended() == Some(Verdict::Drifted),
        });
        if let Some(live) = theirs {
            self.accepted = Some(live.to_owned());
            self.applied_file = None;
        }
        theirs.is_some()
    }

    fn ended(&self) -> Option<Verdict> {
        self.concluded.as_ref().map(|concluded| concluded.verdict)
    }
}

#[cfg(test)]
mod tests;
