//! Releases in which requests move from one target group to another. The journeys have one with a load balancer that
//! listens and a probe that asks it; here minutes of baking pass in no time, and a client asks without a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use landfall::record::Verdict;
use landfall_local::cloud::{
    ecs::{Healthy, SimulatedBehaviour},
    elb::Elb,
};
use landfall_simulation::scenario::{Rule, Service};
use landfall_tests::sample::SampleFile;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::{Stage, play, service};

const HOST: &str = "hello.example.com";
const PAUSE: Duration = Duration::from_millis(20);
const BLUE_GREEN: &str = "strategy: BLUE_GREEN\nbakeTimeInMinutes: 1";

/// A load balancer whose listener answers 404 where no rule takes the request.
pub(crate) struct Balancer {
    elb: Elb,
    listener: String,
}

impl Balancer {
    pub(crate) async fn new(stage: &Stage) -> Self {
        let elb = stage.wire.cloud.elb.clone();
        let made = call(&elb, "CreateLoadBalancer", json!({ "Name": "web" })).await;
        let none =
            json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } });
        let input = json!({
            "LoadBalancerArn": made["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": "80",
            "DefaultActions": [none],
        });
        let made = call(&elb, "CreateListener", input).await;
        let listener = made["Listeners"][0]["ListenerArn"].as_str().unwrap();
        Self {
            listener: listener.to_owned(),
            elb,
        }
    }

    pub(crate) fn file(&self, conditions: &str) -> SampleFile {
        let mut file = SampleFile::new("hello", "hello", "semver:^1");
        file.container = "portMappings: [{ containerPort: 8080 }]".into();
        file.ingress = format!(
            "listenerArn: \"{}\"\ncontainer: web\nport: 8080\nhost: {HOST}\n{conditions}\nderegistrationDelay: 1s\n\
             healthCheck: {{ path: /health, interval: 5s }}",
            self.listener
        );
        file
    }

    /// A file whose releases go as `configuration` says.
    fn file_with(&self, configuration: &str) -> SampleFile {
        let mut file = self.file("roleArn: arn:aws:iam::000000000000:role/balancers");
        file.deployment = configuration.into();
        file
    }

    /// The weights of the rule's target groups, first the one that is not named as the second.
    async fn weights(&self) -> Vec<(bool, u64)> {
        let input = json!({ "ListenerArn": self.listener });
        let answer = call(&self.elb, "DescribeRules", input).await;
        let mut rules = answer["Rules"].as_array().unwrap().iter();
        let rule = rules.find(|rule| rule["IsDefault"] == false).unwrap();
        let groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array();
        let weights = groups.unwrap().iter().map(|group| {
            let arn = group["TargetGroupArn"].as_str().unwrap();
            (arn.contains("-b/"), group["Weight"].as_u64().unwrap())
        });
        let mut weights: Vec<_> = weights.collect();
        weights.sort();
        weights
    }

    async fn target_states(&self, group: &Value) -> Vec<Value> {
        let input = json!({ "TargetGroupArn": group });
        let answer = call(&self.elb, "DescribeTargetHealth", input).await;
        let targets = answer["TargetHealthDescriptions"].as_array().unwrap();
        let states = targets.iter();
        states
            .map(|target| target["TargetHealth"]["State"].clone())
            .collect()
    }
}

async fn call(elb: &Elb, operation: &str, input: Value) -> Value {
    let answer = elb.call(operation, input).await;
    answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
}

/// Asks for `/` fifty times a second, until it is told to stop.
struct Client {
    asking: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, Vec<u16>)>,
}

