//! Writes snapshots to the data dir soon after something changed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::Notify,
    task,
    time::{self, Instant},
};

use super::{DataDir, StoreError};

/// Changes within this time are written together.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// How often services are asked that change without being called, such as a scheduler; less often when asking takes
/// long.
const POLL: Duration = Duration::from_secs(1);

/// The services whose state is kept, and the folder where.
pub struct Saver {
    data_dir: DataDir,
    services: BTreeMap<&'static str, Service>,
    changed: Notify,
}

struct Service {
    snapshot: Box<dyn Fn() -> Value + Send + Sync>,
    /// Whether it changes on its own.
    restless: bool,
    dirty: AtomicBool,
    written: Mutex<String>,
}

impl Saver {
    /// Nothing is kept yet.
    pub fn new(data_dir: DataDir) -> Self {
        Self {
            data_dir,
            services: BTreeMap::new(),
            changed: Notify::new(),
        }
    }

    /// Keeps what `snapshot` gives in `<service>.json`. A `restless` service changes without being called and is asked
    /// every second.
    pub fn keep(
        &mut self,
        service: &'static str,
        restless: bool,
        snapshot: impl Fn() -> Value + Send + Sync + 'static,
    ) {
        let service_state = Service {
            snapshot: Box::new(snapshot),
            restless,
            dirty: AtomicBool::new(false),
            written: Mutex::default(),
        };
        self.services.insert(service, service_state);
    }

    /// The folder.
    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// Says that a service has changed. Unknown names are ignored.
    pub fn mark(&self, service: &str) {
        if let Some(service) = self.services.get(service) {
            service.dirty.store(true, Ordering::Release);
            self.changed.notify_one();
        }
    }

    /// Saves changes as they come, for ever. What cannot be written is logged and tried again.
    pub async fn run(self: Arc<Self>) {
        let mut pause = POLL;
        loop {
            let restless = tokio::select! {
                () = self.changed.notified() => {
                    time::sleep(DEBOUNCE).await;
                    false
                }
                () = time::sleep(pause) => true,
            };
            let started = Instant::now();
            let saver = self.clone();
            // Large states take their time: not on a thread that answers requests.
            let saved = task::spawn_blocking(move || saver.save_changes(restless)).await;
            if let Err(error) = saved {
                tracing::error!(%error, "state is not saved");
            }
            if restless {
                pause = POLL.max(started.elapsed() * 20);
            }
        }
    }

    fn save_changes(&self, restless: bool) {
        for (name, service) in &self.services {
            let due = service.dirty.swap(false, Ordering::AcqRel) || (restless && service.restless);
            if due && let Err(error) = self.save(name, service) {
                tracing::error!(service = name, %error, "state is not saved");
                service.dirty.store(true, Ordering::Release);
            }
        }
    }

    /// Saves everything now: for the end.
    pub fn save_all(&self) -> Result<(), StoreError> {
        self.services
            .iter()
            .try_for_each(|(name, service)| self.save(name, service))
    }

    fn save(&self, name: &str, service: &Service) -> Result<(), StoreError> {
        let mut written = service
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let snapshot = (service.snapshot)().to_string();
        if *written != snapshot {
            self.data_dir.write(name, &snapshot)?;
            *written = snapshot;
        }
        Ok(())
    }
}
