//! Volumes and where they are mounted
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html>).

mod at_launch;

use std::collections::{BTreeMap, BTreeSet};

use super::{File, did_you_mean, is_name, no_name};
use crate::service_file::{mapping::Problems, place::Place};

/// The kinds of volumes, of which one volume is one.
const KINDS: [&str; 5] = [
    "host",
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(task) = &file.task else { return };
    let volumes = task.items("volumes");
    let names: Vec<_> = volumes
        .iter()
        .filter_map(|volume| volume.text("name"))
        .collect();
    let all_known = names.len() == volumes.len();
    let mut known = BTreeSet::new();
    for (place, name) in &names {
        if !known.insert(&**name) {
            problems.add(place.odd(format!("there are two volumes named `{name}`")));
        }
        if !is_name(name) {
            problems.add(no_name(
                place.wrong(format!("`{name}` is no name of a volume")),
            ));
        }
    }
    for container in &file.containers {
        for mount in container.place.items("mountPoints") {
            mounted(&mount, all_known.then_some(&known), problems);
        }
    }
    for volume in &volumes {
        one_kind(volume, problems);
        efs(volume, problems);
        s3_files(volume, task, problems);
        if file.is_for_fargate() {
            not_on_fargate(volume, problems);
        }
    }
    let by_name: BTreeMap<_, _> = volumes
        .iter()
        .filter_map(|volume| Some((volume.text("name")?.1, volume)))
        .collect();
    at_launch::check(file, &volumes, all_known.then_some(&by_name), problems);
}

/// "Unknown volume 'data'."; and Docker mounts nothing without a path to mount it at
/// (<https://docs.docker.com/engine/storage/volumes/>).
fn mounted(mount: &Place<'_>, known: Option<&BTreeSet<&str>>, problems: &mut Problems) {
    if let (Some((place, name)), Some(known)) = (mount.text("sourceVolume"), known)
        && !known.contains(&*name)
    {
        let problem = place.wrong(format!(
            "there is no volume `{name}` in taskDefinition.volumes"
        ));
        problems.add(problem.hint(if known.is_empty() {
            format!("add `volumes: [{{ name: {name} }}]` to taskDefinition")
        } else {
            did_you_mean(&name, known.iter().copied(), "the volumes are")
        }));
    }
    if mount
        .get("containerPath")
        .is_none_or(|place| place.is_empty())
    {
        let mut problem =
            mount.odd("this does not say where in the container the volume is mounted");
        problem.path.push_str(".containerPath");
        problems.add(problem.hint("add `containerPath`, e.g. `containerPath: /data`"));
    }
}

/// "If the host parameter is empty, then the Docker daemon assigns a host path for your data volume": an empty one beside
/// another kind is how the console writes that.
fn one_kind(volume: &Place<'_>, problems: &mut Problems) {
    let kinds: Vec<_> = KINDS
        .into_iter()
        .filter_map(|name| Some((name, volume.get(name).filter(|place| !place.is_empty())?)))
        .collect();
    if let [(first, _), (second, place), ..] = &kinds[..] {
        problems.add(
            place
                .wrong(format!(
                    "a volume is of one kind, and this one has both {first} and {second}"
                ))
                .hint("remove one of the two, or make two volumes"),
        );
    }
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
    if point {
        no_root_directory(&efs, problems);
    }
}

/// "Your task definition must include a Task IAM Role."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_S3FilesVolumeConfiguration.html>)
fn s3_files(volume: &Place<'_>, task: &Place<'_>, problems: &mut Problems) {
    let Some(files) = volume.get("s3filesVolumeConfiguration") else {
        return;
    };
    if task.get("taskRoleArn").is_none() {
        problems.add(
            files
                .wrong("tasks mount S3 Files by their role, and taskDefinition has no taskRoleArn")
                .hint("give taskDefinition a `taskRoleArn` that may mount the file system"),
        );
    }
    if files.get("accessPointArn").is_some() {
        no_root_directory(&files, problems);
    }
}

/// "the root directory parameter must either be omitted or set to /", of volumes with an access point.
fn no_root_directory(volume: &Place<'_>, problems: &mut Problems) {
    if let Some((place, root)) = volume.text("rootDirectory")
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
    if let Some(place) = volume.get("host").and_then(|host| host.get("sourcePath"))
        && !place.is_empty()
    {
        problems.add(
            place
                .wrong("Fargate has no host whose folder could be mounted")
                .hint("leave `host` out"),
        );
    }
}
