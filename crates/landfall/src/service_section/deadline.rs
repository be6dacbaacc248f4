//! How long ECS may take for a deployment of a `service` section.

use crate::{
    live::{LiveService, Pace},
    service_file::ServiceFile,
};

/// How long, in seconds, ECS may take for a deployment: so long as the service file says, and the time that it takes on
/// purpose, by what ECS was sent or by what the service has.
pub fn deployment_seconds(
    timeout_seconds: u64,
    file: Option<&ServiceFile>,
    live: Option<&LiveService>,
) -> u64 {
    let said = file.and_then(|file| file.service.get("deploymentConfiguration"));
    let said = said.map(|said| Pace::of(said).seconds()).unwrap_or(0);
    let has = live.map_or(0, |live| live.pace_seconds);
    timeout_seconds.saturating_add(said.max(has))
}
