//! Lambda on this machine: functions are programs that speak the Lambda Runtime API, exactly as they do in AWS.

mod error;
mod instance;
mod invoke_api;
mod runtime_api;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

pub use self::error::FunctionError;
use self::instance::Instance;
use crate::world::World;

/// A function that can be invoked.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name; its ARN ends with it.
    pub name: String,
    /// What runs.
    pub program: Program,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB. Nothing enforces it here.
    pub memory_size: u32,
}

/// What runs when a function is invoked.
#[derive(Clone)]
pub enum Program {
    /// A program that speaks the Lambda Runtime API.
    Process {
        /// The executable.
        path: PathBuf,
        /// The function's own environment variables; they win over those of [`Settings`].
        environment: BTreeMap<String, String>,
    },
    /// A function in this process, for simulations under a paused clock, where real processes would be left behind.
    Inline(Handler),
}

/// An inline function: an invocation's payload in, its answer out.
pub type Handler =
    Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, FunctionError>> + Send + Sync>;

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { path, .. } => formatter.debug_tuple("Process").field(path).finish(),
            Self::Inline(_) => formatter.write_str("Inline"),
        }
    }
}

/// A line that a function's process wrote to stdout or stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The function's name; CloudWatch Logs keeps its lines in the group `/aws/lambda/<name>`.
    pub function: String,
    /// The log stream, one for each process.
    pub stream: String,
    /// When it was read.
    pub at: Timestamp,
    /// The line without its end.
    pub message: String,
}

/// What all functions have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Environment variables of every process, e.g. `AWS_ENDPOINT_URL`.
    pub environment: BTreeMap<String, String>,
    /// The pauses before the retries of an asynchronous invocation; AWS waits 1 minute, then 2
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    pub retry_delays: Vec<Duration>,
    /// How long a process may take until it asks for its first invocation; 10 seconds in AWS.
    pub initialization_limit: Duration,
    /// Where functions' output goes.
    pub logs: UnboundedSender<LogLine>,
}

impl Settings {
    /// AWS's delays and limits, and a cloud at `endpoint_url`.
    pub fn new(endpoint_url: &str, logs: UnboundedSender<LogLine>) -> Self {
        Self {
            environment: BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), endpoint_url.to_owned())]),
            retry_delays: vec![Duration::from_secs(60), Duration::from_secs(120)],
            initialization_limit: Duration::from_secs(10),
            logs,
        }
    }
}

/// An event whose function failed on it for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The function's name.
    pub function: String,
    /// The event as it was sent.
    pub event: Value,
    /// What the function answered the last time.
    pub error: FunctionError,
    /// How often it was tried.
    pub attempts: usize,
}

/// Whether Lambda throttles just now.
pub type Throttle = Arc<dyn Fn() -> bool + Send + Sync>;

/// How long Lambda waits before it tries a throttled asynchronous invocation again, `tried` times throttled before: from a
/// second, doubling, up to five minutes. Such tries do not count as attempts
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
pub fn pause_of_throttled(tried: u32) -> Duration {
    Duration::from_secs(2u64.saturating_pow(tried).min(300))
}

/// All functions of the embedded cloud. Clones share one state.
#[derive(Clone)]
pub struct Functions {
    inner: Arc<Inner>,
}

struct Inner {
    world: Arc<World>,
    settings: Settings,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    /// Processes that wait for work, by function; the one that worked last is at the end.
    idle: Mutex<BTreeMap<String, Vec<Instance>>>,
    dead_letters: Mutex<Vec<DeadLetter>>,
    at_work: AtomicUsize,
    throttle: OnceLock<Throttle>,
}

/// One invocation, counted from its request to its answer.
struct AtWork(Functions);

impl AtWork {
    fn of(functions: &Functions) -> Self {
        functions.inner.at_work.fetch_add(1, Ordering::SeqCst);
        Self(functions.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.inner.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Functions {
    /// No functions yet.
    pub fn new(world: Arc<World>, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                world,
                settings,
                functions: Mutex::default(),
                idle: Mutex::default(),
                dead_letters: Mutex::default(),
                at_work: AtomicUsize::default(),
                throttle: OnceLock::new(),
            }),
        }
    }

    /// From now on no function is invoked while `throttle` says so, as where an account has no room for another concurrent
    /// execution. There is one throttle: a second one is not heard.
    pub fn throttle(&self, throttle: Throttle) {
        let _ = self.inner.throttle.set(throttle);
    }

    /// Adds a function, or replaces the one of the same name, and answers its ARN. Idle processes of the old one end.
    pub fn register(&self, function: Function) -> String {
        let arn = self.arn(&function.name);
        lock(&self.inner.idle).remove(&function.name);
        lock(&self.inner.functions).insert(function.name.clone(), Arc::new(function));
        arn
    }

    /// The ARN of the function of this name.
    pub fn arn(&self, name: &str) -> String {
        self.inner.world.arn("lambda", &format!("function:{name}"))
    }

    /// Whether there is a function of this name or ARN.
    pub fn exists(&self, name_or_arn: &str) -> bool {
        lock(&self.inner.functions).contains_key(name_of(name_or_arn))
    }

    /// Invokes a function and waits for its answer. The invocation itself goes on when the caller stops waiting, as in AWS.
    pub async fn invoke(&self, name_or_arn: &str, payload: Value) -> Result<Value, FunctionError> {
        let request_id = self.inner.world.uuid();
        self.invoke_as(request_id, name_or_arn, payload).await
    }

