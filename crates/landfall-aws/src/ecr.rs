//! ECR: the images of the repositories in this account and Region.

use aws_config::SdkConfig;
use aws_sdk_ecr::{
    Client,
    error::ProvideErrorMetadata,
    operation::describe_images::builders::DescribeImagesFluentBuilder,
    types::{ImageDetail, ImageIdentifier},
};
use aws_smithy_types::DateTime;
use jiff::{Timestamp, Unit};
use landfall::{
    follow::FollowRule,
    image::{Image, registry_host},
    sweep::Listing,
};

use crate::{Fault, clock::timestamp};

const CALL: &str = "ecr:DescribeImages";

/// The most images in one answer of `DescribeImages`
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>).
const LARGEST_PAGE: i32 = 1000;

/// ECR in this account and Region.
#[derive(Clone, Debug)]
pub struct Ecr {
    client: Client,
    region: String,
}

impl Ecr {
    /// A client for the configured Region.
    pub fn new(config: &SdkConfig) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Self {
            client: Client::new(config),
            region,
        }
    }

    /// What has `tag` now.
    pub async fn shown(&self, repository: &str, tag: &str) -> Result<Shown, Fault> {
        let id = ImageIdentifier::builder().image_tag(tag).build();
        let answer = match self
            .client
            .describe_images()
            .repository_name(repository)
            .image_ids(id)
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(error) if is_missing(error.code()) => return Ok(Shown::Nothing),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        // Some servers answer an unknown tag with an empty list instead of ImageNotFoundException.
        let Some(detail) = answer.image_details().first() else {
            return Ok(Shown::Nothing);
        };
        let image = self.tagged(repository, tag, detail)?;
        Ok(match kind(detail) {
            Kind::Image => Shown::Image(image),
            Kind::Index => Shown::Index(image),
            Kind::Artifact(media_type) => Shown::Artifact(media_type),
        })
    }

    /// The image that has `tag` now; none if no image has it.
    pub async fn image(&self, repository: &str, tag: &str) -> Result<Option<Image>, Fault> {
        Ok(match self.shown(repository, tag).await? {
            Shown::Image(image) | Shown::Index(image) => Some(image),
            Shown::Nothing | Shown::Artifact(_) => None,
        })
    }

    /// The latest image that `rule` admits, after looking through the whole repository; none if there is no such
    /// image or no such repository yet.
    pub async fn latest(&self, rule: &FollowRule) -> Result<Option<Image>, Fault> {
        if let Some(tag) = rule.tag.exact() {
            return self.image(&rule.repository, tag).await;
        }
        let tagged = self.listing(&rule.repository).await?.tagged;
        Ok(rule.candidates(tagged, &[]).into_iter().next())
    }

    /// All images of a repository; none if there is no such repository.
    pub async fn listing(&self, repository: &str) -> Result<Listing, Fault> {
        let request = self.client.describe_images().repository_name(repository);
        let mut listing = Listing::default();
        let is_there = each(request, |detail| {
            if detail.image_tags().is_empty() {
                let digest = detail.image_digest().map(str::to_owned);
                listing.untagged.extend(digest);
            }
            let kind = kind(detail);
            if let Kind::Artifact(_) = kind {
                return Ok(());
            }
            for tag in detail.image_tags() {
                let image = self.tagged(repository, tag, detail)?;
                if kind == Kind::Index {
                    listing.indexes.insert(image.digest.clone());
                }
                listing.tagged.push(image);
            }
            Ok(())
        });
        Ok(if is_there.await? {
            listing
        } else {
            Listing::default()
        })
    }

    /// Whether the image with this digest is there.
    pub async fn has(&self, repository: &str, digest: &str) -> Result<bool, Fault> {
        let id = ImageIdentifier::builder().image_digest(digest).build();
        let request = self.client.describe_images().repository_name(repository);
        match request.image_ids(id).send().await {
            Ok(answer) => Ok(!answer.image_details().is_empty()),
            Err(error) if is_missing(error.code()) => Ok(false),
            Err(error) => Err(Fault::of(CALL, error)),
        }
    }

    /// The tags of the image with this digest; none if it is gone.
    pub async fn tags(&self, repository: &str, digest: &str) -> Result<Vec<String>, Fault> {
        let id = ImageIdentifier::builder().image_digest(digest).build();
        let request = self.client.describe_images().repository_name(repository);
        match request.image_ids(id).send().await {
            Ok(answer) => Ok(answer
                .image_details()
                .iter()
                .flat_map(|detail| detail.image_tags().to_vec())
                .collect()),
            Err(error) if is_missing(error.code()) => Ok(Vec::new()),
            Err(error) => Err(Fault::of(CALL, error)),
        }
    }

    /// The manifest of the image with this digest.
    pub async fn manifest(&self, repository: &str, digest: &str) -> Result<Option<String>, Fault> {
        let id = ImageIdentifier::builder().image_digest(digest).build();
        let request = self.client.batch_get_image().repository_name(repository);
        let answer = request.image_ids(id).send().await;
        let answer = answer.map_err(|error| Fault::of("ecr:BatchGetImage", error))?;
        let image = answer.images().first();
        Ok(image
            .and_then(|image| image.image_manifest())
            .map(str::to_owned))
    }

    /// A URL from which a layer, or an image's configuration, can be loaded without credentials until it expires.
    pub async fn download_url(&self, repository: &str, digest: &str) -> Result<String, Fault> {
        const CALL: &str = "ecr:GetDownloadUrlForLayer";
        let request = self.client.get_download_url_for_layer();
        let request = request.repository_name(repository).layer_digest(digest);
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::of(CALL, error))?;
        answer
            .download_url()
            .map(str::to_owned)
            .ok_or_else(|| Fault::incomplete(CALL, "downloadUrl"))
    }

    /// Creates a repository, unless it is there.
    pub async fn ensure_repository(&self, repository: &str) -> Result<(), Fault> {
        match self
            .client
            .create_repository()
            .repository_name(repository)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("RepositoryAlreadyExistsException") => Ok(()),
            Err(error) => Err(Fault::of("ecr:CreateRepository", error)),
        }
    }

    /// Puts a manifest under a tag and answers the image's digest. The same image under the same tag is no error.
    pub async fn put_manifest(
        &self,
        repository: &str,
        tag: &str,
        manifest: &str,
    ) -> Result<String, Fault> {
        const CALL: &str = "ecr:PutImage";
        let request = self
            .client
            .put_image()
            .repository_name(repository)
            .image_tag(tag)
            .image_manifest(manifest);
        match request.send().await {
            Ok(answer) => {
                let id = answer.image().and_then(|image| image.image_id());
                let digest = id.and_then(|id| id.image_digest()).map(str::to_owned);
                digest.ok_or_else(|| Fault::incomplete(CALL, "imageDigest"))
            }
            Err(error) if error.code() == Some("ImageAlreadyExistsException") => {
                let image = self.image(repository, tag).await?;
                Ok(image
                    .ok_or_else(|| Fault::incomplete(CALL, "image"))?
                    .digest)
            }
            Err(error) => Err(Fault::of(CALL, error)),
        }
    }

    fn tagged(&self, repository: &str, tag: &str, detail: &ImageDetail) -> Result<Image, Fault> {
        let account = detail
            .registry_id()
            .ok_or_else(|| Fault::incomplete(CALL, "registryId"))?;
        let digest = detail
            .image_digest()
            .ok_or_else(|| Fault::incomplete(CALL, "imageDigest"))?;
        let pushed = detail
            .image_pushed_at()
            .ok_or_else(|| Fault::incomplete(CALL, "imagePushedAt"))?;
        Ok(Image {
            registry: registry_host(account, &self.region),
            repository: repository.into(),
            tag: tag.into(),
            digest: digest.into(),
            pushed_at: pushed_at(pushed)?,
            tagged_at: None,
        })
    }
}

