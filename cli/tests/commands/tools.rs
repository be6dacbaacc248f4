//! What people do beside releases: read logs, run a task by hand, open the service.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use landfall_aws::raw::{ECS, JsonClient};
use serde_json::{Value, json};

use crate::stage::*;

const FILE: &str = "cluster: { clusterName: web }\n\
                    images: { web: { repository: hello, tag: 'semver:^1' } }\n\
                    taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64 }] }\n\
                    service: { serviceName: hello, desiredCount: 1, loadBalancers: [{ targetGroupArn: GROUP, containerName: web, containerPort: 80 }] }\n\
                    verify: { bake: 4s }\n\
                    after:\n\
                    - { name: greet, container: web, command: [sh, -c, 'echo greets $TONE; exit 3'], environment: [{ name: TONE, value: warmly }] }\n\
                    - { name: bow, container: web, command: [sh, -c, 'echo bows'] }\n";

/// The exit code of a command, what it printed, and what it said besides.
fn ended(arguments: &[&str]) -> (i32, String, String) {
    let output = landfall(arguments);
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_read_tasks_are_run_and_the_service_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path());
    let port = local.port.clone();
    let here = ["--port", port.as_str()];
    let of = |arguments: &[&'static str]| [arguments, &here].concat();
    let listens = free_port();
    let group = success(&[
        "local",
        "load-balancer",
        "hello",
        "--listen",
        &listens,
        "--port",
        &port,
    ]);
    let group = group.trim().rsplit(' ').next().unwrap();
    let file = FILE.replace("GROUP", &format!("'{group}'")).replace(
        "memory: 64",
        "memory: 64, portMappings: [{ containerPort: 80 }]",
    );
    local.put_file("services/hello.yaml", &file).await;
    let message = until_failed(&of(&["run", "web/hello", "greet"]), "has been good yet").await;
    assert!(message.contains("landfall history web/hello"), "{message}");

    let server = "echo begins; echo and complains >&2; while sleep 0.5; do echo ticks; done & \
                  exec LANDFALL hello-server hi";
    let server = server.replace("LANDFALL", LANDFALL);
    push(&port, "hello:1.0.0", &["sh", "-c", &server]);
    let (code, told, _) = ended(&of(&["watch", "web/hello", "--image", "hello:1.0.0"]));
    assert_eq!(code, 0, "{told}");
    for shown in [
        "; targets hello: 1 ",
        "is healthy; bakes for ",
        "; the task `greet` ",
    ] {
        assert!(told.contains(shown), "{shown}\n{told}");
    }

    // The tasks of the release and its one-off tasks, each line once with its time, container and task.
    let (code, lines, title) = ended(&of(&["logs", "web/hello"]));
    assert_eq!((code, &*title), (0, "web/hello release 1 (succeeded):\n"));
    for line in [
        "  begins\n",
        "  and complains\n",
        "  greets warmly\n",
        "  bows\n",
    ] {
        assert_eq!(lines.matches(line).count(), 1, "{line}\n{lines}");
    }
    assert!(lines.lines().all(|line| line.contains("Z web/")), "{lines}");
    let json = success(&of(&[
        "logs",
        "web/hello",
        "--release",
        "1",
        "--since",
        "1h",
        "--json",
    ]));
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["container"], "web");
    assert!(
        first["message"].is_string() && first["at"].is_string(),
        "{first}"
    );
    let message = failure(&of(&["logs", "web/hello", "--container", "proxy"]));
    assert!(
        message.contains("web/hello has no container proxy") && message.contains("there are: web"),
        "{message}"
    );
    let message = failure(&of(&["logs", "web/hello", "--release", "7"]));
    assert!(
        message.contains("there is no release 7 of web/hello"),
        "{message}"
    );

    // Run by hand, the task's exit code is the command's, and who did it stands at the task.
    let (code, lines, said) = ended(&of(&["run", "web/hello", "greet", "--follow"]));
    assert_eq!(code, 1, "{said}");
    assert!(lines.ends_with("  greets warmly\n"), "{lines}");
    assert!(
        said.contains("greet failed: container web exited with 3"),
        "{said}"
    );
    let done = success(&of(&["run", "web/hello", "after/bow", "--wait", "--json"]));
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(
        (&done["ended"]["succeeded"], &done["release"]),
        (&true.into(), &1.into())
    );
    let ecs = JsonClient::new(&local.config().await, ECS);
    let asked = json!({ "cluster": "web", "tasks": [done["task"]], "include": ["TAGS"] });
    let described = ecs.call("DescribeTasks", &asked).await.unwrap();
    let by = json!({ "key": "landfall:run-by", "value": "arn:aws:iam::000000000000:root" });
    let tags = described["tasks"][0]["tags"].as_array().unwrap();
    assert!(tags.contains(&by), "{tags:?}");
    let message = failure(&of(&["run", "web/hello", "curtsy"]));
    assert!(
        message.contains("has no task curtsy") && message.contains("there are: greet, bow"),
        "{message}"
    );

    // What is written while somebody looks comes as well, and each line once.
    let mut followed = Command::new(LANDFALL)
        .args(of(&["logs", "web/hello", "--since", "1s", "--follow"]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(followed.stdout.take().unwrap()).lines();
    let ticks: Vec<String> = lines.map(Result::unwrap).take(10).collect();
    followed.kill().unwrap();
    followed.wait().unwrap();
    let each: BTreeSet<_> = ticks.iter().collect();
    assert!(each.len() == 10 && ticks.is_sorted(), "{ticks:#?}");

    let url = success(&of(&["open", "web/hello", "--print"]));
    assert_eq!(url, format!("http://127.0.0.1:{listens}/\n"));
    let message = failure(&of(&["open", "web/hello", "--execution"]));
    assert!(
        message.contains("this Landfall is on this machine"),
        "{message}"
    );
    let logs = [
        "open",
        "web/hello",
        "--service",
        "--print",
        "--stack",
        "landfall",
    ];
    let page = text(&landfall_at(&local.endpoint, &logs).stdout);
    assert!(
        page.ends_with(
            ".console.aws.amazon.com/ecs/v2/clusters/web/services/hello?region=eu-west-1\n"
        ),
        "{page}"
    );
    assert_eq!(opened(&of(&["open", "web/hello"])), url.trim());
    local.interrupt();
}

/// What a command has the browser open.
fn opened(arguments: &[&str]) -> String {
    let bin = tempfile::tempdir().unwrap();
    let opened = bin.path().join("opened");
    let opener = bin.path().join("xdg-open");
    fs::write(
        &opener,
        format!("#!/bin/sh\nprintf %s \"$1\" > {}\n", opened.display()),
    )
    .unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        bin.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new(LANDFALL)
        .args(arguments)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(opened).unwrap()
}

/// What a command that has to fail says, once `wanted` is in it: what it asks for is read a moment later.
async fn until_failed(arguments: &[&str], wanted: &str) -> String {
    for _ in 0..100 {
        let message = failure(arguments);
        if message.contains(wanted) {
            return message;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    failure(arguments)
}
