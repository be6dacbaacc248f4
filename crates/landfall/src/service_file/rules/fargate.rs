//! What tasks on Fargate cannot have
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    if !file.is_for_fargate() {
        return;
    }
    if let Some(place) = task.get("placementConstraints")
        && !task.items("placementConstraints").is_empty()
    {
        problems.add(place.wrong("Fargate takes no placement constraints"));
    }
    if let Some((place, mode)) = task.text("pidMode")
        && mode == "host"
    {
        problems.add(
            place
                .wrong("Fargate has no host whose processes could be seen")
                .hint("it takes `pidMode: task`"),
        );
    }
    // "Tasks using the Fargate launch type do not support ipcMode."
    // (<https://github.com/cn-terraform/terraform-aws-ecs-fargate/issues/2>)
    if let Some(place) = task.get("ipcMode") {
        problems.add(
            place.wrong("Fargate takes no ipcMode").hint(
                "leave it out: containers of a task on Fargate share nothing but the network",
            ),
        );
    }
    if let Some(storage) = task.get("ephemeralStorage")
        && let Some((place, size)) = storage.integer("sizeInGiB")
    {
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html>
        if size < 21 {
            problems.add(
                place
                    .wrong("Fargate takes 21 to 200 GiB")
                    .hint("without this field a task has 20 GiB"),
            );
        } else if size > 200 {
            problems.add(place.odd("Fargate takes 21 to 200 GiB by its documentation"));
        }
    }
    for container in &file.containers {
        let place = &container.place;
        without_a_host(place, problems);
        longest_stop(place, problems);
        if place.is_true("privileged")
            && let Some(place) = place.get("privileged")
        {
            problems.add(place.wrong("Fargate runs no privileged containers"));
        }
        for requirement in place.items("resourceRequirements") {
            if let Some((place, kind)) = requirement.text("type")
                && kind == "GPU"
            {
                problems.add(place.odd("Fargate has no GPUs by its documentation"));
            }
        }
    }
}

/// What a container asks of the host that it has none of. "Fargate compatible task definitions do not support devices",
/// and the same of `sharedMemorySize` (<https://github.com/cloudposse/terraform-aws-ecs-container-definition/issues/143>);
/// for `maxSwap` and `swappiness` <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinuxParameters.html>; "This
/// field isn't valid for containers in tasks using the Fargate launch type", of `dockerSecurityOptions`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
fn without_a_host(container: &Place<'_>, problems: &mut Problems) {
    const OF_LINUX: [&str; 4] = ["devices", "sharedMemorySize", "maxSwap", "swappiness"];
    let linux = container.get("linuxParameters");
    let of_linux = linux
        .iter()
        .flat_map(|linux| OF_LINUX.into_iter().filter_map(|name| linux.get(name)));
    for place in of_linux.chain(container.get("dockerSecurityOptions")) {
        if place.is_empty() {
            continue;
        }
        let name = place.path.rsplit('.').next().unwrap_or_default();
        problems.add(
            place
                .wrong(format!("Fargate does not support {name}"))
                .hint("leave it out, or run the service on EC2"),
        );
    }
}

/// "For tasks that use the Fargate launch type, the max stop timeout value is 120 seconds"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
fn longest_stop(container: &Place<'_>, problems: &mut Problems) {
    const MOST: i64 = 120;
    if let Some((place, seconds)) = container.integer("stopTimeout")
        && seconds > MOST
    {
        problems.add(
            place
                .wrong(format!("Fargate waits at most {MOST} seconds for a container to stop, and this says {seconds}"))
                .hint(format!("write `stopTimeout: {MOST}`")),
        );
    }
}
