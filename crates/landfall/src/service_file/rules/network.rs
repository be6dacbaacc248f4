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
    if mode.is("awsvpc") {
        for container in &file.containers {
            if let Some(links) = container.place.get("links")
                && !container.place.items("links").is_empty()
            {
                problems.add(
                    links
                        .wrong("links work with the network mode bridge only")
                        .hint("containers of one task reach each other at localhost"),
                );
            }
        }
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
