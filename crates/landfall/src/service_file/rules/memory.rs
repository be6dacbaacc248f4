//! The memory and the CPU units of containers, and how much of them the task has
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::{File, task_size};
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

/// "The Docker 20.10.0 or later daemon reserves a minimum of 6 MiB of memory for a container", earlier ones 4.
const LEAST: i64 = 6;
const LEAST_ONCE: i64 = 4;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    for container in &file.containers {
        let place = &container.place;
        if let (Some((_, hard)), Some((soft, reserved))) =
            (place.integer("memory"), place.integer("memoryReservation"))
            && reserved > hard
        {
            problems.add(soft.wrong(format!(
                "the reservation of {reserved} MiB is more than the memory of {hard} MiB"
            )));
        }
        for name in ["memory", "memoryReservation"] {
            too_little(place, name, problems);
        }
        nowhere(file, task, place, &container.name, problems);
    }
    // Docker on Windows knows nothing of the task's size: "Task-level CPU and memory parameters are ignored for Windows
    // containers" (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>).
    if !file.is_for_windows() {
        more_than_the_task(file, task, problems);
    }
}

fn too_little(container: &Place<'_>, name: &str, problems: &mut Problems) {
    let Some((place, size)) = container.integer(name) else {
        return;
    };
    let message = format!("Docker gives a container at least {LEAST} MiB, and this says {size}");
    if size < LEAST_ONCE {
        problems.add(place.wrong(message));
    } else if size < LEAST {
        problems.add(place.odd(message));
    }
}

/// "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified."
/// (<https://github.com/aws/aws-cli/issues/4453>)
fn nowhere(
    file: &File<'_>,
    task: &Place<'_>,
    container: &Place<'_>,
    name: &str,
    problems: &mut Problems,
) {
    if task.says("memory") != Said::Nothing
        || file.is_for_fargate()
        || container.get("memory").is_some()
        || container.get("memoryReservation").is_some()
    {
        return;
    }
    let message =
        format!("neither the task nor the container `{name}` says how much memory it gets");
    problems.add(
        container
            .wrong(message)
            .hint("write `memory` or `memoryReservation` here, or `memory` in taskDefinition"),
    );
}

/// "The 'memory' setting for container 'web' is greater than for the task."
/// (<https://github.com/pulumi/pulumi-awsx/issues/188>); "The sum of all container 'cpu' values cannot be greater than the
/// value of the task 'cpu'." (<https://github.com/aws/aws-cdk/issues/24629>) and the same of `memoryReservation` and
/// `memory` (<https://github.com/cloudnativedaysjp/dreamkast-infra/pull/4766>).
fn more_than_the_task(file: &File<'_>, task: &Place<'_>, problems: &mut Problems) {
    let size = |name, read: fn(&str) -> Option<u64>| {
        let (_, written) = task.text(name)?;
        read(&written).and_then(|size| i64::try_from(size).ok())
    };
    let cpu = size("cpu", task_size::cpu_units);
    let memory = size("memory", task_size::mebibytes);
    for container in &file.containers {
        if let (Some((place, size)), Some(of_task)) = (container.place.integer("memory"), memory)
            && size > of_task
        {
            problems.add(
                place
                    .wrong(format!(
                        "the container gets {size} MiB, the whole task {of_task} MiB"
                    ))
                    .hint("raise taskDefinition.memory, or lower this"),
            );
        }
    }
    for (field, whole, of_task, unit) in [
        ("cpu", "cpu", cpu, "CPU units"),
        ("memoryReservation", "memory", memory, "MiB"),
    ] {
        let Some(of_task) = of_task else { continue };
        let mut sum: i64 = 0;
        for container in &file.containers {
            let Some((place, size)) = container.place.integer(field) else {
                continue;
            };
            let before = sum;
            sum = sum.saturating_add(size);
            if before <= of_task && sum > of_task {
                problems.add(
                    place
                        .wrong(format!(
                            "with this the containers ask for {sum} {unit} together, and the task has {of_task}"
                        ))
                        .hint(format!("raise taskDefinition.{whole}, or lower `{field}` of the containers")),
                );
            }
        }
    }
}
