//! Containers as processes of this machine: a process group each, with its own small environment.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::image::{LogLine, LogSink};

/// Where a container's lines go.
#[derive(Clone)]
pub(super) struct LogTarget {
    pub(super) sink: LogSink,
    pub(super) group: String,
    /// Empty without a prefix, until the container has an id.
    pub(super) stream: String,
}

/// What holds a process group on its leash: a shell that leads the group, waits for the end of its input, which comes with
/// the end of this process however it ends, and then kills the group. Without it a killed cloud would leave its tasks
/// behind, on their ports. It is there before the first of them.
const LEASH: &str = "trap '' TERM INT HUP; read -r never; kill -KILL 0";

/// A running process group. Dropping it kills the whole group.
pub(super) struct Process {
    child: Child,
    leash: Child,
    group: Group,
    pumps: Vec<JoinHandle<()>>,
}

struct Group(Option<Pid>);

impl Group {
    /// The group that a process leads.
    fn of(leader: &Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        // The only error that matters, ESRCH, says that the group is gone: what the signal was for.
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Process {
    /// Starts `command` in `directory` with nothing in its environment but `environment`, PATH and HOME.
    pub(super) fn start(
        directory: &Path,
        command: &[String],
        environment: &[(String, String)],
        log: Option<&LogTarget>,
    ) -> io::Result<Self> {
        let mut prepared = prepare(directory, command, environment)?;
        let output = || {
            if log.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        let leash = leash()?;
        let group = Group::of(&leash);
        let leader = group.0.map_or(0, Pid::as_raw_pid);
        prepared
            .stdout(output())
            .stderr(output())
            .process_group(leader);
        let mut child = prepared.spawn()?;
        let mut pumps = vec![];
        if let Some(log) = log {
            pumps.extend(
                child
                    .stdout
                    .take()
                    .map(|output| tokio::spawn(pump(output, log.clone()))),
            );
            pumps.extend(
                child
                    .stderr
                    .take()
                    .map(|output| tokio::spawn(pump(output, log.clone()))),
            );
        }
        Ok(Self {
            child,
            leash,
            group,
            pumps,
        })
    }

    /// Waits for the first process of the group, then kills what it left behind. Answers the exit code as a container
    /// runtime counts it: 128 and the signal's number when a signal ended it.
    pub(super) async fn exited(&mut self) -> i32 {
        let status = self.child.wait().await;
        self.group.signal(Signal::KILL);
        self.group.0 = None;
        let _ = self.leash.wait().await;
        for pump in self.pumps.drain(..) {
            let _ = tokio::time::timeout(Duration::from_secs(1), pump).await;
        }
        status.map_or(255, exit_code)
    }

    pub(super) fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }
}

/// Runs a health check's command beside the container; it passes when it exits with 0 in time.
pub(super) async fn passes(
    directory: &Path,
    command: &[String],
    environment: &[(String, String)],
    timeout: Duration,
) -> bool {
    let Ok(mut prepared) = prepare(directory, command, environment) else {
        return false;
    };
    prepared
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let Ok(mut child) = prepared.spawn() else {
        return false;
    };
    let _group = Group::of(&child);
    matches!(tokio::time::timeout(timeout, child.wait()).await, Ok(Ok(status)) if status.success())
}

fn prepare(
    directory: &Path,
    command: &[String],
    environment: &[(String, String)],
) -> io::Result<Command> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command specified"))?;
    let mut prepared = Command::new(program);
    prepared
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .env_clear();
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            prepared.env(name, value);
        }
    }
    prepared.envs(environment.iter().map(|(name, value)| (name, value)));
    Ok(prepared)
}

fn leash() -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", LEASH])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

async fn pump(output: impl AsyncRead + Unpin, log: LogTarget) {
    let mut output = BufReader::new(output);
    let mut line = vec![];
    while output
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        let message = String::from_utf8_lossy(&line)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        (log.sink)(LogLine {
            group: log.group.clone(),
            stream: log.stream.clone(),
            message,
        });
        line.clear();
    }
}
