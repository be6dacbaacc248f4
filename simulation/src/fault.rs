//! What can go wrong with a call, and which calls it happens to.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use landfall_local::cloud::outage::Away;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use tokio::time::Instant;

/// What can go wrong with one call of a function to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// AWS asks to slow down.
    Throttled,
    /// AWS answers 500.
    ServerError,
    /// The connection breaks before AWS does anything.
    LostBefore,
    /// AWS does it, and the connection breaks before the answer comes.
    LostAfter,
    /// A policy forbids it.
    Denied,
    /// The function's process ends before the call.
    KilledBefore,
    /// The function's process ends after AWS did it.
    KilledAfter,
    /// Somebody stops the execution that the function works for, and the function goes on.
    Aborted,
    /// ECS has too many registrations of one family at once, which it says with a `ClientException`.
    TooManyRegistrations,
    /// S3 does not write, for another write of the object is under way, which it says with 409 and not with 412.
    Conflict,
    /// AWS answers 500 to this function's calls of this kind for two minutes.
    Away,
}

/// How long a call is away.
const AWAY: Duration = Duration::from_secs(120);

impl Fault {
    /// What can go wrong with any call.
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::ServerError,
        Self::LostBefore,
        Self::LostAfter,
        Self::Denied,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    /// What can go wrong with this call.
    pub fn of(call: &Made) -> Vec<Self> {
        let mut faults = Self::ALL.to_vec();
        if call.in_execution {
            faults.push(Self::Aborted);
        }
        if call.registers() {
            faults.push(Self::TooManyRegistrations);
        }
        if call.writes_on_condition() {
            faults.push(Self::Conflict);
        }
        faults
    }
}

/// The call by which a function probes a user's service.
pub(crate) const PROBE: &str = "GET probe";

/// A call that a function made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The function and the call, e.g. `update-service UpdateService`.
    pub name: String,
    /// The service whose API it called, as its endpoints are named: `ecs`, `s3`, `elasticloadbalancing`.
    pub api: String,
    /// Whether the function worked for an execution.
    pub in_execution: bool,
}

impl Made {
    fn operation(&self) -> &str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }

    fn registers(&self) -> bool {
        self.operation() == "RegisterTaskDefinition"
    }

    /// Whether it writes an object if S3 has it as it was read, or not at all.
    fn writes_on_condition(&self) -> bool {
        [" PUT desired state", " PUT record"]
            .iter()
            .any(|what| self.name.ends_with(what))
    }

    /// Whether it asks a service and not AWS.
    pub(crate) fn probes(&self) -> bool {
        self.name.ends_with(PROBE)
    }
}

/// A time, counted from the beginning of the run, in which calls meet a fault.
pub type Outage = landfall_local::cloud::outage::Outage<Fault>;

/// Which calls are hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// None.
    Never,
    /// Each call with this probability.
    Sometimes {
        /// From 0 to 1.
        rate: f64,
        /// Whether policies may forbid calls, which ends releases.
        denials: bool,
    },
    /// One call, counted from 0 over all calls of all functions.
    Once {
        /// Which call.
        call: usize,
        /// What happens to it.
        fault: Fault,
    },
    /// The execution that enters a state, counted from 0 over all executions, is stopped there, before the state does
    /// anything.
    AbortAt {
        /// Which entry.
        entry: usize,
    },
}

/// Hands out faults by a plan, until they end.
#[derive(Debug)]
pub struct Faults {
    plan: Plan,
    slow: f64,
    rng: Mutex<StdRng>,
    ended: AtomicBool,
    calls: Mutex<Vec<Made>>,
    entries: Mutex<Vec<String>>,
    denials: AtomicUsize,
    hits: AtomicUsize,
    began: Instant,
    outages: Mutex<Vec<Outage>>,
    /// The call that is away, and until when.
    away: Mutex<Option<(String, Duration)>>,
    unanswered: AtomicUsize,
}

