//! Calls that a policy forbids: a read that AWS denies says nothing about a release, a change that it denies does.

use std::time::Duration;

use landfall::{
    hold::SetBy,
    record::{Cause, Verdict},
};
use landfall_simulation::{
    fault::{Away, Fault},
    scenario::Rule,
};
use landfall_tests::sample::SampleFile;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    stage::{Stage, play, service},
    traffic::Balancer,
};

const FOR_HOURS: Duration = Duration::from_secs(3 * 3600);

fn deny(stage: &Stage, operation: &'static str) {
    let faults = &stage.wire.faults;
    faults.go_away(Away::Operation(operation), Fault::Denied, FOR_HOURS);
}

/// A file that scales the service up to so many tasks.
fn scaled(max: u32, cpu: u32) -> String {
    let file = SampleFile::new("hello", "hello", "semver:^1").text();
    let file = file.replace("  desiredCount: 2\n", "");
    format!(
        "{file}autoscaling:\n  min: 2\n  max: {max}\n  targets:\n    \
         - {{ metric: ECSServiceAverageCPUUtilization, value: {cpu} }}\n"
    )
}

async fn most_tasks(stage: &Stage) -> Value {
    let input = json!({ "ServiceNamespace": "ecs", "ResourceIds": ["service/web/hello"] });
    let scaling = &stage.wire.cloud.scaling;
    let answer = scaling.call("DescribeScalableTargets", input).await;
    answer.unwrap()["ScalableTargets"][0]["MaxCapacity"].clone()
}

/// A release of `first` is good; then `operation` is denied, and `second` is released. Its verdict is undecided, nothing is
/// undone and nobody blamed, and once AWS allows the operation it comes by itself.
async fn is_undecided(stage: &Stage, operation: &'static str, first: &str, second: &str) {
    let hello = service("hello", Rule::Semver);
    stage.push("hello", "1.0.0").await;
    stage.driver.put_file(&hello.key, first).await.unwrap();
    stage.rest().await;
    stage.verdict(&hello, 1, Verdict::Succeeded).await;

    deny(stage, operation);
    let seen = stage.wire.cloud.requests.requests().len();
    stage.later().await;
    stage.driver.put_file(&hello.key, second).await.unwrap();
    stage.rest().await;
    let record = stage.verdict(&hello, 2, Verdict::Undecided).await;
    assert!(record.reason.contains(operation), "{}", record.reason);
    let desired = stage.desired(&hello).await;
    assert_eq!(desired.quarantine.len(), 0, "{operation}");
    let set_by = desired.hold.map(|hold| hold.set_by);
    assert_eq!(set_by, Some(SetBy::Undecided), "{operation}");
    let updates = stage.changes_in_ecs(seen);
    let updates = updates.iter().filter(|each| each.contains("UpdateService"));
    assert!(updates.count() <= 1, "{operation}: it went back");

    stage.wire.faults.come_back();
    sleep(Duration::from_secs(600)).await;
    stage.sweep().await;
    stage.rest().await;
    let record = stage.verdict(&hello, 3, Verdict::Succeeded).await;
    assert_eq!(record.release.cause, Cause::SightRestored, "{operation}");
}

#[test]
fn a_verified_release_whose_scaling_cannot_be_seen_stays_and_is_undecided() {
    for operation in [
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
    ] {
        play(async {
            let stage = Stage::open(&[]).await;
            is_undecided(&stage, operation, &scaled(10, 60), &scaled(20, 60)).await;
            assert_eq!(most_tasks(&stage).await, 20, "{operation}");
        });
    }
}

#[test]
fn a_release_before_whose_rollout_something_cannot_be_seen_is_undecided() {
    for operation in [
        "DescribeClusters",
        "DescribeServices",
        "DescribeListeners",
        "DescribeRules",
        "DescribeTargetGroups",
    ] {
        play(async {
            let stage = Stage::open(&[]).await;
            let balancer = Balancer::new(&stage).await;
            let (first, mut second) = (balancer.file(""), balancer.file(""));
            second.desired_count += 1;
            is_undecided(&stage, operation, &first.text(), &second.text()).await;
        });
    }
}

#[test]
fn a_verified_release_whose_scaling_is_refused_goes_back_and_no_image_is_blamed() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        stage.push("hello", "1.0.0").await;
        let put = async |text: String| stage.driver.put_file(&hello.key, &text).await.unwrap();
        put(scaled(10, 60)).await;
        stage.rest().await;
        stage.verdict(&hello, 1, Verdict::Succeeded).await;
        deny(&stage, "PutScalingPolicy");
        stage.later().await;
        put(scaled(20, 70)).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        assert!(
            record.reason.contains("PutScalingPolicy"),
            "{}",
            record.reason
        );
        assert!(stage.desired(&hello).await.quarantine.is_empty());
        assert_eq!(most_tasks(&stage).await, 10);
    });
}
