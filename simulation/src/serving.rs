//! Watches that what was serving keeps serving, with as many tasks as people asked for.

use std::{collections::BTreeMap, sync::Arc};

use landfall::{image::Image, record::Verdict};
use landfall_local::cloud::Cloud;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    journal::Journal,
    owner,
    scenario::{Scenario, Service},
    story::{Pushed, Story},
    violation::Violation,
    witness::{Witness, record},
};

/// Looks at every service again and again.
pub struct Guard {
    cloud: Arc<Cloud>,
    witness: Arc<Witness>,
    services: Vec<Service>,
    /// Revision → the digests that it runs, by container.
    images: BTreeMap<String, BTreeMap<String, String>>,
    gaps: BTreeMap<String, Violation>,
    /// Service → the most tasks of good images that its files asked for and that ran.
    reached: BTreeMap<String, u64>,
    /// Service → the newest release that was announced as good.
    proven: BTreeMap<String, Proven>,
}

/// A release that was announced as good.
#[derive(Clone)]
struct Proven {
    number: u64,
    /// The hash of its file.
    file: String,
    /// How many files had been uploaded by then: the same content may be uploaded again.
    uploads: usize,
}

impl Guard {
    /// A guard over the services of a scenario.
    pub fn new(cloud: Arc<Cloud>, witness: Arc<Witness>, scenario: &Scenario) -> Self {
        Self {
            cloud,
            witness,
            services: scenario.services.clone(),
            images: BTreeMap::new(),
            gaps: BTreeMap::new(),
            reached: BTreeMap::new(),
            proven: BTreeMap::new(),
        }
    }

    /// The services that ran too little that is good for a moment, although they had a good release.
    pub fn gaps(&self) -> Vec<Violation> {
        self.gaps.values().cloned().collect()
    }

    /// One look. A service with a good release has running tasks of good images at any time, as many as its file or a newer
    /// one asks for or a stranger left it; unless a stranger deployed something else.
    pub async fn look(&mut self, pushes: &[Pushed], stories: &[Story], journal: &Journal) {
        for (service, story) in self.services.clone().iter().zip(stories) {
            let name = service.id.to_string();
            let disturbed = story
                .disturbed_until
                .is_some_and(|end| Instant::now() < end);
            if story.deployed || disturbed || self.gaps.contains_key(&name) {
                continue;
            }
            let Some(good) = self.proven(service, story).await else {
                continue;
            };
            let asked = least(story, &good.file, good.uploads);
            let running = self.running(service, pushes).await;
            // A release that asks for more tasks may be announced before they run; from then on they have to.
            let reached = self.reached.entry(name.clone()).or_insert(1);
            if running >= asked {
                *reached = asked;
            }
            let least = asked.min(*reached);
            if running < least {
                let text = format!(
                    "had a good release, and {running} of {least} tasks of a good image ran for a moment"
                );
                journal.note("—", format!("⚠ {name} {text}"));
                let gap = Violation::new(5, &name, text);
                self.gaps.insert(name, gap);
            }
        }
    }

    /// The newest release that was announced as good.
    async fn proven(&mut self, service: &Service, story: &Story) -> Option<Proven> {
        let announced = self.witness.announced().into_iter();
        let good = announced.filter(|verdict| {
            verdict.service == service.id && verdict.verdict == Verdict::Succeeded
        });
        let newest = good.map(|verdict| verdict.number).max()?;
        let name = service.id.to_string();
        match self.proven.get(&name) {
            Some(known) if known.number == newest => Some(known.clone()),
            _ => {
                let record = record(&self.cloud, &service.id, newest).await?;
                let proven = Proven {
                    number: newest,
                    file: record.release.content.file.to_string(),
                    uploads: story.files.len(),
                };
                self.proven.insert(name, proven.clone());
                Some(proven)
            }
        }
    }

