//! Watches that what was serving keeps serving.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use landfall_local::cloud::Cloud;
use serde_json::{Value, json};

use crate::{
    invariant::Violation,
    journal::Journal,
    run::{Pushed, Story},
    scenario::{Scenario, Service},
    witness::desired,
};

/// Looks at every service again and again.
pub struct Guard {
    cloud: Arc<Cloud>,
    services: Vec<Service>,
    /// Revision → the digest it runs.
    images: BTreeMap<String, Option<String>>,
    gaps: BTreeMap<String, Violation>,
    /// The services that had a good release, as they have for ever then.
    proven: BTreeSet<String>,
}

impl Guard {
    /// A guard over the services of a scenario.
    pub fn new(cloud: Arc<Cloud>, scenario: &Scenario) -> Self {
        Self {
            cloud,
            services: scenario.services.clone(),
            images: BTreeMap::new(),
            gaps: BTreeMap::new(),
            proven: BTreeSet::new(),
        }
    }

    /// The services that ran nothing good for a moment, although they had a good release.
    pub fn gaps(&self) -> Vec<Violation> {
        self.gaps.values().cloned().collect()
    }

    /// One look. A service with a good release has a running task of a good image at any time, unless its service
    /// has a foreign change.
    pub async fn look(&mut self, pushes: &[Pushed], stories: &[Story], journal: &Journal) {
        for (service, story) in self.services.clone().iter().zip(stories) {
            let name = service.id.to_string();
            if story.foreign_changes || self.gaps.contains_key(&name) {
                continue;
            }
            if !self.proven.contains(&name) {
                let desired = desired(&self.cloud, &service.id).await;
                if desired.is_none_or(|desired| desired.last_good.is_none()) {
                    continue;
                }
                self.proven.insert(name.clone());
            }
            if !self.serves(service, pushes).await {
                journal.note("—", format!("⚠ nothing good serves {name}"));
                let gap = Violation::new(
                    5,
                    &name,
                    "had a good release, and no task of a good image ran for a moment",
                );
                self.gaps.insert(name, gap);
            }
        }
    }

    async fn serves(&mut self, service: &Service, pushes: &[Pushed]) -> bool {
        let input = json!({ "cluster": service.id.cluster(), "services": [service.id.service()] });
        let answer = self.cloud.ecs.call("DescribeServices", input).await;
        let answer = answer.unwrap_or_default();
        let deployments = answer["services"][0]["deployments"].as_array().cloned();
        for deployment in deployments.unwrap_or_default() {
            let revision = deployment["taskDefinition"].as_str().unwrap_or_default();
            let good = match self.image(revision).await {
                Some(digest) => pushes
                    .iter()
                    .any(|push| push.digest == digest && service.keeps_running(push.behaviour)),
                None => false,
            };
            if good && deployment["runningCount"].as_u64() > Some(0) {
                return true;
            }
        }
        false
    }

    async fn image(&mut self, revision: &str) -> Option<String> {
        if let Some(known) = self.images.get(revision) {
            return known.clone();
        }
        let digest = digest(&self.cloud, revision).await;
        self.images.insert(revision.to_owned(), digest.clone());
        digest
    }
}

/// The digest that the first container of a revision runs.
pub async fn digest(cloud: &Cloud, revision: &str) -> Option<String> {
    let input = json!({ "taskDefinition": revision });
    let answer: Value = cloud.ecs.call("DescribeTaskDefinition", input).await.ok()?;
    let image = answer["taskDefinition"]["containerDefinitions"][0]["image"].as_str()?;
    Some(image.split_once('@')?.1.to_owned())
}
