//! What a sweep costs. `docs/operating.md` quotes the table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use jiff::{SignedDuration, Timestamp};
use landfall::{
    content::ContentHash,
    desired::{DesiredState, FollowedFile},
    follow::{FollowRule, TagPolicy},
    image::Image,
    keys,
    service_id::ServiceId,
    status::FileStatus,
    sweep::{Memory, Shard, fingerprint},
};
use landfall_aws::{bucket::Bucket, ecr::Ecr};
use landfall_local::local::{CONFIG_BUCKET, STATE_BUCKET};
use landfall_simulation::wire;
use serde_json::json;

use crate::stage::{Stage, play};

const SERVICES: usize = 10_000;
const REPOSITORIES: usize = 2_000;
const INTERVAL: usize = 15;
/// Of the second sweep.
const PUSHED: usize = 10;
const UPLOADED: usize = 20;
const DELETED: usize = 5;

/// What AWS allows in a second. S3: for each prefix
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>). ECR publishes no rate for
/// DescribeImages; 10 in a second is the least that it allows for any call that it does publish
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>).
const S3_READS: usize = 5_500;
const S3_WRITES: usize = 3_500;
const ECR: usize = 10;

fn repository(number: usize) -> String {
    format!("team/repository-{:04}", number % REPOSITORIES)
}

fn key(number: usize) -> String {
    format!("services/service-{number:05}.json")
}

/// A service file like those of people; it makes no difference what else stands in it.
fn file(number: usize, memory: u32) -> String {
    json!({
        "cluster": { "clusterName": "web" },
        "images": { "web": { "repository": repository(number), "tag": "semver:^1" } },
        "taskDefinition": {
            "family": format!("service-{number:05}"),
            "memory": memory.to_string(),
            "containerDefinitions": [{ "name": "web" }],
        },
        "service": { "serviceName": format!("service-{number:05}"), "desiredCount": 1 },
    })
    .to_string()
}

/// A service that follows its repository and runs what is in it.
fn settled(number: usize, image: &Image) -> DesiredState {
    let id = ServiceId::new("web", &format!("service-{number:05}")).unwrap();
    let mut desired = DesiredState::new(id);
    let rule = FollowRule {
        repository: image.repository.clone(),
        tag: TagPolicy::parse("semver:^1").unwrap(),
        with: None,
    };
    let file = FollowedFile {
        placeholders: None,
        key: key(number),
        version_id: "1".into(),
        containers: None,
        content: ContentHash::of(&json!(number)),
        follows: BTreeMap::from([("web".to_owned(), rule)]),
    };
    let found = BTreeMap::from([("web".to_owned(), Some(image.clone()))]);
    desired.follow_file(file, found, Timestamp::UNIX_EPOCH);
    let against = landfall::evidence::Against::Nobody;
    let verdict = landfall::record::Verdict::Succeeded;
    desired.conclude(1, verdict, against, None, Timestamp::UNIX_EPOCH);
    desired
}

/// A Landfall with all those services at rest, of which a sweep before has remembered everything.
async fn at_rest() -> Stage {
    let stage = Stage::open(&["image-pushed", "config-changed"]).await;
    let sdk = wire::sdk(stage.wire.clone());
    let ecr = Ecr::new(&sdk);
    let s3 = &stage.wire.cloud.s3;
    let mut memories = BTreeMap::<Shard, Memory>::new();
    for number in 0..REPOSITORIES {
        let repository = repository(number);
        stage.push(&repository, "1.0.0").await;
        let listing = ecr.listing(&repository).await.unwrap();
        for service in (number..SERVICES).step_by(REPOSITORIES) {
            let desired = settled(service, &listing.tagged[0]);
            let text = serde_json::to_string(&desired).unwrap();
            s3.put(STATE_BUCKET, &keys::desired(&desired.service), text)
                .unwrap();
            let follower = keys::follower(&repository, &desired.service);
            s3.put(STATE_BUCKET, &follower, "").unwrap();
            s3.put(CONFIG_BUCKET, &key(service), file(service, 512))
                .unwrap();
            let status = serde_json::to_string(&FileStatus::of(&desired)).unwrap();
            s3.put(CONFIG_BUCKET, &keys::status(&key(service)), status)
                .unwrap();
        }
        let memory = memories.entry(Shard::of(&repository)).or_default();
        memory
            .repositories
            .insert(repository, fingerprint(&listing));
    }
    let files = Bucket::new(&sdk, CONFIG_BUCKET.into());
    for (key, mark) in files.marks(keys::SERVICE_FILES).await.unwrap() {
        let memory = memories.entry(Shard::of(&key)).or_default();
        memory.files.insert(key, mark);
    }
    for (shard, memory) in memories {
        let text = serde_json::to_string(&memory).unwrap();
        s3.put(STATE_BUCKET, &keys::sweep_memory(shard), text)
            .unwrap();
    }
    stage
}

