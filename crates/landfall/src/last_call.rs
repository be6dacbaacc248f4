//! How long the calls of an execution that has ended may still arrive, and what follows for the claim: nobody takes it before.

use jiff::{SignedDuration, Timestamp};

/// How long a call may still reach ECS after the execution that made it has ended: the timeout of the functions that
/// change something, which go on when their execution is stopped, and what a request may take to arrive.
pub const LAST_CALL: SignedDuration = SignedDuration::from_secs(30 + ARRIVES);

/// How many seconds a request may take to arrive.
const ARRIVES: i64 = 10;

/// For how long after it took the claim an execution surely holds it: also if it was stopped at once and is redriven, another one
/// takes the claim [later](LAST_CALL), even if the call that it makes now takes its time to arrive.
const SURELY_HELD: SignedDuration = SignedDuration::from_secs(30);

/// Whether an execution that took the claim at `claimed_at` has to ask whether it still holds it before it makes a call: it may
/// have been stopped and redriven, and another one may hold the claim by now.
pub fn may_be_taken(claimed_at: Option<Timestamp>, now: Timestamp) -> bool {
    claimed_at.is_none_or(|claimed_at| now.duration_since(claimed_at) >= SURELY_HELD)
}

/// For how many seconds the last function of an execution that `ended` may go on.
pub fn last_call(ended: Timestamp, now: Timestamp) -> Option<u64> {
    let left = LAST_CALL - now.duration_since(ended);
    let milliseconds = u64::try_from(left.as_millis()).ok()?;
    (milliseconds > 0).then(|| milliseconds.div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_just_took_the_claim_holds_it_until_a_call_of_now_has_arrived() {
        let now = Timestamp::UNIX_EPOCH;
        let ago = |seconds| Some(now - SignedDuration::from_secs(seconds));
        for (claimed_at, taken) in [
            (ago(0), false),
            (ago(29), false),
            (ago(30), true),
            (None, true),
        ] {
            assert_eq!(may_be_taken(claimed_at, now), taken, "{claimed_at:?}");
        }
        assert_eq!(SURELY_HELD + SignedDuration::from_secs(ARRIVES), LAST_CALL);
    }
}
