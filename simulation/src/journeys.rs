//! The journeys of the sweep. Their last release has a verdict that nothing but a fault can change.

use std::time::Duration;

use landfall::service_id::ServiceId;

use crate::{
    fault::{Away, Fault, Outage, Plan},
    post::Delivery,
    scenario::{
        After, Before, Behaviour, Edition, Move, Rule, Scenario, Service, Sidecar, Strategy,
        Unready,
    },
};

/// Before what was done last has had an effect.
const SOON: Duration = Duration::from_millis(500);
/// After everything has come to rest.
const LATER: Duration = Duration::from_secs(60);
/// While a release is rolled out.
const UNDER_WAY: Duration = Duration::from_secs(3);

const PLAIN: Edition = Edition {
    desired_count: 2,
    ..Edition::PLAIN
};
const SURROUNDED: Edition = Edition {
    sections: true,
    ..PLAIN
};

type Moves = Vec<(Duration, Move)>;

/// A story whose every call is hit by every fault in turn.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Its name in the table.
    pub name: &'static str,
    /// What happens in it.
    pub scenario: Scenario,
}

/// All of them.
pub fn journeys() -> Vec<Journey> {
    let mut journeys = plain();
    journeys.extend(unlucky());
    journeys.extend(side_by_side());
    journeys.extend(adopted());
    journeys.extend(more_than_images());
    let numbered = journeys.into_iter().zip(0..);
    numbered
        .filter_map(|((name, change, moves), number)| {
            let mut scenario = scenario(number, moves)?;
            change(&mut scenario);
            Some(Journey { name, scenario })
        })
        .collect()
}

