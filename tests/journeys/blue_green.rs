//! Releases in which requests move from one target group to another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use landfall::record::Verdict;
use landfall_local::cloud::ecs::{Healthy, SimulatedBehaviour};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, web},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ingress::{Balancer, elb, release};

const PAUSE: Duration = Duration::from_millis(3);

/// Asks for `/` a few hundred times a second, until it is told to stop.
struct Client {
    asking: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, Vec<u16>)>,
}

impl Client {
    fn of(balancer: &Balancer) -> Self {
        let asking = Arc::new(AtomicBool::new(true));
        let (go_on, port) = (Arc::clone(&asking), balancer.port);
        let task = tokio::spawn(async move {
            let (mut asked, mut failed) = (0, Vec::new());
            while go_on.load(Ordering::Relaxed) {
                asked += 1;
                let status = Balancer::status_at(port, "hello.example.com", "/").await;
                if status != 200 {
                    failed.push(status);
                }
                sleep(PAUSE).await;
            }
            (asked, failed)
        });
        Self { asking, task }
    }

    async fn assert_that_none_failed(self) {
        self.asking.store(false, Ordering::Relaxed);
        let (asked, failed) = self.task.await.unwrap();
        assert!(asked > 0);
        assert!(failed.is_empty(), "of {asked} requests: {failed:?}");
    }
}

fn file(balancer: &Balancer, configuration: &str) -> SampleFile {
    let mut file =
        balancer.file("host: hello.example.com\nroleArn: arn:aws:iam::000000000000:role/balancers");
    file.deployment = configuration.into();
    file
}

/// The weights of the rule's target groups, first the one that is not named as the second.
async fn weights(stage: &Stage, balancer: &Balancer) -> Vec<(bool, u64)> {
    let rule = balancer.rules(stage).await.remove(0);
    let groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array();
    let weights = groups.unwrap().iter().map(|group| {
        let arn = group["TargetGroupArn"].as_str().unwrap();
        (arn.contains("-b/"), group["Weight"].as_u64().unwrap())
    });
    let mut weights: Vec<_> = weights.collect();
    weights.sort();
    weights
}

async fn target_states(stage: &Stage, group: &Value) -> Vec<Value> {
    let answer = elb(
        stage,
        "DescribeTargetHealth",
        json!({ "TargetGroupArn": group }),
    )
    .await;
    let targets = answer["TargetHealthDescriptions"]
        .as_array()
        .unwrap()
        .clone();
    targets
        .into_iter()
        .map(|target| target["TargetHealth"]["State"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_blue_and_green_change_places_and_a_bad_image_changes_nothing() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let blue_green = "strategy: BLUE_GREEN\nbakeTimeInMinutes: 1";
    release(&stage, &service, &file(&balancer, blue_green), 1).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 100), (true, 0)]);

    let client = Client::of(&balancer);
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 0), (true, 100)]);

    // Its tasks never become healthy, so no request ever goes to them.
    let bad = SimulatedBehaviour {
        exits: Some((Duration::from_millis(300), 1)),
        healthy: Healthy::Never,
        ..SimulatedBehaviour::default()
    };
    let good = stage.live(&service).await["taskDefinition"].clone();
    stage.push_behaving("hello", "1.2.0", bad).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    assert_eq!(stage.live(&service).await["taskDefinition"], good);

    stage.push("hello", "1.3.0").await;
    stage.verdict(&service, 4, Verdict::Succeeded).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 100), (true, 0)]);

    // A changed file: ECS is not told of the two groups again.
    let mut changed = file(&balancer, blue_green);
    changed
        .container
        .push_str("\nenvironment: [{ name: A, value: b }]");
    release(&stage, &service, &changed, 5).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 0), (true, 100)]);
    assert_eq!(stage.desired(&service).await.hold, None);
    client.assert_that_none_failed().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_probe_fails_goes_back_at_once_to_the_tasks_that_are_still_up() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let blue_green = |minutes: u32| format!("strategy: BLUE_GREEN\nbakeTimeInMinutes: {minutes}");
    release(&stage, &service, &file(&balancer, &blue_green(0)), 1).await;
    let good = stage.live(&service).await;

    let client = Client::of(&balancer);
    let seen = stage.requests();
    // Nobody tells that a deployment bakes: an execution sees it within a minute.
    let mut bad = file(&balancer, &blue_green(60));
    bad.verify = "http: { path: /, status: 201, interval: 1s, failures: 1 }".into();
    bad.container
        .push_str("\nenvironment: [{ name: A, value: b }]");
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;
    let live = stage.live(&service).await;
    assert_eq!(live["taskDefinition"], good["taskDefinition"]);
    // What a service deployment does not have is sent after it.
    let changes = stage.changes_in_ecs(seen);
    let changes: Vec<_> = changes
        .iter()
        .filter(|change| change.contains("Service"))
        .collect();
    assert_eq!(
        changes,
        ["UpdateService", "StopServiceDeployment", "UpdateService"]
    );
    let ids = |service: &Value| service["deployments"][0]["id"].clone();
    assert_eq!(
        ids(&live),
        ids(&good),
        "its tasks have been up all the time"
    );
    assert_eq!(weights(&stage, &balancer).await, [(false, 100), (true, 0)]);
    assert_eq!(live["deploymentConfiguration"]["bakeTimeInMinutes"], 0);
    client.assert_that_none_failed().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_may_change_to_blue_green_and_back_whichever_group_serves() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let rolling = balancer.file("host: hello.example.com");
    release(&stage, &service, &rolling, 1).await;

    let client = Client::of(&balancer);
    let canary = "strategy: CANARY\nbakeTimeInMinutes: 0\ncanaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 1 }";
    release(&stage, &service, &file(&balancer, canary), 2).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 0), (true, 100)]);

    // The group that serves is the one that stays.
    release(&stage, &service, &rolling, 3).await;
    let live = stage.live(&service).await;
    assert_eq!(live["deploymentConfiguration"]["strategy"], "ROLLING");
    let group = &live["loadBalancers"][0]["targetGroupArn"];
    assert!(group.as_str().unwrap().contains("-b/"), "{group}");
    assert_eq!(target_states(&stage, group).await, ["healthy", "healthy"]);

    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 4, Verdict::Succeeded).await;
    release(&stage, &service, &file(&balancer, canary), 5).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 100), (true, 0)]);
    client.assert_that_none_failed().await;
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn landfall_ends_what_ecs_would_try_for_ever() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let without_breaker = |text: String| {
        text.replace(
            "enable: true, rollback: true",
            "enable: false, rollback: false",
        )
    };
    let blue_green = file(&balancer, "strategy: BLUE_GREEN\nbakeTimeInMinutes: 0");
    stage
        .follow("services/hello.yaml", &without_breaker(blue_green.text()))
        .await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let good = stage.live(&service).await["taskDefinition"].clone();

    let client = Client::of(&balancer);
    let seen = stage.requests();
    let bad = SimulatedBehaviour {
        exits: Some((Duration::from_millis(300), 1)),
        healthy: Healthy::Never,
        ..SimulatedBehaviour::default()
    };
    stage.push_behaving("hello", "1.1.0", bad).await;
    let record = stage.verdict(&service, 2, Verdict::RolledBack).await;
    let changes = stage.changes_in_ecs(seen);
    assert_eq!(
        changes.last().map(String::as_str),
        Some("StopServiceDeployment")
    );
    assert!(
        record.reason.ends_with("tasks failed and none runs"),
        "{}",
        record.reason
    );
    assert_eq!(stage.live(&service).await["taskDefinition"], good);
    client.assert_that_none_failed().await;
    stage.close().await;
}
