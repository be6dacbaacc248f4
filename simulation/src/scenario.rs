//! What one seed makes happen: services, pushes, service files, foreign changes, and how unkind AWS is.

use std::{collections::BTreeMap, time::Duration};

use landfall::service_id::ServiceId;
use landfall_local::cloud::ecs::{Healthy, NotYet, Quota, SimulatedBehaviour};

use crate::{
    fault::{Outage, Plan},
    post::Delivery,
};

/// One run, wholly determined by its seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed of all chance in the run.
    pub seed: u64,
    /// The services; each has one service file.
    pub services: Vec<Service>,
    /// What happens, each after a pause.
    pub moves: Vec<(Duration, Move)>,
    /// What goes wrong with calls.
    pub faults: Plan,
    /// When AWS does not answer at all.
    pub outages: Vec<Outage>,
    /// How many calls, from 0 to 1, take seconds: so steps overlap that never meet otherwise.
    pub slow: f64,
    /// How long ECS's reads of a service answer as before, after it was created or updated.
    pub read_lag: Duration,
    /// What AWS answers "not yet" to.
    pub unready: Unready,
    /// How events travel.
    pub delivery: Delivery,
    /// Within how many minutes a sweep looks at everything once; none if nobody sweeps.
    pub sweep_minutes: Option<i64>,
    /// Whether every hold has ended when everything comes to rest.
    pub resumed: bool,
    /// How many items a page of a listing has at most; as many as in AWS if this is none.
    pub page: Option<usize>,
    /// Whether the conditions of conditional writes get lost, so that newer objects are overwritten unseen: the
    /// invariants have to notice.
    pub unconditional: bool,
}

/// What AWS is not ready for, and how often it may be asked.
#[derive(Clone, Debug, Default)]
pub struct Unready {
    /// ECS's answers that pass by themselves.
    pub answers: Vec<NotYet>,
    /// The operations of ECS that are throttled, by their name.
    pub quotas: BTreeMap<&'static str, Quota>,
    /// For how long nothing finds a target group that was created.
    pub new_groups: Duration,
    /// For how long reads do not know a task that was run on request.
    pub task_lag: Duration,
}

/// A service and the fixed part of its service file.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its identity.
    pub id: ServiceId,
    /// The key of its service file.
    pub key: String,
    /// The repository that it follows.
    pub repository: String,
    /// Which tags it follows.
    pub rule: Rule,
    /// Whether its container has a health check.
    pub health_check: bool,
    /// Whether ECS rolls back by itself.
    pub circuit_breaker: bool,
    /// Whether its deployments wait before their first task until somebody continues them.
    pub pauses: bool,
    /// Whether it existed before Landfall: its owner describes its tasks.
    pub adopted: bool,
    /// Its second container, if it has one.
    pub sidecar: Option<Sidecar>,
    /// Whether a release has to answer a request. It has a load balancer then.
    pub probe: bool,
    /// Whether the memory of its tasks is a placeholder.
    pub parameter: bool,
}

/// A second container, with a follow rule of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The repository that it follows.
    pub repository: String,
    /// Which tags it follows.
    pub rule: Rule,
}

/// The container that every service has.
pub const WEB: &str = "web";
/// The second container of some.
pub const SIDECAR: &str = "log";

/// Which tags a service follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The highest version.
    Semver,
    /// The newest push of a branch.
    Glob,
    /// One tag that moves.
    Exact,
}

impl Rule {
    /// As a service file says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Semver => "semver:^1",
            Self::Glob => "glob:main-*",
            Self::Exact => "latest",
        }
    }

    /// Whether the rule follows `tag`. Said again here, so that a mistake in the follow rules is seen.
    pub fn admits(self, tag: &str) -> bool {
        match self {
            Self::Semver => tag.starts_with("1."),
            Self::Glob => tag.starts_with("main-"),
            Self::Exact => tag == "latest",
        }
    }
}

/// How the containers of an image behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// They come up and stay.
    Good,
    /// They exit at once.
    Crashes,
    /// Their health checks never pass.
    NeverHealthy,
    /// They are healthy, and answer requests with something else than what they are for.
    WrongAnswer,
}

impl Behaviour {
    /// As the embedded ECS is told.
    pub fn simulated(self) -> SimulatedBehaviour {
        match self {
            Self::Good => SimulatedBehaviour::default(),
            Self::Crashes => SimulatedBehaviour {
                exits: Some((Duration::from_millis(200), 1)),
                // Nobody gets to ask them before they are gone, unlike this load balancer, which asks at once.
                healthy: Healthy::Never,
                ..SimulatedBehaviour::default()
            },
            Self::NeverHealthy => SimulatedBehaviour {
                healthy: Healthy::Never,
                ..SimulatedBehaviour::default()
            },
            Self::WrongAnswer => SimulatedBehaviour {
                says: "Something went wrong.\n",
                ..SimulatedBehaviour::default()
            },
        }
    }
}

