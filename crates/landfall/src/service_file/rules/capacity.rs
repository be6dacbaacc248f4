//! Where tasks run: launch type, capacity providers, scheduling, placement
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>).

use super::File;
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let providers = service.items("capacityProviderStrategy");
    // "Specifying both a launch type and capacity provider strategy is not supported."
    if let Some(place) = service.get("launchType")
        && !providers.is_empty()
    {
        problems.add(
            place
                .wrong("ECS takes either a launch type or a capacity provider strategy")
                .hint("remove one of the two"),
        );
    }
    strategy(&providers, problems);
    compatible(file, service, &providers, problems);
    elsewhere(service, problems);
    let daemon = service.says("schedulingStrategy").is("DAEMON");
    if daemon {
        // "The daemon scheduling strategy does not support a desired count for services."
        if let Some(place) = service.get("desiredCount") {
            problems.add(
                place
                    .wrong(
                        "a DAEMON service has one task on each instance and takes no desired count",
                    )
                    .hint("leave it out"),
            );
        }
        if let Some(place) = service.get("placementStrategy")
            && !service.items("placementStrategy").is_empty()
        {
            problems.add(place.wrong("a DAEMON service takes no placement strategy"));
        }
        if file.service_is_on_fargate()
            && let Some(place) = service.get("schedulingStrategy")
        {
            problems.add(place.wrong("Fargate has no DAEMON services"));
        }
    }
    if file.service_is_on_fargate() {
        for name in ["placementConstraints", "placementStrategy"] {
            if let Some(place) = service.get(name)
                && !service.items(name).is_empty()
            {
                problems.add(place.wrong("Fargate takes no placement: it spreads tasks over Availability Zones by itself"));
            }
        }
    }
}

fn strategy(providers: &[Place<'_>], problems: &mut Problems) {
    let on_fargate = |item: &&Place<'_>| {
        item.text("capacityProvider")
            .is_some_and(|(_, name)| name.starts_with("FARGATE"))
    };
    let elsewhere = providers
        .iter()
        .find(|item| item.text("capacityProvider").is_some() && !on_fargate(item));
    if providers.iter().any(|item| on_fargate(&item))
        && let Some((place, _)) = elsewhere.and_then(|item| item.text("capacityProvider"))
    {
        problems.add(place.wrong("one strategy cannot mix Fargate with other capacity providers"));
    }
    let mut based = providers
        .iter()
        .filter_map(|item| item.integer("base"))
        .filter(|(_, base)| *base > 0);
    if let (Some(_), Some((place, _))) = (based.next(), based.next()) {
        problems.add(place.wrong("only one capacity provider of a strategy can have a base"));
    }
    let weightless = |item: &Place<'_>| {
        item.integer("weight")
            .is_some_and(|(_, weight)| weight == 0)
    };
    if providers.len() > 1
        && providers.iter().all(weightless)
        && let Some((place, _)) = providers[0].integer("weight")
    {
        problems.add(place.wrong("one capacity provider of the strategy needs a weight over 0"));
    }
}

/// "Task definition does not support launch_type FARGATE." (<https://github.com/oranmoshai/ecsServiceRestart/issues/2>): what
/// the task definition says it is for, if it says so, has to have what the service runs on.
fn compatible(
    file: &File<'_>,
    service: &Place<'_>,
    providers: &[Place<'_>],
    problems: &mut Problems,
) {
    let Some(task) = &file.task else { return };
    let compatibilities: Vec<_> = task
        .items("requiresCompatibilities")
        .iter()
        .map(Place::said)
        .collect();
    let (place, runs_on) = match service.text("launchType") {
        Some((place, launch_type)) => (place, launch_type.into_owned()),
        None if file.service_is_on_fargate() && !providers.is_empty() => {
            (providers[0].clone(), "FARGATE".into())
        }
        None => return,
    };
    if compatibilities.is_empty() || !compatibilities.iter().all(|said| said.is_not(&runs_on)) {
        return;
    }
    let listed: Vec<_> = compatibilities
        .iter()
        .filter_map(|said| match said {
            Said::Text(text) => Some(&**text),
            Said::Nothing | Said::Unclear => None,
        })
        .collect();
    problems.add(
        place
            .wrong(format!(
                "the service runs on {runs_on}, and taskDefinition.requiresCompatibilities has only {}",
                listed.join(", ")
            ))
            .hint(format!("add {runs_on} to taskDefinition.requiresCompatibilities, or leave that out")),
    );
}

/// What ECS does not have for instances outside of AWS: "Service load balancing isn't supported", "Service discovery isn't
/// supported" (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html>).
fn elsewhere(service: &Place<'_>, problems: &mut Problems) {
    if !service.says("launchType").is("EXTERNAL") {
        return;
    }
    for (name, what) in [
        ("loadBalancers", "load balancers"),
        ("serviceRegistries", "service discovery"),
    ] {
        if let Some(place) = service.get(name)
            && !place.is_empty()
        {
            problems.add(
                place
                    .wrong(format!("on external instances ECS has no {what}"))
                    .hint("leave it out, or run the service on EC2 or Fargate"),
            );
        }
    }
}
