//! What the model's clock shows: a time that nobody compares, and those before and after the newest service deployment.

use jiff::{SignedDuration, Timestamp};

/// When everything is stamped that nobody compares.
pub(crate) const THEN: Timestamp = Timestamp::UNIX_EPOCH;

/// When the newest service deployment began, on a clock that only knows before and after.
pub(crate) const NEWEST_BEGAN: i64 = 100;
const APART: i64 = 10;

/// When a rollout was begun: before or after the newest service deployment.
pub(crate) fn begun(after_newest: bool) -> Timestamp {
    let apart = if after_newest { APART } else { -APART };
    second(NEWEST_BEGAN + apart)
}

/// The present.
pub(crate) fn now() -> Timestamp {
    second(NEWEST_BEGAN + APART)
}

/// A second of the clock.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}
