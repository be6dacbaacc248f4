//! The memory of containers
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Said};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    let of_task = task.says("memory");
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
        // "At least one of 'memory' or 'memoryReservation' must be specified."
        if of_task == Said::Nothing
            && !file.is_for_fargate()
            && place.get("memory").is_none()
            && place.get("memoryReservation").is_none()
        {
            let message = format!(
                "neither the task nor the container `{}` says how much memory it gets",
                container.name
            );
            problems.add(
                place.odd(message).hint(
                    "write `memory` or `memoryReservation` here, or `memory` in taskDefinition",
                ),
            );
        }
        if let (Some((hard, size)), Said::Text(of_task)) = (place.integer("memory"), &of_task)
            && let Ok(of_task) = of_task.parse::<i64>()
            && size > of_task
        {
            problems.add(hard.odd(format!(
                "the container gets {size} MiB, the whole task {of_task} MiB"
            )));
        }
    }
}
