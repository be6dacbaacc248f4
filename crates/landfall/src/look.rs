//! The answer of the steps that look at ECS again and again: `RunTask` at tasks, `CheckRollout` at a rollout,
//! `VerifyHealth` at a service's health.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, pause::Pause};

/// For how many seconds at most an execution sleeps before it looks at a rollout again (`AwaitRollout` in
/// `statemachine/release.asl.json`); in a pause `AwaitAction` sleeps longer.
pub const SLEEP: u64 = 60;

/// The longest time, in seconds, between two looks at a paused deployment. ECS's events wake the execution as soon as
/// something changes; this is for those that are lost.
const LONGEST_SLEEP: u64 = 3600;

/// How many seconds more may pass between two looks while AWS answers: what calls take, and their first retries.
const SLACK: u64 = 30;

/// The answer of a step that looks. The state machine stores the last look under one name, whichever step answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look<O, P = ()> {
    /// The outcome of this look; each step has an enum of outcomes.
    pub outcome: O,
    /// The reason of the outcome, in a sentence.
    pub reason: String,
    /// Seconds until the next look; 0 if there is none, or if the execution sleeps for [`SLEEP`] at most. In a pause it is woken
    /// earlier if something changes.
    #[serde(default)]
    pub wait_seconds: u64,
    /// What is wrong with the release, if this look shows that the release is bad.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What the next look has to know of the looks so far; `()` for a step whose looks need nothing.
    #[serde(default)]
    pub progress: P,
    /// When this look was; none for `RunTask`, whose tasks have deadlines of their own.
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
    /// For how many seconds of the rollout nobody could look, up to this look, because AWS did not answer. That time does
    /// not count against the release.
    #[serde(default)]
    pub blind_seconds: u64,
    /// The pause that this look found the deployment in, if ECS has paused it; only for a rollout.
    #[serde(default)]
    pub pause: Option<Pause>,
    /// For how many seconds of the rollout ECS waited until somebody continued it, up to this look. That time does not
    /// count against the release.
    #[serde(default)]
    pub paused_seconds: u64,
    /// How many seconds of the rollout had passed, up to this look, when ECS last could not place or start tasks for a
    /// reason of the platform's. They do not count against the release either.
    #[serde(default)]
    pub withheld_seconds: u64,
}

/// How long, in seconds, a release waits for the platform at most, beyond its own time: as long as for an AWS that does
/// not answer. A capacity provider's task waits 10 to 30 minutes for an instance
/// (<https://github.com/aws/containers-roadmap/issues/2381>).
pub const WITHHELD_AT_MOST: u64 = 3600;

/// For how many seconds nobody could look between `since` and the next look, which is `now`: what is longer than an
/// execution waits. After the look at `since` it was to wait for `wait_seconds`.
pub fn blind_seconds(since: Timestamp, wait_seconds: u64, now: Timestamp) -> u64 {
    let passed = u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0);
    passed.saturating_sub(wait_seconds.max(SLEEP).saturating_add(SLACK))
}

/// For how many seconds the execution sleeps until it looks again, in a rollout that was paused for `paused_seconds` up
/// to `now`: a sixtieth of that, so that all looks of a pause of 14 days, the longest that a hook may wait, fit into the
/// history of an execution many times, and no longer than until a hook times out.
pub fn sleep_in_pause(pause: &Pause, paused_seconds: u64, now: Timestamp) -> u64 {
    let left = |until: Timestamp| u64::try_from(until.duration_since(now).as_secs()).ok();
    let expiries = pause.hooks.iter().filter_map(|hook| hook.until);
    let left = expiries
        .map(|until| left(until).unwrap_or(0).saturating_add(SLEEP))
        .min();
    let sleep = (paused_seconds / 60).min(LONGEST_SLEEP);
    sleep.min(left.unwrap_or(LONGEST_SLEEP)).max(SLEEP)
}

/// Seconds of a rollout that do not count against the release. No second is in two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// In which nobody could look, as [`Look::blind_seconds`].
    pub blind: u64,
    /// In which ECS waited until somebody continued the rollout, as [`Look::paused_seconds`].
    pub paused: u64,
    /// Until ECS could place and start its tasks, without the others, as [`Look::withheld_seconds`].
    pub withheld: u64,
}

impl Uncounted {
    /// How many seconds may pass where so many count.
    pub fn added_to(self, seconds: u64) -> u64 {
        let uncounted = [self.blind, self.paused, self.withheld];
        uncounted.into_iter().fold(seconds, u64::saturating_add)
    }

