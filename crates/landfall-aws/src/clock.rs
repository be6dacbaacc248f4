//! What time it is, as the SDK is told: the system's time in AWS, a simulation's own time in a simulation.

use aws_config::SdkConfig;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::Fault;

/// Tells the time that the SDK signs its requests with.
#[derive(Clone, Debug)]
pub struct Clock(SharedTimeSource);

impl Clock {
    /// The clock of `config`; the system's if it names none.
    pub fn of(config: &SdkConfig) -> Self {
        Self(config.time_source().unwrap_or_default())
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        // Out of range only for a system clock that is thousands of years off.
        Timestamp::try_from(self.0.now()).unwrap_or(Timestamp::MAX)
    }
}

/// A time that AWS names.
///
/// # Errors
/// Unexpected if it is none that people live in.
pub(crate) fn timestamp(at: &DateTime) -> Result<Timestamp, Fault> {
    let nanoseconds = i32::try_from(at.subsec_nanos()).unwrap_or(0);
    Timestamp::new(at.secs(), nanoseconds)
        .map_err(|error| Fault::unexpected(format!("AWS named the time {at}: {error}")))
}