/// A journey's name, what it has that others have not, and what happens in it.
type Told = (&'static str, fn(&mut Scenario), Moves);

fn nothing(_: &mut Scenario) {}

/// One service without anything around it.
fn plain() -> Vec<Told> {
    let migrated = |exit_code| Edition {
        memory: 1024,
        before: Some(Before {
            takes: 20,
            exit_code,
        }),
        ..PLAIN
    };
    let watched = Edition {
        memory: 1024,
        bake: 5,
        ..PLAIN
    };
    vec![
        ("first release", nothing, after_first(PLAIN, vec![])),
        (
            "redeploy",
            nothing,
            after_first(PLAIN, vec![(LATER, good("1.1.0"))]),
        ),
        (
            "roll-back",
            nothing,
            after_first(PLAIN, vec![(LATER, bad("1.1.0"))]),
        ),
        (
            "roll-back by Landfall",
            |scenario| scenario.services[0].circuit_breaker = false,
            after_first(PLAIN, vec![(LATER, push("1.1.0", Behaviour::NeverHealthy))]),
        ),
        (
            "supersede",
            nothing,
            after_first(PLAIN, vec![(LATER, good("1.1.0")), (SOON, good("1.2.0"))]),
        ),
        (
            "config change, watched",
            nothing,
            after_first(PLAIN, vec![(LATER, file(watched))]),
        ),
        (
            "migration",
            nothing,
            after_first(PLAIN, vec![(LATER, file(migrated(0)))]),
        ),
        (
            "failed migration",
            nothing,
            after_first(PLAIN, vec![(LATER, file(migrated(3)))]),
        ),
        (
            "bad first release",
            nothing,
            vec![(SOON, bad("1.0.0")), (SOON, file(PLAIN))],
        ),
        ("all sections", nothing, after_first(SURROUNDED, vec![])),
        (
            "sections go",
            nothing,
            after_first(SURROUNDED, vec![(LATER, file(PLAIN))]),
        ),
    ]
}

/// Something goes wrong that is no fault of a call.
fn unlucky() -> Vec<Told> {
    let after = |rolls_back| Edition {
        after: Some(After {
            exit_code: 3,
            rolls_back,
        }),
        ..SURROUNDED
    };
    let none = Edition {
        desired_count: 0,
        ..PLAIN
    };
    vec![
        (
            "paused",
            |scenario| scenario.services[0].pauses = true,
            after_first(PLAIN, vec![(LATER, good("1.1.0"))]),
        ),
        (
            "lost push",
            |scenario| scenario.delivery.never = Some("image-pushed"),
            after_first(PLAIN, vec![(LATER, good("1.1.0")), (SOON, Move::Sweep)]),
        ),
        (
            "the holder of the claim dies",
            nothing,
            after_first(
                PLAIN,
                vec![
                    (LATER, good("1.1.0")),
                    (
                        SOON,
                        Move::Abort {
                            service: 0,
                            after: UNDER_WAY,
                        },
                    ),
                ],
            ),
        ),
        (
            "reads that lag",
            |scenario| scenario.read_lag = Duration::from_secs(8),
            after_first(
                PLAIN,
                vec![(3 * LATER, good("1.1.0")), (3 * LATER, bad("1.2.0"))],
            ),
        ),
        (
            "no task is asked for",
            nothing,
            after_first(
                PLAIN,
                vec![
                    (LATER, file(none)),
                    (LATER, good("1.1.0")),
                    (LATER, file(PLAIN)),
                ],
            ),
        ),
        (
            "no event may be sent",
            |scenario| {
                scenario.outages.push(Outage {
                    away: Away::Operation("PutEvents"),
                    fault: Fault::Denied,
                    from: Duration::ZERO,
                    lasts: LATER,
                });
            },
            after_first(PLAIN, vec![]),
        ),
        (
            "sections of a bad release",
            nothing,
            after_first(PLAIN, vec![(LATER, file(after(true)))]),
        ),
        (
            "a task after it fails",
            nothing,
            after_first(after(false), vec![]),
        ),
    ]
}

/// Two revisions side by side.
fn side_by_side() -> Vec<Told> {
    let by = |strategy| Edition {
        strategy,
        ..SURROUNDED
    };
    let (quick, long) = (
        by(Strategy::BlueGreen { bake_minutes: 1 }),
        by(Strategy::BlueGreen { bake_minutes: 40 }),
    );
    vec![
        (
            "blue/green",
            nothing,
            after_first(quick, vec![(LATER, good("1.1.0"))]),
        ),
        (
            "blue/green, wrong answer",
            |scenario| scenario.services[0].probe = true,
            after_first(
                long,
                vec![(5 * LATER, push("1.1.0", Behaviour::WrongAnswer))],
            ),
        ),
        (
            "linear",
            nothing,
            after_first(by(Strategy::Linear), vec![(LATER, good("1.1.0"))]),
        ),
        (
            "canary, crashes",
            nothing,
            after_first(by(Strategy::Canary), vec![(LATER, bad("1.1.0"))]),
        ),
        (
            "blue/green, then rolling",
            nothing,
            after_first(quick, vec![(LATER, file(SURROUNDED))]),
        ),
    ]
}

/// A service that existed before Landfall.
fn adopted() -> Vec<Told> {
    let adopts: fn(&mut Scenario) = |scenario| scenario.services[0].adopted = true;
    let service = 0;
    vec![
        (
            "adoption",
            adopts,
            after_first(PLAIN, vec![(LATER, bad("1.1.0"))]),
        ),
        (
            "adoption of what is not replaced",
            adopts,
            vec![(LATER, bad("1.0.0")), (SOON, file(PLAIN))],
        ),
        (
            "its owner deploys",
            adopts,
            after_first(
                PLAIN,
                vec![
                    (LATER, Move::OwnerDeploys { service }),
                    (LATER, good("1.1.0")),
                ],
            ),
        ),
    ]
}

/// What a service file can ask for besides.
fn more_than_images() -> Vec<Told> {
    let service = 0;
    let set = |memory| Move::SetParameter {
        service,
        memory: Some(memory),
    };
    let capacity = Edition {
        capacity: true,
        ..PLAIN
    };
    let sidecar = |tag: &str, behaviour| Move::Push {
        repository: SIDECAR_REPOSITORY.into(),
        tag: tag.into(),
        behaviour,
    };
    let mut two = vec![(SOON, sidecar("1.0.0", Behaviour::Good))];
    two.extend(after_first(
        PLAIN,
        vec![
            (LATER, sidecar("1.1.0", Behaviour::Good)),
            (LATER, good("1.1.0")),
        ],
    ));
    let mut values = vec![(SOON, set(512))];
    values.extend(after_first(
        PLAIN,
        vec![(LATER, set(1024)), (SOON, good("1.1.0"))],
    ));
    vec![
        (
            "capacity",
            nothing,
            after_first(capacity, vec![(LATER, file(PLAIN))]),
        ),
        (
            "wrong answer",
            |scenario| scenario.services[0].probe = true,
            after_first(
                SURROUNDED,
                vec![(LATER, push("1.1.0", Behaviour::WrongAnswer))],
            ),
        ),
        (
            "two containers",
            |scenario| {
                scenario.services[0].sidecar = Some(Sidecar {
                    repository: SIDECAR_REPOSITORY.into(),
                    rule: Rule::Semver,
                });
            },
            two,
        ),
        (
            "placeholder",
            |scenario| scenario.services[0].parameter = true,
            values,
        ),
        (
            "pages of one item",
            |scenario| scenario.page = Some(1),
            after_first(SURROUNDED, vec![(LATER, good("1.1.0"))]),
        ),
    ]
}

const SIDECAR_REPOSITORY: &str = "sidecar";

fn push(tag: &str, behaviour: Behaviour) -> Move {
    Move::Push {
        repository: "hello".into(),
        tag: tag.into(),
        behaviour,
    }
}

fn good(tag: &str) -> Move {
    push(tag, Behaviour::Good)
}

fn bad(tag: &str) -> Move {
    push(tag, Behaviour::Crashes)
}

fn file(edition: Edition) -> Move {
    Move::PutFile {
        service: 0,
        edition,
    }
}

/// The first release of version 1.0.0, and what comes then.
fn after_first(edition: Edition, then: Moves) -> Moves {
    let mut moves = vec![(SOON, good("1.0.0")), (SOON, file(edition))];
    moves.extend(then);
    moves
}

fn scenario(number: u64, moves: Moves) -> Option<Scenario> {
    Some(Scenario {
        // Apart from the seeds that people play.
        seed: u64::MAX - number,
        services: vec![Service {
            id: ServiceId::new("web", "hello").ok()?,
            key: "services/hello.yaml".into(),
            repository: "hello".into(),
            rule: Rule::Semver,
            health_check: true,
            circuit_breaker: true,
            pauses: false,
            adopted: false,
            sidecar: None,
            probe: false,
            parameter: false,
        }],
        moves,
        faults: Plan::Never,
        outages: Vec::new(),
        slow: 0.0,
        read_lag: Duration::ZERO,
        unready: Unready::default(),
        resumed: true,
        delivery: Delivery::RELIABLE,
        sweep_minutes: None,
        page: None,
        unconditional: false,
    })
}
