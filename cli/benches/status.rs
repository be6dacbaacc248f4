//! How long `landfall status` takes for a thousand services, where each call takes 20 ms on the way.
//!
//! `cargo bench --workspace --locked --profile simulation --bench status`. It fills the state bucket of a `landfall local` with
//! services that had a release each, puts a relay before it that holds back what comes from the command, and runs the command as
//! people do. The numbers behind `--` are those of the services and of the milliseconds.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use landfall::{
    content::ContentHash,
    desired::{DesiredState, FollowedFile},
    evidence::Against,
    keys,
    record::{Record, TaskDefinition, Timeline, Verdict},
    service_id::ServiceId,
};
use landfall_aws::{
    bucket::{Bucket, Condition},
    config,
    state_bucket::StateBucket,
    status_file::StatusFile,
};
use landfall_local::local::{CONFIG_BUCKET, REGION, STATE_BUCKET};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    time::sleep,
};

const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");
const RUNS: usize = 5;

#[tokio::main]
async fn main() {
    // `cargo bench` passes `--bench`.
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let services = numbers.next().unwrap_or(1000);
    let delay = Duration::from_millis(numbers.next().unwrap_or(20));
    let folder = tempfile::tempdir().unwrap();
    let (mut local, endpoint) = landfall_local(&folder.path().display().to_string());
    fill(&endpoint, services).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let port = relay(endpoint.trim_start_matches("http://"), delay, calls.clone()).await;
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        calls.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let mut command = tokio::process::Command::new(LANDFALL);
        let output = command
            .args(["status", "--port", &port.to_string()])
            .output()
            .await
            .unwrap();
        seconds.push(began.elapsed().as_secs_f64());
        let lines = String::from_utf8(output.stdout).unwrap().lines().count();
        assert_eq!(
            lines,
            usize::try_from(services).unwrap() + 1,
            "{:?}",
            output.stderr
        );
    }
    seconds.sort_by(f64::total_cmp);
    println!(
        "{services} services at {delay:?} a call: {:.2} s (median of {RUNS}; {:.2} to {:.2} s), {} calls",
        seconds[RUNS / 2],
        seconds[0],
        seconds[RUNS - 1],
        calls.load(Ordering::Relaxed)
    );
    local.kill().unwrap();
    local.wait().unwrap();
}

fn landfall_local(data_dir: &str) -> (Child, String) {
    let mut process = Command::new(LANDFALL)
        .args(["local", "--port", "0", "--data-dir", data_dir])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = process.stdout.as_mut().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let endpoint = line.strip_prefix("Landfall listens at ").unwrap();
    let endpoint = endpoint.split_once(". ").unwrap().0.to_owned();
    (process, endpoint)
}

/// Puts the objects of services of which each has had a good release.
async fn fill(endpoint: &str, services: u64) {
    let config = config::local(endpoint, REGION).await;
    let state = StateBucket::named(&config, STATE_BUCKET);
    let objects = Bucket::new(&config, STATE_BUCKET.into());
    let files = Bucket::new(&config, CONFIG_BUCKET.into());
    let (state, objects, files) = (&state, &objects, &files);
    let put = |number: u64| async move {
        let (desired, record) = service(number);
        let key = keys::desired(&desired.service);
        objects
            .put_json(&key, &desired, Condition::None)
            .await
            .unwrap();
        state.put_record(&record).await.unwrap();
        StatusFile::update(files, &desired).await.unwrap();
    };
    stream::iter(0..services)
        .map(put)
        .buffer_unordered(32)
        .collect::<Vec<()>>()
        .await;
}

fn service(number: u64) -> (DesiredState, Record) {
    let now = Timestamp::now();
    let service: ServiceId = format!("cluster-{}/service-{number:04}", number % 10)
        .parse()
        .unwrap();
    let mut desired = DesiredState::new(service.clone());
    let file = FollowedFile {
        key: format!("services/service-{number:04}.yaml"),
        version_id: "1".into(),
        containers: None,
        content: ContentHash::of(&json!(number)),
        follows: [].into(),
        placeholders: None,
    };
    desired.follow_file(file, [].into(), now);
    let release = desired.open[0].clone();
    let revision = TaskDefinition {
        arn: format!("arn:aws:ecs:{REGION}:000000000000:task-definition/service-{number}:1"),
        content: ContentHash::of(&json!(number)),
    };
    desired.conclude(
        1,
        Verdict::Succeeded,
        Against::Release,
        Some(&revision),
        now,
    );
    let record = Record {
        service,
        release,
        verdict: Verdict::Succeeded,
        reason: "rolled out and verified".into(),
        task_definition: Some(revision),
        diagnosis: None,
        execution: Some(format!(
            "arn:aws:states:{REGION}:000000000000:execution:landfall-release:{number}"
        )),
        timeline: Timeline {
            created_at: now,
            execution_started_at: Some(now),
            concluded_at: now,
            blind_seconds: 0,
            paused_seconds: 0,
            withheld_seconds: 0,
        },
    };
    (desired, record)
}

/// Listens, and passes everything on to `upstream`, each request after `delay`: none of them has a body, so each comes in one piece.
async fn relay(upstream: &str, delay: Duration, calls: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = upstream.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&upstream).await.unwrap();
            tokio::spawn(pass_on(client, server, delay, calls.clone()));
        }
    });
    port
}

async fn pass_on(client: TcpStream, server: TcpStream, delay: Duration, calls: Arc<AtomicUsize>) {
    let (mut requests, mut to_client) = client.into_split();
    let (mut answers, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut answers, &mut to_client).await });
    let mut request = vec![0; 65_536];
    while let Ok(length @ 1..) = requests.read(&mut request).await {
        calls.fetch_add(1, Ordering::Relaxed);
        sleep(delay).await;
        if to_server.write_all(&request[..length]).await.is_err() {
            return;
        }
    }
}