/// The part of a service file that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// How many tasks.
    pub desired_count: u32,
    /// Their memory, in MiB: another one is another revision.
    pub memory: u32,
    /// Seconds to watch a healthy service.
    pub bake: u32,
    /// The task that runs before the rollout.
    pub before: Option<Before>,
    /// Whether it has the sections `ingress`, `autoscaling`, `discovery` and `after`.
    pub sections: bool,
    /// How requests come from one revision to the next; only with those sections.
    pub strategy: Strategy,
    /// Another task that runs after the release was verified.
    pub after: Option<After>,
    /// Whether it has a capacity provider of its own, cluster settings and a log group.
    pub capacity: bool,
}

impl Edition {
    /// One small task, and nothing else.
    pub const PLAIN: Self = Self {
        desired_count: 1,
        memory: 512,
        bake: 0,
        before: None,
        sections: false,
        strategy: Strategy::Rolling,
        after: None,
        capacity: false,
    };
}

/// How a deployment replaces the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A few at a time.
    Rolling,
    /// All requests move at once to a second set of tasks, and the first stays for so many minutes.
    BlueGreen {
        /// The bake time.
        bake_minutes: u32,
    },
    /// Requests move in four steps.
    Linear,
    /// A fifth of the requests goes first.
    Canary,
}

/// A task that runs after a release was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// How it exits: 0 is success.
    pub exit_code: u8,
    /// Whether its failure makes the release a bad one.
    pub rolls_back: bool,
}

/// A task that runs before a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Tenths of a second that it takes.
    pub takes: u32,
    /// How it exits: 0 is success.
    pub exit_code: u8,
}

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// An image is pushed.
    Push {
        /// To this repository.
        repository: String,
        /// With this tag.
        tag: String,
        /// Its containers.
        behaviour: Behaviour,
    },
    /// A tag is moved back to an image that was pushed before the one that it names.
    MoveBack {
        /// In this repository.
        repository: String,
        /// The tag.
        tag: String,
        /// By so many images.
        by: usize,
    },
    /// A service file is uploaded.
    PutFile {
        /// Of this service.
        service: usize,
        /// With this content.
        edition: Edition,
    },
    /// A service file is uploaded that cannot be read.
    BreakFile {
        /// Of this service.
        service: usize,
    },
    /// A service file is deleted.
    DeleteFile {
        /// Of this service.
        service: usize,
    },
    /// Somebody changes the number of tasks in ECS.
    ForeignCount {
        /// Of this service.
        service: usize,
        /// To this many.
        count: u32,
    },
    /// Somebody gives a service another revision in ECS.
    ForeignDeployment {
        /// To this service.
        service: usize,
    },
    /// The owner of an adopted service gives it another revision.
    OwnerDeploys {
        /// To this service.
        service: usize,
    },
    /// Somebody sets the parameter that a service's memory is taken from, or deletes it.
    SetParameter {
        /// Of this service.
        service: usize,
        /// In MiB.
        memory: Option<u32>,
    },
    /// An operator holds a service.
    Hold {
        /// This one.
        service: usize,
    },
    /// An operator resumes a service.
    Resume {
        /// This one.
        service: usize,
    },
    /// An operator takes a service back to what ran before.
    RollBack {
        /// This one.
        service: usize,
    },
    /// A sweep looks at everything once.
    Sweep,
    /// One of a service's tasks is stopped.
    StopTask {
        /// Of this service.
        service: usize,
    },
    /// Somebody redrives the execution of a service that was stopped last.
    Redrive {
        /// This service.
        service: usize,
    },
    /// Somebody stops the next execution that works on a service.
    Abort {
        /// This service.
        service: usize,
        /// So long after it was first seen.
        after: Duration,
    },
}

impl Service {
    /// Whether an image with such containers proves good in this service: only a health check finds out what never
    /// becomes healthy.
    pub fn is_good(&self, behaviour: Behaviour) -> bool {
        match behaviour {
            Behaviour::Good => true,
            Behaviour::Crashes => false,
            Behaviour::NeverHealthy => !self.health_check,
            Behaviour::WrongAnswer => !self.probe,
        }
    }

    /// Its followed containers: name, repository and rule.
    pub fn follows(&self) -> impl Iterator<Item = (&'static str, &str, Rule)> {
        let sidecar = self.sidecar.iter();
        let sidecar = sidecar.map(|sidecar| (SIDECAR, &*sidecar.repository, sidecar.rule));
        [(WEB, &*self.repository, self.rule)]
            .into_iter()
            .chain(sidecar)
    }
}
