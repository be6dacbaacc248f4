//! The way from step to step: the state machine itself, walked by the engine's own functions.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use landfall::{
    evidence::Against,
    failure::{Failure, Stage},
    live::Rollout,
    look::{self, Look},
    plan::Plan,
    record::{Diagnosis, Ending, Verdict},
    step::{claim_release, conclude_release, roll_back},
    versioned::Versioned,
};
use landfall_local::engine::{
    asl::{Definition, Task},
    failure, load,
    route::Walk,
};
use serde_json::{Value, json};

use crate::protocol::{Protocol, THEN};

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
    turns: Mutex<HashMap<(&'static str, String, Known), Turn>>,
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
}

impl Protocol {
    /// What comes after `task` has answered, for an execution with this claim. Whatever leads there, the state machine
    /// decides it; what is known is put under the names that it has for it.
    pub(crate) fn turn(
        &self,
        task: &'static str,
        claim: &Versioned<claim_release::Output>,
        known: Known,
    ) -> Turn {
        let key = (task, claim.etag().unwrap_or_default().to_owned(), known);
        let turns = || {
            let turns = self.machine.turns.lock();
            turns.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(turn) = turns().get(&key) {
            return turn.clone();
        }
        let turn = self.walk(task, claim, known);
        turns().insert(key, turn.clone());
        turn
    }

    fn walk(&self, task: &str, claim: &claim_release::Output, known: Known) -> Turn {
        let mut name = task.to_owned();
        let mut data = json!({"service": self.service});
        if task != "ClaimRelease" {
            data = self.answered("ClaimRelease", &data, json!(claim)).0;
            data["plan"] = json!(self.plan(claim));
            data["look"] = json!(looked(known));
            data["rollBack"] = json!(undone(known));
        }
        let mut unanswered = known.unanswered;
        loop {
            if std::mem::take(&mut unanswered) {
                (data, name) = self.caught(&name, &data);
                match self.arrived(&name, &data) {
                    Some(turn) => return turn,
                    None => panic!("after an error nothing is played on: {name}"),
                }
            }
            let answer = match &*name {
                "ClaimRelease" => json!(claim),
                "EnsureCluster" => json!({"arn": "web", "created": false, "waitSeconds": 0}),
                "RegisterTaskDefinition" => json!(self.plan(claim)),
                "UpdateService" => json!(rollout()),
                "CheckRollout" | "VerifyHealth" => json!(looked(known)),
                "RollBack" => json!(undone(known)),
                "CheckRollBack" => json!(known.back.map(|outcome| look(outcome, None))),
                "ConcludeRelease" => json!(conclude_release::Output {
                    verdict: Verdict::Succeeded,
                    reason: String::new(),
                    again: known.again,
                }),
                other => panic!("the model does not play {other}"),
            };
            let next;
            (data, next) = self.answered(&name, &data, answer);
            name = next;
            if let Some(turn) = self.arrived(&name, &data) {
                return turn;
            }
        }
    }

    /// What an execution does next that has come to this state; none if the model does not tell its call apart from the next.
    fn arrived(&self, name: &str, data: &Value) -> Option<Turn> {
        Some(match name {
            "EnsureCluster" | "RegisterTaskDefinition" => return None,
            "ClaimRelease" => Turn::Claim,
            "UpdateService" => Turn::Update,
            "AwaitRollout" | "AwaitAction" | "AwaitRollBack" => Turn::Await,
            "VerifyHealth" => Turn::Verify,
            "RollBack" => {
                let input: roll_back::Input = self.sent(name, data);
                Turn::RollBack(input.failure().stage)
            }
            "ConcludeRelease" => {
                let input: conclude_release::Input = self.sent(name, data);
                // What people read makes no difference, and would make many states of one.
                let ending = Ending {
                    reason: String::new(),
                    diagnosis: None,
                    ..conclude_release::ending(&input.facts)
                };
                Turn::Conclude(self.endings.keep(ending))
            }
            "Done" => Turn::Done,
            other => panic!("the model does not play {other}"),
        })
    }

    /// The data after AWS did not answer a task for as long as it has patience, and the next state that does something.
    fn caught(&self, name: &str, data: &Value) -> (Value, String) {
        let failure = failure::Failure::new("Transient", "");
        self.led(name, |walk, task| walk.caught(task, data, &failure))
    }

    /// The data after a task has answered, and the next state that does something.
    fn answered(&self, name: &str, data: &Value, answer: Value) -> (Value, String) {
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
            definition: &self.machine.definition,
            context: &self.machine.context,
        }
    }

    /// What a task is sent.
    fn sent<T: serde::de::DeserializeOwned>(&self, name: &str, data: &Value) -> T {
        let walk = self.walker();
        let task = walk.task(name).ok().flatten();
        let call = task.and_then(|task| walk.call(task, data).ok());
        let payload = call.map(|call| call.payload);
        match payload.map(serde_json::from_value) {
            Some(Ok(input)) => input,
            _ => panic!("{name} is not sent its input"),
        }
    }

    fn plan(&self, claim: &claim_release::Output) -> Option<Plan> {
        let release = claim.release.as_ref()?;
        let file = &self.files[self.file_of(&release.content.file)].1;
        let definition = self.definitions[self.image_in(release)].clone();
        Some(Plan::new(definition, None, claim.apply_service, file, None))
    }
}

fn rollout() -> Rollout {
    Rollout {
        task_definition: None,
        started_at: THEN,
        timeout_seconds: 0,
        deployment: None,
        count_before: None,
    }
}

fn look(outcome: look::Outcome, stage: Option<Stage>) -> Look<look::Outcome> {
    Look {
        outcome,
        reason: String::new(),
        wait_seconds: 0,
        failure: stage.map(|stage| Failure {
            stage,
            against: Against::Release,
            reason: String::new(),
            probe: None,
            task: None,
        }),
        progress: (),
        seen_at: None,
        blind_seconds: 0,
        pause: None,
        paused_seconds: 0,
        withheld_seconds: 0,
    }
}

fn looked(known: Known) -> Option<Look<look::Outcome>> {
    known.look.map(|(outcome, stage)| look(outcome, stage))
}

fn undone(known: Known) -> Option<roll_back::Output> {
    known.undone.map(|(action, verdict)| roll_back::Output {
        action,
        verdict,
        rollout: (action != roll_back::Action::NothingToUndo).then(rollout),
        diagnosis: Diagnosis::default(),
        ingress: false,
        // That is for two revisions side by side, which the model's ECS does not run.
        again: false,
    })
}
