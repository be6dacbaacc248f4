//! `landfall local`, and what talks to it.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::stage::*;

#[test]
fn without_a_running_landfall_the_commands_ask_whether_it_runs() {
    let port = free_port();
    for arguments in [
        &["status", "--port", &port] as &[&str],
        &["retry", "web/hello", "--port", &port],
        &[
            "local",
            "push",
            "hello:1.0.0",
            "--dir",
            ".",
            "--port",
            &port,
            "--",
            "true",
        ],
        &["local", "load-balancer", "hello", "--port", &port],
    ] {
        let message = failure(arguments);
        assert!(
            message.contains("is `landfall local` running, and on this port?"),
            "{arguments:?}: {message}"
        );
    }
}

#[test]
fn a_taken_port_is_reported_with_what_to_do() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let message = failure(&["local", "--port", &port]);
    assert!(
        message.contains(&format!(
            "port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"
        )),
        "{message}"
    );
}

#[test]
fn an_image_without_a_tag_and_a_service_without_a_cluster_are_refused_before_anything_is_asked() {
    let message = failure(&["local", "push", "hello", "--dir", ".", "--", "true"]);
    assert!(message.contains("`hello` has no tag"), "{message}");
    assert!(
        message.contains("write it as repository:tag, e.g. hello:1.1.0"),
        "{message}"
    );
    let message = failure(&["status", "hello"]);
    assert!(message.contains("cluster/service"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_folder_is_deployed_shown_by_status_and_remembered_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let application = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let port = local.port.clone();
    assert_eq!(
        success(&["status", "--port", &port]),
        "No service is described yet: put a service file into the config bucket, under services/.\n"
    );

    let dir = application.path().display().to_string();
    let push = [
        "local",
        "push",
        "hello:1.0.0",
        "--dir",
        &dir,
        "--port",
        &port,
        "--",
        LANDFALL,
        "hello-server",
        "Hello!",
    ];
    let pushed = success(&push);
    assert!(pushed.starts_with("hello:1.0.0 sha256:"), "{pushed}");
    assert_eq!(
        success(&push),
        pushed,
        "a second push of the same is no error"
    );
    let file = "cluster: { clusterName: web }\nimages: { web: { repository: hello, tag: 'semver:^1' } }\n\
                taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64, portMappings: [{ containerPort: 80 }] }] }\n\
                service: { serviceName: hello, desiredCount: 1 }\n";
    local.put_file("services/hello.yaml", file).await;

    let status = ["status", "web/hello", "--port", &port];
    let shown = until_shown(&status, "succeeded").await;
    assert!(
        shown.starts_with("web/hello\n  file      services/hello.yaml\n"),
        "{shown}"
    );
    let message = failure(&["status", "web/helo", "--port", &port]);
    assert!(
        message.contains("no service file has described web/helo yet"),
        "{message}"
    );
    let json = success(&["status", "--json", "--port", &port]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["releases"][0]["verdict"], "succeeded");
    assert_eq!(
        success(&["retry", "web/hello", "--port", &port]),
        "There is nothing to try again: web/hello was given its newest images.\n"
    );
    let message = failure(&["retry", "web/helo", "--port", &port]);
    assert!(
        message.contains("no service file has described web/helo yet"),
        "{message}"
    );
    local.interrupt();

    let local = Local::start(folder.path());
    assert_eq!(
        success(&["status", "web/hello", "--port", &local.port]),
        shown
    );
    local.interrupt();
}

/// What `landfall local` says of the weather, up to the tenth outage.
fn weather(seed: &str) -> Vec<String> {
    let mut process = Command::new(LANDFALL)
        .args(["local", "--port", "0", "--rough", seed])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let lines = lines.map(Result::unwrap);
    let weather = lines.skip_while(|line| !line.starts_with("The weather is rough."));
    let weather = weather.take(12).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    weather
}

#[test]
fn the_weather_of_a_seed_is_told_and_the_same_each_time() {
    let told = weather("7");
    assert_eq!(told, weather("7"));
    assert_ne!(told, weather("8"));
    assert!(told[0].contains("ECS's reads lag 2 s"), "{}", told[0]);
    assert_eq!(told[2], "  00:29 to 01:32  ecr answers 500");
    assert_eq!(told.len(), 12, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_through_in_rough_weather() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start_with(folder.path(), &["--rough", "7"]);
    let port = local.port.clone();
    push(&port, "hello:1.0.0", &["sleep", "1000"]);
    local.put_file("services/hello.yaml", FILE).await;
    let status = ["status", "web/hello", "--port", &port];
    until_shown(&status, "succeeded").await;
    local.interrupt();
}
