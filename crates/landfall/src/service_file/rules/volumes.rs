//! Volumes and where they are mounted
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html>).

use super::{File, did_you_mean};
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    let volumes = task.items("volumes");
    let names: Vec<_> = volumes
        .iter()
        .filter_map(|volume| volume.text("name"))
        .collect();
    let all_known = names.len() == volumes.len();
    let known = || names.iter().map(|(_, name)| &**name);
    // "Unknown volume 'data'."
    for container in &file.containers {
        for mount in container.place.items("mountPoints") {
            if let Some((place, name)) = mount.text("sourceVolume")
                && all_known
                && known().all(|known| known != name)
            {
                let problem = place.wrong(format!(
                    "there is no volume `{name}` in taskDefinition.volumes"
                ));
                problems.add(problem.hint(if names.is_empty() {
                    format!("add `volumes: [{{ name: {name} }}]` to taskDefinition")
                } else {
                    did_you_mean(&name, known(), "the volumes are")
                }));
            }
        }
    }
    for (index, (place, name)) in names.iter().enumerate() {
        if names[..index].iter().any(|(_, earlier)| earlier == name) {
            problems.add(place.odd(format!("there are two volumes named `{name}`")));
        }
    }
    for volume in &volumes {
        efs(volume, problems);
        if file.is_for_fargate() {
            not_on_fargate(volume, problems);
        }
    }
    at_launch(file, &volumes, all_known, problems);
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html>
fn efs(volume: &Place<'_>, problems: &mut Problems) {
    let Some(efs) = volume.get("efsVolumeConfiguration") else {
        return;
    };
    let Some(authorization) = efs.get("authorizationConfig") else {
        return;
    };
    let point = authorization.get("accessPointId").is_some();
    let by_role = authorization.says("iam").is("ENABLED");
    if (point || by_role) && efs.says("transitEncryption").is_not("ENABLED") {
        let what = if point {
            "an access point"
        } else {
            "authorisation by role"
        };
        problems.add(
            efs.lacks("transitEncryption", format!("EFS needs it with {what}"))
                .hint("write `transitEncryption: ENABLED`"),
        );
    }
    if point
        && let Some((place, root)) = efs.text("rootDirectory")
        && root != "/"
        && !root.is_empty()
    {
        problems.add(
            place
                .wrong("the access point says which folder is mounted")
                .hint("leave `rootDirectory` out"),
        );
    }
}

fn not_on_fargate(volume: &Place<'_>, problems: &mut Problems) {
    if let Some(place) = volume.get("dockerVolumeConfiguration") {
        problems.add(place.wrong("Fargate has no Docker volumes"));
    }
    if let Some(place) = volume.get("host").and_then(|host| host.get("sourcePath")) {
        problems.add(
            place
                .wrong("Fargate has no host whose folder could be mounted")
                .hint("leave `host` out"),
        );
    }
}

/// Volumes that are made when a task starts are described in the service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceVolumeConfiguration.html>).
fn at_launch(file: &File<'_>, volumes: &[Place<'_>], all_known: bool, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let described = service.items("volumeConfigurations");
    let is = |said: &Said<'_>, volume: &Place<'_>| volume.says("name") == *said;
    for configuration in &described {
        if let Some((place, name)) = configuration.text("name")
            && all_known
        {
            match volumes
                .iter()
                .find(|volume| is(&Said::Text(name.clone()), volume))
            {
                None => problems.add(place.wrong(format!(
                    "there is no volume `{name}` in taskDefinition.volumes"
                ))),
                Some(volume)
                    if volume.get("configuredAtLaunch").is_none()
                        || volume.is_false("configuredAtLaunch") =>
                {
                    problems.add(
                        place
                            .wrong(format!("the volume `{name}` is not configured at launch"))
                            .hint("give it `configuredAtLaunch: true` in taskDefinition.volumes"),
                    );
                }
                Some(_) => {}
            }
        }
    }
    for volume in volumes
        .iter()
        .filter(|volume| volume.is_true("configuredAtLaunch"))
    {
        let name = volume.says("name");
        if let Said::Text(text) = &name
            && described
                .iter()
                .all(|configuration| configuration.says("name").is_not(text))
            && let Some(place) = volume.get("configuredAtLaunch")
        {
            problems.add(
                place
                    .wrong("the service does not say how this volume is made")
                    .hint(format!("add `volumeConfigurations: [{{ name: {text}, managedEBSVolume: … }}]` to service")),
            );
        }
    }
}
