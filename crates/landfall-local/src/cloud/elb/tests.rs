#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{Elb, ElbSettings};
use crate::{free_port::free_port, world::World};

/// A target that answers `status` and its name and the request's head after `delay`.
struct Server {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn server(name: &'static str, status: u16, delay: Duration) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                if !request.contains("elb-healthchecker") {
                    sleep(delay).await;
                }
                let body = format!("{name}\n{request}");
                let head = format!(
                    "HTTP/1.1 {status} Any\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    Server { port, accepting }
}

struct Balancer {
    elb: Elb,
    port: u16,
    group: String,
    listener: String,
}

impl Balancer {
    async fn new() -> Self {
        let world = Arc::new(World::new(
            "000000000000",
            "eu-west-1",
            Timestamp::UNIX_EPOCH,
            1,
        ));
        let elb = Elb::new(
            world,
            ElbSettings {
                health_check_time_scale: 0.005,
                ..ElbSettings::default()
            },
        );
        let port = free_port().unwrap();
        let group = json!({ "Name": "hello", "HealthCheckIntervalSeconds": "5", "HealthyThresholdCount": "2" });
        let group = elb.call("CreateTargetGroup", group).await.unwrap()["TargetGroups"][0]["TargetGroupArn"].clone();
        let balancer = elb
            .call("CreateLoadBalancer", json!({ "Name": "web" }))
            .await
            .unwrap();
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": port.to_string(),
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        let listener =
            elb.call("CreateListener", listener).await.unwrap()["Listeners"][0]["ListenerArn"]
                .clone();
        let text = |arn: Value| arn.as_str().unwrap().to_owned();
        Self {
            elb,
            port,
            group: text(group),
            listener: text(listener),
        }
    }

    async fn add(&self, server: &Server, expected: &str) {
        let targets = json!([{ "Id": "127.0.0.1", "Port": server.port.to_string() }]);
        let input = json!({ "TargetGroupArn": self.group, "Targets": targets });
        self.elb
            .register(&self.group, "127.0.0.1", server.port, None)
            .unwrap();
        for _ in 0..200 {
            let health = self
                .elb
                .call("DescribeTargetHealth", input.clone())
                .await
                .unwrap();
            if health["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == expected {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{} never {expected}", server.port);
    }

    /// Status and body of a request.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        ask(self.port, method, path, body).await
    }

