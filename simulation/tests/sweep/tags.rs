//! Tags as people make them: put on older images, deleted again, of signatures, of images for other platforms.

use std::time::Duration;

use landfall::{
    record::{Cause, Verdict},
    status::FileStatus,
};
use landfall_aws::{bucket::Bucket, status_file::StatusFile};
use landfall_local::{driver::manifest, local::CONFIG_BUCKET};
use landfall_simulation::{
    scenario::{Behaviour, Edition, Rule, Service, Sidecar},
    wire,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

/// Long enough for an event to be one of another tag for an older image.
async fn a_minute() {
    sleep(Duration::from_secs(60)).await;
}

/// Puts a tag on the image that was pushed as `image`.
async fn put(stage: &Stage, tag: &str, image: &str) -> String {
    stage.driver.ensure_repository("hello").await;
    let manifest = manifest("hello", image);
    stage.driver.push("hello", tag, &manifest).await.unwrap()
}

/// Deletes a tag; with its last tag the image is deleted too.
async fn delete(stage: &Stage, tag: &str) {
    let input = json!({ "repositoryName": "hello", "imageIds": [{ "imageTag": tag }] });
    let ecr = &stage.wire.cloud.ecr;
    ecr.call("BatchDeleteImage", input).await.unwrap();
}

/// Follows `hello` by this rule, and with these members of the task definition.
async fn follow(stage: &Stage, service: &Service, rule: Value, task: Value) {
    let mut file = service.file(Edition::PLAIN);
    file["images"]["web"] = rule;
    for (member, value) in task.as_object().unwrap() {
        file["taskDefinition"][member] = value.clone();
    }
    stage.later().await;
    let text = file.to_string();
    let put = stage.driver.put_file(&service.key, &text);
    put.await.unwrap();
    stage.rest().await;
}

/// What stands beside the service file: the message, and the tags that were passed over with the reason.
async fn told(stage: &Stage, service: &Service) -> (String, Vec<String>) {
    let sdk = wire::sdk(stage.wire.clone());
    let files = Bucket::new(&sdk, CONFIG_BUCKET.into());
    match StatusFile::of(&files, &service.key).read().await.unwrap() {
        Some(FileStatus::Accepted {
            message, ignored, ..
        }) => {
            let ignored = ignored.iter().map(ToString::to_string);
            (message, ignored.collect())
        }
        status => panic!("{status:?}"),
    }
}

#[test]
fn a_sweep_comes_to_the_same_end_as_events_where_the_last_tag_was_put_on_an_older_image() {
    for lost in [false, true] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Glob);
            let first = put(&stage, "main-1", "1").await;
            stage.put_file(&hello, 512).await;
            stage.rest().await;
            a_minute().await;
            let second = put(&stage, "main-2", "2").await;
            stage.rest().await;
            stage.sweep().await;
            assert!(stage.live_image(&hello).await.ends_with(&second));

            a_minute().await;
            stage.lose("image-pushed", lost);
            put(&stage, "main-3", "1").await;
            stage.rest().await;
            for _ in 0..2 {
                stage.sweep().await;
                stage.rest().await;
            }
            stage.verdict(&hello, 3, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&first), "{lost}");
            let desired = stage.desired(&hello).await;
            assert_eq!(desired.last_number, 3, "lost: {lost}");
            assert_eq!(desired.images["web"].tag, "main-3");
        });
    }
}

