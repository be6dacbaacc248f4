//! What one seed makes happen: services, pushes, service files, foreign changes, and how unkind AWS is.

use std::time::Duration;

use landfall::service_id::ServiceId;
use landfall_local::cloud::ecs::{Healthy, SimulatedBehaviour};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    fault::{Away, Fault, Outage, Plan},
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
    /// How events travel.
    pub delivery: Delivery,
    /// Within how many minutes a sweep looks at everything once; none if nobody sweeps.
    pub sweep_minutes: Option<i64>,
    /// Whether every hold has ended when everything comes to rest.
    pub resumed: bool,
    /// Whether the conditions of conditional writes get lost, so that newer objects are overwritten unseen: the
    /// invariants have to notice.
    pub unconditional: bool,
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
}

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
    /// A sweep looks at everything once.
    Sweep,
    /// One of a service's tasks is stopped.
    StopTask {
        /// Of this service.
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
        }
    }

    /// The service file of an edition.
    pub fn file(&self, edition: Edition) -> Value {
        let mut container = json!({ "name": "web", "essential": true });
        if self.health_check {
            let command = json!(["CMD-SHELL", "true"]);
            container["healthCheck"] =
                json!({ "command": command, "interval": 10, "retries": 2, "timeout": 2 });
        }
        let mut file = json!({
            "cluster": { "clusterName": self.id.cluster() },
            "images": { "web": { "repository": self.repository, "tag": self.rule.text() } },
            "taskDefinition": {
                "family": format!("{}-{}", self.id.cluster(), self.id.service()),
                "cpu": "256",
                "memory": edition.memory.to_string(),
                "containerDefinitions": [container],
            },
            "service": {
                "serviceName": self.id.service(),
                "desiredCount": edition.desired_count,
                "deploymentConfiguration": {
                    "deploymentCircuitBreaker": { "enable": self.circuit_breaker, "rollback": self.circuit_breaker },
                },
            },
            "verify": { "bake": format!("{}s", edition.bake), "timeout": "3m" },
        });
        if let Some(Before { takes, exit_code }) = edition.before {
            let variable = |name: &str, value: String| json!({ "name": name, "value": value });
            file["before"] = json!([{
                "name": "migrate",
                "container": "web",
                "command": ["migrate"],
                "environment": [
                    variable("SIMULATED_EXIT_AFTER", format!("{}.{}", takes / 10, takes % 10)),
                    variable("SIMULATED_EXIT_CODE", exit_code.to_string()),
                ],
            }]);
        }
        file
    }
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        Author::new(seed).write()
    }
}

/// Writes a scenario.
struct Author {
    seed: u64,
    rng: StdRng,
    versions: u32,
    builds: u32,
    /// Repositories and tags in the order of the pushes.
    pushed: Vec<(String, String)>,
}

