//! ECS and its load balancer together, with real processes and real requests.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Ecs, EcsSettings, ImageLookup};
use crate::cloud::bus::Bus;
use crate::cloud::elb::{Elb, ElbSettings};
use crate::world::World;

/// The program that the tasks of these tests run: this test executable, asked for this one "test". Answers every request
/// with its image's version after 30 ms, and stops at once when it is asked to, however many requests are waiting.
#[test]
#[ignore = "a task's program and no test: it serves on PORT until it is killed"]
fn program_of_a_task() {
    let Some(port) = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse::<u16>().ok())
    else {
        return;
    };
    // Slow to come up, as programs are: the first health checks are refused.
    std::thread::sleep(Duration::from_millis(300));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    for stream in listener.incoming() {
        std::thread::spawn(move || {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            std::thread::sleep(Duration::from_millis(30));
            let body = std::env::var("VERSION").unwrap_or_default();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        });
    }
}

fn get(port: u16) -> Result<String, String> {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: hello\r\nconnection: close\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(|error| error.to_string())?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(answer);
    }
    Ok(answer.rsplit("\r\n").next().unwrap().to_owned())
}

struct Site {
    ecs: Ecs,
    port: u16,
}

impl Site {
    async fn call(&self, operation: &str, input: Value) -> Value {
        self.ecs
            .call(operation, input)
            .await
            .unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    async fn register(&self, version: &str) {
        let container = json!({
            "name": "web",
            "image": format!("hello:{version}"),
            "memory": 64,
            "portMappings": [{ "containerPort": 80 }],
            "environment": [{ "name": "VERSION", "value": version }],
        });
        self.call(
            "RegisterTaskDefinition",
            json!({ "family": "hello", "containerDefinitions": [container] }),
        )
        .await;
    }

    async fn until_steady(&self) {
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let answer = self
                .call("DescribeServices", json!({ "services": ["hello"] }))
                .await;
            let deployments = answer["services"][0]["deployments"].as_array().unwrap();
            if deployments.len() == 1 && deployments[0]["rolloutState"] == "COMPLETED" {
                return;
            }
        }
        panic!("never steady");
    }
}

/// Two tasks of version 1.0.0 behind a load balancer.
async fn site() -> Site {
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::UNIX_EPOCH,
        1,
    ));
    let (bus, _) = Bus::new(Arc::clone(&world));
    let elb = Elb::new(
        Arc::clone(&world),
        ElbSettings {
            health_check_time_scale: 0.02,
            ..ElbSettings::default()
        },
    );
    let executable = std::env::current_exe()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let images = move |reference: &str| ImageLookup::Local {
        digest: format!("sha256:{reference}"),
        directory: "/".into(),
        command: vec![
            executable.clone(),
            "--exact".into(),
            "cloud::ecs::serving_tests::program_of_a_task".into(),
            "--ignored".into(),
        ],
    };
    let ecs = Ecs::new(
        world,
        bus,
        elb.clone(),
        Arc::new(images),
        Arc::new(|_| {}),
        EcsSettings::default(),
    );
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let group =
        json!({ "Name": "hello", "HealthCheckIntervalSeconds": "5", "HealthyThresholdCount": "2" });
    let group =
        elb.call("CreateTargetGroup", group).await.unwrap()["TargetGroups"][0]["TargetGroupArn"]
            .clone();
    let balancer = elb
        .call("CreateLoadBalancer", json!({ "Name": "web" }))
        .await
        .unwrap();
    let listener = json!({
        "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
        "Port": port.to_string(),
        "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
    });
    elb.call("CreateListener", listener).await.unwrap();
    let site = Site { ecs, port };
    site.call("CreateCluster", json!({})).await;
    site.register("1.0.0").await;
    let service = json!({
        "serviceName": "hello",
        "taskDefinition": "hello",
        "desiredCount": 2,
        "healthCheckGracePeriodSeconds": 30,
        "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }],
    });
    site.call("CreateService", service).await;
    site.until_steady().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_one_request_fails_while_a_service_of_real_processes_is_rolled_over() {
    let site = site().await;
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (done, port) = (Arc::clone(&done), site.port);
            std::thread::spawn(move || {
                let mut answers = vec![];
                while !done.load(Ordering::Relaxed) {
                    answers.push(get(port));
                }
                answers
            })
        })
        .collect();
    for version in ["1.1.0", "1.2.0"] {
        site.register(version).await;
        site.call(
            "UpdateService",
            json!({ "service": "hello", "taskDefinition": "hello" }),
        )
        .await;
        site.until_steady().await;
    }
    done.store(true, Ordering::Relaxed);
    let answers: Vec<Result<String, String>> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed: {:?}",
        failed.len(),
        answers.len(),
        failed[0]
    );
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        assert!(
            answers
                .iter()
                .any(|answer| answer.as_deref() == Ok(version)),
            "{version} never answered"
        );
    }
    assert_eq!(get(site.port).unwrap(), "1.2.0");
    site.ecs.shutdown().await;
}

/// A cloud with one task, for a test that kills it.
#[tokio::test]
#[ignore = "a program that a test kills, and no test"]
async fn program_of_a_cloud() {
    let Ok(file) = std::env::var("PIDS") else {
        return;
    };
    let world = Arc::new(World::new(
        "000000000000",
        "eu-west-1",
        Timestamp::UNIX_EPOCH,
        1,
    ));
    let (bus, _) = Bus::new(Arc::clone(&world));
    let elb = Elb::new(Arc::clone(&world), ElbSettings::default());
    let script = format!("echo $$ > {file}; exec sleep 600");
    let images = move |_: &str| ImageLookup::Local {
        digest: "sha256:sleep".into(),
        directory: "/".into(),
        command: vec!["/bin/sh".into(), "-c".into(), script.clone()],
    };
    let ecs = Ecs::new(
        world,
        bus,
        elb,
        Arc::new(images),
        Arc::new(|_| {}),
        EcsSettings::default(),
    );
    ecs.call("CreateCluster", json!({})).await.unwrap();
    let container = json!({ "name": "web", "image": "sleep", "memory": 64 });
    let definition = json!({ "family": "sleep", "containerDefinitions": [container] });
    ecs.call("RegisterTaskDefinition", definition)
        .await
        .unwrap();
    ecs.call("RunTask", json!({ "taskDefinition": "sleep" }))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn a_cloud_that_is_killed_takes_its_tasks_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pids");
    let mut cloud = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "cloud::ecs::serving_tests::program_of_a_cloud",
            "--ignored",
        ])
        .env("PIDS", &file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut wait = (0..500).map(|_| std::thread::sleep(Duration::from_millis(20)));
    let task = loop {
        wait.next().expect("the task never started");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if let Ok(task) = text.trim().parse::<u32>() {
            break task;
        }
    };
    cloud.kill().unwrap();
    cloud.wait().unwrap();
    let alive = || {
        let state = std::fs::read_to_string(format!("/proc/{task}/stat")).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    };
    while alive() {
        wait.next().expect("the task outlived its cloud");
    }
}
