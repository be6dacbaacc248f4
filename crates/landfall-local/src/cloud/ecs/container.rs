//! One container from its start to its exit: a process, or a simulation of one.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc::UnboundedSender, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::process::{LogTarget, Process, passes};

/// Set to true, it stops what watches it.
pub(super) type Switch = watch::Sender<bool>;

/// How a simulated container behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedBehaviour {
    /// It exits by itself this long after its start, with this code.
    pub exits: Option<(Duration, i32)>,
    /// When its health checks, the container's and the target group's, begin to pass.
    pub healthy: Healthy,
    /// How long it takes from SIGTERM to its exit. Longer than the stop timeout and it is killed.
    pub stopping: Duration,
    /// The variable of the environment without which it exits with 1 at once.
    pub needs: Option<&'static str>,
    /// The body of its answers to requests.
    pub says: &'static str,
}

impl Default for SimulatedBehaviour {
    /// Healthy at once, runs for ever, stops in a tenth of a second.
    fn default() -> Self {
        Self {
            exits: None,
            healthy: Healthy::After(Duration::ZERO),
            stopping: Duration::from_millis(100),
            needs: None,
            says: "A simulated task answers.\n",
        }
    }
}

/// When health checks begin to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healthy {
    /// This long after the start.
    After(Duration),
    /// Not at all.
    Never,
}

/// A container that is ready to start.
pub(super) struct Launch {
    pub(super) how: How,
    pub(super) check: Option<HealthCheck>,
    pub(super) stop_timeout: Duration,
    pub(super) log: Option<LogTarget>,
}

pub(super) enum How {
    Process {
        directory: PathBuf,
        command: Vec<String>,
        environment: Vec<(String, String)>,
    },
    Simulated(SimulatedBehaviour),
}

/// A container's `healthCheck`, in the time of this cloud.
pub(super) struct HealthCheck {
    pub(super) command: Vec<String>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) retries: u64,
    pub(super) start_period: Duration,
}

/// What a container tells its task.
pub(super) enum Report {
    /// It runs no longer. `error` is why it never did.
    Exited {
        container: usize,
        code: i32,
        error: Option<String>,
    },
    Health {
        container: usize,
        healthy: bool,
    },
}

enum Body {
    Process(Box<Process>),
    Simulated {
        behaviour: SimulatedBehaviour,
        exits_at: Option<(Instant, i32)>,
    },
}

impl Body {
    fn start(launch: &Launch) -> std::io::Result<Self> {
        match &launch.how {
            How::Process {
                directory,
                command,
                environment,
            } => Process::start(directory, command, environment, launch.log.as_ref())
                .map(|process| Self::Process(Box::new(process))),
            How::Simulated(behaviour) => {
                let exits_at = behaviour
                    .exits
                    .map(|(after, code)| (Instant::now() + after, code));
                Ok(Self::Simulated {
                    behaviour: behaviour.clone(),
                    exits_at,
                })
            }
        }
    }

    /// Waits for the end; may be abandoned and called again.
    async fn exited(&mut self) -> i32 {
        match self {
            Self::Process(process) => process.exited().await,
            Self::Simulated {
                exits_at: Some((moment, code)),
                ..
            } => {
                sleep_until(*moment).await;
                *code
            }
            Self::Simulated { exits_at: None, .. } => std::future::pending().await,
        }
    }

    fn terminate(&mut self) {
        match self {
            Self::Process(process) => process.terminate(),
            Self::Simulated {
                behaviour,
                exits_at,
            } => *exits_at = Some((Instant::now() + behaviour.stopping, 143)),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Process(process) => process.kill(),
            Self::Simulated { exits_at, .. } => *exits_at = Some((Instant::now(), 137)),
        }
    }
}

/// Plays the container until it has exited. When `stop` turns true it gets SIGTERM and, at the end of its stop timeout,
/// SIGKILL.
pub(super) async fn run(
    container: usize,
    launch: Launch,
    mut stop: watch::Receiver<bool>,
    reports: UnboundedSender<Report>,
) {
    let mut body = match Body::start(&launch) {
        Ok(body) => body,
        Err(error) => {
            let error = Some(format!("CannotStartContainerError: {error}"));
            let _ = reports.send(Report::Exited {
                container,
                code: 127,
                error,
            });
            return;
        }
    };
    let code = tokio::select! {
        biased;
        code = body.exited() => code,
        () = async { let _ = stop.wait_for(|stop| *stop).await; } => {
            body.terminate();
            match timeout(launch.stop_timeout, body.exited()).await {
                Ok(code) => code,
                Err(_) => {
                    body.kill();
                    body.exited().await
                }
            }
        }
        () = watch_health(container, &launch, &reports) => return,
    };
    // The task may have been torn down in the meantime: then nobody asks.
    let _ = reports.send(Report::Exited {
        container,
        code,
        error: None,
    });
}

/// Reports every change of health; never ends. Failures within the start period do not count.
async fn watch_health(container: usize, launch: &Launch, reports: &UnboundedSender<Report>) {
    let started = Instant::now();
    let Some(check) = &launch.check else {
        return std::future::pending().await;
    };
    let mut failures = 0;
    let mut healthy = None;
    loop {
        sleep(check.interval).await;
        let passed = match &launch.how {
            How::Process {
                directory,
                environment,
                ..
            } => passes(directory, &check.command, environment, check.timeout).await,
            How::Simulated(behaviour) => match behaviour.healthy {
                Healthy::After(delay) => started.elapsed() >= delay,
                Healthy::Never => false,
            },
        };
        let starting = healthy.is_none() && started.elapsed() < check.start_period;
        failures = if passed || starting { 0 } else { failures + 1 };
        let verdict = if passed {
            Some(true)
        } else if failures >= check.retries {
            Some(false)
        } else {
            healthy
        };
        if let (true, Some(verdict)) = (verdict != healthy, verdict) {
            healthy = Some(verdict);
            let _ = reports.send(Report::Health {
                container,
                healthy: verdict,
            });
        }
    }
}
