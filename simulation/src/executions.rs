//! The executions of a run, and somebody who stops them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use landfall::service_id::ServiceId;
use landfall_local::{cloud::Cloud, driver::Driver};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{fault::Faults, invocation::short, journal::Journal, wire::Wire};

/// How often it is looked whether an execution has started.
const LOOK: Duration = Duration::from_millis(50);
/// How many looks there are before nobody is stopped.
const LOOKS: usize = 2400;

/// The executions of the release state machine.
#[derive(Clone)]
pub struct Executions {
    cloud: Arc<Cloud>,
    driver: Driver,
    journal: Arc<Journal>,
    state_machine: String,
    aborted: Arc<Mutex<Vec<ServiceId>>>,
    redriven: Arc<Mutex<Vec<ServiceId>>>,
}

impl Executions {
    /// Those of `state_machine`.
    pub fn new(wire: &Wire, state_machine: String) -> Self {
        Self {
            cloud: wire.cloud.clone(),
            driver: Driver::new(wire.cloud.clone()),
            journal: wire.journal.clone(),
            state_machine,
            aborted: Arc::default(),
            redriven: Arc::default(),
        }
    }

    /// Stops the next execution that works on `service`, some time after it was first seen; nothing if none comes within
    /// two minutes.
    pub async fn abort_next(self, service: ServiceId, after: Duration) {
        let wanted = service.to_string();
        for _ in 0..LOOKS {
            let running = self.running().await;
            let mut ours = running
                .iter()
                .filter(|(_, input)| input["service"] == *wanted);
            if let Some((execution, _)) = ours.next() {
                sleep(after).await;
                // It may have ended by itself meanwhile.
                let before = self.running().await.contains_key(execution);
                let stopped = self.driver.stop_execution(execution).await;
                if before && stopped.is_ok() {
                    self.journal
                        .note("—", format!("aborts {}", short(execution)));
                    count(&self.aborted).push(service);
                }
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// Redrives the execution of `service` that was stopped last, as somebody does who sees it in the console; nothing if none
    /// was.
    pub async fn redrive_last(&self, service: &ServiceId) {
        let wanted = service.to_string();
        let stopped = self.driver.executions(&self.state_machine, Some("ABORTED"));
        for execution in stopped.await.unwrap_or_default() {
            let input = self.driver.input(&execution).await.unwrap_or_default();
            if input["service"] != *wanted {
                continue;
            }
            let executions = &self.cloud.executions;
            let redrive = json!({ "executionArn": execution });
            if executions.call("RedriveExecution", redrive).await.is_ok() {
                let redrives = format!("redrives {}", short(&execution));
                self.journal.note("—", redrives);
                count(&self.redriven).push(service.clone());
            }
            return;
        }
    }

    /// Stops the execution that enters the state which `faults` plans for, before the state does anything.
    pub fn watch(&self, faults: Arc<Faults>) {
        let (cloud, journal) = (Arc::downgrade(&self.cloud), self.journal.clone());
        self.cloud
            .executions
            .watch_states(Arc::new(move |execution, state| {
                if !faults.stops(state) {
                    return;
                }
                let Some(cloud) = cloud.upgrade() else { return };
                journal.note("—", format!("aborts {} at {state}", short(execution)));
                let input = json!({ "executionArn": execution });
                // The engine answers at once; the execution runs, or it would enter no state.
                let _ = cloud.executions.call("StopExecution", input).now_or_never();
            }));
    }

    /// How many executions of a service were stopped.
    pub fn aborted(&self, service: &ServiceId) -> usize {
        times(service, &self.aborted)
    }

    /// How often executions of a service ended without success.
    pub async fn died(&self, service: &ServiceId) -> usize {
        let wanted = service.to_string();
        let mut died = times(service, &self.redriven);
        for status in ["ABORTED", "FAILED", "TIMED_OUT"] {
            let all = self.of_status(status).await;
            died += all
                .values()
                .filter(|input| input["service"] == *wanted)
                .count();
        }
        died
    }

    /// The executions that run, and their inputs.
    pub async fn running(&self) -> BTreeMap<String, Value> {
        self.of_status("RUNNING").await
    }

    async fn of_status(&self, status: &str) -> BTreeMap<String, Value> {
        let all = self.driver.executions(&self.state_machine, Some(status));
        let mut running = BTreeMap::new();
        for execution in all.await.unwrap_or_default() {
            let input = self.driver.input(&execution).await.unwrap_or_default();
            running.insert(execution, input);
        }
        running
    }
}

fn count(services: &Mutex<Vec<ServiceId>>) -> MutexGuard<'_, Vec<ServiceId>> {
    services.lock().unwrap_or_else(PoisonError::into_inner)
}

fn times(service: &ServiceId, services: &Mutex<Vec<ServiceId>>) -> usize {
    let services = count(services);
    services.iter().filter(|other| *other == service).count()
}
