//! Listener rules and target groups that Landfall keeps for a service.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use landfall::{record::Verdict, service_id::ServiceId};
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, web},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A load balancer whose listener answers 404 where no rule takes the request.
pub(crate) struct Balancer {
    listener: String,
    pub(crate) port: u16,
}

impl Balancer {
    pub(crate) async fn new(stage: &Stage) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let balancer = elb(stage, "CreateLoadBalancer", json!({ "Name": "web" })).await;
        let none =
            json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } });
        let input = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": port.to_string(),
            "DefaultActions": [none],
        });
        let listener = elb(stage, "CreateListener", input).await;
        Self {
            listener: text(&listener["Listeners"][0]["ListenerArn"]),
            port,
        }
    }

    /// The status that a request to this host and path is answered with.
    async fn status(&self, host: &str, path: &str) -> u16 {
        Self::status_at(self.port, host, path).await
    }

    /// The same, without the rest of the balancer.
    pub(crate) async fn status_at(port: u16, host: &str, path: &str) -> u16 {
        // Each request has a connection of its own.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http::<Empty<Bytes>>();
        let request = Request::get(format!("http://127.0.0.1:{port}{path}"))
            .header("host", host)
            .body(Empty::new())
            .unwrap();
        client.request(request).await.unwrap().status().as_u16()
    }

    /// The rules but the listener's default.
    pub(crate) async fn rules(&self, stage: &Stage) -> Vec<Value> {
        let answer = elb(
            stage,
            "DescribeRules",
            json!({ "ListenerArn": self.listener }),
        )
        .await;
        let mut rules = answer["Rules"].as_array().unwrap().clone();
        rules.retain(|rule| rule["IsDefault"] == false);
        rules
    }

    pub(crate) fn file(&self, conditions: &str) -> SampleFile {
        let mut file = SampleFile::new("hello", "hello", "semver:^1");
        file.container = "portMappings: [{ containerPort: 8080 }]".into();
        file.verify = "http: { path: /api/health, interval: 1s, successes: 1 }".into();
        file.ingress = format!(
            "listenerArn: \"{}\"\ncontainer: web\nport: 8080\n{conditions}\nderegistrationDelay: 1s\n\
             healthCheck: {{ path: /health, interval: 5s }}",
            self.listener
        );
        file
    }
}

pub(crate) async fn elb(stage: &Stage, operation: &str, input: Value) -> Value {
    let answer = stage.local.cloud.elb.call(operation, input).await;
    answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
}

async fn groups(stage: &Stage) -> Vec<Value> {
    let answer = elb(stage, "DescribeTargetGroups", json!({})).await;
    answer["TargetGroups"].as_array().unwrap().clone()
}

/// Whether a function asked Elastic Load Balancing to change something since the first `seen` requests.
fn calls_of_ensure_ingress(stage: &Stage, seen: usize) -> usize {
    let requests = stage.local.cloud.requests.requests();
    let since = requests.into_iter().skip(seen);
    since
        .filter(|entry| entry.app.as_deref() == Some("ensure-ingress"))
        .count()
}

