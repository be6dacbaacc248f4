//! How long lists may be, as ECS documents it.

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

/// A list of the service's section: where it is, its name, how many items it has at most.
///
/// "There's a limit of 16 subnets", "There's a limit of 5 security groups"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html>), "a maximum of 10 constraints for
/// each task", "a maximum of 5 strategy rules for each service"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>), "up to five target groups"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>).
const OF_SERVICES: [(&[&str], &str, usize); 5] = [
    (
        &["networkConfiguration", "awsvpcConfiguration"],
        "subnets",
        16,
    ),
    (
        &["networkConfiguration", "awsvpcConfiguration"],
        "securityGroups",
        5,
    ),
    (&[], "placementConstraints", 10),
    (&[], "placementStrategy", 5),
    (&[], "loadBalancers", 5),
];

/// The same of a container: "You can specify up to ten environment files."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EnvironmentFile.html>), "a maximum of 50 container exit codes"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html>), "The maximum number of ARNs is
/// 1." (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>)
const OF_CONTAINERS: [(&[&str], &str, usize); 3] = [
    (&[], "environmentFiles", 10),
    (&["restartPolicy"], "ignoredExitCodes", 50),
    (&[], "credentialSpecs", 1),
];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    if let Some(service) = &file.service {
        within(service, &OF_SERVICES, problems);
    }
    for container in &file.containers {
        within(&container.place, &OF_CONTAINERS, problems);
    }
}

fn within(place: &Place<'_>, lists: &[(&[&str], &str, usize)], problems: &mut Problems) {
    for (way, name, most) in lists {
        let place = way
            .iter()
            .try_fold(place.clone(), |place, step| place.get(step));
        let Some(place) = place else { continue };
        if let Some(further) = place.items(name).get(*most) {
            problems.add(further.wrong(format!(
                "{name} has at most {most} items, and this is one more"
            )));
        }
    }
}
