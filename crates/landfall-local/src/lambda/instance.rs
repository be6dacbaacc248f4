//! One process of a function, from its start to its end.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::Command,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
};

use super::{
    Function, FunctionError, LogLine, Settings,
    runtime_api::{self, Job},
};
use crate::world::World;

/// A process and the Runtime API that it alone talks to. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Instance {
    timeout: Duration,
    initialization_limit: Duration,
    jobs: mpsc::UnboundedSender<Job>,
    /// Whether it waits for an invocation.
    waits: watch::Receiver<bool>,
    exit: watch::Receiver<Option<String>>,
    /// Whoever holds this keeps the process alive.
    _life: oneshot::Sender<()>,
    server: AbortHandle,
    usable: bool,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Instance {
    /// Starts the program. Fails if it cannot be executed at all.
    pub(super) async fn start(
        world: &Arc<World>,
        settings: &Settings,
        function: &Function,
        path: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, FunctionError> {
        let unable = |error: std::io::Error| {
            FunctionError::new(
                "Runtime.InvalidEntrypoint",
                format!("{} cannot start {}: {error}", function.name, path.display()),
            )
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unable)?;
        let address = listener.local_addr().map_err(unable)?;
        let stream = format!(
            "{}/[$LATEST]{}",
            world.now().strftime("%Y/%m/%d"),
            world.hex(32)
        );
        let mut command = Command::new(path);
        // Credentials, profiles and endpoints of whoever runs the embedded cloud must not reach a function.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_SDK_UA_APP_ID", &function.name)
            .env("RUST_LOG", "info")
            .envs(&settings.environment)
            .env("AWS_REGION", &world.region)
            .env("AWS_DEFAULT_REGION", &world.region)
            .env("_HANDLER", &function.name)
            .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env(
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                function.memory_size.to_string(),
            )
            .env(
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", function.name),
            )
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &stream)
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unable)?;

        let log = |output| {
            follow(
                output,
                world.clone(),
                settings.logs.clone(),
                function.name.clone(),
                stream.clone(),
            )
        };
        let stdout = child
            .stdout
            .take()
            .map(|output| tokio::spawn(log(Box::new(output))));
        let stderr = child
            .stderr
            .take()
            .map(|output| tokio::spawn(log(Box::new(output))));
        let (life, end_of_life) = oneshot::channel::<()>();
        let (exit_sender, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status.map_or_else(|error| error.to_string(), describe),
                _ = end_of_life => {
                    // Fails only if it has ended already.
                    let _ = child.kill().await;
                    "killed".to_owned()
                }
            };
            // What it wrote last belongs before the news of its end.
            for output in [stdout, stderr].into_iter().flatten() {
                let _ = tokio::time::timeout(Duration::from_millis(200), output).await;
            }
            exit_sender.send_replace(Some(status));
        });

        let (jobs, queue) = mpsc::unbounded_channel();
        let arn = world.arn("lambda", &format!("function:{}", function.name));
        let (waiting, waits) = watch::channel(false);
        let api =
            runtime_api::RuntimeApi::new(world.clone(), arn, function.timeout, queue, waiting);
        let server = tokio::spawn(runtime_api::serve(listener, api)).abort_handle();
        Ok(Self {
            timeout: function.timeout,
            initialization_limit: settings.initialization_limit,
            jobs,
            waits,
            exit,
            _life: life,
            server,
            usable: true,
        })
    }

    /// Whether it can take another invocation.
    pub(super) fn is_alive(&self) -> bool {
        self.usable && self.exit.borrow().is_none()
    }

    /// Hands it an invocation and waits for the answer, the timeout or the end of the process. After the latter two it is
    /// not alive any more.
    pub(super) async fn invoke(
        &mut self,
        request_id: &str,
        payload: &Value,
    ) -> Result<Value, FunctionError> {
        let (taken, is_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let job = Job {
            request_id: request_id.to_owned(),
            payload: payload.to_string().into_bytes(),
            taken,
            answer,
        };
        // A send fails only when the server is gone, which shows as an answer that never comes.
        let _ = self.jobs.send(job);

        let initialization_limit = self.initialization_limit;
        let limit = self.timeout;
        let in_time = async {
            // The clock of the function's timeout starts when the process takes the invocation.
            match tokio::time::timeout(initialization_limit, is_taken).await {
                Err(_) => {}
                Ok(Err(_)) => std::future::pending().await,
                Ok(Ok(())) => tokio::time::sleep(limit).await,
            }
        };
        let answer = tokio::select! {
            biased;
            Ok(answer) = answered => Some(answer),
            status = exit_of(&mut self.exit) => {
                self.usable = false;
                return Err(FunctionError::new(
                    "Runtime.ExitError",
                    format!("RequestId: {request_id} Error: Runtime exited with error: {status}"),
                ));
            }
            () = in_time => None,
        };
        match answer {
            Some(Err(error)) if error.error_type.as_deref() == Some("Runtime.InitError") => {
                self.usable = false;
                Err(error)
            }
            Some(Err(error)) => {
                // A process may answer with its last breath. It gets another invocation only when it asks for one.
                self.usable = tokio::select! {
                    biased;
                    waits = self.waits.wait_for(|waits| *waits) => waits.is_ok(),
                    _ = exit_of(&mut self.exit) => false,
                    () = tokio::time::sleep(limit) => false,
                };
                Err(error)
            }
            Some(answer) => answer,
            None => {
                self.usable = false;
                Err(FunctionError::timed_out(request_id, limit))
            }
        }
    }
}

async fn exit_of(exit: &mut watch::Receiver<Option<String>>) -> String {
    match exit.wait_for(Option::is_some).await {
        Ok(status) => status.clone().unwrap_or_default(),
        Err(_) => "its watcher is gone".to_owned(),
    }
}

/// As Lambda words it: `exit status 1` or `signal: 9`.
fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal: {signal}");
    }
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// Sends every line of a process's output to the logs.
async fn follow(
    output: Box<dyn AsyncRead + Send + Unpin>,
    world: Arc<World>,
    logs: mpsc::UnboundedSender<LogLine>,
    function: String,
    stream: String,
) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let message = String::from_utf8_lossy(&line)
            .trim_end_matches('\r')
            .to_owned();
        // Nobody reads the logs when the cloud is shutting down.
        let _ = logs.send(LogLine {
            function: function.clone(),
            stream: stream.clone(),
            at: world.now(),
            message,
        });
    }
}