    /// How many tasks of good images run.
    async fn running(&mut self, service: &Service, pushes: &[Pushed]) -> u64 {
        let input = json!({ "cluster": service.id.cluster(), "services": [service.id.service()] });
        let answer = self.cloud.ecs.call("DescribeServices", input).await;
        let answer = answer.unwrap_or_default();
        let deployments = answer["services"][0]["deployments"].as_array().cloned();
        let mut running = 0;
        for deployment in deployments.unwrap_or_default() {
            let revision = deployment["taskDefinition"].as_str().unwrap_or_default();
            let images = self.images(revision).await;
            let keeps_running = |digest: &String| service.keeps_running(pushes, digest);
            let good = !images.is_empty() && images.values().all(keeps_running);
            if good {
                running += deployment["runningCount"].as_u64().unwrap_or_default();
            }
        }
        running
    }

    async fn images(&mut self, revision: &str) -> BTreeMap<String, String> {
        if let Some(known) = self.images.get(revision) {
            return known.clone();
        }
        let digests = digests(&self.cloud, revision).await;
        self.images.insert(revision.to_owned(), digests.clone());
        digests
    }
}

/// The fewest tasks that anybody asked for: the file with this hash, the last such of so many `uploads`, those that were uploaded
/// since, and strangers; an operator who goes back asks for what an earlier file says.
fn least(story: &Story, hash: &str, uploads: usize) -> u64 {
    let mut files = story.files.iter().take(uploads);
    let at = files.rposition(|file| file.contents.contains_key(hash));
    let since = at.filter(|_| !story.taken_back).unwrap_or_default();
    let files = &story.files[since..];
    let asked = files.iter().map(|file| asked(&file.file).0);
    asked.chain(story.counts.iter().copied()).min().unwrap_or(1)
}

/// How many tasks a file asks for: one that scales the service leaves the count to its bounds, one that adopts it leaves
/// it to the owner.
pub(crate) fn asked(file: &Value) -> (u64, u64) {
    let bounds = &file["autoscaling"];
    let unsaid = if file["taskDefinition"].is_null() {
        owner::TASKS
    } else {
        1
    };
    let count = file["service"]["desiredCount"].as_u64().unwrap_or(unsaid);
    match (bounds["min"].as_u64(), bounds["max"].as_u64()) {
        (Some(least), Some(most)) => (least, most),
        _ => (count, count),
    }
}

/// The digests that a revision runs, by container.
pub async fn digests(cloud: &Cloud, revision: &str) -> BTreeMap<String, String> {
    let input = json!({ "taskDefinition": revision });
    let answer = cloud.ecs.call("DescribeTaskDefinition", input).await;
    let answer: Value = answer.unwrap_or_default();
    let containers = answer["taskDefinition"]["containerDefinitions"].as_array();
    let containers = containers.into_iter().flatten();
    let image = |container: &Value| {
        let (_, digest) = container["image"].as_str()?.split_once('@')?;
        Some((container["name"].as_str()?.to_owned(), digest.to_owned()))
    };
    containers.filter_map(image).collect()
}

/// Whether a revision runs the images of a release.
pub async fn runs(cloud: &Cloud, revision: &str, images: &BTreeMap<String, Image>) -> bool {
    let digests = digests(cloud, revision).await;
    let mut images = images.iter();
    images.all(|(container, image)| digests.get(container) == Some(&image.digest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::story::Uploaded;

    fn uploaded(hash: &str, count: u64) -> Uploaded {
        let file = json!({ "service": { "desiredCount": count } });
        let contents = BTreeMap::from([(hash.to_owned(), file.clone())]);
        Uploaded { file, contents }
    }

    #[test]
    fn as_many_tasks_serve_as_the_good_file_asks_for_or_a_newer_one_or_a_stranger_if_that_is_fewer()
    {
        let mut story = Story {
            files: vec![uploaded("a", 1), uploaded("b", 3)],
            ..Story::default()
        };
        assert_eq!(least(&story, "b", 2), 3);
        assert_eq!(least(&story, "a", 1), 1);
        story.files.push(uploaded("c", 2));
        assert_eq!(least(&story, "b", 2), 2);
        story.files.push(uploaded("b", 3));
        assert_eq!(least(&story, "b", 2), 2, "the good one was uploaded before");
        assert_eq!(least(&story, "b", 4), 3);
        story.taken_back = true;
        assert_eq!(least(&story, "b", 4), 1);
        story.taken_back = false;
        story.counts.push(1);
        assert_eq!(least(&story, "b", 4), 1);
    }
}
