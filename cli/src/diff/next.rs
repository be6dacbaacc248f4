//! The release that an upload of the file would make, by the repositories alone or by what Landfall remembers.

use std::collections::BTreeMap;

use landfall::{
    desired::{DesiredState, FollowedFile},
    drift::{self, Revision, Whose},
    follow::FollowRule,
    image::Image,
    record::{Cause, Content, Release},
    service_file::ServiceFile,
    service_id::ServiceId,
};
use landfall_aws::{
    clock::Clock, config::SdkConfig, drift::whose, ecr::Ecr, ecs::Ecs, fitting::Fitting,
    state_bucket::StateBucket,
};
use miette::{IntoDiagnostic, Report, Result, miette};

use super::{Subject, comparison::Found};
use crate::clients::report_aws;

/// The release, and what it follows on.
pub(super) struct Next {
    pub(super) release: Release,
    pub(super) known: Option<Known>,
}

/// What Landfall remembers of the service.
pub(super) struct Known {
    state: StateBucket,
    /// With the file taken up.
    pub(super) desired: DesiredState,
    /// The last good release's file.
    pub(super) good: Option<ServiceFile>,
}

impl Next {
    /// Every follow rule's newest image that the tasks can run.
    pub(super) async fn by_repositories(
        file: &ServiceFile,
        service: &ServiceId,
        ecr: &Ecr,
    ) -> Result<Self> {
        let unknown = DesiredState::new(service.clone());
        let mut found = found(&unknown, file, ecr).await?;
        let mut images = BTreeMap::new();
        for (container, rule) in &file.images {
            let image = found.remove(container).flatten();
            images.insert(
                container.clone(),
                image.ok_or_else(|| nothing_pushed(container, rule))?,
            );
        }
        Ok(Self {
            release: release(file, images, 1)?,
            known: None,
        })
    }

    /// As `config-changed` would make it: images that were bad are left out. A file that is followed as it stands makes
    /// nothing new.
    pub(super) async fn by_state(
        sdk: &SdkConfig,
        bucket: &str,
        file: &ServiceFile,
        service: &ServiceId,
    ) -> Result<Self> {
        let state = StateBucket::named(sdk, bucket);
        let mut desired = state.read(service).await.map_err(report_aws)?.into_value();
        let good = match &desired.last_good {
            Some(good) => Some(state.file(&good.content.file).await.map_err(report_aws)?),
            None => None,
        };
        let ecr = Ecr::new(sdk);
        let found = found(&desired, file, &ecr).await?;
        let (content, _) = file.stored().into_diagnostic()?;
        let followed = desired.file.as_ref();
        let unchanged = followed.filter(|followed| followed.content == content);
        let taken_up = FollowedFile {
            key: followed
                .map(|followed| followed.key.clone())
                .unwrap_or_default(),
            version_id: unchanged
                .map(|file| file.version_id.clone())
                .unwrap_or_default(),
            content,
            containers: Some(file.containers()),
            follows: file.images.clone(),
            placeholders: None,
        };
        desired.follow_file(taken_up, found, Clock::of(sdk).now());
        if let Some((container, rule)) = desired.waiting_for().first() {
            return Err(nothing_pushed(container, rule));
        }
        Ok(Self {
            release: release(file, desired.images_to_run(), desired.last_number)?,
            known: Some(Known {
                state,
                desired,
                good,
            }),
        })
    }

    /// Whether the release would find a foreign revision, and leave it alone.
    pub(super) async fn foreign(
        &self,
        sdk: &SdkConfig,
        file: &ServiceFile,
        subject: &Subject<'_>,
    ) -> Result<Found> {
        let (Some(known), Some(live), Some(described)) = (&self.known, subject.live, subject.known)
        else {
            return Ok(Found::default());
        };
        let (state, ecs, desired) = (&known.state, Ecs::new(sdk), &known.desired);
        let arn = live.revision_arn();
        let mut revision = Revision::of_file(arn, file);
        let content = &self.release.content.file;
        let whose = whose(state, &ecs, desired, described, &mut revision, content).await;
        Ok(match whose.map_err(report_aws)? {
            Whose::Foreign => Found::refused(drift::reason(&desired.service, arn)),
            _ => Found::default(),
        })
    }
}

fn release(file: &ServiceFile, images: BTreeMap<String, Image>, number: u64) -> Result<Release> {
    let (content, _) = file.stored().into_diagnostic()?;
    Ok(Release {
        number,
        content: Content {
            file: content,
            images,
            containers: Some(file.containers()),
        },
        cause: Cause::ServiceFileChanged {
            key: String::new(),
            version_id: String::new(),
        },
        created_at: Default::default(),
        acts: Vec::new(),
    })
}

/// The images that the rules of the file lead to which are new to `desired`; none where nothing fits.
async fn found(
    desired: &DesiredState,
    file: &ServiceFile,
    ecr: &Ecr,
) -> Result<BTreeMap<String, Option<Image>>> {
    let searches = desired.searches_to_follow(&file.images);
    let found = Fitting::of_read(ecr, file).search(searches).await;
    let found = found.map_err(report_aws)?.into_iter();
    Ok(found
        .map(|(container, found)| (container, found.image))
        .collect())
}

fn nothing_pushed(container: &str, rule: &FollowRule) -> Report {
    miette!(
        help = "push one: until then no release is made",
        "{} has no image that {} admits (container {container})",
        rule.repository,
        rule.tag
    )
}
