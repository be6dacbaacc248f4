//! What tasks on Fargate cannot have
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).

use super::File;
use crate::service_file::mapping::Problems;

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