#[test]
fn an_event_that_comes_late_brings_no_older_tag_back() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Glob);
        put(&stage, "main-1", "1").await;
        stage.put_file(&hello, 512).await;
        stage.rest().await;
        for (tag, image) in [("main-2", "2"), ("main-3", "1")] {
            a_minute().await;
            put(&stage, tag, image).await;
            stage.rest().await;
        }
        let late = |tag: &str, at: i64| {
            let world = &stage.wire.cloud.world;
            let mut event: Value =
                serde_json::from_str(include_str!("../../../events/image-pushed.json")).unwrap();
            let time = world.now() - jiff::SignedDuration::from_secs(at);
            event["account"] = world.account.as_str().into();
            event["region"] = world.region.as_str().into();
            event["time"] = time.to_string().into();
            event["detail"]["image-tag"] = tag.into();
            event
        };
        for event in [late("main-1", 200), late("main-2", 100), late("main-3", 30)] {
            let functions = &stage.wire.cloud.functions;
            functions.invoke("image-pushed", event).await.unwrap();
            stage.rest().await;
        }
        let desired = stage.desired(&hello).await;
        assert_eq!(
            (desired.last_number, &*desired.images["web"].tag),
            (3, "main-3")
        );
        let (_, ignored) = told(&stage, &hello).await;
        // What main-1 is on runs already.
        assert_eq!(ignored, ["hello:main-2: main-3 comes later"]);
    });
}

#[test]
fn by_its_number_a_tag_never_gives_way_to_a_lower_one_and_the_status_says_so() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Glob);
        stage.driver.ensure_repository("hello").await;
        let rule = json!({
            "repository": "hello", "tag": "regex:main-(?<build>[0-9]+)", "order": "numerical",
        });
        follow(&stage, &hello, rule, json!({})).await;
        let highest = put(&stage, "main-102", "102").await;
        a_minute().await;
        put(&stage, "main-101", "101").await;
        put(&stage, "main-9", "9").await;
        put(&stage, "dev-103", "103").await;
        stage.rest().await;
        stage.sweep().await;
        stage.rest().await;
        assert!(stage.live_image(&hello).await.ends_with(&highest));
        assert_eq!(stage.desired(&hello).await.last_number, 1);
        let (_, mut ignored) = told(&stage, &hello).await;
        ignored.sort();
        assert_eq!(
            ignored,
            [
                "hello:dev-103: it is not `regex:main-(?<build>[0-9]+)`",
                "hello:main-101: main-102 comes later",
                "hello:main-9: main-102 comes later",
            ]
        );
    });
}

#[test]
fn a_highest_version_that_is_deleted_again_gives_way_to_the_highest_that_is_there() {
    for by_push in [false, true] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let good = stage.push("hello", "1.2.0").await;
            stage.rest().await;
            let mistake = stage.push("hello", "1.90.0").await;
            stage.rest().await;
            assert!(stage.live_image(&hello).await.ends_with(&mistake));

            delete(&stage, "1.90.0").await;
            if by_push {
                drop(stage.push("hello", "1.1.0").await)
            } else {
                stage.sweep().await
            }
            stage.rest().await;
            let record = stage.verdict(&hello, 4, Verdict::Succeeded).await;
            assert!(stage.live_image(&hello).await.ends_with(&good));
            let cause = Cause::TagGone {
                repository: "hello".into(),
                tag: "1.90.0".into(),
            };
            assert_eq!(record.release.cause, cause);
            stage.sweep().await;
            stage.rest().await;
            assert_eq!(stage.desired(&hello).await.last_number, 4);
        });
    }
}

#[test]
fn nothing_is_released_of_a_digest_that_is_gone() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.first_release(&hello).await;
        delete(&stage, "1.0.0").await;
        stage.sweep().await;
        stage.rest().await;
        stage.later().await;
        stage.put_file(&hello, 1024).await;
        stage.rest().await;
        assert_eq!(stage.desired(&hello).await.last_number, 1);
        let (message, _) = told(&stage, &hello).await;
        assert!(
            message.contains("waiting for the first push of hello:semver:^1"),
            "{message}"
        );

        let next = stage.push("hello", "1.0.1").await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&next));
    });
}

