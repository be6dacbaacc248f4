//! Whether an image is there that a follow rule admits, and whether it runs where the tasks do.

use landfall::{
    follow::FollowRule,
    image::Image,
    platform::Platform,
    prerequisites::{Finding, configuration, platform_of},
};
use serde_json::Value;

use super::{Inspection, failed};
use crate::{Fault, raw::download};

impl Inspection {
    pub(super) async fn image(&self, rule: &FollowRule, platform: &Platform) -> Finding {
        let image = match self.ecr.latest(rule).await {
            Ok(Some(image)) => image,
            Ok(None) => {
                return Finding::Missing(format!(
                    "push one to {} that {} admits; until then no release is made",
                    rule.repository, rule.tag
                ));
            }
            Err(fault) => return failed(&fault, "ecr:DescribeImages", &[], ""),
        };
        let name = format!("{}:{}", image.repository, image.tag);
        let manifest = match self.ecr.manifest(&image.repository, &image.digest).await {
            Ok(manifest) => manifest.unwrap_or_default(),
            Err(fault) => return failed(&fault, "ecr:BatchGetImage", &[], ""),
        };
        let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
        let (os, architecture) = (&platform.os, &platform.architecture);
        let is_for = match platform.runs(&manifest) {
            Some(is_for) => is_for,
            None => match self.platform_of(&image, &manifest).await {
                Ok(Some(one)) => one == *platform,
                Ok(None) => {
                    return Finding::Unknown(format!(
                        "{name} is there; whether it is for {os}/{architecture}, it does not say"
                    ));
                }
                Err(fault) => {
                    let why = match failed(&fault, "ecr:GetDownloadUrlForLayer", &[], "") {
                        Finding::Ok(why) | Finding::Missing(why) | Finding::Unknown(why) => why,
                    };
                    return Finding::Unknown(format!(
                        "{name} is there; whether it is for {os}/{architecture} cannot be said: {why}"
                    ));
                }
            },
        };
        if is_for {
            Finding::Ok(format!("{name}, for {os}/{architecture}"))
        } else {
            Finding::Missing(format!(
                "{name} is there, but not for {os}/{architecture}: build it for that, or set \
                 taskDefinition.runtimePlatform"
            ))
        }
    }

    pub(super) async fn way_back(&self, image: &Image) -> Finding {
        let Image {
            repository,
            tag,
            digest,
            ..
        } = image;
        match self.ecr.has(repository, digest).await {
            Ok(true) => Finding::Ok(format!("{repository}:{tag}")),
            Ok(false) => Finding::Missing(format!(
                "{repository}:{tag} is gone, and the way back is in danger: push the same image again, or release another \
                 one; and let no lifecycle rule expire what services run"
            )),
            Err(fault) => failed(&fault, "ecr:DescribeImages", &[], ""),
        }
    }

    /// What an image of one platform is for: its configuration says it, which is kept as a layer is.
    async fn platform_of(
        &self,
        image: &Image,
        manifest: &Value,
    ) -> Result<Option<Platform>, Fault> {
        const CALL: &str = "ecr:GetDownloadUrlForLayer";
        let Some(digest) = configuration(manifest) else {
            return Ok(None);
        };
        let url = self.ecr.download_url(&image.repository, digest).await?;
        let bytes = download(&self.config, CALL, &url).await?;
        let configuration: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(platform_of(&configuration))
    }
}
