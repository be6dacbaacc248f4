//! What is live of one service, for the verbs that ask AWS itself.

use landfall::{
    difference::{primary, with_revision},
    export::Followable,
    image::Reference,
    image::registry_host,
    live::{LiveRevision, ServiceStatus},
    service_id::ServiceId,
    service_section::out_of_reach::foreign_controller,
    task_definition::containers,
};
use landfall_aws::{Fault, descriptions::Descriptions, ecr::Ecr};
use miette::{Result, miette};
use serde_json::{Map, Value};

use crate::clients::report_aws;

/// A service that runs.
pub(crate) struct RunningService {
    /// As `DescribeServices` answers it.
    pub(crate) fields: Map<String, Value>,
    /// The revision of its primary deployment.
    pub(crate) revision: LiveRevision,
}

/// What DescribeServices answers of a service, if that is there: ECS goes on describing one that was deleted.
pub(crate) fn existing(fields: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
    let status =
        |fields: &Map<String, Value>| fields.get("status")?.as_str().map(ServiceStatus::from);
    fields.filter(|fields| status(fields) != Some(ServiceStatus::Inactive))
}

impl RunningService {
    /// Asks for it; none if there is no such service.
    pub(crate) async fn find(
        descriptions: &Descriptions,
        service: &ServiceId,
    ) -> Result<Option<Self>> {
        let fields = descriptions.service(service).await.map_err(report_aws)?;
        match existing(fields) {
            Some(fields) => Ok(Some(Self::of(descriptions, service, fields).await?)),
            None => Ok(None),
        }
    }

    /// The service that DescribeServices answers with `fields`, and its revision.
    pub(crate) async fn of(
        descriptions: &Descriptions,
        service: &ServiceId,
        fields: Map<String, Value>,
    ) -> Result<Self> {
        let runs = primary(&fields).and_then(|primary| primary["taskDefinition"].as_str());
        let Some(runs) = runs else {
            let controller = fields.get("deploymentController");
            let controller = controller.and_then(|controller| controller["type"].as_str());
            foreign_controller(service, &controller.unwrap_or("ECS").into())
                .map_err(|refusal| miette!("{refusal}"))?;
            return Err(miette!("{service} has no primary deployment"));
        };
        let revision = descriptions.task_definition(runs).await;
        Ok(Self {
            revision: revision.map_err(report_aws)?,
            fields,
        })
    }

    /// Adds the members that only its service revision shows, if it has one. Answers why AWS does not let them be seen, if
    /// that is so.
    pub(crate) async fn see_revision(
        &mut self,
        descriptions: &Descriptions,
    ) -> Result<Option<Fault>> {
        let revisions = self.fields.get("currentServiceRevisions");
        let revisions = revisions.and_then(Value::as_array).into_iter().flatten();
        let arns: Vec<_> = revisions
            .filter_map(|revision| revision["arn"].as_str())
            .collect();
        if arns.is_empty() {
            return Ok(None);
        }
        match descriptions.service_revisions(&arns).await {
            Ok(revisions) => {
                with_revision(&mut self.fields, &revisions);
                Ok(None)
            }
            Err(fault) if fault.is_refused() => Ok(Some(fault)),
            Err(fault) => Err(report_aws(fault)),
        }
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