#[test]
fn an_operator_who_tries_again_gets_what_is_there_and_not_a_digest_that_is_gone() {
    for (resume, other) in [(false, true), (false, false), (true, true)] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Semver);
            stage.first_release(&hello).await;
            let first = stage.desired(&hello).await.images["web"].digest.clone();
            let crashing = Behaviour::Crashes.simulated();
            stage.push_behaving("hello", "1.5.0", crashing).await;
            stage.rest().await;
            stage.verdict(&hello, 2, Verdict::RolledBack).await;
            if resume {
                stage.operator().hold(&hello.id, "a move").await.unwrap();
                stage.push("hello", "1.6.0").await;
                stage.rest().await;
                delete(&stage, "1.6.0").await;
            }

            // No sweep has seen it yet.
            delete(&stage, "1.5.0").await;
            if !other {
                delete(&stage, "1.0.0").await;
            }
            let operator = stage.operator();
            let desired = if resume {
                operator.resume(&hello.id, None, None).await.unwrap()
            } else {
                operator.retry(&hello.id, None, None).await.unwrap()
            };
            stage.rest().await;
            let images = desired.images.values().map(|image| &image.digest);
            if other {
                assert!(images.eq([&first]));
                let number = desired.last_number;
                stage.verdict(&hello, number, Verdict::Succeeded).await;
                assert_eq!(number, if resume { 4 } else { 3 });
            } else {
                assert!(images.eq([""; 0]));
                assert_eq!(desired.last_number, 2);
            }
            assert!(stage.live_image(&hello).await.ends_with(&first));
        });
    }
}

#[test]
fn what_is_attached_to_an_image_is_never_released_whoever_finds_it() {
    for lost in [false, true] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = service("hello", Rule::Glob);
            let image = put(&stage, "main-1", "1").await;
            let digits = image.strip_prefix("sha256:").unwrap();
            let attach = async |number: u32| {
                a_minute().await;
                for ending in ["", ".sig", ".att", ".sbom"] {
                    let tag = format!("sha256-{digits}{ending}");
                    put(&stage, &tag, &format!("{ending}{number}")).await;
                }
                // As `helm push` and `oras attach` leave them.
                let chart = json!({
                    "schemaVersion": 2, "number": number,
                    "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json" },
                });
                let referrer = json!({
                    "schemaVersion": 2, "number": number,
                    "config": { "mediaType": "application/vnd.oci.image.config.v1+json" },
                    "subject": { "digest": image },
                });
                for (tag, manifest) in [("chart", chart), ("notes", referrer)] {
                    let manifest = manifest.to_string();
                    let pushed = stage.driver.push("hello", tag, &manifest);
                    pushed.await.unwrap();
                }
            };
            attach(1).await;
            let rule = json!({ "repository": "hello", "tag": "glob:*" });
            follow(&stage, &hello, rule, json!({})).await;
            stage.lose("image-pushed", lost);
            attach(2).await;
            stage.sweep().await;
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;
            assert_eq!(stage.desired(&hello).await.last_number, 1);
            assert!(stage.live_image(&hello).await.ends_with(&image));
            if !lost {
                let (_, ignored) = told(&stage, &hello).await;
                let says = |what: &str| ignored.iter().any(|one| one.contains(what));
                assert!(says("it is the tag of a signature"), "{ignored:?}");
                let chart = "hello:chart: it is no container image, but `application/vnd.cncf.helm.config.v1+json`";
                assert!(says(chart), "{ignored:?}");
                assert!(ignored.len() <= 6, "{ignored:?}");
            }
        });
    }
}

/// A file whose containers `web` and `log` are released together.
fn paired(service: &Service, memory: u32) -> String {
    let edition = Edition {
        memory,
        ..Edition::PLAIN
    };
    let mut file = service.file(edition);
    file["images"]["log"]["with"] = "web".into();
    file.to_string()
}

