//! Volumes that are made when a task starts, which the service describes
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceVolumeConfiguration.html>).

use std::{borrow::Cow, collections::BTreeMap};

use super::super::File;
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

/// `by_name` is absent if not every volume's name is known.
pub(super) fn check(
    file: &File<'_>,
    volumes: &[Place<'_>],
    by_name: Option<&BTreeMap<Cow<'_, str>, &Place<'_>>>,
    problems: &mut Problems,
) {
    let mut made = volumes
        .iter()
        .filter(|volume| volume.is_true("configuredAtLaunch"));
    // "Each task definition revision may only have one volume configured at launch"
    // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html>).
    if let Some(place) = made
        .clone()
        .nth(1)
        .and_then(|second| second.get("configuredAtLaunch"))
    {
        problems.add(
            place
                .wrong("a task has at most one volume that is configured at launch, and this is another")
                .hint("leave `configuredAtLaunch` out at all volumes but one"),
        );
    }
    let Some(service) = &file.service else { return };
    let described = service.items("volumeConfigurations");
    for configuration in &described {
        ebs(configuration, problems);
        let (Some((place, name)), Some(by_name)) = (configuration.text("name"), by_name) else {
            continue;
        };
        match by_name.get(&name) {
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
    if let Some(volume) = made.next()
        && let Said::Text(text) = volume.says("name")
        && described
            .iter()
            .all(|configuration| configuration.says("name").is_not(&text))
        && let Some(place) = volume.get("configuredAtLaunch")
    {
        problems.add(
            place
                .wrong("the service does not say how this volume is made")
                .hint(format!("add `volumeConfigurations: [{{ name: {text}, managedEBSVolume: … }}]` to service")),
        );
    }
}

/// "You must specify either a volume size or a snapshot ID", "This parameter is required for io1 and io2 volume types", "This
/// parameter is only supported for the gp3 volume type", "This property can be specified only if you specify a snapshotId"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceManagedEBSVolumeConfiguration.html>).
fn ebs(configuration: &Place<'_>, problems: &mut Problems) {
    let Some(ebs) = configuration.get("managedEBSVolume") else {
        return;
    };
    let by_snapshot = ebs.get("snapshotId").is_some();
    if ebs.get("sizeInGiB").is_none() && !by_snapshot {
        problems.add(
            ebs.lacks(
                "sizeInGiB",
                "this says neither how large the volume is nor which snapshot it is made from",
            )
            .hint("add `sizeInGiB` or `snapshotId`"),
        );
    }
    let kind = ebs.says("volumeType");
    if (kind.is("io1") || kind.is("io2")) && ebs.get("iops").is_none() {
        problems.add(
            ebs.lacks("iops", "volumes of the types io1 and io2 need it")
                .hint("add `iops`, or write `volumeType: gp3`"),
        );
    }
    if let (Said::Text(kind), Some(place)) = (&kind, ebs.get("throughput"))
        && kind != "gp3"
    {
        problems.add(place.wrong(format!("only volumes of the type gp3 have it, not {kind}")));
    }
    if let Some(place) = ebs.get("volumeInitializationRate")
        && !by_snapshot
    {
        problems
            .add(place.wrong("it is for volumes that are made from a snapshot, by `snapshotId`"));
    }
}
