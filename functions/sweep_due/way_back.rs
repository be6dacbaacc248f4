//! Last good releases whose images are gone from ECR.

use std::collections::BTreeSet;

use landfall::{desired::DesiredState, sweep::Listing, versioned::Versioned};
use landfall_aws::{
    Aws, Fault, events::WAY_BACK_ENDANGERED, state_bucket::Change, status_file::StatusFile,
};

/// Notes which images of the last good release are gone from a repository, and reports what was not known. The listing is
/// older than the desired state, which may name an image that was pushed since: so ECR is asked again for each that is
/// not listed.
pub(crate) async fn look(
    aws: &Aws,
    desired: &DesiredState,
    repository: &str,
    listing: &Listing,
) -> Result<(), Fault> {
    let mut gone = BTreeSet::new();
    for (_, image) in desired.way_back_through(repository) {
        if !listing.has(&image.digest) && !aws.ecr().has(repository, &image.digest).await? {
            gone.insert(image.digest.clone());
        }
    }
    let service = &desired.service;
    if gone.is_empty() && desired.danger.is_none() {
        return Ok(());
    }
    let gone = &gone;
    let note = |read: Versioned<DesiredState>| async move {
        let mut noted = DesiredState::clone(&read);
        let report = noted.note_gone(repository, |digest| gone.contains(digest), aws.now());
        // The event goes first: once the danger is noted it is not reported again.
        if let Some(report) = report {
            tracing::warn!(%service, "{}", report.message);
            aws.events().put(WAY_BACK_ENDANGERED, &report).await?;
        }
        Ok(if noted == *read {
            Change::Leave(false)
        } else {
            Change::Write(Box::new(noted), true)
        })
    };
    let (noted, changed) = aws.state().change(service, note).await?;
    if changed {
        StatusFile::update(aws.files(), &noted).await?;
    }
    Ok(())
}
