//! The network mode, and what it asks of the service
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Said};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    let mode = file.network_mode();
    if file.is_for_fargate() && mode.is_not("awsvpc") {
        let problem = match task.get("networkMode") {
            Some(place) => place.wrong("Fargate takes the network mode awsvpc only"),
            None => task.lacks("networkMode", "Fargate needs the network mode awsvpc"),
        };
        problems.add(problem.hint("write `networkMode: awsvpc`"));
        return;
    }
    of_containers(file, &mode, problems);
    // <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bestpractices/networking-networkmode.html>: the proxy has
    // to see what comes to the task's own network interface.
    if let Some(place) = task.get("proxyConfiguration")
        && mode.is_not("awsvpc")
    {
        problems.add(
            place
                .odd("a proxy for the task's traffic needs the network mode awsvpc")
                .hint("write `networkMode: awsvpc`, or leave this out"),
        );
    }
    let Some(service) = &file.service else { return };
    let configuration = service.get("networkConfiguration");
    match configuration {
        // "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        None if mode.is("awsvpc") => problems.add(
            service
                .lacks("networkConfiguration", "the network mode awsvpc needs to know where tasks get their addresses")
                .hint("add `networkConfiguration: { awsvpcConfiguration: { subnets: […], securityGroups: […] } }`"),
        ),
        // "Network Configuration is not valid for the given networkMode of this task definition."
        Some(place) if mode.is_not("awsvpc") && place.get("awsvpcConfiguration").is_some() => {
            let mode = match &mode {
                Said::Text(mode) => mode,
                Said::Nothing | Said::Unclear => "bridge",
            };
            problems.add(
                place
                    .wrong(format!("this goes with the network mode awsvpc, and the task definition's is {mode}"))
                    .hint("write `networkMode: awsvpc` in taskDefinition, or leave this out"),
            );
        }
        // What is not below awsvpcConfiguration is not there to ECS.
        Some(place) if mode.is("awsvpc") && place.get("awsvpcConfiguration").is_none() => problems.add(
            place
                .lacks("awsvpcConfiguration", "the network mode awsvpc needs to know where tasks get their addresses")
                .hint("put subnets and security groups below it: `networkConfiguration: { awsvpcConfiguration: { subnets: […] } }`"),
        ),
        Some(place) => {
            if let Some(vpc) = place.get("awsvpcConfiguration")
                && let Some((place, address)) = vpc.text("assignPublicIp")
                && address == "ENABLED"
                && service.says("launchType").is("EC2")
            {
                problems.add(place.wrong("tasks on EC2 get no public address with awsvpc"));
            }
        }
        None => {}
    }
}

/// What a container cannot have with the task's network mode. "Extra hosts are not supported on container when
/// networkMode=awsvpc" (<https://github.com/marqo-ai/marqo/pull/230>), "hostname is not supported on container when
/// networkMode=awsvpc." (<https://github.com/labd/ecs-deplojo/issues/26>); for links and port mappings
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>.
fn of_containers(file: &File<'_>, mode: &Said<'_>, problems: &mut Problems) {
    let Said::Text(mode) = mode else { return };
    for container in &file.containers {
        let has = |name| container.place.get(name).filter(|place| !place.is_empty());
        // Docker's own `default` is not among the API's network modes, and has links.
        if ["host", "awsvpc", "none"].contains(&&**mode)
            && let Some(links) = has("links")
        {
            problems.add(
                links
                    .wrong(format!(
                        "links work with the network mode bridge only, not with {mode}"
                    ))
                    .hint("leave them out: with awsvpc and host, containers of one task reach each other at localhost"),
            );
        }
        if mode == "awsvpc" {
            for (name, hint) in [
                (
                    "extraHosts",
                    "let a DNS name resolve to the address, or write to /etc/hosts when the container starts",
                ),
                (
                    "hostname",
                    "leave it out: the host name is that of the task's network interface",
                ),
            ] {
                if let Some(place) = has(name) {
                    let message = format!("a container has no {name} with the network mode awsvpc");
                    problems.add(place.wrong(message).hint(hint));
                }
            }
        }
        if mode == "none"
            && let Some(place) = has("portMappings")
        {
            problems.add(place.wrong("with the network mode none no port can be mapped"));
        }
    }
}