/// What has a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// One image.
    Image(Image),
    /// An index of images, mostly one for each platform.
    Index(Image),
    /// Something else than an image; with its media type.
    Artifact(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Index,
    Artifact(String),
}

/// The media types of the configuration of what a container runs
/// (<https://github.com/opencontainers/image-spec/blob/main/media-types.md>,
/// <https://distribution.github.io/distribution/spec/manifest-v2-2/>). ECR has it as `artifactMediaType`. Its documentation does
/// not say that this is never the manifest's type, as it is where ministack plays ECR: that is of an image too.
const IMAGES: [&str; 5] = [
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
];
/// The media types of an index, from the same pages.
const INDEXES: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
];
/// The manifest of an artifact in a draft of OCI's
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.0-rc4/artifact.md>).
const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// What an entry of `DescribeImages` is. What has a subject is attached to it
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html>). Without a word of it, an entry is an
/// image: ECR need not say more.
fn kind(detail: &ImageDetail) -> Kind {
    let manifest = detail.image_manifest_media_type().unwrap_or_default();
    match detail.artifact_media_type() {
        Some(artifact)
            if !artifact.is_empty()
                && !IMAGES.contains(&artifact)
                && !INDEXES.contains(&artifact) =>
        {
            Kind::Artifact(artifact.into())
        }
        _ if manifest == ARTIFACT || detail.subject_manifest_digest().is_some() => {
            Kind::Artifact(detail.artifact_media_type().unwrap_or(manifest).into())
        }
        _ if INDEXES.contains(&manifest) => Kind::Index,
        _ => Kind::Image,
    }
}

