//! Every fault at every call of every journey.

use std::time::Duration;

use landfall::service_id::ServiceId;

use crate::{
    fault::{Fault, Plan},
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

/// What became of a journey with one fault.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The function and the call that was hit, e.g. `update-service UpdateService`.
    pub call: String,
    /// What hit it.
    pub fault: Fault,
    /// What did not hold.
    pub violations: Vec<String>,
    /// How many task definition revisions there are in the end.
    pub revisions: usize,
}

/// The journeys: first release, redeploy, rollback, supersede, config change, a task before the rollout.
pub fn journeys() -> Vec<Journey> {
    let push = |tag: &str, behaviour| Move::Push {
        repository: "hello".into(),
        tag: tag.into(),
        behaviour,
    };
    let file_with = |memory, before: Option<u8>| Move::PutFile {
        service: 0,
        edition: Edition {
            desired_count: 2,
            memory,
            bake: 0,
            before: before.map(|exit_code| Before {
                takes: 20,
                exit_code,
            }),
        },
    };
    let file = |memory| file_with(memory, None);
    let (soon, later) = (Duration::from_millis(500), Duration::from_secs(60));
    let first = vec![(soon, push("1.0.0", Behaviour::Good)), (soon, file(512))];
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
        ("config change", vec![(later, file(1024))]),
        ("migration", vec![(later, file_with(1024, Some(0)))]),
        ("failed migration", vec![(later, file_with(1024, Some(3)))]),
    ];
    let journey = |(number, (name, then)): (usize, (&'static str, Vec<_>))| {
        let mut moves = first.clone();
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
        sweep_minutes: None,
    })
}

impl Journey {
    /// The calls that the journey makes while nothing goes wrong, in their order.
    ///
    /// # Errors
    /// As [`play`].
    pub fn calls(&self) -> Result<Vec<String>, RunError> {
        Ok(play(self.scenario.clone())?.calls)
    }

    /// Plays the journey with `fault` at the call of this number and name.
    ///
    /// # Errors
    /// As [`play`].
    pub fn hit(&self, call: usize, name: &str, fault: Fault) -> Result<Cell, RunError> {
        let report = play(Scenario {
            faults: Plan::Once { call, fault },
            ..self.scenario.clone()
        })?;
        Ok(Cell {
            call: name.into(),
            fault,
            violations: report.violations.iter().map(ToString::to_string).collect(),
            revisions: report.revisions,
        })
    }
}
