//! What somebody sees who uses the `landfall` command.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use landfall_aws::{
    bucket::{Bucket, Condition},
    ecr::Ecr,
    ecs::Ecs,
};
use serde_json::{Value, json};

const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");

fn landfall(arguments: &[&str]) -> Output {
    let mut command = Command::new(LANDFALL);
    // Wide enough that no message is wrapped.
    command
        .args(arguments)
        .env("COLUMNS", "400")
        .env("NO_COLOR", "1");
    command.output().unwrap()
}

/// Standard error of a command that has to fail, its lines joined: where they are wrapped depends on the terminal.
fn failure(arguments: &[&str]) -> String {
    let output = landfall(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it succeeded: {told}");
    let words = told
        .split_whitespace()
        .filter(|word| !matches!(*word, "│" | "×" | "╰─▶" | "├─▶"));
    words.collect::<Vec<_>>().join(" ")
}

fn success(arguments: &[&str]) -> String {
    let output = landfall(arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// A port that nobody listens on.
fn free_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// `landfall local`, killed when a test ends early.
struct Local {
    process: Child,
    endpoint: String,
    port: String,
}

impl Local {
    fn start(data_dir: &Path) -> Self {
        let data_dir = data_dir.display().to_string();
        let mut process = Command::new(LANDFALL)
            .args(["local", "--port", "0", "--data-dir", &data_dir])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let endpoint = line
            .strip_prefix("Landfall listens at ")
            .and_then(|rest| rest.split_once(". "))
            .unwrap_or_else(|| panic!("it begins with {line:?}"))
            .0;
        Self {
            process,
            endpoint: endpoint.into(),
            port: endpoint.rsplit(':').next().unwrap().into(),
        }
    }

    /// As Ctrl-C does.
    fn interrupt(mut self) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn without_a_running_landfall_the_commands_ask_whether_it_runs() {
    let port = free_port();
    for arguments in [
        &["status", "--port", &port] as &[&str],
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
        let told = failure(arguments);
        assert!(
            told.contains("is `landfall local` running, and on this port?"),
            "{arguments:?}: {told}"
        );
    }
}

#[test]
fn a_taken_port_is_told_with_what_to_do() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let told = failure(&["local", "--port", &port]);
    assert!(
        told.contains(&format!(
            "port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"
        )),
        "{told}"
    );
}

#[test]
fn an_image_without_a_tag_and_a_service_without_a_cluster_are_refused_before_anything_is_asked() {
    let told = failure(&["local", "push", "hello", "--dir", ".", "--", "true"]);
    assert!(told.contains("`hello` has no tag"), "{told}");
    assert!(
        told.contains("write it as repository:tag, e.g. hello:1.1.0"),
        "{told}"
    );
    let told = failure(&["status", "hello"]);
    assert!(told.contains("cluster/service"), "{told}");
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
    let config = landfall_aws::config::local(&local.endpoint, "eu-west-1").await;
    let put = Bucket::new(&config, "landfall-config".into());
    put.put("services/hello.yaml", file.into(), Condition::None)
        .await
        .unwrap();

    let begun = Instant::now();
    let shown = loop {
        // Until the file's event has arrived, nothing is described.
        let output = landfall(&["status", "web/hello", "--port", &port]);
        let shown = String::from_utf8(output.stdout).unwrap();
        if shown.contains("succeeded") {
            break shown;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(
        shown.starts_with("web/hello\n  file      services/hello.yaml\n"),
        "{shown}"
    );
    let told = failure(&["status", "web/helo", "--port", &port]);
    assert!(
        told.contains("no service file has described web/helo yet"),
        "{told}"
    );
    let json = success(&["status", "--json", "--port", &port]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["releases"][0]["verdict"], "succeeded");
    local.interrupt();

    let local = Local::start(folder.path());
    assert_eq!(
        success(&["status", "web/hello", "--port", &local.port]),
        shown
    );
    local.interrupt();
}

/// A command that talks to AWS itself, told by its environment that AWS is here.
fn landfall_at(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(LANDFALL);
    command.args(arguments).envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("COLUMNS", "400"),
        ("NO_COLOR", "1"),
    ]);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Services as other people make them: of two containers and of one, with the image by tag and by digest.
fn foreign_services(digest: &str) -> [(&'static str, Value, Value); 2] {
    let registry = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";
    [
        (
            "worker",
            json!({
                "family": "worker", "gravity": { "mode": "low" },
                "containerDefinitions": [
                    {
                        "name": "work", "image": format!("{registry}/hello:1.0.0"), "memory": 64,
                        "environment": [{ "name": "DB_PASSWORD", "value": "hunter2" }, { "name": "COUNT", "value": "010" }],
                        "command": ["run", "--fast"],
                    },
                    { "name": "log", "image": "public.ecr.aws/log:1", "memory": 32, "essential": false },
                ],
                "volumes": [{ "name": "data" }], "tags": [{ "key": "team", "value": "greetings" }],
            }),
            json!({ "desiredCount": 1, "deploymentConfiguration": { "maximumPercent": 150 } }),
        ),
        (
            "pinned",
            json!({
                "family": "pinned", "networkMode": "bridge", "cpu": "256", "memory": "512",
                "containerDefinitions": [
                    { "name": "web", "image": format!("{registry}/hello@{digest}"), "portMappings": [{ "containerPort": 80 }] },
                ],
            }),
            json!({ "desiredCount": 2, "propagateTags": "SERVICE", "tags": [{ "key": "env", "value": "test" }] }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_written_for_a_live_service_is_accepted_and_differs_in_nothing_until_something_changes()
 {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let config = landfall_aws::config::local(&local.endpoint, "eu-west-1").await;
    let (ecs, ecr) = (Ecs::new(&config), Ecr::new(&config));
    ecr.ensure_repository("hello").await.unwrap();
    let manifest = |version: &str| {
        json!({ "schemaVersion": 2, "annotations": { "version": version },
                "mediaType": "application/vnd.oci.image.manifest.v1+json" })
        .to_string()
    };
    let digest = ecr
        .put_manifest("hello", "1.0.0", &manifest("1.0.0"))
        .await
        .unwrap();
    let object = |value: Value| value.as_object().unwrap().clone();
    ecs.create_cluster(&object(json!({ "clusterName": "web" })))
        .await
        .unwrap();
    let file = folder.path().join("file.yaml");
    let path = file.display().to_string();
    for (name, task_definition, service) in foreign_services(&digest) {
        let arn = ecs
            .register_task_definition(&object(task_definition))
            .await
            .unwrap();
        let mut body = object(service);
        body.insert("cluster".into(), "web".into());
        body.insert("serviceName".into(), name.into());
        body.insert("taskDefinition".into(), arn.into());
        ecs.create_service(&body).await.unwrap();

        for form in [&[] as &[&str], &["--adopt"]] {
            let arguments = ["init", "--cluster", "web", "--service", name];
            let written = landfall_at(&local.endpoint, &[&arguments, form].concat());
            assert!(written.status.success(), "{}", text(&written.stderr));
            std::fs::write(&file, &written.stdout).unwrap();
            let checked = landfall(&["check", &path]);
            assert!(checked.status.success(), "{}", text(&checked.stderr));
            let compared = landfall_at(&local.endpoint, &["diff", &path]);
            assert_eq!(
                compared.status.code(),
                Some(0),
                "{}{}{}",
                text(&written.stdout),
                text(&compared.stdout),
                text(&compared.stderr)
            );
        }
    }

    let arguments = ["init", "--cluster", "web", "--service", "worker"];
    let written = text(&landfall_at(&local.endpoint, &arguments).stdout);
    let changed = written
        .replace("hunter2", "hunter3")
        .replace("\"010\"", "\"011\"")
        .replace("maximumPercent: 150", "maximumPercent: 175");
    std::fs::write(&file, changed).unwrap();
    ecr.put_manifest("hello", "1.1.0", &manifest("1.1.0"))
        .await
        .unwrap();
    let compared = landfall_at(&local.endpoint, &["diff", &path]);
    assert_eq!(compared.status.code(), Some(2));
    let told = text(&compared.stdout);
    for line in [
        "web/worker, which runs worker:1",
        "~ taskDefinition.containerDefinitions[work].image: hello:1.0.0 (sha256:",
        " → hello:1.1.0 (sha256:",
        "~ taskDefinition.containerDefinitions[work].environment[COUNT]: 010 → 011",
        "~ taskDefinition.containerDefinitions[work].environment[DB_PASSWORD]: (hidden) → (hidden)",
        "~ service.deploymentConfiguration.maximumPercent: 150 → 175",
        "4 differences.",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let json = landfall_at(&local.endpoint, &["diff", "--json", &path]).stdout;
    assert!(!text(&json).contains("hunter"));
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 4);

    let missing = landfall_at(
        &local.endpoint,
        &["init", "--cluster", "web", "--service", "other"],
    );
    assert_eq!(missing.status.code(), Some(1));
    local.interrupt();
}