#[test]
fn containers_of_one_version_are_released_together_or_not_at_all() {
    for lost in [false, true] {
        play(async move {
            let stage = Stage::open(&[]).await;
            let hello = Service {
                sidecar: Some(Sidecar {
                    repository: "logs".into(),
                    rule: Rule::Semver,
                }),
                ..service("hello", Rule::Semver)
            };
            let file = paired(&hello, 512);
            stage.push("hello", "1.0.0").await;
            stage.driver.put_file(&hello.key, &file).await.unwrap();
            stage.rest().await;
            assert_eq!(stage.desired(&hello).await.last_number, 0);
            stage.push("logs", "v1.0.0").await;
            stage.rest().await;
            stage.verdict(&hello, 1, Verdict::Succeeded).await;

            stage.lose("image-pushed", lost);
            let heard = async || {
                if lost {
                    stage.sweep().await;
                }
                stage.rest().await;
            };
            stage.push("hello", "1.1.0").await;
            stage.push("hello", "1.2.0").await;
            heard().await;
            let desired = stage.desired(&hello).await;
            assert_eq!(desired.last_number, 1);
            let (_, ignored) = told(&stage, &hello).await;
            let waits =
                "hello:1.2.0: it waits for an image of the same version in logs (container log)";
            assert!(ignored.iter().any(|one| one == waits), "{ignored:?}");

            stage.push("logs", "v1.1.0").await;
            heard().await;
            stage.verdict(&hello, 2, Verdict::Succeeded).await;
            let images = stage.desired(&hello).await.images;
            assert_eq!(
                (&*images["web"].tag, &*images["log"].tag),
                ("1.1.0", "v1.1.0")
            );

            // The version is bad, and none of its images is tried without the other.
            let crashes = Behaviour::Crashes.simulated();
            stage.push_behaving("logs", "v1.2.0", crashes).await;
            heard().await;
            for _ in 0..2 {
                stage.sweep().await;
                stage.rest().await;
            }
            stage.verdict(&hello, 3, Verdict::RolledBack).await;
            let desired = stage.desired(&hello).await;
            assert_eq!(desired.last_number, 3);
            let mut left: Vec<_> = desired
                .left_out()
                .iter()
                .map(|left| left.container)
                .collect();
            left.sort_unstable();
            assert_eq!(left, ["log", "web"]);
            assert!(desired.left_out().iter().all(|left| !left.waits));

            stage.push("logs", "v1.3.0").await;
            stage.push("hello", "1.3.0").await;
            heard().await;
            stage.verdict(&hello, 4, Verdict::Succeeded).await;
            let images = stage.desired(&hello).await.images;
            assert_eq!(
                (&*images["web"].tag, &*images["log"].tag),
                ("1.3.0", "v1.3.0")
            );
        });
    }
}

/// An index of images for these architectures.
fn index(architectures: &[&str]) -> String {
    let manifests = architectures.iter().map(|architecture| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "platform": { "os": "linux", "architecture": architecture },
        })
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let manifests: Vec<_> = manifests.collect();
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests }).to_string()
}

#[test]
fn an_index_without_the_tasks_platform_is_left_out_and_told() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.driver.ensure_repository("hello").await;
        let push = async |tag: &str, architectures: &[&str]| {
            let index = index(architectures);
            stage.driver.push("hello", tag, &index).await.unwrap()
        };
        let both = push("1.0.0", &["amd64", "arm64", "unknown"]).await;
        push("1.1.0", &["amd64", "riscv64"]).await;
        let rule = json!({ "repository": "hello", "tag": "semver:^1" });
        let arm = json!({ "runtimePlatform": { "cpuArchitecture": "ARM64" } });
        follow(&stage, &hello, rule, arm).await;
        // The first look takes the latest that fits.
        stage.verdict(&hello, 1, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&both));
        let (message, _) = told(&stage, &hello).await;
        assert!(
            message.contains(
                "passed over hello:1.1.0: it has no image for linux/arm64, which the tasks run on, only for \
                 linux/amd64, linux/riscv64: build it for linux/arm64"
            ),
            "{message}"
        );

        let seen = stage.driver.requests();
        push("1.2.0", &["amd64"]).await;
        stage.rest().await;
        stage.sweep().await;
        stage.rest().await;
        assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
        assert_eq!(stage.desired(&hello).await.last_number, 1);
        let (message, _) = told(&stage, &hello).await;
        assert!(message.contains("passed over hello:1.2.0"), "{message}");

        // The tag is pushed again, for the right platform.
        let mended = push("1.2.0", &["amd64", "arm64"]).await;
        stage.rest().await;
        stage.verdict(&hello, 2, Verdict::Succeeded).await;
        assert!(stage.live_image(&hello).await.ends_with(&mended));
        let (message, _) = told(&stage, &hello).await;
        assert!(!message.contains("hello:1.2.0"), "{message}");
    });
}