pub(crate) async fn release(stage: &Stage, service: &ServiceId, file: &SampleFile, number: u64) {
    stage.follow("services/hello.yaml", &file.text()).await;
    stage.verdict(service, number, Verdict::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_gets_its_url_another_path_and_none_any_more() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;

    // The probe finds its way by the host name of the rule, which no DNS knows.
    release(
        &stage,
        &service,
        &balancer.file("host: hello.example.com"),
        1,
    )
    .await;
    assert_eq!(balancer.status("hello.example.com", "/").await, 200);
    assert_eq!(balancer.status("other.example.com", "/").await, 404);
    let rules = balancer.rules(&stage).await;
    assert_eq!(rules.len(), 1);
    let group = groups(&stage).await.remove(0);
    assert_eq!(group["HealthCheckPath"], "/health");
    let live = stage.live(&service).await;
    assert_eq!(
        live["loadBalancers"][0]["targetGroupArn"],
        group["TargetGroupArn"]
    );

    // A push asks nothing of Elastic Load Balancing.
    let seen = stage.requests();
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(calls_of_ensure_ingress(&stage, seen), 0);

    let file = balancer.file("host: hello.example.com\npath: \"/api/*\"");
    release(&stage, &service, &file, 3).await;
    assert_eq!(balancer.status("hello.example.com", "/api/x").await, 200);
    assert_eq!(balancer.status("hello.example.com", "/").await, 404);
    let changed = balancer.rules(&stage).await;
    assert_eq!(changed[0]["RuleArn"], rules[0]["RuleArn"]);

    let mut without = balancer.file("");
    without.ingress.clear();
    without.verify.clear();
    release(&stage, &service, &without, 4).await;
    assert_eq!(stage.live(&service).await["loadBalancers"], json!([]));
    assert_eq!(balancer.rules(&stage).await, Vec::<Value>::new());
    assert_eq!(groups(&stage).await, Vec::<Value>::new());
    assert_eq!(balancer.status("hello.example.com", "/api/x").await, 404);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_rule_for_the_same_requests_is_left_and_the_release_rejected() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    let taken = json!({
        "ListenerArn": balancer.listener,
        "Priority": "5",
        "Conditions": [{ "Field": "host-header", "HostHeaderConfig": { "Values": ["hello.example.com"] } }],
        "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "418" } }],
    });
    elb(&stage, "CreateRule", taken).await;
    stage.push("hello", "1.0.0").await;
    let file = balancer.file("host: hello.example.com");
    stage.follow("services/hello.yaml", &file.text()).await;
    let record = stage.verdict(&service, 1, Verdict::Rejected).await;
    assert!(
        record
            .reason
            .contains("the listener has a rule for the same host hello.example.com already"),
        "{}",
        record.reason
    );
    assert_eq!(balancer.status("hello.example.com", "/").await, 418);
    assert_eq!(stage.live(&service).await, Value::Null);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_gives_rule_and_target_group_back_as_they_were() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let good = balancer.file("host: hello.example.com\npriority: 5");
    release(&stage, &service, &good, 1).await;

    let mut bad = balancer.file("host: moved.example.com\npriority: 7");
    bad.ingress = bad.ingress.replace("/health", "/alive");
    bad.verify = "http: { path: /, status: 201, interval: 1s, failures: 1 }".into();
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;
    assert_eq!(balancer.status("hello.example.com", "/").await, 200);
    assert_eq!(balancer.status("moved.example.com", "/").await, 404);
    let rules = balancer.rules(&stage).await;
    assert_eq!(rules[0]["Priority"], "5");
    assert_eq!(groups(&stage).await[0]["HealthCheckPath"], "/health");
    let changes = |function: &str| {
        let requests = stage.local.cloud.requests.requests().into_iter();
        let of_function = requests.filter(|entry| entry.app.as_deref() == Some(function));
        let operations: Vec<_> = of_function.map(|entry| entry.operation).collect();
        ["ModifyTargetGroup", "SetRulePriorities"]
            .map(|operation| operations.iter().any(|made| made == operation))
    };
    assert_eq!(changes("ensure-ingress"), [true, true]);
    assert_eq!(changes("roll-back"), [true, true]);
    stage.close().await;
}

/// A foreign rule for every request.
async fn catch_all(stage: &Stage, balancer: &Balancer) {
    let rule = json!({
        "ListenerArn": balancer.listener,
        "Priority": "50000",
        "Conditions": [{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["*"] } }],
        "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "418" } }],
    });
    elb(stage, "CreateRule", rule).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_ingress_that_is_rolled_back_takes_no_requests_away_from_others() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    catch_all(&stage, &balancer).await;
    stage.push("hello", "1.0.0").await;
    let mut without = balancer.file("");
    without.ingress.clear();
    without.verify.clear();
    release(&stage, &service, &without, 1).await;

    let mut bad = balancer.file("host: hello.example.com");
    bad.verify = "http: { path: /, status: 201, interval: 1s, failures: 1 }".into();
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;
    assert_eq!(balancer.status("hello.example.com", "/").await, 418);
    assert_eq!(groups(&stage).await, Vec::<Value>::new());

    // The last good release's listener keeps its rule, another one loses it.
    release(
        &stage,
        &service,
        &balancer.file("host: hello.example.com"),
        3,
    )
    .await;
    let other = Balancer::new(&stage).await;
    catch_all(&stage, &other).await;
    bad.ingress = bad.ingress.replace(&balancer.listener, &other.listener);
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 4, Verdict::RolledBack).await;
    assert_eq!(balancer.status("hello.example.com", "/").await, 200);
    assert_eq!(other.status("hello.example.com", "/").await, 418);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_never_came_up_keeps_the_target_group_that_it_is_in() {
    let stage = Stage::open().await;
    let service = web("hello");
    let balancer = Balancer::new(&stage).await;
    stage.push("hello", "1.0.0").await;
    let mut bad = balancer.file("host: hello.example.com");
    bad.verify = "http: { path: /, status: 201, interval: 1s, failures: 1 }".into();
    stage.follow("services/hello.yaml", &bad.text()).await;
    stage.verdict(&service, 1, Verdict::Failed).await;
    // ECS still has the service in it.
    assert_eq!(groups(&stage).await.len(), 1);
    stage.close().await;
}
