//! Draws the scenario of a seed.

use std::time::Duration;

use landfall::service_id::ServiceId;
use landfall_local::cloud::ecs::{NotYet, Quota};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    fault::{Away, Fault, Outage, Plan},
    post::Delivery,
    scenario::{
        After, Before, Behaviour, Edition, Move, Rule, Scenario, Service, Sidecar, Strategy,
        Unready,
    },
};

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        Author::new(seed).write()
    }
}

/// What only some scenarios have. Few have much of it, so that a seed stays quick; any two meet in some.
#[derive(Clone, Copy, Debug)]
struct Features {
    /// Two revisions side by side.
    strategies: bool,
    /// Services that existed before Landfall.
    adoption: bool,
    /// Answers that a release has to give.
    probes: bool,
    /// Services with two followed containers.
    sidecars: bool,
    /// Placeholders, whose values change.
    parameters: bool,
    /// Capacity providers, cluster settings and log groups.
    capacity: bool,
    /// Tasks after the rollout that succeed, fail, and roll back.
    after: bool,
    /// Deployments that wait until somebody continues them.
    pauses: bool,
}

/// Writes a scenario.
struct Author {
    seed: u64,
    rng: StdRng,
    features: Features,
    versions: u32,
    builds: u32,
    /// Repositories and tags in the order of the pushes.
    pushed: Vec<(String, String)>,
}

impl Author {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut some = || rng.random_bool(0.15);
        let features = Features {
            strategies: some(),
            adoption: some(),
            probes: some(),
            sidecars: some(),
            parameters: some(),
            capacity: some(),
            after: some(),
            pauses: some(),
        };
        Self {
            seed,
            rng,
            features,
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
            if described.parameter {
                let memory = Some(512);
                moves.push(Move::SetParameter { service, memory });
            }
            let edition = self.edition(described);
            let mut first = vec![
                Move::PutFile { service, edition },
                self.push_to(&described.repository, described.rule, Behaviour::Good),
            ];
            if let Some(Sidecar { repository, rule }) = &described.sidecar {
                first.push(self.push_to(repository, *rule, Behaviour::Good));
            }
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
        // A file whose placeholder had no value is uploaded again once it has.
        for (service, described) in services.iter().enumerate() {
            let memory = None;
            if moves.contains(&Move::SetParameter { service, memory }) {
                let memory = Some(2048);
                moves.push(Move::SetParameter { service, memory });
                let edition = self.edition(described);
                moves.push(Move::PutFile { service, edition });
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
        let slow: f64 = *self.pick(&[0.0, 0.02, 0.3]);
        // A sweep makes up for what never comes; without one everything has to come.
        let sweep_minutes = *self.pick(&[None, Some(1), Some(2), Some(5)]);
        let lost = *self.pick(&[0.0, 0.1, 0.3, 1.0]);
        let delivery = Delivery {
            lost: sweep_minutes.map_or(0.0, |_| lost),
            ..delivery
        };
        let outages = self.outages(&moves);
        let page = *self.pick(&[None, None, Some(1), Some(3)]);
        // In an outage a step is tried a hundred times: with many other faults, executions would die of those.
        let faults = match faults {
            Plan::Sometimes { rate, .. } if !outages.is_empty() => Plan::Sometimes {
                rate: rate.min(0.01),
                denials: false,
            },
            faults => faults,
        };
        // A look lists an hour's stopped tasks, page by page, within the 30 seconds of a function.
        let slow = page.map_or(slow, |_| slow.min(0.02));
        let unready = self.unready();
        let moves = if aborts {
            self.with_redrives(moves, services.len())
        } else {
            moves
        };
        let moves = self.with_roll_backs(moves, services.len());
        Scenario {
            seed: self.seed,
            outages,
            slow,
            read_lag: Duration::from_secs(read_lag),
            unready,
            resumed,
            services,
            moves,
            faults,
            delivery,
            sweep_minutes,
            page,
            unconditional: false,
        }
    }

    /// Mostly ready. What is answered for a while passes before the patience of the state machine ends.
    fn unready(&mut self) -> Unready {
        let mut unready = Unready::default();
        if self.rng.random_bool(0.15) {
            let refusal = match self.rng.random_range(0..5) {
                // The owner of an adopted service does not wait for a role.
                0 if !self.features.adoption => NotYet::linked_role(self.seconds(&[5, 60, 120])),
                1 => NotYet::passed_role(self.seconds(&[5, 30, 60])),
                2 => NotYet::no_instance(self.seconds(&[10, 60, 240])),
                3 if !self.features.adoption => {
                    NotYet::subnets(&["CreateService"], self.seconds(&[10, 120, 600]))
                }
                _ => NotYet::subnets(&["UpdateService"], self.seconds(&[10, 120, 600])),
            };
            unready.answers.push(refusal);
        }
        if self.rng.random_bool(0.15) {
            let quota = Quota {
                burst: *self.pick(&[1.0, 3.0]),
                a_second: *self.pick(&[0.05, 0.2, 1.0]),
            };
            let operation = *self.pick(&["RegisterTaskDefinition", "UpdateService", "RunTask"]);
            unready.quotas.insert(operation, quota);
        }
        if self.rng.random_bool(0.15) {
            unready.new_groups = self.seconds(&[2, 10, 60]);
        }
        if self.rng.random_bool(0.15) {
            unready.task_lag = self.seconds(&[2, 10, 90]);
        }
        unready
    }

    fn seconds(&mut self, choices: &[u64]) -> Duration {
        Duration::from_secs(*self.pick(choices))
    }

    /// Somebody who sees a stopped execution redrives it, at once or when others have done its work.
    fn with_redrives(
        &mut self,
        mut moves: Vec<(Duration, Move)>,
        services: usize,
    ) -> Vec<(Duration, Move)> {
        for _ in 0..self.rng.random_range(0..3) {
            let service = self.rng.random_range(0..services);
            let place = self.rng.random_range(moves.len() / 2..=moves.len());
            let redrive = (Duration::ZERO, Move::Redrive { service });
            moves.insert(place, redrive);
        }
        moves
    }

    /// Mostly none. An operator may think better of it.
    fn with_roll_backs(
        &mut self,
        mut moves: Vec<(Duration, Move)>,
        services: usize,
    ) -> Vec<(Duration, Move)> {
        if self.rng.random_bool(0.15) {
            let service = self.rng.random_range(0..services);
            let place = self.rng.random_range(moves.len() / 2..=moves.len());
            moves.insert(place, (self.pause(), Move::RollBack { service }));
            if self.rng.random_bool(0.3) {
                let place = self.rng.random_range(place + 1..=moves.len());
                moves.insert(place, (self.pause(), Move::Resume { service }));
            }
        }
        moves
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
            Away::Api("lambda"),
            Away::Api("lambda"),
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
                let adopted = self.some(self.features.adoption);
                let probe = self.some(self.features.probes) && !adopted;
                Some(Service {
                    id: ServiceId::new(cluster, service).ok()?,
                    key: format!("services/{cluster}-{service}.yaml"),
                    repository: (*self.pick(&["apps/hello", "shop"])).into(),
                    rule: self.rule(),
                    health_check: self.rng.random_bool(0.5) || probe || self.features.strategies,
                    circuit_breaker: self.rng.random_bool(0.5),
                    pauses: self.some(self.features.pauses) && !adopted,
                    adopted,
                    sidecar: self.some(self.features.sidecars).then(|| Sidecar {
                        repository: "sidecar".into(),
                        rule: self.rule(),
                    }),
                    probe,
                    parameter: self.some(self.features.parameters) && !adopted,
                })
            })
            .collect()
    }