    /// Invokes a function under a request id, which a repeated asynchronous invocation keeps.
    async fn invoke_as(
        &self,
        request_id: String,
        name_or_arn: &str,
        payload: Value,
    ) -> Result<Value, FunctionError> {
        if self.inner.throttle.get().is_some_and(|throttle| throttle()) {
            return Err(FunctionError::throttled());
        }
        let name = name_of(name_or_arn);
        let function = lock(&self.inner.functions).get(name).cloned();
        let Some(function) = function else {
            return Err(FunctionError::new(
                "Lambda.ResourceNotFoundException",
                format!("Function not found: {}", self.arn(name)),
            ));
        };
        let functions = self.clone();
        let name = name.to_owned();
        let at_work = AtWork::of(self);
        let invocation = tokio::spawn(async move {
            let answer = functions.run(function, &request_id, payload).await;
            drop(at_work);
            answer
        });
        invocation.await.unwrap_or_else(|error| {
            Err(FunctionError::new(
                "Lambda.Unknown",
                format!("the invocation of {name} was lost: {error}"),
            ))
        })
    }

    /// Hands an event to a function without waiting. After the last failed attempt it goes to [`Self::dead_letters`].
    pub fn invoke_async(&self, name_or_arn: &str, event: Value) {
        let functions = self.clone();
        let name = name_of(name_or_arn).to_owned();
        // Counted from here, so that an event is seen at work before its task has run.
        let mut at_work = Some(AtWork::of(self));
        tokio::spawn(async move {
            let mut delays = functions.inner.settings.retry_delays.iter();
            let request_id = functions.inner.world.uuid();
            let mut attempts = 0;
            let mut throttled = 0;
            loop {
                let invoked = functions.invoke_as(request_id.clone(), &name, event.clone());
                let answer = invoked.await;
                drop(at_work.take());
                let Err(error) = answer else { return };
                if error.is_throttled() {
                    tokio::time::sleep(pause_of_throttled(throttled)).await;
                    throttled += 1;
                    continue;
                }
                attempts += 1;
                match delays.next() {
                    Some(delay) => tokio::time::sleep(*delay).await,
                    None => {
                        tracing::warn!(function = name, %error, attempts, "event goes to the dead-letter queue");
                        let letter = DeadLetter {
                            function: name.clone(),
                            event,
                            error,
                            attempts,
                        };
                        lock(&functions.inner.dead_letters).push(letter);
                        return;
                    }
                }
            }
        });
    }

    /// How many invocations have not been answered yet. An event whose next attempt is due later is at rest.
    pub fn at_work(&self) -> usize {
        self.inner.at_work.load(Ordering::SeqCst)
    }

    /// The events that no attempt could handle, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.inner.dead_letters).clone()
    }

    /// Removes all functions and ends the processes that wait for work. Those at work end with their invocation or with
    /// the runtime.
    pub fn stop(&self) {
        lock(&self.inner.functions).clear();
        lock(&self.inner.idle).clear();
    }

    /// The dead letters, for [`Self::restore`]. Functions are not in it: they come from the installation.
    pub fn snapshot(&self) -> Value {
        serde_json::json!({"deadLetters": self.dead_letters()})
    }

    /// Brings the dead letters back.
    pub fn restore(&self, mut snapshot: Value) -> Result<(), serde_json::Error> {
        *lock(&self.inner.dead_letters) = serde_json::from_value(snapshot["deadLetters"].take())?;
        Ok(())
    }

    async fn run(
        &self,
        function: Arc<Function>,
        request_id: &str,
        payload: Value,
    ) -> Result<Value, FunctionError> {
        let (path, environment) = match &function.program {
            Program::Inline(handler) => {
                let limit = tokio::time::timeout(function.timeout, handler(payload));
                return limit.await.unwrap_or_else(|_| {
                    Err(FunctionError::timed_out(request_id, function.timeout))
                });
            }
            Program::Process { path, environment } => (path, environment),
        };
        let idle = self.take_idle(&function.name);
        let mut instance = match idle {
            Some(instance) => instance,
            None => {
                Instance::start(
                    &self.inner.world,
                    &self.inner.settings,
                    &function,
                    path,
                    environment,
                )
                .await?
            }
        };
        let answer = instance.invoke(request_id, &payload).await;
        // Only a process that can take another invocation, of a function that was not replaced meanwhile, is kept; a
        // dropped one is killed.
        let current = lock(&self.inner.functions)
            .get(&function.name)
            .is_some_and(|current| Arc::ptr_eq(current, &function));
        if current && instance.is_alive() {
            lock(&self.inner.idle)
                .entry(function.name.clone())
                .or_default()
                .push(instance);
        }
        answer
    }

    fn take_idle(&self, name: &str) -> Option<Instance> {
        let mut idle = lock(&self.inner.idle);
        let waiting = idle.get_mut(name)?;
        waiting.retain(Instance::is_alive);
        waiting.pop()
    }
}

/// The name at the end of a function's ARN, or the name itself.
fn name_of(name_or_arn: &str) -> &str {
    match name_or_arn.split_once(":function:") {
        // A version or alias may follow; there is only one version here.
        Some((_, name)) => name.split(':').next().unwrap_or(name),
        None => name_or_arn,
    }
}
