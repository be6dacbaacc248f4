//! Adoption: the revision that a service runs, whether Landfall registered it or not, with other images.

use super::{Registration, fill};
use crate::{
    live::LiveRevision,
    record::Release,
    refusal::Refusal,
    service_file::{ServiceFile, nearest},
    service_id::ServiceId,
};

/// Fills the release's images into what the service runs.
///
/// # Errors
/// Refused if the service has no container of a name that the file follows an image for.
pub fn render_live(
    live: &LiveRevision,
    file: &ServiceFile,
    release: &Release,
    service: &ServiceId,
) -> Result<Registration, Refusal> {
    let containers = live.containers();
    for followed in file.images.keys() {
        if containers.contains(&&**followed) {
            continue;
        }
        let there = containers
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let hint = match nearest(followed, containers.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? The containers are {there}"),
            None => format!("the containers are {there}"),
        };
        return Err(Refusal::new(format!(
            "images.{followed}: what {service} runs has no container `{followed}`: {hint}"
        )));
    }
    fill(live.registrable(), file, release, service)
}
