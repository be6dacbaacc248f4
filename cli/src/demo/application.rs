//! The tutorial's Flask application, in the versions that the story needs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use miette::{IntoDiagnostic, Result, WrapErr};
use tokio::process::Command;

use super::{Version, narrator::Narrator};

const HELLO_PY: &str = include_str!("../../../examples/flask-hello/hello.py");
const REQUIREMENTS: &str = include_str!("../../../examples/flask-hello/requirements.txt");
const SERVICE_FILE: &str = include_str!("../../../examples/flask-hello/hello.yaml");

/// What answers the requests.
pub(crate) enum Application {
    /// Flask, in a virtual environment.
    Flask {
        /// The environment's Python.
        python: PathBuf,
        /// Where versions are written.
        folder: PathBuf,
    },
    /// This program's own small server.
    BuiltIn {
        /// This program.
        program: PathBuf,
        /// Where versions are written.
        folder: PathBuf,
    },
}

impl Application {
    /// Installs Flask into a virtual environment under `folder`, unless it is there; falls back to the built-in server
    /// and says so.
    pub(crate) async fn prepare(folder: &Path, narrator: &Narrator) -> Result<Self> {
        fs::create_dir_all(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot create {}", folder.display()))?;
        let folder = folder.to_path_buf();
        match install_flask(&folder, narrator).await {
            Ok(python) => Ok(Self::Flask { python, folder }),
            Err(reason) => {
                narrator.say(&format!("Flask cannot be installed here ({reason}); a small built-in server takes its place."));
                let program = std::env::current_exe().into_diagnostic()?;
                Ok(Self::BuiltIn { program, folder })
            }
        }
    }

    /// `flask` or `built-in`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Flask { .. } => "flask",
            Self::BuiltIn { .. } => "built-in",
        }
    }

    /// The version `name`, which answers `greeting`; without one it exits with an error as soon as it starts.
    pub(crate) fn version(&self, name: &str, greeting: Option<&str>) -> Result<Version> {
        let (Self::Flask { folder, .. } | Self::BuiltIn { folder, .. }) = self;
        let folder = folder.join(format!("hello-{name}"));
        fs::create_dir_all(&folder).into_diagnostic()?;
        let command = match self {
            Self::Flask { python, .. } => {
                let text = match greeting {
                    Some(greeting) => HELLO_PY.replace("Hello, World!", greeting),
                    None => HELLO_PY
                        .replace("from flask import Flask", "from flask import Flask, Falsk"),
                };
                fs::write(folder.join("hello.py"), text).into_diagnostic()?;
                vec![python.display().to_string(), "hello.py".into()]
            }
            Self::BuiltIn { program, .. } => {
                fs::write(folder.join("greeting"), greeting.unwrap_or_default())
                    .into_diagnostic()?;
                let program = program.display().to_string();
                match greeting {
                    Some(greeting) => vec![program, "hello-server".into(), greeting.into()],
                    None => vec![program, "no-such-verb".into()],
                }
            }
        };
        Ok(Version { folder, command })
    }

    /// The example's service file, for the load balancer of the demo.
    pub(crate) fn service_file(&self, target_group: &str) -> String {
        let lines = SERVICE_FILE
            .lines()
            .map(|line| match line.split_once("targetGroupArn: ") {
                Some((start, _)) => format!("{start}targetGroupArn: {target_group}"),
                None => line.to_owned(),
            });
        let lines: Vec<_> = match self {
            Self::Flask { .. } => lines.collect(),
            // Its health check asks with Python.
            Self::BuiltIn { .. } => without_health_check(lines),
        };
        lines.join("\n") + "\n"
    }
}

fn without_health_check(lines: impl Iterator<Item = String>) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut inside = None;
    lines
        .filter(|line| {
            if line.trim_start().starts_with("healthCheck:") {
                inside = Some(indent(line));
            } else if inside.is_some_and(|outer| indent(line) <= outer) {
                inside = None;
            }
            inside.is_none()
        })
        .collect()
}

async fn install_flask(folder: &Path, narrator: &Narrator) -> Result<PathBuf, String> {
    let environment = folder.join("venv");
    let python = environment.join("bin/python3");
    let installed = environment.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) && python.exists() {
        return Ok(python);
    }
    narrator.say("Installing Flask into a virtual environment …");
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment))
    .await?;
    let list = folder.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(|error| error.to_string())?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ])
    .arg(&list);
    run(&mut pip).await?;
    fs::write(&installed, REQUIREMENTS).map_err(|error| error.to_string())?;
    Ok(python)
}

async fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said
        .lines()
        .last()
        .unwrap_or("it failed without a word")
        .to_owned())
}
