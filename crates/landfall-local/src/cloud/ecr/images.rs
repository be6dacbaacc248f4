//! Pushing and finding images.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ecr, LocalImage, Repository, digest, invalid, page, required};
use crate::cloud::fault::Fault;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A manifest that was pushed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Image {
    /// `sha256:` and the digest of the manifest's bytes.
    pub(super) digest: String,
    pub(super) manifest: String,
    media_type: String,
    /// Seconds since the epoch. A second tag for the same digest does not change it.
    pushed_at: f64,
    pub(super) tags: BTreeSet<String>,
}

impl Image {
    fn id(&self, tag: Option<&str>) -> Value {
        match tag {
            Some(tag) => json!({ "imageDigest": self.digest, "imageTag": tag }),
            None => json!({ "imageDigest": self.digest }),
        }
    }

    fn parsed(&self) -> Value {
        serde_json::from_str(&self.manifest).unwrap_or_default()
    }

    /// What the manifest says that it is of: its `artifactType`, else the media type of its configuration
    /// (<https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage>). A local image
    /// has no configuration.
    fn artifact_media_type(&self) -> Option<String> {
        if LocalImage::of_manifest(&self.manifest).is_some() {
            return None;
        }
        let manifest = self.parsed();
        let media_type = manifest
            .get("artifactType")
            .or(manifest.pointer("/config/mediaType"));
        media_type.and_then(Value::as_str).map(str::to_owned)
    }

    /// The digest of the image that this is attached to.
    fn subject(&self) -> Option<String> {
        let manifest = self.parsed();
        let subject = manifest.pointer("/subject/digest");
        subject.and_then(Value::as_str).map(str::to_owned)
    }

    /// The manifest's config and layers, in bytes.
    fn size(&self) -> u64 {
        let manifest = self.parsed();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        layers
            .chain([&manifest["config"]])
            .filter_map(|blob| blob["size"].as_u64())
            .sum()
    }
}

impl Repository {
    /// The image that an `imageId` means; a digest and a tag must agree.
    fn find(&self, image_id: &Value) -> Option<&Image> {
        let digest = image_id["imageDigest"].as_str();
        let tag = image_id["imageTag"].as_str();
        if digest.is_none() && tag.is_none() {
            return None;
        }
        self.images.iter().find(|image| {
            digest.is_none_or(|digest| image.digest == digest)
                && tag.is_none_or(|tag| image.tags.contains(tag))
        })
    }
}