    /// How many of the seconds that have passed count.
    pub fn taken_from(self, passed: u64) -> u64 {
        let uncounted = [self.blind, self.paused, self.withheld];
        uncounted.into_iter().fold(passed, u64::saturating_sub)
    }

    /// How much time a release had, for people: the seconds that count, and those that do not.
    pub fn in_words(self, seconds: u64) -> String {
        let uncounted = [
            (self.blind, "in which nobody could look"),
            (self.paused, "in which it was paused"),
            (self.withheld, "until ECS could start its tasks"),
        ];
        let uncounted = uncounted.iter().filter(|(seconds, _)| *seconds > 0);
        let uncounted: String = uncounted
            .map(|(seconds, why)| format!(" and the {seconds} {why}"))
            .collect();
        format!("{seconds} seconds{uncounted}")
    }
}

impl<O, P: Default> Look<O, P> {
    /// A look with this outcome, which says nothing else: nothing is wrong and no look follows.
    pub fn of(outcome: O, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            wait_seconds: 0,
            failure: None,
            progress: P::default(),
            seen_at: None,
            blind_seconds: 0,
            pause: None,
            paused_seconds: 0,
            withheld_seconds: 0,
        }
    }
}

impl<O, P> Look<O, P> {
    /// For how many seconds of a rollout that began at `started_at` nobody could look, up to a look that is `now`. `last`
    /// is the look before it, if that was one at the same rollout.
    pub fn blind_until(last: Option<&Self>, started_at: Timestamp, now: Timestamp) -> u64 {
        let seen = last.and_then(|last| Some((last, last.seen_at?)));
        match seen.filter(|(_, seen_at)| *seen_at >= started_at) {
            Some((last, seen_at)) => {
                let unseen = blind_seconds(seen_at, last.wait_seconds, now);
                last.blind_seconds.saturating_add(unseen)
            }
            None => blind_seconds(started_at, 0, now),
        }
    }

    /// For how many seconds of a rollout that began at `started_at` ECS waited for somebody, up to a look that is `now`,
    /// with `last` as in [`Self::blind_until`]. Time that was blind does not count twice. A pause is taken to last until the
    /// look that does not show it any more: in doubt for the release.
    pub fn paused_until(last: Option<&Self>, started_at: Timestamp, now: Timestamp) -> u64 {
        let seen = last.and_then(|last| Some((last, last.seen_at?)));
        let Some((last, seen_at)) = seen.filter(|(_, seen_at)| *seen_at >= started_at) else {
            return 0;
        };
        if last.pause.is_none() {
            return last.paused_seconds;
        }
        // Of the hundreds of looks in a long pause, none loses a fraction of a second.
        let passed = u64::try_from(now.as_second() - seen_at.as_second()).unwrap_or(0);
        let unseen = blind_seconds(seen_at, last.wait_seconds, now);
        last.paused_seconds
            .saturating_add(passed.saturating_sub(unseen))
    }
}

