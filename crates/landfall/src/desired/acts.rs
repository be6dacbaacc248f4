//! What people did to the service, as its hold and its releases remember it.

use super::DesiredState;
use crate::act::{Act, Verb};

impl DesiredState {
    /// Forgets what somebody was about to do, and AWS refused.
    pub fn forget_act(&mut self, act: &Act) {
        for release in &mut self.open {
            release.acts.retain(|known| known != act);
        }
    }

    /// Notes who has just done something: a hold remembers who set it, and the release that begins or begins again because of
    /// a resumption or a retry, or that was made by hand, remembers it, up to its record; so does a paused one that is continued
    /// or declined.
    pub fn note(&mut self, act: Act) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| hold.since == act.at) {
            hold.by = Some(act.by.clone());
        }
        let of = match act.verb {
            Verb::Hold => None,
            Verb::Continue | Verb::Abort => self.paused.as_ref().map(|paused| paused.release),
            Verb::Rollback => self.permitted().map(|release| release.number),
            Verb::Resume | Verb::Retry | Verb::Deploy | Verb::Unknown => {
                self.newest_open().map(|release| release.number)
            }
        };
        let mut open = self.open.iter_mut();
        if let Some(release) = open.find(|release| Some(release.number) == of) {
            release.acts.push(act);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        hold::SetBy,
        sample::{at, desired},
    };

    fn act(verb: Verb, second: i64) -> Act {
        Act {
            verb,
            by: "arn:ops".into(),
            reason: Some("a move".into()),
            at: at(second),
        }
    }

    #[test]
    fn a_hold_knows_who_set_it_and_a_release_who_let_it_begin() {
        let mut held = desired(&[2]);
        held.hold("a move".into(), SetBy::Operator, at(1));
        held.note(act(Verb::Hold, 1));
        // The second one stays the first one's.
        held.hold("another".into(), SetBy::Operator, at(2));
        held.note(Act {
            by: "arn:other".into(),
            ..act(Verb::Hold, 2)
        });
        assert_eq!(held.hold.as_ref().unwrap().by.as_deref(), Some("arn:ops"));

        held.resume(None, at(3));
        held.note(act(Verb::Resume, 3));
        assert_eq!(held.open[0].acts, [act(Verb::Resume, 3)]);
        assert_eq!(
            held.open[0].acts[0].to_string(),
            "resumed by arn:ops: a move"
        );

        let mut idle = desired(&[]);
        let before = idle.clone();
        idle.note(act(Verb::Retry, 4));
        assert_eq!(idle, before, "nothing came of it");
    }
}
