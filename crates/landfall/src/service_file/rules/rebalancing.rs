//! Moving tasks so that Availability Zones have equally many
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

/// What the documentation lists as not supported: "the Daemon strategy", "the EXTERNAL launch type (ECS Anywhere)", "100% for
/// the maximumPercent value", "a Classic Load Balancer", "the attribute:ecs.availability-zone as a task placement constraint",
/// and placement strategies of which the first is not a spread over Availability Zones.
pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let Some(place) = service.get("availabilityZoneRebalancing") else {
        return;
    };
    if !service.says("availabilityZoneRebalancing").is("ENABLED") {
        return;
    }
    if let Some(why) = hindrance(service) {
        problems.add(
            place
                .wrong(format!(
                    "ECS does not move tasks between Availability Zones {why}"
                ))
                .hint("write `availabilityZoneRebalancing: DISABLED`, or change that"),
        );
    }
}

fn hindrance(service: &Place<'_>) -> Option<String> {
    let most = service
        .get("deploymentConfiguration")
        .and_then(|deployment| deployment.integer("maximumPercent"));
    if let Some((_, most)) = most
        && most <= 100
    {
        return Some(format!(
            "with maximumPercent {most}: it starts a task in another zone before it stops one, which needs more than 100"
        ));
    }
    if service.says("schedulingStrategy").is("DAEMON") {
        return Some("of a DAEMON service".into());
    }
    if service.says("launchType").is("EXTERNAL") {
        return Some("on external instances".into());
    }
    let is_classic = |target: &Place<'_>| {
        target
            .get("loadBalancerName")
            .is_some_and(|place| !place.is_empty())
    };
    if service.items("loadBalancers").iter().any(is_classic) {
        return Some("behind a Classic Load Balancer".into());
    }
    let by_zone = |constraint: &Place<'_>| {
        constraint
            .text("expression")
            .is_some_and(|(_, text)| text.contains("ecs.availability-zone"))
    };
    if service.items("placementConstraints").iter().any(by_zone) {
        return Some("with a placement constraint on ecs.availability-zone".into());
    }
    let strategy = service.items("placementStrategy");
    let first = strategy.first()?;
    let spreads = !first.says("type").is_not("spread")
        && !first
            .says("field")
            .is_not("attribute:ecs.availability-zone");
    (!spreads).then(|| {
        "with a placement strategy that does not begin with a spread over attribute:ecs.availability-zone".into()
    })
}
