#![allow(clippy::unwrap_used)]

mod concluding;
mod following;
mod quarantine;
mod releasing;
mod trials;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::follow::TagPolicy;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn service() -> ServiceId {
    ServiceId::new("web", "hello").unwrap()
}

fn desired() -> DesiredState {
    DesiredState::new(service())
}

fn image(tag: &str, digest: &str, pushed_at: i64) -> Image {
    Image {
        registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com".into(),
        repository: "hello".into(),
        tag: tag.into(),
        digest: format!("sha256:{digest}"),
        pushed_at: Timestamp::from_second(pushed_at).unwrap(),
        tagged_at: None,
    }
}

fn rule(tag: &str) -> FollowRule {
    FollowRule {
        repository: "hello".into(),
        tag: TagPolicy::parse(tag).unwrap(),
        with: None,
    }
}

/// A service file with this content whose containers follow these tags of the repository `hello`. All of them run with the
/// same: see [`giving`].
fn file(content: &str, follows: &[(&str, &str)]) -> FollowedFile {
    let follows = follows.iter();
    FollowedFile {
        placeholders: None,
        key: "services/hello.yaml".into(),
        version_id: format!("version of {content}"),
        content: ContentHash::of(&json!(content)),
        containers: Some(ContentHash::of(&json!("what they run with"))),
        follows: follows
            .map(|(container, tag)| ((*container).into(), rule(tag)))
            .collect(),
    }
}

/// The file, which gives its containers something else to run with.
fn giving(what: &str, file: FollowedFile) -> FollowedFile {
    FollowedFile {
        containers: Some(ContentHash::of(&json!(what))),
        ..file
    }
}

fn revision(number: u64) -> TaskDefinition {
    TaskDefinition {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:{number}"),
        content: ContentHash::of(&json!(number)),
    }
}

impl DesiredState {
    /// The repositories of its new rules hold nothing yet.
    fn following(mut self, file: FollowedFile) -> Self {
        let found = self.new_rules(&file.follows).into_iter();
        let found = found.map(|(container, _)| (container, None)).collect();
        self.follow_file(file, found, NOW);
        self
    }

    fn pushed(mut self, image: Image) -> Self {
        self.join_image(&image, NOW);
        self
    }

    fn retried(mut self) -> Self {
        self.retry(NOW);
        self
    }

    fn claimed(mut self) -> Self {
        self.claim = Some(Claim {
            execution: "execution".into(),
            release: self.last_number,
            attempt: 1,
            applied_file: None,
            taken_at: None,
            spared: 0,
        });
        self
    }

    fn concluded(mut self, verdict: Verdict) -> Self {
        let number = self.last_number;
        self.conclude(
            number,
            verdict,
            Against::Release,
            Some(&revision(number)),
            NOW,
        );
        self
    }

    /// The newest release's number and the tags of its images.
    fn newest(&self) -> (u64, Vec<&str>) {
        let images = self.newest_open().map(|release| &release.content.images);
        let tags = images.into_iter().flatten().map(|(_, image)| &*image.tag);
        (self.last_number, tags.collect())
    }
}