    async fn names(&self, requests: usize) -> Vec<String> {
        let mut names = vec![];
        for _ in 0..requests {
            names.push(
                self.ask("GET", "/", "")
                    .await
                    .1
                    .lines()
                    .next()
                    .unwrap()
                    .to_owned(),
            );
        }
        names
    }
}

async fn ask(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: Hello.example.com\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[tokio::test]
async fn requests_go_round_the_healthy_targets_and_to_all_when_none_is() {
    let balancer = Balancer::new().await;
    assert_eq!(balancer.ask("GET", "/", "").await.0, 503);
    let bad = server("bad", 500, Duration::ZERO).await;
    balancer.add(&bad, "unhealthy").await;
    let (status, body) = balancer.ask("GET", "/", "").await;
    assert_eq!(
        (status, body.lines().next()),
        (500, Some("bad")),
        "the load balancer fails open"
    );
    let (one, two) = (
        server("one", 200, Duration::ZERO).await,
        server("two", 200, Duration::ZERO).await,
    );
    balancer.add(&one, "healthy").await;
    balancer.add(&two, "healthy").await;
    let mut names = balancer.names(4).await;
    names.sort();
    assert_eq!(names, ["one", "one", "two", "two"]);

    let health = balancer
        .elb
        .call(
            "DescribeTargetHealth",
            json!({ "TargetGroupArn": balancer.group }),
        )
        .await
        .unwrap();
    let unhealthy = health["TargetHealthDescriptions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| target["Target"]["Port"] == bad.port)
        .unwrap();
    assert_eq!(
        unhealthy["TargetHealth"],
        json!({
            "State": "unhealthy",
            "Reason": "Target.ResponseCodeMismatch",
            "Description": "Health checks failed with these codes: [500]",
        })
    );
}

#[tokio::test]
async fn a_draining_target_finishes_its_requests_and_gets_no_new_ones() {
    let balancer = Balancer::new().await;
    let old = server("old", 200, Duration::from_millis(400)).await;
    balancer.add(&old, "healthy").await;
    let port = balancer.port;
    let in_flight = tokio::spawn(async move { ask(port, "GET", "/", "").await });
    sleep(Duration::from_millis(100)).await;
    let new = server("new", 200, Duration::ZERO).await;
    balancer.add(&new, "healthy").await;
    let draining = Instant::now();
    let deregistered = balancer
        .elb
        .deregister(&balancer.group, "127.0.0.1", old.port);
    let (names, ()) = tokio::join!(balancer.names(6), deregistered);
    assert_eq!(names, ["new"; 6]);
    assert!(
        draining.elapsed() > Duration::from_millis(100),
        "it did not wait for the request"
    );
    assert_eq!(in_flight.await.unwrap().0, 200);
}

#[tokio::test]
async fn the_deregistration_delay_ends_the_wait_for_a_request_that_never_ends() {
    let balancer = Balancer::new().await;
    let attributes = json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "1" }]);
    let input = json!({ "TargetGroupArn": balancer.group, "Attributes": attributes });
    balancer
        .elb
        .call("ModifyTargetGroupAttributes", input)
        .await
        .unwrap();
    let slow = server("slow", 200, Duration::from_secs(600)).await;
    balancer.add(&slow, "healthy").await;
    let port = balancer.port;
    let hanging = tokio::spawn(async move { ask(port, "GET", "/", "").await });
    sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    balancer
        .elb
        .deregister(&balancer.group, "127.0.0.1", slow.port)
        .await;
    assert!(
        (900..3000).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
    hanging.abort();
}

#[tokio::test]
async fn a_refused_connection_is_tried_elsewhere_with_the_body_unspent() {
    let balancer = Balancer::new().await;
    let (gone, here) = (
        server("gone", 200, Duration::ZERO).await,
        server("here", 200, Duration::ZERO).await,
    );
    balancer.add(&gone, "healthy").await;
    balancer.add(&here, "healthy").await;
    drop(gone);
    for _ in 0..2 {
        let (status, body) = balancer.ask("POST", "/orders", "one coffee").await;
        assert_eq!(status, 200);
        assert!(
            body.starts_with("here\npost /orders") && body.ends_with("one coffee"),
            "{body}"
        );
    }
    drop(here);
    assert_eq!(balancer.ask("GET", "/", "").await.0, 502);
}

#[tokio::test]
async fn the_first_rule_by_priority_whose_conditions_hold_answers() {
    let balancer = Balancer::new().await;
    let target = server("target", 200, Duration::ZERO).await;
    balancer.add(&target, "healthy").await;
    let fixed = |body: &str| {
        let config =
            json!({ "StatusCode": "404", "MessageBody": body, "ContentType": "text/plain" });
        json!([{ "Type": "fixed-response", "FixedResponseConfig": config }])
    };
    for (priority, conditions, actions) in [
        (
            "20",
            json!([{ "Field": "path-pattern", "Values": ["/a*"] }]),
            fixed("late"),
        ),
        (
            "10",
            json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/ab*"] } }]),
            fixed("early"),
        ),
        (
            "5",
            json!([{ "Field": "host-header", "Values": ["other.example.com"] }]),
            fixed("never"),
        ),
    ] {
        let rule = json!({
            "ListenerArn": balancer.listener, "Priority": priority, "Conditions": conditions, "Actions": actions,
        });
        balancer.elb.call("CreateRule", rule).await.unwrap();
    }
    assert_eq!(balancer.ask("GET", "/abc", "").await, (404, "early".into()));
    assert_eq!(balancer.ask("GET", "/ac", "").await, (404, "late".into()));
    let (_, body) = balancer.ask("GET", "/x?y=z", "").await;
    assert!(body.starts_with("target\nget /x?y=z"), "{body}");
    assert!(
        body.contains("x-forwarded-for: 127.0.0.1") && body.contains("x-forwarded-proto: http"),
        "{body}"
    );
    assert!(
        body.contains(&format!("x-forwarded-port: {}", balancer.port)),
        "{body}"
    );
    let rules = balancer
        .elb
        .call("DescribeRules", json!({ "ListenerArn": balancer.listener }))
        .await
        .unwrap();
    let priorities: Vec<&Value> = rules["Rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["Priority"])
        .collect();
    assert_eq!(priorities, ["5", "10", "20", "default"]);
}

#[tokio::test]
async fn after_a_restart_the_same_listeners_serve_the_same_targets() {
    let before = Balancer::new().await;
    let target = server("target", 200, Duration::ZERO).await;
    before.add(&target, "healthy").await;
    let leaving = server("leaving", 200, Duration::ZERO).await;
    before.add(&leaving, "healthy").await;
    before
        .elb
        .begin_draining(&before.group, "127.0.0.1", leaving.port);
    let snapshot = before.elb.snapshot();
    let (port, group) = (before.port, before.group.clone());
    drop(before);
    sleep(Duration::from_millis(100)).await;
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::UNIX_EPOCH,
        1,
    ));
    let after = Elb::new(world, ElbSettings::default());
    after.restore(snapshot).unwrap();
    assert_eq!(ask(port, "GET", "/", "").await.0, 200);
    let health = after
        .call("DescribeTargetHealth", json!({ "TargetGroupArn": group }))
        .await
        .unwrap();
    let targets = health["TargetHealthDescriptions"].as_array().unwrap();
    assert!(
        targets.len() == 1 && targets[0]["Target"]["Port"] == target.port,
        "{targets:?}"
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_elbs_codes() {
    let balancer = Balancer::new().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let taken_port = taken.local_addr().unwrap().port();
    let arn = balancer
        .elb
        .call("DescribeLoadBalancers", json!({}))
        .await
        .unwrap()["LoadBalancers"][0]["LoadBalancerArn"]
        .clone();
    let forward = json!([{ "Type": "forward", "TargetGroupArn": balancer.group }]);
    let listener = |port: u16, actions: &Value| json!({ "LoadBalancerArn": arn, "Port": port.to_string(), "DefaultActions": actions });
    let nowhere = json!([{ "Type": "forward", "TargetGroupArn": "arn:none" }]);
    for (operation, input, code) in [
        (
            "DescribeLoadBalancers",
            json!({ "Names": ["none"] }),
            "LoadBalancerNotFound",
        ),
        (
            "DescribeTargetGroups",
            json!({ "Names": ["none"] }),
            "TargetGroupNotFound",
        ),
        (
            "CreateTargetGroup",
            json!({ "Name": "x", "HealthCheckIntervalSeconds": "1" }),
            "ValidationError",
        ),
        (
            "CreateTargetGroup",
            json!({ "Name": "hello" }),
            "DuplicateTargetGroupName",
        ),
        (
            "CreateListener",
            listener(taken_port, &forward),
            "InvalidConfigurationRequest",
        ),
        (
            "CreateListener",
            listener(taken_port, &nowhere),
            "TargetGroupNotFound",
        ),
        (
            "CreateListener",
            listener(balancer.port, &json!([])),
            "DuplicateListener",
        ),
        (
            "DeleteTargetGroup",
            json!({ "TargetGroupArn": balancer.group }),
            "ResourceInUse",
        ),
        (
            "DeleteRule",
            json!({ "RuleArn": "arn:none" }),
            "RuleNotFound",
        ),
        ("SetSubnets", json!({}), "InvalidAction"),
    ] {
        assert_eq!(
            balancer
                .elb
                .call(operation, input.clone())
                .await
                .unwrap_err()
                .code,
            code,
            "{operation} {input}"
        );
    }
}

#[tokio::test]
async fn a_redirect_fills_in_the_parts_of_the_request_and_says_who_answers() {
    let balancer = Balancer::new().await;
    let config = json!({
        "Protocol": "HTTPS", "Port": "443", "Host": "www.#{host}", "Path": "/new/#{path}", "StatusCode": "HTTP_302",
    });
    let rule = json!({
        "ListenerArn": balancer.listener,
        "Priority": "1",
        "Conditions": [{ "Field": "path-pattern", "Values": ["/old/*"] }],
        "Actions": [{ "Type": "redirect", "RedirectConfig": config }],
    });
    balancer.elb.call("CreateRule", rule).await.unwrap();
    let answer = balancer
        .elb
        .answer(balancer.port, "hello.example.com", "/old/x")
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(
        answer.headers()["location"],
        "https://www.hello.example.com:443/new/old/x"
    );
    assert_eq!(answer.headers()["server"], "awselb/2.0");
}
