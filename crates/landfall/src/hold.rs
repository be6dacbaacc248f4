//! A hold: nothing changes a service by itself until somebody resumes it.
//!
//! Pushes and service files are still taken up, so that the newest release is known when the hold ends. A release that
//! was begun is brought to its end, with its way back: a service that is left half-way would be worse than either end.
//!
//! The desired state keeps the hold; what it does to one is written here, as a part of that type.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    record::{Release, Verdict},
};

/// Why a service is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// In a sentence.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// What set it.
    pub set_by: SetBy,
}

/// What set a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    /// Somebody who ran `landfall hold`.
    Operator,
    /// Landfall, because somebody else changed the service in ECS.
    Drift,
}

impl DesiredState {
    /// The release that an execution may work on: the newest open one. During a hold only what was begun before.
    ///
    /// A release that took the place of another one on its way counts as begun: ECS may stand between the two.
    pub fn next_release(&self) -> Option<&Release> {
        if self.hold.is_none() {
            return self.newest_open();
        }
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

    /// Sets a hold. One that is there already stays: its reason came first.
    pub fn hold(&mut self, reason: String, set_by: SetBy, now: Timestamp) {
        self.hold.get_or_insert(Hold {
            reason,
            since: now,
            set_by,
        });
    }

    /// Ends the hold, so that the newest release may be deployed.
    ///
    /// `live` is the revision that the service runs. Should it be somebody else's, then whoever resumes lets Landfall
    /// replace it; and where no release waits, what is desired is released anew. Before anything was good, only drift
    /// tells somebody else's from a bad release's.
    pub fn resume(&mut self, live: Option<&str>, now: Timestamp) {
        let hold = self.hold.take();
        let Some((hold, live)) = hold.zip(live).filter(|_| self.claim.is_none()) else {
            return;
        };
        let ended = self.concluded.as_ref().map(|concluded| concluded.verdict);
        let theirs = match &self.last_good {
            Some(good) => good.task_definition.arn != live,
            None => hold.set_by == SetBy::Drift || ended == Some(Verdict::Drifted),
        };
        if !theirs {
            return;
        }
        self.accepted = Some(live.to_owned());
        self.applied_file = None;
        if self.open.is_empty() {
            self.release_anew(now);
        }
    }
}

#[cfg(test)]
mod tests;
