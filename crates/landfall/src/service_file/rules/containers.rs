//! Names of families and containers, and that a task has an essential container
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).

use super::{File, is_name, no_name};
use crate::service_file::mapping::Problems;

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const MOST: usize = 10;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    if let Some((place, family)) = task.text("family")
        && !is_name(&family)
    {
        problems.add(no_name(
            place.wrong(format!("`{family}` is no name of a family")),
        ));
    }
    // "Too many containers." (<https://github.com/aws/amazon-ecs-cli/issues/184>)
    if let Some(place) = task.items("containerDefinitions").get(MOST) {
        problems.add(place.wrong(format!(
            "a task definition has at most {MOST} containers, and this is one more"
        )));
    }
    for container in &file.containers {
        if !is_name(&container.name)
            && let Some(place) = container.place.get("name")
        {
            let message = format!("`{}` is no name of a container", container.name);
            problems.add(no_name(place.wrong(message)));
        }
        for place in container.place.items("links") {
            if let crate::service_file::place::Said::Text(link) = place.said() {
                let name = link.split(':').next().unwrap_or_default();
                file.container_is_there(&place, name, problems);
            }
        }
        for item in container.place.items("volumesFrom") {
            if let Some((place, name)) = item.text("sourceContainer") {
                file.container_is_there(&place, &name, problems);
            }
        }
    }
    let inessential = |container: &super::Container<'_>| container.place.is_false("essential");
    if file.knows_all_containers()
        && file.containers.iter().all(inessential)
        && let Some(first) = file.containers[0].place.get("essential")
    {
        problems.add(
            first
                .wrong("no container of the task is essential")
                .hint("leave `essential` out at the container that the task is there for"),
        );
    }
    if let Some(proxy) = task.get("proxyConfiguration")
        && let Some((place, name)) = proxy.text("containerName")
    {
        file.container_is_there(&place, &name, problems);
    }
}