/// The calls of one interval, minute by minute: what of → how many.
async fn interval(stage: &Stage) -> Vec<BTreeMap<&'static str, usize>> {
    let began = stage.wire.cloud.world.now();
    let mut minutes = Vec::new();
    for minute in 0..INTERVAL {
        let before = stage.wire.faults.calls().len();
        let after = SignedDuration::from_mins(i64::try_from(minute).unwrap());
        let every = i64::try_from(INTERVAL).unwrap();
        stage.fire(began + after, every).await;
        let mut counted = BTreeMap::new();
        for call in &stage.wire.faults.calls()[before..] {
            if let Some(kind) = call.name.strip_prefix("sweep-due ") {
                *counted.entry(operation(kind)).or_default() += 1;
            }
        }
        minutes.push(counted);
    }
    minutes
}

fn operation(kind: &str) -> &'static str {
    const NAMES: [(&str, &str); 9] = [
        ("GET list", "s3:ListObjectsV2"),
        ("GET", "s3:GetObject"),
        ("HEAD", "s3:HeadObject"),
        ("PUT", "s3:PutObject"),
        ("DELETE", "s3:DeleteObject"),
        ("DescribeImages", "ecr:DescribeImages"),
        ("ListExecutions", "states:ListExecutions"),
        ("DescribeExecution", "states:DescribeExecution"),
        ("StartExecution", "states:StartExecution"),
    ];
    let found = NAMES.iter().find(|(start, _)| kind.starts_with(start));
    found.unwrap_or_else(|| panic!("{kind}")).1
}

fn most(minutes: &[BTreeMap<&str, usize>], operation: &str) -> usize {
    let counts = minutes.iter().filter_map(|minute| minute.get(operation));
    counts.copied().max().unwrap_or_default()
}

fn sum(minutes: &[BTreeMap<&str, usize>], operation: &str) -> usize {
    let counts = minutes.iter().filter_map(|minute| minute.get(operation));
    counts.sum()
}

fn table(quiet: &[BTreeMap<&str, usize>], changed: &[BTreeMap<&str, usize>]) -> String {
    let minutes = quiet.iter().chain(changed);
    let operations: BTreeSet<_> = minutes.flat_map(BTreeMap::keys).collect();
    let mut table = String::from(
        "| call | quiet: in 15 minutes | in the busiest minute | changed: in 15 minutes | in the busiest minute |\n|---|---|---|---|---|\n",
    );
    for operation in operations {
        writeln!(
            table,
            "| `{operation}` | {} | {} | {} | {} |",
            sum(quiet, operation),
            most(quiet, operation),
            sum(changed, operation),
            most(changed, operation)
        )
        .unwrap();
    }
    table
}

#[test]
fn a_sweep_over_10000_services_and_2000_repositories_makes_these_calls() {
    play(async {
        let stage = at_rest().await;
        let quiet = interval(&stage).await;

        for number in 0..PUSHED {
            stage.push(&repository(number * 199), "1.1.0").await;
        }
        stage.later().await;
        for number in 0..UPLOADED {
            let (key, text) = (key(number * 401 + 7), file(number * 401 + 7, 1024));
            stage.driver.put_file(&key, &text).await.unwrap();
        }
        for number in 0..DELETED {
            stage
                .driver
                .delete_file(&key(number * 1999 + 1))
                .await
                .unwrap();
        }
        let changed = interval(&stage).await;

        let table = table(&quiet, &changed);
        assert_eq!(table, include_str!("numbers.txt"), "\n{table}");
        for minutes in [&quiet, &changed] {
            let reads = ["s3:ListObjectsV2", "s3:GetObject", "s3:HeadObject"];
            let reads: usize = reads.iter().map(|read| most(minutes, read)).sum();
            // The firings of an interval are spread over its minutes, the calls of a firing over its seconds: sixteen at once
            // at most. Even if a minute's reads all came in one second, S3 would take them.
            assert!(reads < S3_READS, "{reads}");
            assert!(most(minutes, "s3:PutObject") < S3_WRITES);
            assert!(most(minutes, "ecr:DescribeImages") < 60 * ECR);
        }
        // One listing for each repository, and none for services.
        assert_eq!(sum(&quiet, "ecr:DescribeImages"), REPOSITORIES);
        assert_eq!(sum(&quiet, "s3:GetObject"), Shard::all().count() + 1);
        assert_eq!(sum(&quiet, "s3:PutObject"), 1);
        assert_eq!(
            sum(&changed, "states:StartExecution"),
            PUSHED * SERVICES / REPOSITORIES + UPLOADED
        );
    });
}
