//! Every fault at every call of every journey, and an abort at every state.

use std::{fmt, time::Duration};

use landfall::service_id::ServiceId;

use crate::{
    fault::{Fault, Made, Plan},
    post::Delivery,
    run::{RunError, play},
    scenario::{Before, Behaviour, Edition, Move, Rule, Scenario, Service},
};

/// A story whose every call is hit by every fault in turn.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Its name in the table.
    pub name: &'static str,
    /// What happens in it.
    pub scenario: Scenario,
}

/// What hits a journey, and where.
#[derive(Clone, Debug)]
pub enum Hit {
    /// A fault at a call.
    Call {
        /// Which call of the journey, counted from 0.
        number: usize,
        /// The call.
        made: Made,
        /// What happens to it.
        fault: Fault,
    },
    /// The execution is stopped when it enters a state.
    State {
        /// Which entry of the journey, counted from 0.
        number: usize,
        /// The state's name.
        name: String,
    },
}

/// What became of a journey with a fault.
#[derive(Clone, Debug)]
pub struct Played {
    /// What did not hold: an invariant, that no two revisions have the same content, or that the fault was met where it was
    /// meant.
    pub wrong: Vec<String>,
    /// What happened.
    pub timeline: String,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                number,
                made,
                fault,
            } => write!(f, "{fault:?} at call {number} ({})", made.name),
            Self::State { number, name } => write!(f, "aborted at state {number} ({name})"),
        }
    }
}

/// The journeys. Their last release has a verdict that nothing but the fault can change.
pub fn journeys() -> Vec<Journey> {
    let push = |tag: &str, behaviour| Move::Push {
        repository: "hello".into(),
        tag: tag.into(),
        behaviour,
    };
    let plain = Edition {
        desired_count: 2,
        memory: 512,
        bake: 0,
        before: None,
        sections: false,
    };
    let file = |edition| Move::PutFile {
        service: 0,
        edition,
    };
    let migrated = |exit_code| Edition {
        memory: 1024,
        before: Some(Before {
            takes: 20,
            exit_code,
        }),
        ..plain
    };
    let watched = Edition {
        memory: 1024,
        bake: 5,
        ..plain
    };
    let surrounded = Edition {
        sections: true,
        ..plain
    };
    let good = |tag| push(tag, Behaviour::Good);
    let bad = |tag| push(tag, Behaviour::Crashes);
    let first = |push, edition| vec![(SOON, push), (SOON, file(edition))];
    let after_first = |then: Vec<(Duration, Move)>| {
        let mut moves = first(good("1.0.0"), plain);
        moves.extend(then);
        moves
    };
    let stories = [
        ("first release", after_first(vec![])),
        ("redeploy", after_first(vec![(LATER, good("1.1.0"))])),
        ("roll-back", after_first(vec![(LATER, bad("1.1.0"))])),
        (
            "roll-back by Landfall",
            after_first(vec![(LATER, push("1.1.0", Behaviour::NeverHealthy))]),
        ),
        (
            "supersede",
            after_first(vec![(LATER, good("1.1.0")), (SOON, good("1.2.0"))]),
        ),
        (
            "config change, watched",
            after_first(vec![(LATER, file(watched))]),
        ),
        ("migration", after_first(vec![(LATER, file(migrated(0)))])),
        (
            "failed migration",
            after_first(vec![(LATER, file(migrated(3)))]),
        ),
        ("bad first release", first(bad("1.0.0"), plain)),
        ("all sections", first(good("1.0.0"), surrounded)),
        ("sections go", {
            let mut moves = first(good("1.0.0"), surrounded);
            moves.push((LATER, file(plain)));
            moves
        }),
        (
            "lost push",
            after_first(vec![(LATER, good("1.1.0")), (SOON, Move::Sweep)]),
        ),
    ];
    let journey = |(number, (name, moves)): (usize, (&'static str, Vec<_>))| {
        let mut scenario = scenario(u64::try_from(number).ok()?, moves)?;
        match name {
            "roll-back by Landfall" => scenario.services[0].circuit_breaker = false,
            "lost push" => scenario.delivery.never = Some("image-pushed"),
            _ => {}
        }
        Some(Journey { name, scenario })
    };
    stories
        .into_iter()
        .enumerate()
        .filter_map(journey)
        .collect()
}

/// Before what was done last has had an effect.
const SOON: Duration = Duration::from_millis(500);
/// After everything has come to rest.
const LATER: Duration = Duration::from_secs(60);

fn scenario(number: u64, moves: Vec<(Duration, Move)>) -> Option<Scenario> {
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
        }],
        moves,
        faults: Plan::Never,
        outages: Vec::new(),
        slow: 0.0,
        read_lag: Duration::ZERO,
        resumed: true,
        delivery: Delivery::RELIABLE,
        sweep_minutes: None,
        unconditional: false,
    })
}

impl Journey {
    /// Everything that can hit the journey: every fault at every call that it makes while nothing goes wrong, and an abort
    /// at every state that it enters.
    ///
    /// # Errors
    /// As [`play`].
    pub fn hits(&self) -> Result<Vec<Hit>, RunError> {
        let report = play(self.scenario.clone())?;
        let at_calls = report.calls.into_iter().enumerate();
        let at_calls = at_calls.flat_map(|(number, made)| {
            let hit = |fault| Hit::Call {
                number,
                made: made.clone(),
                fault,
            };
            Fault::of(&made).into_iter().map(hit).collect::<Vec<_>>()
        });
        let at_states = report.states.into_iter().enumerate();
        let at_states = at_states.map(|(number, name)| Hit::State { number, name });
        Ok(at_calls.chain(at_states).collect())
    }

    /// Plays the journey with this one fault.
    ///
    /// # Errors
    /// As [`play`].
    pub fn play(&self, hit: &Hit) -> Result<Played, RunError> {
        let faults = match *hit {
            Hit::Call { number, fault, .. } => Plan::Once {
                call: number,
                fault,
            },
            Hit::State { number, .. } => Plan::AbortAt { entry: number },
        };
        let report = play(Scenario {
            faults,
            ..self.scenario.clone()
        })?;
        let mut wrong: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
        let doubles = report.doubles.iter();
        wrong.extend(doubles.map(|arn| format!("{arn} has the same content as one before it")));
        let met = match hit {
            Hit::Call { number, made, .. } => report.calls.get(*number) == Some(made),
            Hit::State { number, name } => report.states.get(*number) == Some(name),
        };
        if !met || report.faults != 1 {
            wrong.push(format!("the fault was met {} times", report.faults));
        }
        Ok(Played {
            wrong,
            timeline: report.timeline,
        })
    }
}