impl Faults {
    /// Faults by `plan`, and calls of which `slow` (from 0 to 1) take seconds; chance comes from `seed`.
    pub fn new(plan: Plan, slow: f64, seed: u64) -> Self {
        Self {
            plan,
            slow,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            ended: AtomicBool::new(false),
            calls: Mutex::default(),
            entries: Mutex::default(),
            denials: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
            began: Instant::now(),
            outages: Mutex::default(),
            away: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// The same, with these outages besides.
    pub fn with_outages(self, outages: Vec<Outage>) -> Self {
        Self {
            outages: Mutex::new(outages),
            ..self
        }
    }

    /// From now on something is away for so long.
    pub fn go_away(&self, away: Away, fault: Fault, lasts: Duration) {
        let from = self.began.elapsed();
        let outage = Outage {
            away,
            fault,
            from,
            lasts,
        };
        self.outages().push(outage);
    }

    /// From now on nothing is away.
    pub fn come_back(&self) {
        self.outages().clear();
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// For how long something may still be away.
    pub fn away_for(&self) -> Duration {
        let outages = self.outages();
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let until = outages.iter().map(Outage::until);
        let until = until.chain(away.as_ref().map(|(_, until)| *until));
        let until = until.max().unwrap_or_default();
        until.saturating_sub(self.began.elapsed())
    }

    fn outages(&self) -> std::sync::MutexGuard<'_, Vec<Outage>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an outage does to a call of `operation` to the API of `api`.
    fn outage(&self, api: &str, operation: &str) -> Option<Fault> {
        let now = self.began.elapsed();
        let outages = self.outages();
        let mut outages = outages.iter();
        let hits = outages.find(|outage| outage.hits(api, operation, now));
        hits.map(|outage| outage.fault)
    }

    /// What becomes of a call that a fault of the plan has taken away.
    fn is_away(&self, name: &str) -> Option<Fault> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, until) = away.as_ref()?;
        (what == name && self.began.elapsed() < *until).then_some(Fault::ServerError)
    }

    /// Whether Lambda has no room for an invocation; counts it then.
    pub fn throttles_lambda(&self) -> bool {
        let throttles = self.outage("lambda", "Invoke").is_some();
        if throttles {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        throttles
    }

    /// What happens to the next call, if anything.
    pub fn next(&self, made: Made) -> Option<Fault> {
        let (registers, probes) = (made.registers(), made.probes());
        let name = made.name.clone();
        let lasting = self.is_away(&name);
        let away = self.outage(&made.api, made.operation()).or(lasting);
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(made);
            calls.len() - 1
        };
        let fault = match self.plan {
            Plan::Never | Plan::AbortAt { .. } => None,
            Plan::Once { call: hit, fault } => (hit == call).then_some(fault),
            Plan::Sometimes { .. } if self.ended.load(Ordering::Relaxed) => None,
            Plan::Sometimes { rate, denials } => {
                let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
                let fault = Fault::ALL[rng.random_range(0..Fault::ALL.len())];
                let hit = rng.random_bool(rate);
                let fault = match fault {
                    Fault::Throttled if registers && rng.random_bool(0.5) => {
                        Fault::TooManyRegistrations
                    }
                    fault => fault,
                };
                // A service that answers its own probe wrongly again and again is bad.
                let kills = matches!(fault, Fault::KilledBefore | Fault::KilledAfter);
                let comes = (denials || fault != Fault::Denied) && (!probes || kills);
                (hit && comes).then_some(fault)
            }
        };
        if fault.is_some() {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        let fault = match (fault, away) {
            (None, Some(_)) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                away
            }
            (fault, _) => fault,
        };
        if fault == Some(Fault::Away) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
            *away = Some((name, self.began.elapsed() + AWAY));
        }
        if fault == Some(Fault::Denied) {
            self.denials.fetch_add(1, Ordering::Relaxed);
        }
        fault
    }

    /// Remembers that an execution enters a state; whether it is to be stopped there.
    pub fn stops(&self, state: &str) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(state.to_owned());
        let stops = self.plan
            == Plan::AbortAt {
                entry: entries.len() - 1,
            };
        if stops {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        stops
    }

    /// The states that executions entered so far, in their order.
    pub fn entries(&self) -> Vec<String> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How long a call takes on its way there and back, in milliseconds.
    pub fn latency(&self) -> u64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = !self.ended.load(Ordering::Relaxed) && rng.random_bool(self.slow);
        if slow {
            rng.random_range(500..8_000)
        } else {
            rng.random_range(2..60)
        }
    }

    /// From now on every call comes through, except one that is planned for.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.come_back();
    }

    /// The calls so far, in their order.
    pub fn calls(&self) -> Vec<Made> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many calls and entries were hit by a fault that was planned for them.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// How many calls an outage hit.
    pub fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// How many calls a policy forbade.
    pub fn denials(&self) -> usize {
        self.denials.load(Ordering::Relaxed)
    }
}