impl Ecr {
    pub(super) fn put_image(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let manifest = required(input, "imageManifest")?;
        let tag = input["imageTag"].as_str();
        let parsed: Value = serde_json::from_str(manifest)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| invalid("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'must be a JSON object'"))?;
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(invalid(format!(
                "Invalid parameter at 'imageTag' failed to satisfy constraint: '{tag}' is not a tag"
            )));
        }
        let digest = digest(manifest);
        if let Some(expected) = input["imageDigest"]
            .as_str()
            .filter(|expected| *expected != digest)
        {
            let message = format!(
                "The specified image digest {expected} does not match the manifest's, {digest}."
            );
            return Err(Fault::client("ImageDigestDoesNotMatchException", message));
        }
        let media_type = input["imageManifestMediaType"]
            .as_str()
            .or(parsed["mediaType"].as_str())
            .unwrap_or(DOCKER_MANIFEST);

        let mut state = self.state();
        let repository = state.repository(input, &self.world.account)?;
        self.check_new(repository, name, &digest, tag)?;
        if !repository.images.iter().any(|image| image.digest == digest) {
            if let Some(local) = LocalImage::of_manifest(manifest) {
                local
                    .check_and_keep(self.folder.as_deref(), &digest)
                    .map_err(invalid)?;
            }
            repository.images.push(Image {
                digest: digest.clone(),
                manifest: manifest.to_owned(),
                media_type: media_type.to_owned(),
                pushed_at: self.world.epoch_seconds(),
                tags: BTreeSet::new(),
            });
        }
        for image in &mut repository.images {
            if image.digest == digest {
                image.tags.extend(tag.map(str::to_owned));
            } else if let Some(tag) = tag {
                image.tags.remove(tag);
            }
        }
        let image = repository
            .images
            .iter()
            .find(|image| image.digest == digest);
        let answer = image.map(|image| self.describe(name, image, tag));
        self.announce(name, &digest, tag);
        Ok(json!({ "image": answer }))
    }

    fn check_new(
        &self,
        repository: &Repository,
        name: &str,
        digest: &str,
        tag: Option<&str>,
    ) -> Result<(), Fault> {
        let same = repository
            .images
            .iter()
            .find(|image| image.digest == digest);
        if same.is_some_and(|image| tag.is_none_or(|tag| image.tags.contains(tag))) {
            let message = format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry with id '{}'",
                tag.unwrap_or_default(),
                self.world.account
            );
            return Err(Fault::client("ImageAlreadyExistsException", message));
        }
        let immutable = repository
            .description
            .get("imageTagMutability")
            .is_some_and(|value| value == "IMMUTABLE");
        if let Some(tag) = tag.filter(|tag| {
            immutable
                && repository
                    .images
                    .iter()
                    .any(|image| image.tags.contains(*tag))
        }) {
            let message = format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
            );
            return Err(Fault::client("ImageTagAlreadyExistsException", message));
        }
        Ok(())
    }

    pub(super) fn batch_get_image(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let mut state = self.state();
        let repository = state.repository(input, &self.world.account)?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for image_id in image_ids(input)? {
            match repository.find(image_id) {
                Some(image) => {
                    images.push(self.describe(name, image, image_id["imageTag"].as_str()))
                }
                None => failures.push(failure(image_id)),
            }
        }
        Ok(json!({ "images": images, "failures": failures }))
    }

    /// By digest an image goes with all its tags; by tag only that tag goes, and the image with its last one
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>).
    pub(super) fn batch_delete_image(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.state();
        let repository = state.repository(input, &self.world.account)?;
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for image_id in image_ids(input)? {
            let Some(digest) = repository.find(image_id).map(|image| image.digest.clone()) else {
                failures.push(failure(image_id));
                continue;
            };
            let tag = image_id["imageTag"].as_str();
            for image in &mut repository.images {
                if image.digest == digest {
                    let gone = tag.filter(|_| image_id["imageDigest"].is_null());
                    deleted.push(image.id(gone));
                    match gone {
                        Some(tag) => image.tags.remove(tag),
                        None => std::mem::take(&mut image.tags).is_empty(),
                    };
                }
            }
            repository
                .images
                .retain(|image| image.digest != digest || !image.tags.is_empty());
        }
        Ok(json!({ "imageIds": deleted, "failures": failures }))
    }

    pub(super) fn describe_images(&self, input: &Value) -> Result<Value, Fault> {
        let name = required(input, "repositoryName")?;
        let status = input["filter"]["tagStatus"].as_str().unwrap_or("ANY");
        let mut state = self.state();
        let repository = state.repository(input, &self.world.account)?;
        let chosen: Vec<&Image> = match input["imageIds"].as_array().filter(|ids| !ids.is_empty()) {
            Some(ids) => {
                let mut chosen: Vec<&Image> = Vec::new();
                for image_id in ids {
                    let image = repository
                        .find(image_id)
                        .ok_or_else(|| self.not_found(name, image_id))?;
                    if !chosen.iter().any(|other| other.digest == image.digest) {
                        chosen.push(image);
                    }
                }
                chosen
            }
            None => repository
                .images
                .iter()
                .filter(|image| has_status(image, status))
                .collect(),
        };
        let details = chosen.into_iter().map(|image| {
            let mut detail = json!({
                "registryId": self.world.account,
                "repositoryName": name,
                "imageDigest": image.digest,
                "imageSizeInBytes": image.size(),
                "imagePushedAt": image.pushed_at,
                "imageManifestMediaType": image.media_type,
            });
            if !image.tags.is_empty() {
                detail["imageTags"] = json!(image.tags);
            }
            if let Some(media_type) = image.artifact_media_type() {
                detail["artifactMediaType"] = media_type.into();
            }
            if let Some(subject) = image.subject() {
                detail["subjectManifestDigest"] = subject.into();
            }
            detail
        });
        let (details, next) = page(details.collect(), input)?;
        let mut answer = json!({ "imageDetails": details });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    pub(super) fn list_images(&self, input: &Value) -> Result<Value, Fault> {
        let status = input["filter"]["tagStatus"].as_str().unwrap_or("ANY");
        let mut state = self.state();
        let repository = state.repository(input, &self.world.account)?;
        let ids = repository
            .images
            .iter()
            .filter(|image| has_status(image, status))
            .flat_map(|image| {
                if image.tags.is_empty() {
                    vec![image.id(None)]
                } else {
                    image.tags.iter().map(|tag| image.id(Some(tag))).collect()
                }
            });
        let (ids, next) = page(ids.collect(), input)?;
        let mut answer = json!({ "imageIds": ids });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    fn describe(&self, name: &str, image: &Image, tag: Option<&str>) -> Value {
        json!({
            "registryId": self.world.account,
            "repositoryName": name,
            "imageId": image.id(tag),
            "imageManifest": image.manifest,
            "imageManifestMediaType": image.media_type,
        })
    }

    fn not_found(&self, name: &str, image_id: &Value) -> Fault {
        let message = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' \
             in the registry with id '{}'",
            image_id["imageDigest"].as_str().unwrap_or("null"),
            image_id["imageTag"].as_str().unwrap_or("null"),
            self.world.account
        );
        Fault::client("ImageNotFoundException", message)
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html>: no resources, one event per tag,
    /// an empty tag where there is none.
    fn announce(&self, name: &str, digest: &str, tag: Option<&str>) {
        let detail = json!({
            "result": "SUCCESS",
            "repository-name": name,
            "image-digest": digest,
            "action-type": "PUSH",
            "image-tag": tag.unwrap_or_default(),
        });
        self.bus.emit("aws.ecr", "ECR Image Action", &[], detail);
    }
}

fn image_ids(input: &Value) -> Result<&Vec<Value>, Fault> {
    input["imageIds"]
        .as_array()
        .filter(|ids| (1..=100).contains(&ids.len()))
        .ok_or_else(|| invalid("Invalid parameter at 'imageIds' failed to satisfy constraint: 'between 1 and 100 items'"))
}

fn failure(image_id: &Value) -> Value {
    json!({ "imageId": image_id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found" })
}

fn has_status(image: &Image, status: &str) -> bool {
    match status {
        "TAGGED" => !image.tags.is_empty(),
        "UNTAGGED" => image.tags.is_empty(),
        _ => true,
    }
}

/// <https://docs.docker.com/reference/cli/docker/image/tag/>: up to 128 of letters, digits, `_`, `.` and `-`, not
/// starting with `.` or `-`.
fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}