    /// Whether one of those that may have a feature has it.
    fn some(&mut self, may: bool) -> bool {
        may && self.rng.random_bool(0.7)
    }

    fn rule(&mut self) -> Rule {
        *self.pick(&[Rule::Semver, Rule::Semver, Rule::Glob, Rule::Exact])
    }

    fn next(&mut self, service: usize, described: &Service, foreign: bool, aborts: bool) -> Move {
        match self.rng.random_range(0..100) {
            0..8 if described.rule != Rule::Glob => self.move_back(described),
            0..50 => self.push(described),
            50..65 => {
                let edition = self.edition(described);
                Move::PutFile { service, edition }
            }
            65..69 => Move::BreakFile { service },
            69..73 => Move::DeleteFile { service },
            73..82 if described.adopted => Move::OwnerDeploys { service },
            73..79 if foreign => Move::ForeignDeployment { service },
            79..84 if foreign => Move::ForeignCount {
                service,
                count: self.rng.random_range(1..4),
            },
            84..88 if foreign => Move::StopTask { service },
            84..92 if described.parameter => Move::SetParameter {
                service,
                memory: *self.pick(&[Some(512), Some(1024), Some(2048), None]),
            },
            80..100 if aborts => Move::Abort {
                service,
                after: Duration::from_millis(
                    *self.pick(&[0, 100, 300, 600, 1000, 2000, 6000, 20000]),
                ),
            },
            _ => self.push(described),
        }
    }

    /// A push to a repository that the service follows.
    fn push(&mut self, service: &Service) -> Move {
        if let Some(Sidecar { repository, rule }) = &service.sidecar
            && self.rng.random_bool(0.4)
        {
            let behaviour = match self.rng.random_range(0..6) {
                0 => Behaviour::Crashes,
                _ => Behaviour::Good,
            };
            return self.push_to(repository, *rule, behaviour);
        }
        let behaviour = match self.rng.random_range(0..10) {
            0 | 1 => Behaviour::Crashes,
            2 if service.health_check => Behaviour::NeverHealthy,
            3 if service.probe => Behaviour::WrongAnswer,
            _ => Behaviour::Good,
        };
        self.push_to(&service.repository, service.rule, behaviour)
    }

    fn push_to(&mut self, repository: &str, rule: Rule, behaviour: Behaviour) -> Move {
        let tag = match rule {
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
        self.pushed.push((repository.to_owned(), tag.clone()));
        Move::Push {
            repository: repository.to_owned(),
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
            None => self.push(service),
        }
    }

    fn edition(&mut self, service: &Service) -> Edition {
        // A load balancer finds out what never becomes healthy, as a health check does.
        let sections = service.health_check
            && !service.adopted
            && (service.probe || self.rng.random_bool(0.3) || self.some(self.features.strategies));
        let strategy = if sections && self.features.strategies {
            *self.pick(&[
                Strategy::Rolling,
                Strategy::BlueGreen { bake_minutes: 0 },
                Strategy::BlueGreen { bake_minutes: 5 },
                Strategy::Linear,
                Strategy::Canary,
            ])
        } else {
            Strategy::Rolling
        };
        let after = self.some(self.features.after).then(|| After {
            exit_code: *self.pick(&[0, 0, 3]),
            rolls_back: self.rng.random_bool(0.5),
        });
        Edition {
            desired_count: self.rng.random_range(1..4),
            memory: *self.pick(&[512, 1024]),
            bake: *self.pick(&[0, 0, 5, 20]),
            before: self.rng.random_bool(0.3).then(|| Before {
                takes: *self.pick(&[1, 20, 300]),
                exit_code: *self.pick(&[0, 0, 0, 3]),
            }),
            sections,
            strategy,
            after,
            capacity: self.some(self.features.capacity) && !service.adopted,
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