impl Client {
    fn of(balancer: &Balancer) -> Self {
        let asking = Arc::new(AtomicBool::new(true));
        let (elb, listener) = (balancer.elb.clone(), balancer.listener.clone());
        let go_on = Arc::clone(&asking);
        let task = tokio::spawn(async move {
            let (mut asked, mut failed) = (0, Vec::new());
            while go_on.load(Ordering::Relaxed) {
                asked += 1;
                let status = elb.status(&listener, HOST, "/");
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
        assert!(asked > 1000, "{asked}");
        assert!(failed.is_empty(), "of {asked} requests: {failed:?}");
    }
}

/// Puts the file and waits for its release.
async fn put(stage: &Stage, hello: &Service, text: &str, number: u64) {
    // The next upload has another second.
    stage.later().await;
    stage.driver.put_file(&hello.key, text).await.unwrap();
    stage.rest().await;
    stage.verdict(hello, number, Verdict::Succeeded).await;
}

async fn push(stage: &Stage, hello: &Service, tag: &str, number: u64) {
    stage.push("hello", tag).await;
    stage.rest().await;
    stage.verdict(hello, number, Verdict::Succeeded).await;
}

/// Its tasks never become healthy, so no request ever goes to them.
fn bad() -> SimulatedBehaviour {
    SimulatedBehaviour {
        exits: Some((Duration::from_millis(300), 1)),
        healthy: Healthy::Never,
        ..SimulatedBehaviour::default()
    }
}

#[test]
fn no_request_fails_while_blue_and_green_change_places_and_a_bad_image_changes_nothing() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let balancer = Balancer::new(&stage).await;
        stage.push("hello", "1.0.0").await;
        let file = balancer.file_with(BLUE_GREEN);
        put(&stage, &hello, &file.text(), 1).await;
        assert_eq!(balancer.weights().await, [(false, 100), (true, 0)]);

        let client = Client::of(&balancer);
        push(&stage, &hello, "1.1.0", 2).await;
        assert_eq!(balancer.weights().await, [(false, 0), (true, 100)]);

        let good = stage.live(&hello).await["taskDefinition"].clone();
        stage.push_behaving("hello", "1.2.0", bad()).await;
        stage.rest().await;
        stage.verdict(&hello, 3, Verdict::RolledBack).await;
        assert_eq!(stage.live(&hello).await["taskDefinition"], good);

        push(&stage, &hello, "1.3.0", 4).await;
        assert_eq!(balancer.weights().await, [(false, 100), (true, 0)]);

        // A changed file: ECS is not told of the two groups again.
        let mut changed = file;
        changed
            .container
            .push_str("\nenvironment: [{ name: A, value: b }]");
        put(&stage, &hello, &changed.text(), 5).await;
        assert_eq!(balancer.weights().await, [(false, 0), (true, 100)]);
        assert_eq!(stage.desired(&hello).await.hold, None);
        client.assert_that_none_failed().await;
    });
}

#[test]
fn a_service_may_change_to_blue_green_and_back_whichever_group_serves() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let balancer = Balancer::new(&stage).await;
        stage.push("hello", "1.0.0").await;
        let rolling = balancer.file("").text();
        put(&stage, &hello, &rolling, 1).await;

        let client = Client::of(&balancer);
        let canary = balancer.file_with(
            "strategy: CANARY\nbakeTimeInMinutes: 0\n\
             canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 1 }",
        );
        put(&stage, &hello, &canary.text(), 2).await;
        assert_eq!(balancer.weights().await, [(false, 0), (true, 100)]);

        // The group that serves is the one that stays.
        put(&stage, &hello, &rolling, 3).await;
        let live = stage.live(&hello).await;
        assert_eq!(live["deploymentConfiguration"]["strategy"], "ROLLING");
        let group = &live["loadBalancers"][0]["targetGroupArn"];
        assert!(group.as_str().unwrap().contains("-b/"), "{group}");
        assert_eq!(balancer.target_states(group).await, ["healthy", "healthy"]);

        push(&stage, &hello, "1.1.0", 4).await;
        put(&stage, &hello, &canary.text(), 5).await;
        assert_eq!(balancer.weights().await, [(false, 100), (true, 0)]);
        client.assert_that_none_failed().await;
    });
}

#[test]
fn landfall_ends_what_ecs_would_try_for_ever() {
    play(async {
        let stage = Stage::open(&[]).await;
        let hello = service("hello", Rule::Semver);
        let balancer = Balancer::new(&stage).await;
        stage.push("hello", "1.0.0").await;
        let blue_green = balancer.file_with("strategy: BLUE_GREEN\nbakeTimeInMinutes: 0");
        let without_breaker = blue_green.text().replace(
            "enable: true, rollback: true",
            "enable: false, rollback: false",
        );
        put(&stage, &hello, &without_breaker, 1).await;
        let good = stage.live(&hello).await["taskDefinition"].clone();

        let client = Client::of(&balancer);
        let seen = stage.wire.cloud.requests.requests().len();
        stage.push_behaving("hello", "1.1.0", bad()).await;
        stage.rest().await;
        let record = stage.verdict(&hello, 2, Verdict::RolledBack).await;
        let changes = stage.changes_in_ecs(seen);
        let mut of_service = changes.iter().filter(|change| change.contains("Service"));
        assert_eq!(
            of_service.next_back().map(String::as_str),
            Some("StopServiceDeployment")
        );
        assert!(
            record.reason.contains("tasks failed and none runs. "),
            "{}",
            record.reason
        );
        assert_eq!(stage.live(&hello).await["taskDefinition"], good);
        client.assert_that_none_failed().await;
    });
}
