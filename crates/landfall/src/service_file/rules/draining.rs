//! How long requests may take to end when a task is stopped, against how long the task is left for it.

use super::File;
use crate::service_file::{
    mapping::{Mapping, Problems},
    place::Place,
    section::INGRESS,
};

/// "a two-minute warning is sent before a task is stopped" when Spot takes its capacity back
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>).
const SPOT_SECONDS: u64 = 120;

/// On Spot a load balancer that waits longer for requests than the task still runs cuts them off.
pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let on_spot = service
        .items("capacityProviderStrategy")
        .iter()
        .any(|item| item.says("capacityProvider").is("FARGATE_SPOT"));
    if !on_spot {
        return;
    }
    let connectors = service.items("gatewayConnectors");
    let of_connector = connectors.iter().find_map(|connector| {
        let delay = connector.get("deregistrationDelay")?;
        let (place, seconds) = delay.integer("timeoutSeconds")?;
        Some((place, u64::try_from(seconds).ok()?))
    });
    for (place, seconds) in of_ingress(file).into_iter().chain(of_connector) {
        if seconds > SPOT_SECONDS {
            problems.add(
                place
                    .odd(format!(
                        "the load balancer waits {seconds} seconds for the requests of a task that goes, and a task on Spot has \
                         {SPOT_SECONDS} when its capacity is taken back"
                    ))
                    .hint(format!("write {SPOT_SECONDS} seconds or less, or run what answers longer on FARGATE")),
            );
        }
    }
}

/// The delay that the section `ingress` says, or has without saying it.
fn of_ingress<'a>(file: &File<'a>) -> Option<(Place<'a>, u64)> {
    let ingress = file.section("ingress")?;
    let mapping = Mapping::of(ingress.node, &ingress.path, &mut Problems::default())?;
    let fields = INGRESS.read(&mapping, &mut Problems::default());
    let seconds = fields.get("deregistrationDelaySeconds")?.as_u64()?;
    let place = ingress.get("deregistrationDelay").unwrap_or(ingress);
    Some((place, seconds))
}