/// ECR tells seconds and their fraction as a floating-point number, which holds no millisecond exactly: cut off, one could
/// become the one before, and two pushes would seem to be of the same moment.
fn pushed_at(pushed: &DateTime) -> Result<Timestamp, Fault> {
    timestamp(pushed)?
        .round(Unit::Millisecond)
        .map_err(|error| Fault::unexpected(error.to_string()))
}

/// Gives `take` each image that is asked for, page by page. Whether the repository is there.
async fn each(
    request: DescribeImagesFluentBuilder,
    mut take: impl FnMut(&ImageDetail) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    let mut pages = request.into_paginator().page_size(LARGEST_PAGE).send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) if is_missing(error.code()) => return Ok(false),
            Err(error) => return Err(Fault::of(CALL, error)),
        };
        for detail in page.image_details() {
            take(detail)?;
        }
    }
    Ok(true)
}

fn is_missing(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("ImageNotFoundException" | "RepositoryNotFoundException")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pushes_of_different_milliseconds_stay_apart() {
        for milliseconds in 1_750_000_005_000..1_750_000_006_000_i64 {
            let pushed = DateTime::from_secs_f64(milliseconds as f64 / 1000.0);
            let exact = Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(pushed_at(&pushed).unwrap(), exact);
        }
    }

    #[test]
    fn what_is_no_image_is_known_by_its_media_type_and_all_else_is_one() {
        const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
        let artifact = || Kind::Artifact(HELM.into());
        for (manifest, artifact_type, expected) in [
            (None, None, Kind::Image),
            (Some(IMAGES[3]), Some(IMAGES[0]), Kind::Image),
            (Some(IMAGES[4]), Some(IMAGES[1]), Kind::Image),
            (Some(IMAGES[4]), Some(IMAGES[4]), Kind::Image),
            (Some(IMAGES[4]), Some(""), Kind::Image),
            (Some(INDEXES[1]), None, Kind::Index),
            (Some(INDEXES[0]), Some(INDEXES[0]), Kind::Index),
            (Some(IMAGES[4]), Some(HELM), artifact()),
            (Some(ARTIFACT), None, Kind::Artifact(ARTIFACT.into())),
        ] {
            let detail = ImageDetail::builder()
                .set_image_manifest_media_type(manifest.map(str::to_owned))
                .set_artifact_media_type(artifact_type.map(str::to_owned))
                .build();
            assert_eq!(kind(&detail), expected, "{manifest:?} {artifact_type:?}");
        }
    }
}
