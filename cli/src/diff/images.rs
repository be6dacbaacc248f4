//! Which images a service runs, by tag and by digest.

use std::collections::BTreeMap;

use landfall::{
    image::{Image, Reference},
    record::Release,
    service_file::ServiceFile,
    task_definition::containers_mut,
};
use landfall_aws::ecr::Ecr;
use miette::Result;
use serde_json::{Map, Value};

use crate::{
    clients::report_aws,
    running_service::{RunningService, best},
};

/// What the service runs, with the digests of followed images that it names by tag, and the tags of those that it names by
/// digest.
pub(super) async fn pinned(
    live: &RunningService,
    file: &ServiceFile,
    ecr: &Ecr,
) -> Result<(Map<String, Value>, BTreeMap<String, String>)> {
    let mut runs = live.revision.registrable();
    let registry = live.registry();
    let mut names = BTreeMap::new();
    for container in containers_mut(&mut runs) {
        let text = |member: &str| {
            let value = container.get(member).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let (name, image) = (text("name"), text("image"));
        let reference = Reference::read(&image).filter(|known| known.registry == registry);
        let Some(reference) = reference.filter(|_| file.images.contains_key(&name)) else {
            continue;
        };
        let repository = reference.repository;
        let known = match (reference.digest, reference.tag) {
            (Some(digest), _) => {
                let tags = ecr.tags(repository, digest).await.map_err(report_aws)?;
                best(tags).map(|tag| (image.clone(), tag))
            }
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                let found = ecr.image(repository, tag).await.map_err(report_aws)?;
                found.map(|found| (found.pinned(), tag.to_owned()))
            }
        };
        if let Some((pinned, tag)) = known {
            names.insert(pinned.clone(), format!("{repository}:{tag}"));
            container.insert("image".into(), pinned.into());
        }
    }
    Ok((runs, names))
}

/// For each pinned image the repository and tag that people know it by.
pub(super) fn names(
    release: &Release,
    mut known: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let images = release.content.images.values();
    known.extend(images.map(|image: &Image| {
        (
            image.pinned(),
            format!("{}:{}", image.repository, image.tag),
        )
    }));
    known
}
