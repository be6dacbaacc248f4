//! The `landfall` command and a `landfall local`, as somebody uses them.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use landfall_aws::{
    bucket::{Bucket, Condition},
    config::{self, SdkConfig},
};
use landfall_local::{
    driver, free_port,
    local::{CONFIG_BUCKET, REGION},
};

pub(crate) const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A service that follows images of `hello`.
pub(crate) const FILE: &str = "cluster: { clusterName: web }\n\
                    images: { web: { repository: hello, tag: 'semver:^1' } }\n\
                    taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64 }] }\n\
                    service: { serviceName: hello, desiredCount: 1 }\n";

/// Pushes an image to `port` whose tasks run this command.
pub(crate) fn push(port: &str, image: &str, command: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let push = ["local", "push", image, "--dir", &dir, "--port", port, "--"];
    success(&[&push, command].concat());
}

/// A command that goes on until it is ended, and the first line that it prints.
pub(crate) fn started(arguments: &[&str]) -> (Child, String) {
    let mut process = Command::new(LANDFALL)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (process, line)
}

pub(crate) fn landfall(arguments: &[&str]) -> Output {
    let mut command = Command::new(LANDFALL);
    // Wide enough that no message is wrapped.
    command
        .args(arguments)
        .env("COLUMNS", "400")
        .env("NO_COLOR", "1");
    command.output().unwrap()
}

/// Standard error of a command that has to fail, its lines joined: where they are wrapped depends on the terminal.
pub(crate) fn failure(arguments: &[&str]) -> String {
    let output = landfall(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it succeeded: {stderr}");
    let words = stderr
        .split_whitespace()
        .filter(|word| !matches!(*word, "│" | "×" | "╰─▶" | "├─▶"));
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn success(arguments: &[&str]) -> String {
    let output = landfall(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `arguments` until `wanted` is in what they print, and answers that. A command that fails, because nothing is
/// described yet, is run again.
pub(crate) async fn until_shown(arguments: &[&str], wanted: &str) -> String {
    let mut last = String::new();
    let shown = driver::until(PATIENCE, Duration::from_millis(200), || {
        last = text(&landfall(arguments).stdout);
        let shown = last.contains(wanted).then(|| last.clone());
        async { Ok::<_, Infallible>(shown) }
    });
    let Ok(shown) = shown.await;
    shown.unwrap_or_else(|| panic!("{last}"))
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> String {
    free_port::free_port().unwrap().to_string()
}

/// `landfall local`, killed when a test ends early.
pub(crate) struct Local {
    process: Child,
    pub(crate) endpoint: String,
    pub(crate) port: String,
}

impl Local {
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// One with these arguments besides.
    pub(crate) fn start_with(data_dir: &Path, arguments: &[&str]) -> Self {
        let data_dir = data_dir.display().to_string();
        let local = ["local", "--port", "0", "--data-dir", &data_dir];
        let (process, line) = started(&[&local, arguments].concat());
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

    /// How clients reach it.
    pub(crate) async fn config(&self) -> SdkConfig {
        config::local(&self.endpoint, REGION).await
    }

    /// Puts a service file. It is another process, so this goes over the wire.
    pub(crate) async fn put_file(&self, key: &str, text: &str) {
        let files = Bucket::new(&self.config().await, CONFIG_BUCKET.into());
        let put = files.put(key, text.into(), Condition::None).await;
        put.unwrap();
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(mut self) {
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

/// A command that talks to AWS itself, told by its environment that AWS is here.
pub(crate) fn landfall_at(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(LANDFALL);
    command.args(arguments).envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("COLUMNS", "400"),
        ("NO_COLOR", "1"),
    ]);
    command.output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
