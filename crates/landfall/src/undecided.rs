//! Undecided releases: AWS did not answer for so long that nobody knows how a release stands, or could not start its tasks.
//!
//! A look that could not be made says nothing about a release, nor does a call that nobody took. So the service is left
//! as it is, nothing is put into quarantine, and the service is held. Once AWS answers again, a sweep ends the hold and
//! the desired content is released anew; so does an operator who resumes the service. A hold that an operator set stays
//! the operator's.
//!
//! A release whose tasks ECS could not place or start says nothing about itself either. It was seen, so the service is given
//! the last good release again; the rest is the same.
//!
//! Nor does a probe that does not come to the service say anything about the release. ECS has rolled that out and is content,
//! so the service is left as it is; the rest is the same.
//!
//! Whether the service runs a foreign revision by then, `update-service` finds out as in every release.

use jiff::{SignedDuration, Timestamp};

use crate::{
    desired::DesiredState,
    hold::SetBy,
    record::{Cause, Verdict},
    service_id::ServiceId,
};

/// How long, in seconds, a service is left alone after an undecided release: AWS may answer one call and not the next.
const FIRST_PAUSE: i64 = 300;

/// How long, in seconds, a service is left alone at most. Where nobody mends what keeps Landfall from seeing, such as a
/// permission that is missing, each attempt gives the service the same content anew.
const LONGEST_PAUSE: i64 = 86_400;

/// What a sweep does about a service of which a release ended undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet: its pause is not over, or an execution works on the service.
    NotYet,
    /// It asks ECS for the service, and goes on if there is an answer.
    Look,
    /// Nothing any more: the hold has ended, or it is an operator's.
    Nothing,
}

impl DesiredState {
    /// What a sweep does about the service, of which a release ended undecided.
    pub fn due_after_undecided(&self, now: Timestamp) -> Due {
        match &self.hold {
            _ if self.claim.is_some() => Due::NotYet,
            Some(hold) if hold.set_by == SetBy::Undecided => {
                if now.duration_since(hold.since) < self.pause() {
                    Due::NotYet
                } else {
                    Due::Look
                }
            }
            _ => Due::Nothing,
        }
    }

    /// Ends the hold that an undecided release left, because AWS answers again. If no newer release is open, the desired
    /// content is released anew. A foreign revision is not accepted by that.
    pub fn restore_sight(&mut self, now: Timestamp) {
        self.hold = None;
        if self.open.is_empty() {
            self.release_anew(Cause::SightRestored, now);
        }
    }

    /// Counts the releases in a row that ended undecided; one that a newer release took the place of says nothing.
    pub(crate) fn count_undecided(&mut self, verdict: Verdict) {
        self.undecided = match verdict {
            Verdict::Undecided => self.undecided.saturating_add(1),
            Verdict::Superseded => self.undecided,
            _ => 0,
        };
    }

    /// How long the service is left alone: twice as long after each undecided release in a row. A newer release is
    /// something else to try.
    fn pause(&self) -> SignedDuration {
        let again = if self.open.is_empty() {
            self.undecided.saturating_sub(1)
        } else {
            0
        };
        let longer = 2i64.checked_pow(again).unwrap_or(i64::MAX);
        SignedDuration::from_secs(FIRST_PAUSE.saturating_mul(longer).min(LONGEST_PAUSE))
    }
}

/// What happened to a release that ended undecided, with what comes next. The last answer that said how the release stands
/// came `seconds` before.
pub fn message(service: &ServiceId, happened: &str, seconds: u64) -> String {
    format!(
        "nobody could see how it stands, {} after the last answer: {happened}; nothing was undone, and {service} is left \
         alone until AWS answers again or `landfall resume {service}`",
        duration(seconds)
    )
}

/// What happened to a release that ended undecided because ECS could not place or start its tasks, with what was undone and
/// what comes next.
pub fn withheld(service: &ServiceId, happened: &str, undone: &str) -> String {
    format!(
        "nothing speaks against it, but ECS did not carry it through: {happened}; {undone}, and it is tried again in a few minutes, \
         or by `landfall resume {service}`"
    )
}

/// What happened to a release that ended undecided because its probe did not come to the service, with what comes next.
pub fn misaimed(service: &ServiceId, happened: &str) -> String {
    format!(
        "it is rolled out, and nothing speaks against it, but its probe does not come to the service: {happened}; nothing was \
         undone, and it is tried again in a few minutes, or by `landfall resume {service}`"
    )
}

/// A number of seconds for people.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests;
