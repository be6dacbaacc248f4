//! Requests that move from one target group to another, through a load balancer that listens. What takes minutes of baking
//! is told in the simulation, on a paused clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use landfall::record::Verdict;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, web},
};
use serde_json::Value;
use tokio::time::sleep;

use crate::ingress::{Balancer, release};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_probe_fails_goes_back_at_once_to_the_tasks_that_are_still_up() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let blue_green = |minutes: u32| format!("strategy: BLUE_GREEN\nbakeTimeInMinutes: {minutes}");
    release(&stage, &service, &file(&balancer, &blue_green(0)), 1).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 100), (true, 0)]);
    let client = Client::of(&balancer);
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(weights(&stage, &balancer).await, [(false, 0), (true, 100)]);
    let good = stage.live(&service).await;

    let seen = stage.requests();
    // Nobody tells that a deployment bakes: an execution sees it within a minute.
    let mut bad = file(&balancer, &blue_green(60));
    bad.verify = "http: { path: /, status: 201, interval: 1s, failures: 1 }".into();
    bad.container
        .push_str("\nenvironment: [{ name: A, value: b }]");
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
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
    assert_eq!(weights(&stage, &balancer).await, [(false, 0), (true, 100)]);
    assert_eq!(live["deploymentConfiguration"]["bakeTimeInMinutes"], 0);
    client.assert_that_none_failed().await;
    stage.close().await;
}
