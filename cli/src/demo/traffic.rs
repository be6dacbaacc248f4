//! A client that asks all the time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::task::JoinSet;

use super::report::Requests;

/// How many requests are under way at once.
const CLIENTS: usize = 4;
/// Between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many failures are shown.
const TOLD: usize = 5;

/// Requests to one address that go on until they are stopped.
pub(crate) struct Traffic {
    seen: Arc<Mutex<Seen>>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    requests: Requests,
    /// Answer → how often since the last mark.
    answers: BTreeMap<String, u64>,
}

impl Traffic {
    /// Asks `url` from now on.
    pub(crate) fn start(url: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (url, seen) = (url.to_owned(), seen.clone());
            clients.spawn(async move {
                loop {
                    let answer = get(&url).await;
                    lock(&seen).take(answer);
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self { seen, clients }
    }

    /// Forgets which answers came so far.
    pub(crate) fn mark(&self) {
        lock(&self.seen).answers.clear();
    }

    /// The different answers since the last mark.
    pub(crate) fn answers(&self) -> Vec<String> {
        lock(&self.seen).answers.keys().cloned().collect()
    }

    /// What came of all requests so far.
    pub(crate) fn requests(&self) -> Requests {
        lock(&self.seen).requests.clone()
    }

    /// Stops asking.
    pub(crate) async fn stop(mut self) -> Requests {
        self.clients.shutdown().await;
        self.requests()
    }
}

impl Seen {
    fn take(&mut self, answer: Result<String, String>) {
        self.requests.sent += 1;
        match answer {
            Ok(body) => *self.answers.entry(body).or_default() += 1,
            Err(failure) => {
                self.requests.failed += 1;
                if self.requests.failures.len() < TOLD {
                    self.requests.failures.push(failure);
                }
            }
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request on a connection of its own.
pub(crate) async fn get(url: &str) -> Result<String, String> {
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http::<Empty<Bytes>>();
    let uri = url.parse().map_err(|_| format!("{url} is no address"))?;
    let ask = async {
        let answer = client
            .get(uri)
            .await
            .map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| format!("the answer broke off: {error}"))?;
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        if status == 200 {
            Ok(body)
        } else {
            Err(format!("{status}: {body}"))
        }
    };
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}
