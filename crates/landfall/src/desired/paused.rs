//! The pause of the release that is worked on.

use super::DesiredState;
use crate::pause::{Pause, PausedRelease};

impl DesiredState {
    /// The pause of the release with this number, while it lasts.
    pub fn pause_of(&self, release: u64) -> Option<&Pause> {
        let paused = self.paused.as_ref();
        let paused = paused.filter(|paused| paused.release == release);
        paused.map(|paused| &paused.pause)
    }

    /// Notes that the release with this number is paused, or is not any more. Answers whether that is news.
    pub fn note_pause(&mut self, release: u64, pause: Option<&Pause>) -> bool {
        let noted = match (&self.paused, pause) {
            (None, None) => true,
            (Some(known), Some(pause)) => {
                known.release == release && known.pause.awaits_the_same_as(pause)
            }
            _ => false,
        };
        if !noted {
            let pause = pause.cloned();
            self.paused = pause.map(|pause| PausedRelease { release, pause });
        }
        !noted
    }
}