impl Author {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            versions: 0,
            builds: 0,
            pushed: Vec::new(),
        }
    }

    fn write(mut self) -> Scenario {
        let services = self.services();
        let foreign = self.rng.random_bool(0.2);
        let aborts = self.rng.random_bool(0.3);
        let mut moves = Vec::new();
        for (service, described) in services.iter().enumerate() {
            let edition = self.edition(described);
            let mut first = vec![
                Move::PutFile { service, edition },
                self.push(described, false),
            ];
            if self.rng.random_bool(0.3) {
                first.swap(0, 1);
            }
            moves.extend(first);
        }
        for _ in 0..self.rng.random_range(2..12) {
            let service = self.rng.random_range(0..services.len());
            let next = self.next(service, &services[service], foreign, aborts);
            moves.push(next);
        }
        if self.rng.random_bool(0.25) {
            let service = self.rng.random_range(0..services.len());
            for operator in [Move::Hold { service }, Move::Resume { service }] {
                let place = self.rng.random_range(0..=moves.len());
                moves.insert(place, operator);
            }
        }
        let moves: Vec<_> = moves.into_iter().map(|next| (self.pause(), next)).collect();
        let rate = *self.pick(&[0.0, 0.01, 0.03, 0.08]);
        let faults = match rate {
            0.0 => Plan::Never,
            rate => Plan::Sometimes {
                rate,
                denials: self.rng.random_bool(0.2),
            },
        };
        let delivery = Delivery {
            twice: *self.pick(&[0.0, 0.2, 0.5]),
            late: *self.pick(&[0.0, 0.1, 0.4]),
            latest: *self.pick(&[5, 60, 600]),
            lost: 0.0,
            never: None,
        };
        let read_lag = *self.pick(&[0, 0, 2, 8, 30]);
        let resumed = self.rng.random_bool(0.5);
        let slow = *self.pick(&[0.0, 0.02, 0.3]);
        // A sweep makes up for what never comes; without one everything has to come.
        let sweep_minutes = *self.pick(&[None, Some(1), Some(2), Some(5)]);
        let lost = *self.pick(&[0.0, 0.1, 0.3, 1.0]);
        let delivery = Delivery {
            lost: sweep_minutes.map_or(0.0, |_| lost),
            ..delivery
        };
        let outages = self.outages(&moves);
        // In an outage a step is tried a hundred times: with many other faults, executions would die of those.
        let faults = match faults {
            Plan::Sometimes { rate, .. } if !outages.is_empty() => Plan::Sometimes {
                rate: rate.min(0.01),
                denials: false,
            },
            faults => faults,
        };
        Scenario {
            seed: self.seed,
            outages,
            slow,
            read_lag: Duration::from_secs(read_lag),
            resumed,
            services,
            moves,
            faults,
            delivery,
            sweep_minutes,
            unconditional: false,
        }
    }

    /// Mostly none. One lasts a while, or longer than the patience of an execution.
    fn outages(&mut self, moves: &[(Duration, Move)]) -> Vec<Outage> {
        if !self.rng.random_bool(0.15) {
            return Vec::new();
        }
        let ends = moves.iter().map(|(pause, _)| *pause).sum::<Duration>();
        let seconds = match self.rng.random_range(0..8) {
            0 => self.rng.random_range(7_200..10_000),
            _ => *self.pick(&[60, 90, 300, 1200]),
        };
        let away = *self.pick(&[
            Away::Api("ecs"),
            Away::Api("ecs"),
            Away::Api("s3"),
            Away::Api("elasticloadbalancing"),
            Away::Api("events"),
            Away::Operation("DescribeServices"),
            Away::Operation("ListServiceDeployments"),
            Away::Operation("RegisterTaskDefinition"),
            Away::Operation("UpdateService"),
        ]);
        vec![Outage {
            away,
            fault: *self.pick(&[Fault::Throttled, Fault::ServerError, Fault::LostBefore]),
            from: ends.mul_f64(self.rng.random_range(0.0..1.0)),
            lasts: Duration::from_secs(seconds),
        }]
    }

    fn services(&mut self) -> Vec<Service> {
        const NAMES: [(&str, &str); 3] = [("web", "hello"), ("web", "shop"), ("staging", "hello")];
        let count = self.rng.random_range(1..=NAMES.len());
        NAMES[..count]
            .iter()
            .filter_map(|(cluster, service)| {
                Some(Service {
                    id: ServiceId::new(cluster, service).ok()?,
                    key: format!("services/{cluster}-{service}.yaml"),
                    repository: (*self.pick(&["apps/hello", "shop"])).into(),
                    rule: *self.pick(&[Rule::Semver, Rule::Semver, Rule::Glob, Rule::Exact]),
                    health_check: self.rng.random_bool(0.5),
                    circuit_breaker: self.rng.random_bool(0.5),
                })
            })
            .collect()
    }

    fn next(&mut self, service: usize, described: &Service, foreign: bool, aborts: bool) -> Move {
        match self.rng.random_range(0..100) {
            0..8 if described.rule != Rule::Glob => self.move_back(described),
            0..50 => self.push(described, true),
            50..65 => {
                let edition = self.edition(described);
                Move::PutFile { service, edition }
            }
            65..69 => Move::BreakFile { service },
            69..73 => Move::DeleteFile { service },
            73..79 if foreign => Move::ForeignDeployment { service },
            79..84 if foreign => Move::ForeignCount {
                service,
                count: self.rng.random_range(1..4),
            },
            84..88 if foreign => Move::StopTask { service },
            80..100 if aborts => Move::Abort {
                service,
                after: Duration::from_millis(
                    *self.pick(&[0, 100, 300, 600, 1000, 2000, 6000, 20000]),
                ),
            },
            _ => self.push(described, true),
        }
    }

    fn push(&mut self, service: &Service, may_be_bad: bool) -> Move {
        let tag = match service.rule {
            Rule::Semver => {
                // Versions rise, but not always: patches of older lines come late.
                self.versions += 1;
                let minor = self.rng.random_range(0..=self.versions / 2);
                format!("1.{minor}.{}", self.versions)
            }
            Rule::Glob => {
                self.builds += 1;
                format!("main-{}", self.builds)
            }
            Rule::Exact => "latest".into(),
        };
        let behaviour = match self.rng.random_range(0..10) {
            0 | 1 if may_be_bad => Behaviour::Crashes,
            2 if may_be_bad && service.health_check => Behaviour::NeverHealthy,
            _ => Behaviour::Good,
        };
        let repository = service.repository.clone();
        self.pushed.push((repository.clone(), tag.clone()));
        Move::Push {
            repository,
            tag,
            behaviour,
        }
    }

    /// Moves a tag that the service follows. Not with a rule that orders tags by the time of their push: which of two tags
    /// is the later then depends on what was heard meanwhile.
    fn move_back(&mut self, service: &Service) -> Move {
        let mut tags = self.pushed.iter().filter(|(repository, tag)| {
            *repository == service.repository && service.rule.admits(tag)
        });
        let latest = match service.rule {
            Rule::Semver => tags.max_by_key(|(_, tag)| semver::Version::parse(tag).ok()),
            Rule::Glob | Rule::Exact => tags.next_back(),
        };
        match latest.cloned() {
            Some((repository, tag)) => Move::MoveBack {
                repository,
                tag,
                by: self.rng.random_range(1..3),
            },
            None => self.push(service, true),
        }
    }

    fn edition(&mut self, service: &Service) -> Edition {
        Edition {
            desired_count: self.rng.random_range(1..4),
            memory: *self.pick(&[512, 1024]),
            bake: *self.pick(&[0, 0, 5, 20]),
            before: self.rng.random_bool(0.3).then(|| Before {
                takes: *self.pick(&[1, 20, 300]),
                exit_code: *self.pick(&[0, 0, 0, 3]),
            }),
            // A load balancer finds out what never becomes healthy, as a health check does.
            sections: service.health_check && self.rng.random_bool(0.3),
        }
    }

    fn pause(&mut self) -> Duration {
        let milliseconds = match self.rng.random_range(0..10) {
            0..4 => self.rng.random_range(1..300),
            4..7 => self.rng.random_range(300..5_000),
            _ => self.rng.random_range(5_000..120_000),
        };
        Duration::from_millis(milliseconds)
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.rng.random_range(0..choices.len())]
    }
}
