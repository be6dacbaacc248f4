//! The HTTP probe: where it has to go to ask the service, and what its answer says about the release.

mod address;
mod aim;
mod answer;
mod json_path;
mod recorded;
mod request;
mod statuses;

pub use address::{Inadmissible, Reach, host_of};
pub(crate) use aim::matches;
pub use aim::{Address, Asked, Door, Misaim, Wanted, aim};
pub use answer::{Answer, Finding, NoAnswer, Probed, judge, telling};
pub use json_path::JsonPath;
pub use recorded::ProbeAnswer;
pub use request::{BodyPattern, HttpProbe, ProbeTarget};
pub use statuses::Statuses;

/// What a probe says of itself.
pub const USER_AGENT: &str = "landfall-verify-health";