/// The outcomes of all steps that look, for the steps that are given the last look of any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// `RunTask`, `VerifyHealth`: look again.
    Waiting,
    /// `CheckRollout`: ECS has not finished the rollout.
    InProgress,
    /// `RunTask`: all tasks have run.
    Done,
    /// `CheckRollout`: the service runs the revision that was asked for, with all its tasks.
    Steady,
    /// `VerifyHealth`: the release is good.
    Healthy,
    /// `VerifyHealth`: no task of the release runs that could be verified.
    Unproven,
    /// `RunTask`, `CheckRollout`: the release is bad.
    Failed,
    /// `VerifyHealth`: the release is bad.
    Unhealthy,
    /// `VerifyHealth`: the probe does not come to the service.
    Misaimed,
    /// `CheckRollout`: ECS was given another revision meanwhile.
    Replaced,
    /// All: a newer release should run.
    Superseded,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::{
        live::HookAction,
        pause::AwaitedHook,
        sample::{at, pause},
    };

    /// A look at this second, which asked for the next one after so many seconds.
    fn last(second: i64, wait_seconds: u64, blind_seconds: u64) -> Look<Outcome> {
        Look {
            wait_seconds,
            seen_at: Some(at(second)),
            blind_seconds,
            ..Look::of(Outcome::InProgress, "2 of 3 tasks run")
        }
    }

    #[test]
    fn time_is_blind_that_is_longer_than_an_execution_waits() {
        let unseen = Look {
            seen_at: None,
            ..last(0, 0, 0)
        };
        // The rollout began at second 1000.
        for (story, last, second, expected) in [
            ("the first look", None, 1060, 0),
            ("the first look, late", None, 1090, 0),
            ("the first look, after an outage", None, 1091, 1),
            ("a minute later", Some(last(1060, 0, 0)), 1120, 0),
            ("after an outage", Some(last(1060, 0, 0)), 2350, 1200),
            ("after a second one", Some(last(2350, 0, 1200)), 2500, 1260),
            ("as late as it should", Some(last(1060, 300, 7)), 1390, 7),
            ("later than it should", Some(last(1060, 300, 7)), 1391, 8),
            (
                "a look at the rollout before",
                Some(last(900, 0, 500)),
                1060,
                0,
            ),
            ("a look at a task", Some(unseen), 1060, 0),
        ] {
            let blind = Look::blind_until(last.as_ref(), at(1000), at(second));
            assert_eq!(blind, expected, "{story}");
        }
    }

    #[test]
    fn a_pause_lasts_from_the_look_that_shows_it_to_the_look_that_does_not_but_for_the_blind_time()
    {
        let paused = |look: Look<Outcome>, paused_seconds| Look {
            pause: Some(pause(at(1000))),
            paused_seconds,
            ..look
        };
        let went_on = Look {
            paused_seconds: 500,
            ..last(1060, 0, 0)
        };
        // The rollout began at second 1000.
        for (story, last, second, expected) in [
            ("the first look", None, 1060, 0),
            (
                "a pause that goes on",
                Some(paused(last(1060, 60, 0), 0)),
                1100,
                40,
            ),
            (
                "the next look at it",
                Some(paused(last(1100, 60, 0), 40)),
                1160,
                100,
            ),
            ("a rollout that moves", Some(went_on), 1120, 500),
            (
                "as late as it should",
                Some(paused(last(1060, 3600, 0), 0)),
                4690,
                3630,
            ),
            (
                "later than it should",
                Some(paused(last(1060, 3600, 0), 0)),
                9000,
                3630,
            ),
            (
                "the rollout before",
                Some(paused(last(900, 60, 0), 40)),
                1060,
                0,
            ),
        ] {
            let found = Look::paused_until(last.as_ref(), at(1000), at(second));
            assert_eq!(found, expected, "{story}");
        }
    }

    #[test]
    fn a_pause_of_many_looks_is_as_long_as_the_time_between_the_first_and_the_last() {
        let after = |milliseconds| at(1000) + SignedDuration::from_millis(milliseconds);
        let mut look = Look {
            pause: Some(pause(at(1000))),
            ..last(1000, 60, 0)
        };
        for number in 1..=1000 {
            let now = after(number * 60_250);
            look.paused_seconds = Look::paused_until(Some(&look), at(900), now);
            look.seen_at = Some(now);
        }
        assert_eq!(look.paused_seconds, 60_250);
    }

    #[test]
    fn people_are_told_which_time_does_not_count() {
        let counted = Uncounted::default();
        assert_eq!(counted.in_words(60), "60 seconds");
        let uncounted = Uncounted {
            blind: 5,
            paused: 7,
            withheld: 9,
        };
        assert_eq!(
            uncounted.in_words(60),
            "60 seconds and the 5 in which nobody could look and the 7 in which it was paused and the 9 until ECS could start \
             its tasks"
        );
        assert_eq!((uncounted.added_to(60), uncounted.taken_from(81)), (81, 60));
    }

    #[test]
    fn the_longer_a_pause_lasts_the_rarer_are_the_looks_and_all_of_fourteen_days_fit_into_a_history()
     {
        let pause = Pause {
            hooks: vec![AwaitedHook {
                id: "a".into(),
                until: Some(at(0) + SignedDuration::from_hours(14 * 24)),
                then: Some(HookAction::Continue),
            }],
            ..pause(at(0))
        };
        let (mut second, mut looks, mut longest) = (0, 0, 0);
        while at(second) < pause.hooks[0].until.unwrap() {
            let sleep = sleep_in_pause(&pause, u64::try_from(second).unwrap(), at(second));
            assert!(sleep >= SLEEP && sleep >= longest.min(SLEEP), "{sleep}");
            longest = longest.max(sleep);
            second += i64::try_from(sleep).unwrap();
            looks += 1;
        }
        assert_eq!(longest, 3600);
        // A sleep and a look are 14 events of an execution's history, which takes 25,000
        // (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
        assert!(looks * 14 < 25_000 / 2, "{looks}");
        // It looks soon after the hook has timed out, also if the event is lost.
        let late = second - 14 * 86_400;
        assert!(late <= 60 + 60, "{late}");
    }
}
