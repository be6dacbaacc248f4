//! How much work a test's input makes, whatever else the machine does at that time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What `work` answers, and the processor time that this thread spent on it.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = now();
    let answer = work();
    (answer, now() - begun)
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a thread's processor time only grows from zero")
}
