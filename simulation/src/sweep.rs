//! Every fault at every call of every journey, and an abort at every state.

use std::fmt;

use crate::{
    fault::{Fault, Made, Plan},
    journeys::Journey,
    run::play,
    scenario::Scenario,
    story::RunError,
};

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

impl Journey {
    /// Every call that the journey makes while nothing goes wrong, away for minutes. A probe is none of AWS's: a service that
    /// does not answer it for so long is bad.
    ///
    /// # Errors
    /// As [`play`].
    pub fn lasting_hits(&self) -> Result<Vec<Hit>, RunError> {
        let calls = play(self.scenario.clone())?.calls.into_iter().enumerate();
        let calls = calls.filter(|(_, made)| !made.probes());
        let away = calls.map(|(number, made)| Hit::Call {
            number,
            made,
            fault: Fault::Away,
        });
        Ok(away.collect())
    }

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
        wrong.extend(
            doubles.map(|arn| format!("{arn} is registered a second time for its release")),
        );
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
