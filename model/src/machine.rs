//! The state machine itself: where each answer of a step leads, by the engine's own functions.

use std::{collections::HashMap, sync::Mutex};

use landfall::{
    failure::Stage,
    look,
    record::{Ending, Verdict},
    step::roll_back,
    versioned::Versioned,
};
use landfall_local::engine::{
    asl::{Definition, Task},
    failure, load,
    route::Walk,
};
use serde_json::{Value, json};

use crate::clock::THEN;

const ASL: &str = include_str!("../../statemachine/release.asl.json");

/// What an execution knows when a step has answered, as far as the model tells it apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    /// How the last look on the way forward came out, and where the release failed if it was bad.
    pub(crate) look: Option<(look::Outcome, Option<Stage>)>,
    /// What was done to undo the release, and the verdict that follows.
    pub(crate) undone: Option<(roll_back::Action, Verdict)>,
    /// How the last look on the way back came out.
    pub(crate) back: Option<look::Outcome>,
    /// Whether there is more to do once the release is concluded.
    pub(crate) again: bool,
    /// Whether AWS did not answer the task, for as long as it has patience.
    pub(crate) unanswered: bool,
}

/// What an execution does next.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// It asks for the claim.
    Claim,
    /// It gives the service the revision.
    Update,
    /// It sleeps until the rollout, or the way back, has come on.
    Await,
    /// It looks whether the release does well.
    Verify,
    /// It undoes the release, which failed there.
    RollBack(Stage),
    /// It concludes the release.
    Conclude(Versioned<Ending>),
    /// It ends.
    Done,
}

/// The state machine, and where its answers led so far.
pub(crate) struct Machine {
    definition: Definition,
    context: Value,
    /// Task, entity tag of the claim and what was known → what came next.
    pub(crate) turns: Mutex<HashMap<(&'static str, String, Known), Turn>>,
}

impl Machine {
    /// The state machine as it is installed.
    ///
    /// # Panics
    /// If the engine does not run it.
    pub(crate) fn installed() -> Self {
        let functions = "arn:aws:lambda:eu-west-1:000000000000:function:";
        let text = ASL.replace("${Partition}", "aws");
        let text = text.replace("${", functions).replace("FunctionArn}", "");
        let definition = match load::load(&text) {
            Ok(definition) => definition,
            Err(error) => panic!("the state machine cannot be loaded: {error}"),
        };
        Self {
            definition,
            context: json!({
                "Execution": {"Id": "e1", "Input": {"service": "web/hello"}, "StartTime": THEN},
                "State": {"RetryCount": 0},
            }),
            turns: Mutex::default(),
        }
    }

    /// The data after AWS did not answer a task for as long as it has patience, and the next state that does something.
    pub(crate) fn caught(&self, name: &str, data: &Value) -> (Value, String) {
        let failure = failure::Failure::new("Transient", "");
        self.led(name, |walk, task| walk.caught(task, data, &failure))
    }

    /// The data after a task has answered, and the next state that does something.
    pub(crate) fn answered(&self, name: &str, data: &Value, answer: Value) -> (Value, String) {
        self.led(name, |walk, task| {
            walk.answered(task, data, answer).map(Some)
        })
    }

    /// Where the task `name` leads by one of its ways, and the data there.
    fn led<'a>(
        &'a self,
        name: &str,
        way: impl FnOnce(Walk<'a>, &'a Task) -> Result<Option<(Value, &'a str)>, failure::Failure>,
    ) -> (Value, String) {
        let walk = self.walker();
        let lead = || {
            let Some(task) = walk.task(name)? else {
                return Ok(None);
            };
            let Some((data, next)) = way(walk, task)? else {
                return Ok(None);
            };
            let next = walk.onward(next, &data)?.to_owned();
            Ok::<_, failure::Failure>(Some((data, next)))
        };
        match lead() {
            Ok(Some(led)) => led,
            other => panic!("{name} leads nowhere: {other:?}"),
        }
    }

    fn walker(&self) -> Walk<'_> {
        Walk {
            definition: &self.definition,
            context: &self.context,
        }
    }

    /// What a task is sent.
    pub(crate) fn sent<T: serde::de::DeserializeOwned>(&self, name: &str, data: &Value) -> T {
        let walk = self.walker();
        let task = walk.task(name).ok().flatten();
        let call = task.and_then(|task| walk.call(task, data).ok());
        let payload = call.map(|call| call.payload);
        match payload.map(serde_json::from_value) {
            Some(Ok(input)) => input,
            _ => panic!("{name} is not sent its input"),
        }
    }
}
