//! What is live of one service, for the verbs that ask AWS itself.

use landfall::{
    export::{Followable, Reference},
    image::registry_host,
    live::{LiveRevision, LiveService},
    service_id::ServiceId,
    task_definition::containers,
};
use landfall_aws::{config::SdkConfig, descriptions::Descriptions, ecr::Ecr, ecs::Ecs};
use miette::{Result, miette};
use serde_json::{Map, Value};

use crate::clients::report_aws;

/// A service that runs.
pub(crate) struct RunningService {
    /// As `DescribeServices` answers it.
    pub(crate) fields: Map<String, Value>,
    /// The same as far as decisions need it.
    pub(crate) known: LiveService,
    /// The revision of its primary deployment.
    pub(crate) revision: LiveRevision,
}

impl RunningService {
    /// Asks for it; none if there is no such service.
    pub(crate) async fn find(config: &SdkConfig, service: &ServiceId) -> Result<Option<Self>> {
        let descriptions = Descriptions::new(config);
        let known = Ecs::new(config)
            .service(service)
            .await
            .map_err(report_aws)?;
        let Some(known) = known.filter(|known| !known.is_deleted()) else {
            return Ok(None);
        };
        let primary = known.primary().ok_or_else(|| {
            miette!(
                "{service} has no primary deployment: its deployment controller is {}",
                known.controller
            )
        })?;
        let revision = descriptions.task_definition(&primary.task_definition).await;
        let fields = descriptions.service(service).await.map_err(report_aws)?;
        let Some(fields) = fields else {
            return Ok(None);
        };
        Ok(Some(Self {
            fields,
            known,
            revision: revision.map_err(report_aws)?,
        }))
    }

    /// The ARN of the revision that it runs.
    pub(crate) fn revision_arn(&self) -> &str {
        let arn = self.revision.fields.get("taskDefinitionArn");
        arn.and_then(Value::as_str).unwrap_or_default()
    }

    /// The name of each container and its image.
    pub(crate) fn images(&self) -> Vec<(&str, &str)> {
        containers(&self.revision.fields)
            .filter_map(|container| {
                Some((
                    container.get("name")?.as_str()?,
                    container.get("image")?.as_str()?,
                ))
            })
            .collect()
    }

    /// The host of the private registry in the service's account and Region.
    pub(crate) fn registry(&self) -> String {
        let arn = self.fields.get("serviceArn").and_then(Value::as_str);
        let mut parts = arn.unwrap_or_default().split(':').skip(3);
        let region = parts.next().unwrap_or_default();
        registry_host(parts.next().unwrap_or_default(), region)
    }

    /// The containers whose images are in that registry, each with a tag of the image that runs.
    pub(crate) async fn followable(&self, ecr: &Ecr) -> Result<Vec<Followable>> {
        let registry = self.registry();
        let mut found = Vec::new();
        for (container, image) in self.images() {
            let reference = Reference::read(image).filter(|known| known.registry == registry);
            let Some(reference) = reference else { continue };
            let mut tag = reference.tag.map(str::to_owned);
            if let (None, Some(digest)) = (&tag, reference.digest) {
                let tags = ecr
                    .tags(reference.repository, digest)
                    .await
                    .map_err(report_aws)?;
                tag = best(tags);
            }
            found.push(Followable {
                container: container.into(),
                repository: reference.repository.into(),
                tag,
            });
        }
        Ok(found)
    }
}

/// The tag that says most: a version rather than a word, the longest of each.
pub(crate) fn best(tags: Vec<String>) -> Option<String> {
    tags.into_iter().max_by_key(|tag| {
        let is_version = landfall::export::suggested_policy(Some(tag)).starts_with("semver:");
        (is_version, tag.len(), tag.clone())
    })
}
