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
    let file_with = |memory, bake, before: Option<u8>| Move::PutFile {
        service: 0,
        edition: Edition {
            desired_count: 2,
            memory,
            bake,
            before: before.map(|exit_code| Before {
                takes: 20,
                exit_code,
            }),
        },
    };
    let file = file_with(512, 0, None);
    let (soon, later) = (Duration::from_millis(500), Duration::from_secs(60));
    let first = |behaviour| vec![(soon, push("1.0.0", behaviour)), (soon, file.clone())];
    let stories = [
        ("first release", vec![]),
        ("redeploy", vec![(later, push("1.1.0", Behaviour::Good))]),
        (
            "roll-back",
            vec![(later, push("1.1.0", Behaviour::Crashes))],
        ),
        (
            "supersede",
            vec![
                (later, push("1.1.0", Behaviour::Good)),
                (soon, push("1.2.0", Behaviour::Good)),
            ],
        ),
        (
            "config change, watched",
            vec![(later, file_with(1024, 5, None))],
        ),
        ("migration", vec![(later, file_with(1024, 0, Some(0)))]),
        (
            "failed migration",
            vec![(later, file_with(1024, 0, Some(3)))],
        ),
        ("bad first release", vec![]),
    ];
    let journey = |(number, (name, then)): (usize, (&'static str, Vec<_>))| {
        let mut moves = first(match name {
            "bad first release" => Behaviour::Crashes,
            _ => Behaviour::Good,
        });
        moves.extend(then);
        Some(Journey {
            name,
            scenario: scenario(u64::try_from(number).ok()?, moves)?,
        })
    };
    stories
        .into_iter()
        .enumerate()
        .filter_map(journey)
        .collect()
}

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
        slow: 0.0,
        resumed: true,
        delivery: Delivery {
            twice: 0.0,
            late: 0.0,
            latest: 1,
            lost: 0.0,
        },
        unconditional: false,
        sweep_minutes: None,
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

    /// Plays the journey with this one fault; answers what did not hold: an invariant, no second revision of the same
    /// content, and that the fault was met where it was meant.
    ///
    /// # Errors
    /// As [`play`].
    pub fn play(&self, hit: &Hit) -> Result<Vec<String>, RunError> {
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
        Ok(wrong)
    }
}
